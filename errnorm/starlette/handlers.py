"""Exception handlers that answer as the middleware does, and those for errors that Starlette answers by itself."""

from __future__ import annotations

import http.client
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from inspect import isawaitable, isclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketState

from errnorm import correlation
from errnorm.answering import Normalizer
from errnorm.asgi import Receive, Scope, Send, asked, header, settled
from errnorm.mishaps import correlation_id
from errnorm.model import ProblemField, VendorError
from errnorm.redaction import clean
from errnorm.starlette.middleware import ErrorNormalizationMiddleware
from errnorm.starlette.responses import response
from errnorm.telling.words import phrase_of

Handler = Callable[[Any, Any], Awaitable[Any]]

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


def exception_handlers(normalizer: Normalizer | None = None, **settings: Any) -> dict[Any, Handler]:
    """For `Starlette(exception_handlers=...)`: VendorError, groups of them, and what the clients raise that are
    imported by then; with `handle="all"` HTTPException too, and what is unexpected, which Starlette still raises.

    What turns out to be no vendor's failure is raised again. Starlette answers what is unexpected outside of all
    middlewares, so that such a 500 lacks what they would add, as CORS's headers: where a browser on another origin is
    to read it, add the middleware too, or use `install`.
    """
    normalizer = settled(normalizer, settings)
    handlers = Handlers(normalizer)
    found: dict[Any, Handler] = dict.fromkeys((VendorError, ExceptionGroup, *_imported()), handlers.vendors)
    if normalizer.handle == "all":
        found |= {HTTPException: handlers.own, Exception: handlers.unexpected}
    return found


class Handlers:
    """What answers as the middleware does, each as an exception handler; `default` is Starlette's own, or FastAPI's."""

    def __init__(self, normalizer: Normalizer, default: Callable[[Any, Any], Any] | None = None) -> None:
        self.normalizer = normalizer
        self._default: Callable[[Any, Any], Any] = default or ExceptionMiddleware(_nobody).http_exception
        self._door = ErrorNormalizationMiddleware(_nobody, normalizer)
        self._id_of = partial(header, name=normalizer.correlation_header.lower().encode("latin-1"))

    def is_exempt(self, scope: Scope) -> bool:
        """As the middleware sees it."""
        return self._door.is_exempt(scope)

    async def vendors(self, connection: HTTPConnection, raised: Exception) -> Response | None:
        """The answer to a vendor's failure; a websocket is closed instead, where its endpoint is a function: of one
        that is a class, nobody out here knows how far it got.
        """
        scope = connection.scope
        unknown = isinstance(connection, WebSocket) and isclass(scope.get("endpoint"))
        failure = None if unknown or self._door.is_exempt(scope) else self.normalizer.failure_of(raised)
        if failure is None:
            raise raised
        token = self._bound(scope)
        try:
            if not isinstance(connection, WebSocket):
                return response(self._door.answer(scope, failure), scope)
            if failure.logged:  # by this very handler, of the endpoint, which knew better how far it got
                raise raised
            if WebSocketState.DISCONNECTED in (connection.client_state, connection.application_state):
                self._door.log(failure, raised, truncated=False)
                raise raised
            accepted = connection.application_state is WebSocketState.CONNECTED
            farewell = self._door.farewell(scope, failure, accepted=accepted)
        finally:
            correlation.unbind(token)
        for message in farewell:
            await connection.send(message)
        return None

    async def own(self, connection: HTTPConnection, raised: Any) -> Any:
        """The answer to an HTTPException, the router's 404 and 405 among them, with its headers."""
        scope = connection.scope
        if raised.status_code < 400 or self._door.is_exempt(scope):
            default: Any = self._default(connection, raised)
            answer: Response | None = await default if isawaitable(default) else default
            return answer
        wait = next((value for name, value in (raised.headers or {}).items() if name.lower() == "retry-after"), "")
        code, detail = said(raised)
        token = self._bound(scope)
        try:
            rendered = self.normalizer.answer_own(
                raised.status_code,
                **asked(scope),
                raised=raised,
                code=code,
                detail=detail,
                retry_after=int(wait) if wait.isdecimal() and len(wait) < 10 else None,
            )
        finally:
            correlation.unbind(token)
        return response(rendered, scope, raised.headers)

    async def invalid(
        self, connection: HTTPConnection, raised: Exception, errors: tuple[ProblemField, ...]
    ) -> Response:
        """The answer to input that was refused, field by field."""
        scope = connection.scope
        token = self._bound(scope)
        try:
            rendered = self.normalizer.answer_own(422, **asked(scope), raised=raised, errors=errors)
        finally:
            correlation.unbind(token)
        return response(rendered, scope)

    async def unexpected(self, _: HTTPConnection, raised: Exception) -> Response:
        """The answer to what nobody else had one to; Starlette asks for it even where it is too late to send it."""
        return _Late(self, raised)

    unexpected.errnorms = True  # type: ignore[attr-defined]  # the middleware, which is nearer, need not stand back

    def at_last(self, scope: Scope, raised: Exception) -> Response:
        """Made when it is sure to be sent."""
        if self._door.is_exempt(scope):
            return ServerErrorMiddleware(_nobody).error_response(Request(scope), raised)
        token = self._bound(scope)
        try:
            failure = self.normalizer.failure_of(raised)
            if failure is not None:
                return response(self._door.answer(scope, failure), scope)
            return response(self.normalizer.answer_own(500, **asked(scope), raised=raised), scope)
        finally:
            correlation.unbind(token)

    def _bound(self, scope: Scope) -> Any:
        return correlation.bind(correlation_id() or correlation.Inbound(self._id_of, scope))


class _Late(Response):
    """An answer that is written, and noted, only when it is sent."""

    def __init__(self, handlers: Handlers, raised: Exception) -> None:
        super().__init__(status_code=500)
        self._handlers, self._raised = handlers, raised

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._handlers.at_last(scope, self._raised)(scope, receive, send)


def said(raised: HTTPException) -> tuple[str | None, str | None]:
    """The code and the text that an app gave to an exception; FastAPI's may be of any type.

    Not what the framework itself says, which is in English and for programmers, nor the status in words; and nothing
    where something is broken (500 and above), for there it is too often another exception's text.
    """
    detail: Any = raised.detail
    code = None
    if isinstance(detail, Mapping):
        code = detail.get("code")
        detail = next((detail[key] for key in ("detail", "message", "msg") if key in detail), None)
    status = raised.status_code
    phrases = {http.client.responses.get(status), phrase_of(status)}
    shown = isinstance(detail, str) and detail not in phrases and status < 500 and not _by_the_framework(raised)
    text = clean(detail) if shown else None
    return (code if isinstance(code, str) and _CODE.fullmatch(code) else None), text or None


def _by_the_framework(raised: Exception) -> bool:
    trace = raised.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = "" if trace is None else str(trace.tb_frame.f_globals.get("__name__"))
    return module.partition(".")[0] in {"starlette", "fastapi"}


_CODE = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)


async def _nobody(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that is never called."""


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
