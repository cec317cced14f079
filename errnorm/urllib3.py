"""urllib3: a pool manager that raises a VendorError from a bad answer or a transport failure.

    pool = errnorm.urllib3.install(urllib3.PoolManager(), vendor="lionbridge")

Redirects and the repeats of its own `Retry` are within one call. Nothing of urllib3 is imported.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from errnorm.answering import Normalizer, default
from errnorm.calling.driving import drive
from errnorm.calling.flow import Caller
from errnorm.calling.peeking import PIECE, Chunks, peek
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
    key_fingerprint_of,
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
    """The same pool manager, from now on with an eye on its answers and its pace.

    Without `vendor` it is found by the url's host. With `preload_content=False` an answer that is well is left unread.

    `account` is whose limits count (a merchant, a tenant), else whoever's the request's key is. `refresh` is called
    once for all calls that are refused for their credential: it returns the headers that carry the new one.
    """
    pool: Any = target
    if not (hasattr(pool, "urlopen") and hasattr(pool, "connection_from_host")):
        raise TypeError(f"a PoolManager or a ProxyManager of urllib3 is wanted, not {type(target).__name__}")
    caller = Caller(
        normalizer or default(),
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
        if getattr(within, "a_call", False) or options.get("multiplexed"):  # the latter, of a fork, is no answer yet
            return urlopen(method, url, redirect, **options)
        if options.get("headers") is None:
            options["headers"] = pool.headers
        exchange = _Exchange(urlopen, within, method, url, options | {"redirect": redirect})
        del options  # they may hold a key, and frames are shown
        drive(caller.call(exchange.asked()), exchange)
        return exchange.response

    return opened


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
        return Request(self._method, self._url, names_of(headers), streams, key_fingerprint_of(headers))

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
            self.response, body = _read(self.response, step.limit)
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
            self.response.close()


def _joined(headers: Mapping[str, str], more: Headers) -> Any:
    """Headers with some set anew, in a mapping of their own kind: it may hold several of a name."""
    copy = getattr(headers, "copy", None)
    joined: Any = dict(headers) if copy is None else copy()
    names = {name.lower() for name, _ in more}
    for name in [name for name in joined if name.lower() in names]:
        del joined[name]
    joined.update(dict(more))
    return joined


def _read(response: Any, limit: int) -> tuple[Any, Body]:
    """The first bytes of a body, decoded, and a response whose body begins with them again."""
    body, chunks = peek(response.stream(PIECE, decode_content=True), limit)
    return _begun_again(response, chunks), body


def _begun_again(response: Any, chunks: Iterator[bytes]) -> Any:
    """The same response over a body that is decoded already."""
    changed = {"content-encoding", "content-length", "transfer-encoding"}
    return type(response)(
        body=_Replay(chunks, response),
        headers=[(name, value) for name, value in response.headers.items() if name.lower() not in changed],
        status=response.status,
        version=response.version,
        reason=response.reason,
        preload_content=False,
        retries=response.retries,
        request_method=getattr(response, "_method", None),
        request_url=response.geturl(),
    )


class _Replay(Chunks):
    """A body from its beginning, decoded; it is the first response that is closed."""

    def __init__(self, chunks: Iterator[bytes], response: Any) -> None:
        super().__init__(chunks)
        self._response = response
        self.closed = False

    def close(self) -> None:
        self.closed = True
        self._response.close()
