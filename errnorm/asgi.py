"""The door for any ASGI app: a vendor's failure that climbs out of it becomes an answer, and nothing else changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

from errnorm.answering import Normalizer
from errnorm.correlation import Inbound, bind, unbind
from errnorm.model import Rendered, VendorError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


_NOTHING: Message = {"type": ""}  # was sent so far
_BEFORE = ("", "http.response.debug")  # what comes before the start of a response


class ErrorNormalizationMiddleware:
    """Pure ASGI. Settings are those of `Normalizer`, or one that is ready made.

    Whatever is not a vendor's failure rises untouched, and so does one that comes when the response has begun: it is
    logged then, and a second response never started. Websockets and lifespan pass by.
    """

    def __init__(self, app: App, normalizer: Normalizer | None = None, **settings: Any) -> None:
        self.app = app
        self.normalizer = settled(normalizer, settings)
        self._id_name = self.normalizer.correlation_header.lower().encode("latin-1")
        self._id_of = partial(header, name=self._id_name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
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
                raise
        finally:
            unbind(token)
        # out here, so that a failure to send does not drag along what it answers, in whose text may be a url
        await respond(rendered, scope, send)

    def _answer_to(self, raised: Exception, scope: Scope, last: Message) -> Rendered | None:
        """The answer to what the app raised after its `last` message; None where it has to rise."""
        failure = self.normalizer.failure_of(raised)
        if failure is None:
            return None
        if last["type"] in _BEFORE:
            return self.answer(scope, failure)
        whole = last["type"] == "http.response.body" and not last.get("more_body", False)
        self.normalizer.log(failure, truncated=not whole)
        with suppress(AttributeError):
            raised.__errnorm_logged__ = True  # type: ignore[attr-defined]  # for whoever meets it further out
        return None

    def answer(self, scope: Scope, failure: VendorError) -> Rendered:
        """The answer for who asked in this scope."""
        accept, language = header(scope, b"accept"), header(scope, b"accept-language")
        return self.normalizer.answer(failure, accept, language)

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
    return normalizer or Normalizer(**settings)


def header(scope: Scope, name: bytes) -> str | None:
    """A request header's value; several of one name are joined, as a list is written."""
    length = len(name)  # most names differ in that already
    values = [value for key, value in scope["headers"] if len(key) == length and key.lower() == name]
    return b", ".join(values).decode("latin-1") if values else None


@lru_cache(maxsize=256)
def _wired(name: str, value: str) -> tuple[bytes, bytes]:
    """A header as ASGI wants it; all but one or two are the same for every answer."""
    return name.lower().encode("latin-1"), value.encode("latin-1")


async def respond(rendered: Rendered, scope: Scope, send: Send) -> None:
    """Sends an answer; to HEAD without its body, with the headers that GET would get."""
    headers = [_wired(*header) for header in rendered.headers]
    await send({"type": "http.response.start", "status": rendered.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else rendered.body})
