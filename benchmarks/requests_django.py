"""Requests through Django's own handlers, sync and async: no server, no socket, no thread but Django's own."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any

import django
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.test.utils import override_settings
from django.urls import path
from measuring import Contest

if TYPE_CHECKING:
    from django.http import HttpRequest
    from measuring import Runner

OURS = "errnorm.django.ErrorNormalizationMiddleware"

if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="benchmarks", LOGGING_CONFIG=None)
    django.setup()

ENVIRON: dict[str, Any] = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/sync",
    "QUERY_STRING": "",
    "SERVER_NAME": "app.example",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "HTTP_HOST": "app.example",
    "HTTP_ACCEPT": "application/json, text/plain, */*",
    "HTTP_ACCEPT_LANGUAGE": "de-AT,de;q=0.9,en;q=0.8",
    "wsgi.url_scheme": "http",
    "wsgi.input": io.BytesIO(),
}
SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "GET",
    "path": "/async",
    "query_string": b"",
    "headers": [
        (b"host", b"app.example"),
        (b"accept", b"application/json, text/plain, */*"),
        (b"accept-language", b"de-AT,de;q=0.9,en;q=0.8"),
    ],
    "client": ("127.0.0.1", 50000),
    "server": ("app.example", 80),
}


class Empty:
    """The least that a middleware can do: hand on what the next one gives, a response or the promise of one."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if self.async_capable and iscoroutinefunction(get_response):  # pyright: ignore[reportDeprecated] - as in ours
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)


class SyncOnly(Empty):
    """The kind that knows no async: under ASGI, Django moves it to a thread."""

    async_capable = False


def healthy(_: HttpRequest) -> HttpResponse:
    return HttpResponse("fine")


async def healthy_async(_: HttpRequest) -> HttpResponse:
    return HttpResponse("fine")


urlpatterns = [path("sync", healthy), path("async", healthy_async)]


def handler(*middlewares: str, is_async: bool) -> BaseHandler:
    handler = BaseHandler()
    with override_settings(MIDDLEWARE=list(middlewares)):
        handler.load_middleware(is_async=is_async)
    return handler


def sync_requests(*middlewares: str) -> Runner:
    """So many requests one after the other, each made anew."""
    get_response = handler(*middlewares, is_async=False).get_response

    def run(count: int) -> float:
        start = perf_counter()
        for _ in range(count):
            get_response(WSGIRequest(ENVIRON.copy())).close()
        return perf_counter() - start

    return run


def async_requests(*middlewares: str) -> Runner:
    """The same in one running loop."""
    get_response = handler(*middlewares, is_async=True).get_response_async

    async def run(count: int) -> float:
        start = perf_counter()
        for _ in range(count):
            (await get_response(ASGIRequest(SCOPE.copy(), io.BytesIO()))).close()
        return perf_counter() - start

    return lambda count: _LOOP.run_until_complete(run(count))


_LOOP = asyncio.new_event_loop()


def passing() -> Iterator[Contest]:
    """A request that nothing is wrong with."""
    work = "healthy request, Django"
    yield Contest(f"{work} sync, our middleware", "bare", sync_requests(), sync_requests(OURS), 1.03)
    yield Contest(f"{work} async, our middleware", "bare", async_requests(), async_requests(OURS), 1.03)
    empty, sync_only = f"{__name__}.Empty", f"{__name__}.SyncOnly"
    yield Contest(f"{work} sync, an empty middleware", "bare", sync_requests(), sync_requests(empty))
    yield Contest(f"{work} async, an empty middleware", "bare", async_requests(), async_requests(empty))
    yield Contest(f"{work} async, a sync-only one", "bare", async_requests(), async_requests(sync_only), counted=False)
