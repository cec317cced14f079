"""requests and niquests: sessions, and adapters, that raise a VendorError from a bad response or a transport failure.

    session = errnorm.requests.install(requests.Session(), vendor="lionbridge")
    session.mount("https://api.acme.example", errnorm.requests.install(HTTPAdapter(), vendor="acme"))

Nothing of either is imported: a session is known by what it can do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import iscoroutinefunction
from io import BufferedReader
from typing import TYPE_CHECKING, Any, TypeVar

from errnorm.answering import Normalizer
from errnorm.calling.driving import drive
from errnorm.calling.flow import Caller
from errnorm.calling.peeking import PIECE, Peek, Replay
from errnorm.calling.sealed import Loan
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
    told_by,
)
from errnorm.throttle import MEMORY, Throttle
from errnorm.urllib3 import peeked

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
    if send is None or iscoroutinefunction(send) or hasattr(session, "build_request"):  # httpx's has both
        raise TypeError(f"a session or an adapter of requests is wanted, not {type(target).__name__}")
    resolve = getattr(session, "resolve_redirects", None)  # none: an adapter
    caller = Caller(
        normalizer,
        vendor,
        operation,
        account=account,
        throttle=throttle,
        refresh=refresh,
        client=session,
        hops=resolve is None,
    )
    within = threading.local()
    session.send = _door(caller, within, send, getattr(session, "stream", False))
    if resolve is not None:
        session.resolve_redirects = _following(resolve, within)
    return target


def _door(caller: Caller, within: threading.local, send: Callable[..., Any], streams: bool) -> Callable[..., Any]:
    @wraps(send)
    def sent(request: Any, stream: bool | None = None, *args: Any, **options: Any) -> Any:
        if getattr(within, "a_hop", False):
            within.a_hop = False  # what a hook sends is a call of its own
            return send(request, *args, **options, stream=stream)
        exchange = _Exchange(send, request, args, options)
        stream = streams if stream is None else stream
        try:
            drive(caller.call(_asked(request, stream)), exchange)
        finally:
            exchange.loan.end()
        return exchange.response

    return sent


def _asked(request: Any, stream: bool) -> Request:
    headers = request.headers
    key = key_fingerprint_of(headers)
    return Request(request.method, request.url, names_of(headers), stream, key, told_by(headers))


def _following(resolve: Callable[..., Iterator[Any]], within: threading.local) -> Callable[..., Iterator[Any]]:
    """A session follows a redirect by sending once more; that is part of the call that was redirected."""

    @wraps(resolve)
    def followed(*args: Any, **options: Any) -> Iterator[Any]:
        hops = resolve(*args, **options)
        while True:
            within.a_hop = True
            try:
                hop = next(hops)
            except StopIteration:
                return
            finally:
                within.a_hop = False
            yield hop

    return followed


class _Exchange:
    """The steps of a call, as requests does them."""

    def __init__(self, send: Callable[..., Any], request: Any, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        self._send, self._request, self._args, self._options = send, request, args, options
        self._body = Bookmark(request.body)
        self.loan = Loan(request.headers)
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
            self.loan.set(step.headers)
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
    look = peeked if hasattr(response.raw, "stream") else _peeked
    response.raw, body = look(response.raw, limit)
    return body


def _peeked(raw: Any, limit: int) -> tuple[Any, Body]:
    """The same of a file, of an adapter that is not urllib3's; requests decodes nothing of one."""
    peek, chunks = Peek(limit), iter(lambda: raw.read(PIECE), b"")
    peek.begin(chunks)
    return BufferedReader(Replay(bytes(peek.kept), chunks, raw)), peek.body
