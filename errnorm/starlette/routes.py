"""What an app puts into its routes: pages about problem types, and a vendor's response passed on."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from errnorm.answering import Normalizer, chosen
from errnorm.asgi import asked, settled
from errnorm.passing import is_async, passed, passed_async
from errnorm.starlette.responses import response
from errnorm.telling.types import describe, rendered_type


def problem_types(normalizer: Normalizer | None = None, *, path: str | None = None, **settings: Any) -> Route:
    """A route that tells what each problem type means, at the path of `type_base`, else at `/{code}`."""
    normalizer = settled(normalizer, settings)
    path = path or f"{urlsplit(normalizer.type_base or '/').path or '/'}{{code}}"

    async def describing(request: Request) -> Response:
        wanted = asked(request.scope)
        described = describe(request.path_params["code"], normalizer, wanted["language"])
        if described is None:
            raise HTTPException(404)
        return response(rendered_type(described, wanted["accept"]), request.scope)

    return Route(path, describing, name="errnorm-problem-type")


async def passing(
    source: Any, *, vendor: str | None = None, operation: str | None = None, normalizer: Normalizer | None = None
) -> Response:
    """A vendor's response, of whichever client, passed on: its status, its body and what tells how to read that.

    Raises VendorError where it is a failure. What was not read yet is streamed, and closed then.
    """
    normalizer = chosen(normalizer)
    if is_async(source):
        found = await passed_async(source, normalizer, vendor, operation)
    else:
        found = await run_in_threadpool(passed, source, normalizer, vendor, operation)
    if isinstance(found.body, bytes):
        told = Response(found.body, found.status)
    else:
        told = StreamingResponse(found.body, found.status)
    told.raw_headers = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in found.headers]
    return told
