"""Requests through Starlette, driven as ASGI in one running loop: no server, no socket."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable, Generator, Iterator, MutableMapping
from contextlib import contextmanager
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any

from measuring import compare
from reading import LIONBRIDGE
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route
from table import ratio_line

import errnorm
from errnorm.starlette import ErrorNormalizationMiddleware

if TYPE_CHECKING:
    from measuring import Runner
    from starlette.middleware.base import RequestResponseEndpoint
    from starlette.requests import Request
    from starlette.responses import Response
    from table import Line

App = Callable[..., Awaitable[None]]

SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/orders/7",
    "raw_path": b"/orders/7",
    "query_string": b"",
    "root_path": "",
    "headers": [
        (b"host", b"app.example"),
        (b"user-agent", b"Mozilla/5.0"),
        (b"accept", b"application/json, text/plain, */*"),
        (b"accept-language", b"de-AT,de;q=0.9,en;q=0.8"),
        (b"accept-encoding", b"gzip, deflate, br"),
    ],
    "client": ("127.0.0.1", 50000),
    "server": ("app.example", 80),
}


class SendWrapper:
    """The least that a middleware can do which looks at the answer."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def wrapped(message: MutableMapping[str, Any]) -> None:
            await send(message)

        await self.app(scope, receive, wrapped)


class Base(BaseHTTPMiddleware):
    """The least that Starlette's own kind of middleware can do."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)


async def healthy(request: Request) -> JSONResponse:
    """What an API does most: one thing by its number, as JSON."""
    return JSONResponse({"order": request.path_params["number"], "state": "ordered", "pages": 12})


async def failing(_: Request) -> JSONResponse:
    raise errnorm.VendorError(errnorm.parse(LIONBRIDGE, status=409, vendor="lionbridge"))


def app(*middlewares: Any) -> App:
    routes = [Route("/orders/{number}", healthy), Route("/failing/{number}", failing)]
    return Starlette(routes=routes, middleware=[Middleware(each) for each in middlewares])


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Any) -> None:
    pass


def requests(served: App, path: str = "/orders/7") -> Runner:
    """So many requests one after the other, each with a scope of its own, timed from within the loop."""
    scope = {**SCOPE, "path": path, "raw_path": path.encode()}

    async def run(count: int) -> float:
        start = perf_counter()
        for _ in range(count):
            await served(scope.copy(), receive, send)
        return perf_counter() - start

    return lambda count: _LOOP.run_until_complete(run(count))


_LOOP = asyncio.new_event_loop()


def passing() -> Iterator[Line]:
    """A request that nothing is wrong with."""
    contestants = {"our middleware": app(ErrorNormalizationMiddleware)}
    contestants |= {"a send wrapper": app(SendWrapper), "a BaseHTTPMiddleware": app(Base)}
    if (peer := _errium()) is not None:
        contestants["errium's middleware"] = peer
    compared = compare(requests(app()), {name: requests(each) for name, each in contestants.items()})
    for name, each in compared.items():
        goal = 1.08 if name == "our middleware" else None
        yield ratio_line(f"healthy request, Starlette, {name}", "bare", each, goal)


def failure() -> Iterator[Line]:
    """A vendor's failure from its bytes to our answer's, with its record written."""
    guarded = app(ErrorNormalizationMiddleware)
    with written("errnorm"):
        compared = compare(requests(guarded), {"ours": requests(guarded, "/failing/7")})
    yield ratio_line("vendor failure, Starlette, logged", "healthy request", compared["ours"], 3.5)


@contextmanager
def written(name: str) -> Generator[None]:
    """A logger whose records are written, as `logging.basicConfig` would, to where nobody reads them."""
    logger = logging.getLogger(name)
    handler = logging.StreamHandler(_Nowhere())
    handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before


class _Nowhere(io.StringIO):
    """Encodes what it is told, as a file would, and forgets it."""

    def write(self, text: str) -> int:
        return len(text.encode())


def _errium() -> App | None:
    try:
        errium: Any = import_module("errium")
    except ImportError:
        return None
    return app(errium.ErriumMiddleware)
