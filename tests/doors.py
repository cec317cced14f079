"""Every door with one view behind it: what the view does is the test's, what comes out is looked at byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

from django.http import HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from fastapi import FastAPI
from ninja import NinjaAPI
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.views import APIView
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import errnorm.fastapi
import errnorm.ninja
from errnorm import asgi, starlette, wsgi
from tests.asgi_driver import Exchange, ask
from tests.django_app import OURS, urls_of
from tests.wsgi_driver import ask_wsgi

LOCALE = "django.middleware.locale.LocaleMiddleware"  # settles the language as an app does
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
    with override_settings(ROOT_URLCONF=urls_of(_view(do)), MIDDLEWARE=[LOCALE, OURS], ERRNORM=own):
        return _answered(Client(raise_request_exception=False).generic(method, "/", headers=headers))


def django_async(do: Doing, method: str = "GET", headers: dict[str, str] | None = None, **settings: Any) -> Exchange:
    own = {name.upper(): value for name, value in settings.items()}

    async def run() -> Exchange:
        return _answered(await AsyncClient(raise_request_exception=False).generic(method, "/", headers=headers))

    with override_settings(ROOT_URLCONF=urls_of(_view(do), True), MIDDLEWARE=[LOCALE, OURS], ERRNORM=own):
        return asyncio.run(run())


def in_drf(do: Doing, method: str = "GET", headers: dict[str, str] | None = None, **settings: Any) -> Exchange:
    def view(self: APIView, request: object) -> HttpResponse:
        return HttpResponse(do(), content_type="text/plain")

    class View(APIView):
        authentication_classes = permission_classes = ()
        renderer_classes = (JSONRenderer,)
        content_negotiation_class = _JsonAlone
        get = post = put = view

    own = {name.upper(): value for name, value in settings.items()}
    rest = {"EXCEPTION_HANDLER": "errnorm.drf.exception_handler", "UNAUTHENTICATED_USER": None}
    urls = type("Urls", (), {"urlpatterns": [path("", View.as_view())]})
    middleware = ["django.middleware.common.CommonMiddleware", LOCALE, OURS]  # the first tells the length
    with override_settings(ROOT_URLCONF=urls, MIDDLEWARE=middleware, ERRNORM=own, REST_FRAMEWORK=rest):
        return _answered(Client(raise_request_exception=False).generic(method, "/", headers=headers))


class _JsonAlone(BaseContentNegotiation):
    """Whatever is asked for, it is JSON: DRF's own would answer a 406."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


def in_ninja(do: Doing, method: str = "GET", headers: dict[str, str] | None = None, **settings: Any) -> Exchange:
    own = {name.upper(): value for name, value in settings.items()}
    with override_settings(MIDDLEWARE=[LOCALE, OURS], ERRNORM=own):
        api = NinjaAPI(urls_namespace=str(next(_numbers)))
        errnorm.ninja.install(api)
        api.api_operation(["GET", "POST", "PUT", "HEAD"], "/")(_view(do))
        with override_settings(ROOT_URLCONF=type("Urls", (), {"urlpatterns": [path("", api.urls)]})):
            return _answered(Client(raise_request_exception=False).generic(method, "/", headers=headers))


_numbers = count()


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


def in_fastapi(do: Doing, method: str = "GET", headers: dict[str, str] | None = None, **settings: Any) -> Exchange:
    app = FastAPI()
    errnorm.fastapi.install(app, **settings)

    @app.api_route("/", methods=["GET", "HEAD", "POST", "PUT"])
    async def endpoint() -> PlainTextResponse:
        return PlainTextResponse(do())

    return ask(app, method, "/", headers)


def in_wsgi(do: Doing, method: str = "GET", headers: dict[str, str] | None = None, **settings: Any) -> Exchange:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        body = do().encode()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [body]

    return ask_wsgi(wsgi.ErrorNormalizationMiddleware(app, **settings), method, "/", headers)


DOORS: dict[str, Callable[..., Exchange]] = {
    "django": django,
    "django-async": django_async,
    "django-drf": in_drf,
    "django-ninja": in_ninja,
    "starlette": in_middleware,
    "starlette-handlers": in_handlers,
    "fastapi": in_fastapi,
    "asgi": in_plain_app,
    "wsgi": in_wsgi,
}


def raising(error: BaseException) -> Doing:
    """A view that raises this."""

    def do() -> str:
        raise error

    return do
