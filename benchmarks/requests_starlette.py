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

import orjson
from measuring import Contest
from reading import LIONBRIDGE, floor_xml
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

import errnorm
from errnorm.starlette import ErrorNormalizationMiddleware

if TYPE_CHECKING:
    from measuring import Runner
    from starlette.middleware.base import RequestResponseEndpoint
    from starlette.requests import Request
    from starlette.responses import Response

App = Callable[..., Awaitable[None]]
LOGGER = logging.getLogger("errnorm.by_hand")  # where our records are written, by the same handler

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


class Failed(Exception):  # noqa: N818 - as short as by hand
    """What one would raise by hand."""


class ByHand:
    """The least that answers a failure and logs it: one text for all, one media type, one language."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.app(scope, receive, send)
        except Failed as failed:
            record = failed.args[0]
            facts = {f"vendor_{name}": getattr(record, name) for name in record.__struct_fields__}
            LOGGER.info("%s %s %s", record.vendor, record.reason, record.vendor_status, extra=facts)
            status = record.response_status
            problem = {"type": "about:blank", "status": status, "detail": "It did not work.", "code": record.reason}
            body = orjson.dumps(problem)
            headers = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})


async def healthy(request: Request) -> JSONResponse:
    """What an API does most: one thing by its number, as JSON."""
    return JSONResponse({"order": request.path_params["number"], "state": "ordered", "pages": 12})


async def failing(_: Request) -> JSONResponse:
    raise errnorm.VendorError(errnorm.parse(LIONBRIDGE, status=409, vendor="lionbridge"))


async def unmapped(_: Request) -> JSONResponse:
    raise errnorm.VendorError(errnorm.parse(UNMAPPED, status=409, vendor="lionbridge"))


async def by_hand(_: Request) -> JSONResponse:
    raise Failed(floor_xml(LIONBRIDGE))


UNMAPPED = LIONBRIDGE.replace(b"<ReasonCode>403<", b"<ReasonCode>987<")


def app(*middlewares: Any) -> App:
    routes = [Route("/orders/{number}", healthy), Route("/failing/{number}", failing)]
    routes += [Route("/unmapped/{number}", unmapped), Route("/by-hand/{number}", by_hand)]
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


def passing() -> Iterator[Contest]:
    """A request that nothing is wrong with."""
    contestants: dict[str, Any] = {"our middleware": ErrorNormalizationMiddleware}
    contestants |= {"a send wrapper": SendWrapper, "a BaseHTTPMiddleware": Base}
    if (peer := _errium()) is not None:
        contestants["errium's middleware"] = peer
    for name, middleware in contestants.items():
        goal = 1.08 if middleware is ErrorNormalizationMiddleware else None
        ours = requests(app(middleware))
        yield Contest(f"healthy request, Starlette, {name}", "bare", requests(app()), ours, goal)


def failure() -> Iterator[Contest]:
    """A vendor's failure from its bytes to our answer's, with its record written, and with the ledger's line."""
    guarded = app(ErrorNormalizationMiddleware)
    with written("errnorm"):
        for path, work in (("/failing/7", "vendor failure"), ("/unmapped/7", "the same, a code that no profile maps")):
            yield Contest(
                f"{work}, Starlette, logged", "healthy request", requests(guarded), requests(guarded, path), 3.5
            )
        work, raw = "the same by hand: one layout, one text", app(ByHand)
        yield Contest(work, "healthy request", requests(guarded), requests(raw, "/by-hand/7"))


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


def _errium() -> Any:
    try:
        return import_module("errium").ErriumMiddleware
    except ImportError:
        return None
