"""A Litestar app that orders a translation. Litestar handles exceptions itself, so that its own handler asks errnorm.

LIONBRIDGE_URL=http://127.0.0.1:8001/lionbridge uvicorn --app-dir examples litestar_app:app
"""

import os
from typing import Any, cast

import httpx
from litestar import Litestar, Request, Response, get, post
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.exceptions.responses import create_debug_response
from litestar.middleware import DefineMiddleware
from litestar.params import FromPath, FromQuery

import errnorm.httpx
from errnorm.asgi import ErrorNormalizationMiddleware

LIONBRIDGE_URL = os.environ.get("LIONBRIDGE_URL", "https://ondemand.lionbridge.com")
normalizer = errnorm.Normalizer()


def answer(request: Request[Any, Any, Any], raised: Exception) -> Response[Any]:
    """Answers vendors' failures, Litestar's own errors and bugs in the same way; a page for whoever debugs first."""
    accept, language = request.headers.get("Accept"), request.headers.get("Accept-Language")
    fragment = request.headers.get("HX-Request") == "true"
    failure = normalizer.failure_of(raised)
    own = dict(raised.headers or {}) if isinstance(raised, HTTPException) else {}
    if failure is not None:
        told = normalizer.answer(failure, accept, language, fragment=fragment)
    elif isinstance(raised, HTTPException):
        told = normalizer.answer_own(raised.status_code, accept, language, raised=raised, fragment=fragment)
    elif request.app.debug:
        return create_debug_response(request, raised)
    else:
        told = normalizer.answer_own(500, accept, language, raised=raised, fragment=fragment)
    headers = own | dict(told.headers)
    return Response(told.body, status_code=told.status, headers=headers, media_type=headers["Content-Type"])


@post("/orders/{quote:str}")
async def order(quote: FromPath[str]) -> dict[str, str]:
    async with httpx.AsyncClient(base_url=LIONBRIDGE_URL, timeout=2) as client:
        lionbridge = errnorm.httpx.install(client, vendor="lionbridge", normalizer=normalizer)
        await lionbridge.post(f"/api/quote/{quote}/authorize", content=b"<QuoteAuthorization/>")
    return {"quote": quote, "state": "ordered"}


@get("/closed")
async def closed() -> None:
    raise NotAuthorizedException(headers={"WWW-Authenticate": "Basic"})


@get("/bug")
async def bug(by: FromQuery[int] = 0) -> str:
    return str(1 / by)


app = Litestar(
    [order, closed, bug],
    exception_handlers={Exception: answer},
    # for what handlers do not see: the id of a request that calls to vendors go out with, and streams that break off
    middleware=[DefineMiddleware(cast("Any", ErrorNormalizationMiddleware), normalizer=normalizer)],
)
