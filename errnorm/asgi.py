"""The door for any ASGI app: a vendor's failure that climbs out of it becomes an answer, and nothing else changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, TypedDict, overload

from errnorm import _json
from errnorm.answering import Normalizer, chosen
from errnorm.correlation import Inbound, bind, unbind
from errnorm.families import Action
from errnorm.model import Rendered, VendorError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


_NOTHING: Message = {"type": ""}  # was sent so far
_BEFORE = ("", "http.response.debug")  # what comes before the start of a response
_CLOSED = ("websocket.close", "websocket.disconnect", "websocket.http.response.start")  # nothing more can be said
_INTERNAL_ERROR, _TRY_AGAIN_LATER = 1011, 1013  # RFC 6455 and the registry of close codes
_WAITING = (Action.WAIT, Action.RETRY)


class ErrorNormalizationMiddleware:
    """Pure ASGI. Settings are those of `Normalizer`, or one that is ready made.

    A vendor's failure is answered, or closes a websocket; where the response has begun it is logged and rises, and a
    second response is never started. Everything else rises untouched; with `handle="all"` it is answered too where
    nothing was sent yet, and still rises, for whoever reports and logs such things. Lifespan passes by, and so does
    what is exempt: by its path, or by `scope["errnorm.exempt"]`.
    """

    # Starlette hands over the app by position, Litestar by name; for mypy one signature for both fits neither.
    @overload
    def __init__(self, app: App, /, normalizer: Normalizer | None = None, **settings: Any) -> None: ...
    @overload
    def __init__(self, *, app: App, normalizer: Normalizer | None = None, **settings: Any) -> None: ...
    def __init__(self, app: App, normalizer: Normalizer | None = None, **settings: Any) -> None:  # type: ignore[misc]
        self.app = app
        self.normalizer = settled(normalizer, settings)
        self._id_name = self.normalizer.correlation_header.lower().encode("latin-1")
        self._id_of = partial(header, name=self._id_name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            serve = self._socket if scope["type"] == "websocket" else self.app
            await serve(scope, receive, send)
            return
        last: Message = _NOTHING
        inbound = Inbound(self._id_of, scope)

        def watched(message: Message) -> Awaitable[None]:
            nonlocal last
            last = message
            if inbound.settled is not None and message["type"] == "http.response.start":
                message = self._marked(message, inbound.settled)
            return send(message)

        token = bind(inbound)
        try:
            await self.app(scope, receive, watched)
            return
        except Exception as raised:
            rendered = self._answer_to(raised, scope, last)
            if rendered is None:
                await self._tell_of(raised, scope, last, send)
                raise
        finally:
            unbind(token)
        # out here, so that a failure to send does not drag along what it answers, in whose text may be a url
        await respond(rendered, scope, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one websocket: a vendor's failure closes it, unless that was done already."""
        seen: set[str] = set()

        async def received() -> Message:
            message = await receive()
            seen.add(message["type"])
            return message

        def watched(message: Message) -> Awaitable[None]:
            seen.add(message["type"])
            return send(message)

        token = bind(Inbound(self._id_of, scope))
        try:
            await self.app(scope, received, watched)
            return
        except Exception as raised:
            failure = None if self.is_exempt(scope) else self.normalizer.failure_of(raised)
            if failure is None:
                raise
            if not seen.isdisjoint(_CLOSED):
                self.log(failure, raised, truncated=False)
                raise
            farewell = self.farewell(scope, failure, accepted="websocket.accept" in seen)
        finally:
            unbind(token)
        for message in farewell:
            await send(message)

    def _answer_to(self, raised: Exception, scope: Scope, last: Message) -> Rendered | None:
        """The answer to a vendor's failure that the app raised after its `last` message; None where it has to rise."""
        failure = self.normalizer.failure_of(raised)
        begun = last["type"] not in _BEFORE
        if failure is None and begun and isinstance(raised.__cause__, Exception):
            # a framework that had an answer in hand, too late
            failure = self.normalizer.failure_of(raised := raised.__cause__)
        if failure is None or self.is_exempt(scope):
            return None
        if not begun:
            return self.answer(scope, failure)
        whole = last["type"] != "http.response.start" and not last.get("more_body", False)
        self.log(failure, raised, truncated=not whole)
        return None

    def log(self, failure: VendorError, raised: Exception, *, truncated: bool) -> None:
        """Logs what has to rise."""
        self.normalizer.log(failure, truncated=truncated)
        with suppress(AttributeError):
            raised.__errnorm_logged__ = True  # type: ignore[attr-defined]  # for whoever meets it further out

    async def _tell_of(self, raised: Exception, scope: Scope, last: Message, send: Send) -> None:
        """Answers what nobody expected, where the app wants that and nothing was sent; it rises all the same."""
        if self.normalizer.handle != "all" or last["type"] not in _BEFORE:
            return
        if not (self.is_exempt(scope) or self.leaves(scope)):
            rendered = self.normalizer.answer_own(500, **asked(scope), raised=raised)
            with suppress(Exception):  # what is told of is worse than that nobody is there to hear it
                await respond(rendered, scope, send)

    def answer(self, scope: Scope, failure: VendorError) -> Rendered:
        """The answer for who asked in this scope."""
        audience = "user" if self.normalizer.audience is None else self.normalizer.audience_of(self.asker(scope))
        return self.normalizer.answer(failure, **asked(scope), audience=audience)

    def farewell(self, scope: Scope, failure: VendorError, *, accepted: bool) -> list[Message]:
        """What ends a websocket: before it was accepted the whole answer, where the server can send one, else a code
        and a reason, which is short (RFC 6455, 5.5) and meant for programs: the problem's code and the reference.
        """
        if not accepted and "websocket.http.response" in (scope.get("extensions") or ()):
            rendered = self.answer(scope, failure)
            return [
                {"type": "websocket.http.response.start", "status": rendered.status, "headers": wired(rendered)},
                {"type": "websocket.http.response.body", "body": rendered.body},
            ]
        told = _json.loads(self.normalizer.answer(failure, language=asked(scope)["language"]).body)
        code = _TRY_AGAIN_LATER if told["action"] in _WAITING else _INTERNAL_ERROR
        reason = f"{told['code']} {told.get('reference', '')}".rstrip()
        return [{"type": "websocket.close", "code": code, "reason": reason}]

    def asker(self, scope: Scope) -> object:
        """What the app's own `audience` is asked about."""
        return scope

    def is_exempt(self, scope: Scope) -> bool:
        """Whether all of a request is left to the app."""
        return bool(scope.get("errnorm.exempt")) or (
            bool(self.normalizer.exempt) and self.normalizer.exempts(path_of(scope))
        )

    def leaves(self, scope: Scope) -> bool:  # noqa: ARG002 - of a framework's app
        """Whether somebody further out has a better answer than ours to what is unexpected."""
        return False

    def _marked(self, message: Message, correlation_id: str) -> Message:
        """The start of the app's own response with the id that its calls to vendors went out with, unless it has one.

        A copy: an app may send the same message again and again.
        """
        headers = list(message.get("headers", ()))
        if not any(name.lower() == self._id_name for name, _ in headers):
            headers.append((self._id_name, correlation_id.encode("latin-1")))
        return {**message, "headers": headers}


