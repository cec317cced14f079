"""Every door with one view behind it: what the view does is the test's, what comes out is looked at byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.test import AsyncClient, Client, override_settings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from errnorm import asgi, starlette
from tests.asgi_driver import Exchange, ask
from tests.django_app import OURS, urls_of

Doing = Callable[[], str]


def _view(do: Doing) -> Callable[..., HttpResponse]:
    def view(request: object) -> HttpResponse:
        return HttpResponse(do(), content_type="text/plain")

    return view


def _answered(response: Any) -> Exchange:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    start = {"type": "http.response.start", "status": response.status_code, "headers": headers}
    return Exchange([start, {"type": "http.response.body", "body": response.content}], None)


def django(do: Doing, method: str = "GET", headers: dict[str, str] | None = None, **settings: Any) -> Exchange:
    own = {name.upper(): value for name, value in settings.items()}
    with override_settings(ROOT_URLCONF=urls_of(_view(do)), MIDDLEWARE=[OURS], ERRNORM=own):
        return _answered(Client(raise_request_exception=False).generic(method, "/", headers=headers))


def django_async(do: Doing, method: str = "GET", headers: dict[str, str] | None = None, **settings: Any) -> Exchange:
    own = {name.upper(): value for name, value in settings.items()}

    async def run() -> Exchange:
        return _answered(await AsyncClient(raise_request_exception=False).generic(method, "/", headers=headers))

    with override_settings(ROOT_URLCONF=urls_of(_view(do), True), MIDDLEWARE=[OURS], ERRNORM=own):
        return asyncio.run(run())


def _routes(do: Doing) -> list[Route]:
    async def endpoint(request: object) -> PlainTextResponse:
        return PlainTextResponse(do())

    return [Route("/", endpoint, methods=["GET", "POST", "PUT"])]


def in_middleware(do: Doing, method: str = "GET", headers: dict[str, str] | None = None, **settings: Any) -> Exchange:
    middleware = [Middleware(starlette.ErrorNormalizationMiddleware, **settings)]
    return ask(Starlette(routes=_routes(do), middleware=middleware), method, "/", headers)


def in_handlers(do: Doing, method: str = "GET", headers: dict[str, str] | None = None, **settings: Any) -> Exchange:
    app = Starlette(routes=_routes(do), exception_handlers=starlette.exception_handlers(**settings))
    return ask(app, method, "/", headers)


def in_plain_app(do: Doing, method: str = "GET", headers: dict[str, str] | None = None, **settings: Any) -> Exchange:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = do().encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": body})

    return ask(asgi.ErrorNormalizationMiddleware(app, **settings), method, "/", headers)


DOORS: dict[str, Callable[..., Exchange]] = {
    "django": django,
    "django-async": django_async,
    "starlette": in_middleware,
    "starlette-handlers": in_handlers,
    "asgi": in_plain_app,
}


def raising(error: BaseException) -> Doing:
    """A view that raises this."""

    def do() -> str:
        raise error

    return do
