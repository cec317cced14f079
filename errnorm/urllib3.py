"""urllib3: a pool manager that raises a VendorError from a bad answer or a transport failure.

    pool = errnorm.urllib3.install(urllib3.PoolManager(), vendor="lionbridge")

Redirects and the repeats of its own `Retry` are within one call. Nothing of urllib3 is imported.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import wraps
from io import BufferedReader
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from errnorm.answering import Normalizer
from errnorm.calling.driving import drive
from errnorm.calling.flow import Caller
from errnorm.calling.peeking import PIECE, Peek, Replay, let_go
from errnorm.calling.sealed import Headers
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
    header,
    key_fingerprint_of,
    names_of,
    told_by,
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
    """The same pool manager, from now on with an eye on its answers and its pace.

    Without `vendor` it is found by the url's host. With `preload_content=False` an answer that is well is left unread.

    `account` is whose limits count (a merchant, a tenant), else whoever's the request's key is. `refresh` is called
    once for all calls that are refused for their credential: it returns the headers that carry the new one.
    """
    pool: Any = target
    if not (hasattr(pool, "urlopen") and hasattr(pool, "connection_from_host")):
        raise TypeError(f"a PoolManager or a ProxyManager of urllib3 is wanted, not {type(target).__name__}")
    caller = Caller(
        normalizer,
        vendor,
        operation,
        account=account,
        throttle=throttle,
        refresh=refresh,
        client=pool,
    )
    pool.urlopen = _door(caller, pool, pool.urlopen)
    return target


def _door(caller: Caller, pool: Any, urlopen: Callable[..., Any]) -> Callable[..., Any]:
    within = threading.local()  # a pool follows a redirect by calling itself

    @wraps(urlopen)
    def opened(method: str, url: str, redirect: bool = True, **options: Any) -> Any:
        if getattr(within, "a_call", False):
            return _followed(urlopen, method, url, redirect, options)
        if options.get("multiplexed"):  # of a fork, and no answer yet
            return urlopen(method, url, redirect, **options)
        if options.get("headers") is None:
            options["headers"] = pool.headers
        exchange = _Exchange(urlopen, within, method, url, options | {"redirect": redirect})
        del options  # they may hold a key, and frames are shown
        drive(caller.call(exchange.asked()), exchange)
        return exchange.response

    return opened


class _Hop(NamedTuple):
    """A request that a redirect led to."""

    method: str
    url: str


def _followed(urlopen: Callable[..., Any], method: str, url: str, redirect: bool, options: dict[str, Any]) -> Any:
    """A hop; an exception says which one it is about, for urllib3's own do not."""
    try:
        return urlopen(method, url, redirect, **options)
    except Exception as raised:
        if not hasattr(raised, "request"):
            raised.request = _Hop(method, url)  # type: ignore[attr-defined]
        raise
    finally:
        del options  # they may hold a key, and frames are shown


class _Exchange:
    """The steps of a call, as urllib3 does them."""

    def __init__(
        self, urlopen: Callable[..., Any], within: threading.local, method: str, url: str, options: dict[str, Any]
    ) -> None:
        self._urlopen, self._within, self._method, self._url, self._options = urlopen, within, method, url, options
        self._body = Bookmark(options.get("body"))
        self.response: Any = None

    def asked(self) -> Request:
        """What is asked, as the flow is told of it."""
        headers = {str(name).lower(): value for name, value in (self._options["headers"] or {}).items()}
        streams = not self._options.get("preload_content", True)
        key = key_fingerprint_of(headers)
        return Request(self._method, self._url, names_of(headers), streams, key, told_by(headers))

    def __call__(self, step: Step) -> object:
        try:
            return self._perform(step)
        except BaseException:
            self._close()
            raise

    def _perform(self, step: Step) -> object:
        if isinstance(step, Send):
            self.response = self._send(_joined(self._options["headers"] or {}, step.headers))
            return Answer(self.response.status, self.response.headers)
        if isinstance(step, Read):
            self.response, body = peeked(self.response, step.limit)
            return body
        if isinstance(step, Load):
            return self.response.data
        if isinstance(step, Rewind):
            return self._body.rewind()
        self._close()
        return None

    def _send(self, headers: Any) -> Any:
        self._within.a_call = True
        try:
            options = self._options | {"headers": headers, "preload_content": False}
            return self._urlopen(self._method, self._url, **options)
        finally:
            self._within.a_call = False

    def _close(self) -> None:
        if self.response is not None:
            let_go(self.response)


def _joined(headers: Mapping[str, str], more: Headers) -> Any:
    """Headers with some set anew, in a mapping of their own kind: it may hold several of a name."""
    copy = getattr(headers, "copy", None)
    joined: Any = dict(headers) if copy is None else copy()
    names = {name.lower() for name, _ in more}
    for name in [name for name in joined if name.lower() in names]:
        del joined[name]
    joined.update(dict(more))
    return joined


def peeked(response: Any, limit: int) -> tuple[Any, Body]:
    """A response of urllib3's, or of a fork of it, whose body begins again, and the first bytes of that."""
    peek, chunks = Peek(limit, header(response.headers, "content-encoding")), response.stream(PIECE, False)
    peek.begin(chunks)
    return _begun_again(response, Replay(bytes(peek.kept), chunks, response)), peek.body


# What a response has and is made with.
_SAME = ("headers", "status", "version", "version_string", "reason", "decode_content", "retries")


def _begun_again(response: Any, body: Replay) -> Any:
    """The same response over the bytes of the same body; it was of the first that its length was to be true."""
    kind = type(response)  # perhaps a subclass, which may be made otherwise
    made = next((cls for cls in kind.__mro__ if cls.__name__ == "HTTPResponse"), kind)
    return made(
        BufferedReader(body),
        **{name: getattr(response, name) for name in _SAME if hasattr(response, name)},
        preload_content=False,
        original_response=getattr(response, "_original_response", None),  # of which requests takes the cookies
        enforce_content_length=False,
        request_url=response.geturl(),
    )