def settled(normalizer: Normalizer | None, settings: dict[str, Any]) -> Normalizer:
    """The normalizer that a door is given, ready made or as settings."""
    if normalizer is not None and settings:
        raise TypeError(f"either `normalizer` or settings of its own, not both: {', '.join(settings)}")
    return Normalizer(**settings) if normalizer is None else chosen(normalizer)


def header(scope: Scope, name: bytes) -> str | None:
    """A request header's value; several of one name are joined, as a list is written."""
    length = len(name)  # most names differ in that already
    values = [value for key, value in scope["headers"] if len(key) == length and key.lower() == name]
    return b", ".join(values).decode("latin-1") if values else None


class Asked(TypedDict):
    """What a request asks for, in the words of `Normalizer.answer`."""

    accept: str | None
    language: str | None
    fragment: bool


def asked(scope: Scope) -> Asked:
    """What a request accepts, in which language, and whether htmx asks for what goes into a part of the page: a boosted
    link and the history want a whole one.
    """
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if (key := name.lower()) in _ASKED:
            text = value.decode("latin-1")
            found[key] = f"{found[key]}, {text}" if key in found else text  # as a list is written
    whole = "true" in (found.get(b"hx-boosted"), found.get(b"hx-history-restore-request"))
    return {
        "accept": found.get(b"accept"),
        "language": found.get(b"accept-language"),
        "fragment": found.get(b"hx-request") == "true" and not whole,
    }


_ASKED = frozenset({b"accept", b"accept-language", b"hx-request", b"hx-boosted", b"hx-history-restore-request"})


def path_of(scope: Scope) -> str:
    """The path below where the server has the app; a router for mounts may have moved `root_path` on."""
    root = str(scope.get("app_root_path", scope.get("root_path", ""))).rstrip("/")
    path = str(scope["path"])
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


@lru_cache(maxsize=256)
def _wired(name: str, value: str) -> tuple[bytes, bytes]:
    """A header as ASGI wants it; all but one or two are the same for every answer."""
    return name.lower().encode("latin-1"), value.encode("latin-1")


async def respond(rendered: Rendered, scope: Scope, send: Send) -> None:
    """Sends an answer; to HEAD without its body, with the headers that GET would get."""
    await send({"type": "http.response.start", "status": rendered.status, "headers": wired(rendered)})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else rendered.body})


def wired(rendered: Rendered) -> list[tuple[bytes, bytes]]:
    """An answer's headers as ASGI wants them."""
    return [_wired(*header) for header in rendered.headers]
