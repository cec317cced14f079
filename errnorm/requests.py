"""requests and niquests: sessions, and adapters, that raise a VendorError from a bad response or a transport failure.

    session = errnorm.requests.install(requests.Session(), vendor="lionbridge")
    session.mount("https://api.acme.example", errnorm.requests.install(HTTPAdapter(), vendor="acme"))

Nothing of either is imported: a session is known by what it can do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar

from errnorm.answering import Normalizer, default
from errnorm.calling.driving import drive
from errnorm.calling.flow import Caller
from errnorm.calling.peeking import PIECE, Chunks, peek
from errnorm.calling.steps import (
    Answer,
    Body,
    Bookmark,
    Load,
    Read,
    Request,
    Rewind,
    Send,
    Step,
    key_fingerprint_of,
    name_request,
    names_of,
)
from errnorm.throttle import MEMORY, Throttle

if TYPE_CHECKING:
    from errnorm.calling.refreshing import Refresh

T = TypeVar("T")


def install(
    target: T,
    *,
    vendor: str | None = None,
    operation: str | None = None,
    account: str | None = None,
    throttle: Throttle | None = MEMORY,
    refresh: Refresh | None = None,
    normalizer: Normalizer | None = None,
) -> T:
    """The same session, or the same adapter, from now on with an eye on its answers and its pace.

    A session is the better place: it follows redirects and answers challenges (digest authentication) before anything
    is judged. Adapters are for `session.mount`: one vendor among others. Without `vendor` it is found by the url's
    host. A streamed answer that is well is left unread.

    `account` is whose limits count (a merchant, a tenant), else whoever's the request's key is. `refresh` is called
    once for all calls that are refused for their credential: it returns the headers that carry the new one.
    """
    session: Any = target
    send = getattr(session, "send", None)
    if send is None or iscoroutinefunction(send):
        raise TypeError(f"a session or an adapter of requests is wanted, not {type(target).__name__}")
    caller = Caller(
        normalizer or default(),
        vendor,
        operation,
        account=account,
        throttle=throttle,
        refresh=refresh,
        client=session,
    )
    session.send = _door(caller, send, getattr(session, "stream", False))
    return target


def _door(caller: Caller, send: Callable[..., Any], streams: bool) -> Callable[..., Any]:
    @wraps(send)
    def sent(request: Any, stream: bool | None = None, *args: Any, **options: Any) -> Any:
        exchange = _Exchange(send, request, args, options)
        stream = streams if stream is None else stream
        names, key = names_of(request.headers), key_fingerprint_of(request.headers)
        asked = Request(request.method, request.url, names, stream, key)
        drive(caller.call(asked), exchange)
        return exchange.response

    return sent


class _Exchange:
    """The steps of a call, as requests does them."""

    def __init__(self, send: Callable[..., Any], request: Any, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        self._send, self._request, self._args, self._options = send, request, args, options
        self._body = Bookmark(request.body)
        self.response: Any = None

    def __call__(self, step: Step) -> object:
        try:
            return self._perform(step)
        except BaseException as raised:
            self._close()
            name_request(raised, self._request)
            raise

    def _perform(self, step: Step) -> object:
        if isinstance(step, Send):
            self._request.headers.update(step.headers)
            self.response = self._send(self._request, *self._args, **self._options, stream=True)
            return Answer(self.response.status_code, self.response.headers)
        if isinstance(step, Read):
            return _read(self.response, step.limit)
        if isinstance(step, Load):
            return self.response.content
        if isinstance(step, Rewind):
            return self._body.rewind()
        self._close()
        return None

    def _close(self) -> None:
        if self.response is not None:
            self.response.close()


def _read(response: Any, limit: int) -> Body:
    """The first bytes of a body, decoded; the response gets a body that begins with them again."""
    if response._content is not False:  # noqa: SLF001 - there is no other way to ask without reading
        return Body(response.content, True)
    body, chunks = peek(_chunks(response.raw), limit)
    response.raw = _Replay(response.raw, chunks)
    return body


def _chunks(raw: Any) -> Iterator[bytes]:
    if hasattr(raw, "stream"):
        yield from raw.stream(PIECE, decode_content=True)
    else:  # of an adapter that is not urllib3's
        yield from iter(lambda: raw.read(PIECE), b"")


class _Replay(Chunks):
    """A body from its beginning, decoded; whatever else is asked of it is asked of the body that was begun."""

    def __init__(self, raw: Any, chunks: Iterator[bytes]) -> None:
        super().__init__(chunks)
        self._raw = raw

    def stream(self, amt: int | None = None, decode_content: bool | None = None) -> Iterator[bytes]:  # noqa: ARG002
        while chunk := self.read(PIECE if amt is None else amt):
            yield chunk

    def read(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:  # noqa: ARG002
        return super().read(amt)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_raw"], name)
