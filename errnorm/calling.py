"""One vendor call as a flow without I/O: what to add to the request, what to read of the answer, what to raise.

A door gives a client's own way to do each step; `drive` and `drive_async` take them through the flow.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from errnorm import correlation
from errnorm.answering import Normalizer
from errnorm.model import CanonicalError, VendorError
from errnorm.reading.clients import Response
from errnorm.redaction import fingerprint
from errnorm.vendors import registry


class Send(NamedTuple):
    """Send the request with these headers added; comes back with an Answer."""

    headers: tuple[tuple[str, str], ...] = ()


class Read(NamedTuple):
    """Read at most so many bytes of the body, and leave it as if unread; comes back with a Body."""

    limit: int


class Load(NamedTuple):
    """Read the whole body, as the client would have done by itself."""


class Close(NamedTuple):
    """Let go of the connection: nobody will see the answer. There may be none."""


Step = Send | Read | Load | Close
Flow = Generator[Step, Any, None]


class Request(NamedTuple):
    """What is asked of the vendor; `streams`: the caller reads the body, or leaves it.

    Of the headers only the names, and of the key a fingerprint: this stands in frames, and reporters of errors show
    what does.
    """

    method: str
    url: str
    header_names: frozenset[str]
    streams: bool = False
    key_fingerprint: str | None = None


class Answer(NamedTuple):
    """What came back at first."""

    status: int
    headers: Mapping[str, str]


class Body(NamedTuple):
    """The first bytes of a body, decoded, and whether they are all of it."""

    content: bytes
    whole: bool


# Bodies without an end in sight: to look into one would hold up whoever waits for its first line.
_ENDLESS = ("event-stream", "ndjson", "jsonl", "json-seq", "stream+json", "multipart")


class Caller:
    """Whom an app calls through a client: a vendor, or whoever answers at the url where none is named.

    Raises UnknownVendorError where no profile bears the name.
    """

    def __init__(self, normalizer: Normalizer, vendor: str | None = None, operation: str | None = None) -> None:
        kinds = registry.get(vendor).speaks if vendor is not None else ()
        self._kinds = ("text", *(kinds or ("json", "xml")))  # text: much JSON goes by that name
        self._normalizer = normalizer
        self._vendor = vendor
        self._operation = operation

    def call(self, request: Request) -> Flow:
        """The flow of one call. Ends where there is nothing to object to, else raises VendorError.

        What a client raises that tells of no vendor's failure, a bug say, rises as it is.
        """
        try:
            error = yield from self._judge(request, (yield Send(self._headers(request))))
            if error is None and not request.streams:
                yield Load()
        except VendorError:  # another door, within this one
            yield Close()
            raise
        except Exception as raised:
            yield Close()
            error = self._normalizer.normalize(raised, vendor=self._vendor, operation=self._operation)
            if error is None:
                raise
            raise VendorError(error, key_fingerprint=request.key_fingerprint) from raised
        if error is not None:
            yield Close()
            raise VendorError(error, key_fingerprint=request.key_fingerprint)

    def _headers(self, request: Request) -> tuple[tuple[str, str], ...]:
        """The correlation header, where there is an id and the app has not set one itself."""
        name, value = self._normalizer.correlation_header, correlation.current()
        return () if value is None or name.lower() in request.header_names else ((name, value),)

    def _judge(self, request: Request, answer: Answer) -> Generator[Read, Any, CanonicalError | None]:
        failed = answer.status >= 400
        if not failed and not self._may_hide(request, answer):
            return None
        body = Body(b"", True)
        try:
            body = yield Read(self._normalizer.cap)
        except Exception:
            if not failed:
                raise
            # the status says enough: a broken body must not make a network failure of a vendor's
        if not failed and not body.whole:
            return None  # far too long for an error
        response = Response(answer.status, answer.headers, body.content, request.method, request.url)
        return self._normalizer.normalize(response, vendor=self._vendor, operation=self._operation)

    def _may_hide(self, request: Request, answer: Answer) -> bool:
        """Whether an answer that looks well has to be looked into.

        This vendor's failures may hide in one, this one is of a kind that it speaks, and short enough.
        """
        if not 200 <= answer.status < 300 or not self._normalizer.reader.hides(self._vendor, request.url):
            return False
        kind, length = (_header(answer.headers, name).lower() for name in ("content-type", "content-length"))
        if any(word in kind for word in _ENDLESS) or (length.isdecimal() and int(length) > self._normalizer.cap):
            return False
        return not kind or any(word in kind for word in self._kinds)


# Where a key stays the same from call to call; a signature does not, and tells no keys apart.
_KEYS = ("authorization", "x-api-key", "api-key", "x-auth-token")
_SCHEMES = ("", "basic", "bearer", "token", "apikey", "apitoken")


def key_fingerprint_of(headers: Mapping[str, Any]) -> str | None:
    """What tells support the key of a request from others, without telling the key; None where there is none."""
    for name in _KEYS:
        scheme, _, key = _header(headers, name).strip().rpartition(" ")
        if key and scheme.lower() in _SCHEMES:
            return fingerprint(key)
    return None


def drive(flow: Flow, perform: Callable[[Step], object]) -> None:
    """Takes a flow through to its end; what a step raises, the flow is told."""
    with suppress(StopIteration):
        step = next(flow)
        while True:
            try:
                outcome = [perform(step)]
            except Exception as raised:  # noqa: BLE001 - the flow raises it again, or better
                step = flow.throw(raised)
            else:
                step = flow.send(outcome.pop())  # so that no body stays in this frame


async def drive_async(flow: Flow, perform: Callable[[Step], Awaitable[object]]) -> None:
    """As `drive`; a cancellation is no failure of the vendor's, and passes by the flow."""
    with suppress(StopIteration):
        step = next(flow)
        while True:
            try:
                outcome = [await perform(step)]
            except Exception as raised:  # noqa: BLE001 - likewise
                step = flow.throw(raised)
            else:
                step = flow.send(outcome.pop())


def names_of(headers: Iterable[Any]) -> frozenset[str]:
    """The names of a client's own headers, which it may keep as bytes."""
    return frozenset((name.decode("latin-1") if isinstance(name, bytes) else str(name)).lower() for name in headers)


def name_request(raised: BaseException, request: object) -> None:
    """Writes on a client's exception which request it is about, as its client does, only later."""
    with suppress(Exception):
        if getattr(raised, "_request", raised) is None or getattr(raised, "request", raised) is None:
            raised.request = request  # type: ignore[attr-defined]  # httpx and requests both have it


def _header(headers: Mapping[str, Any], name: str) -> str:
    """A header of a client's own mapping, whose names are case-insensitive; "" where there is none."""
    return str(headers.get(name) or "")
