"""The door for Starlette: the middleware, innermost, or handlers for an app that would rather have those."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from errnorm import correlation
from errnorm.answering import Normalizer, correlation_id
from errnorm.asgi import ErrorNormalizationMiddleware, header, settled
from errnorm.model import VendorError

__all__ = ["ErrorNormalizationMiddleware", "exception_handlers"]

# What clients raise, by module; Starlette finds handlers by class, so that these have to be named.
_RAISED = {
    "httpx": ("HTTPError", "InvalidURL"),
    "httpx2": ("HTTPError", "InvalidURL"),
    "requests": ("RequestException",),
    "niquests": ("RequestException",),
    "aiohttp": ("ClientError",),
    "urllib3": ("exceptions.HTTPError", "exceptions.ProxySchemeUnsupported"),
    "urllib": ("error.URLError",),
}


def exception_handlers(
    normalizer: Normalizer | None = None, **settings: Any
) -> dict[Any, Callable[[Request, Exception], Awaitable[Response]]]:
    """For `Starlette(exception_handlers=...)`: VendorError, groups of them, and what the clients raise that are
    imported by then. What turns out to be no vendor's failure is raised again, and so is all of a websocket's.
    """
    normalizer = settled(normalizer, settings)

    id_of = partial(header, name=normalizer.correlation_header.lower().encode("latin-1"))

    async def handle(request: Request, raised: Exception) -> Response:
        scope = request.scope
        failure = normalizer.failure_of(raised) if scope["type"] == "http" else None
        if failure is None:
            raise raised
        token = correlation.bind(correlation_id() or correlation.Inbound(id_of, scope))
        try:
            rendered = normalizer.answer(failure, header(scope, b"accept"), header(scope, b"accept-language"))
        finally:
            correlation.unbind(token)
        body = b"" if scope["method"] == "HEAD" else rendered.body
        return Response(body, rendered.status, dict(rendered.headers))

    return dict.fromkeys((VendorError, ExceptionGroup, *_imported()), handle)


def _imported() -> list[type[Exception]]:
    found: list[type[Exception]] = []
    for client, names in _RAISED.items():
        for name in names:
            module: Any = sys.modules.get(client)
            for part in name.split("."):
                module = getattr(module, part, None)
            if isinstance(module, type):
                found.append(module)
    if "aiohttp" in sys.modules:
        found.append(TimeoutError)  # when a call's total time is up, aiohttp has no class of its own for it
    return found
