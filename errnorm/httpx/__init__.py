"""httpx and httpx2: clients, and transports, that raise a VendorError from a bad response or a transport failure.

    client = errnorm.httpx.install(httpx.Client(), vendor="lionbridge")

Nothing of either is imported: a client is known by what it can do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import wraps
from inspect import iscoroutinefunction
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from errnorm.answering import Normalizer
from errnorm.calling.driving import drive, drive_async
from errnorm.calling.flow import Caller
from errnorm.calling.sealed import Loan
from errnorm.calling.steps import (
    Answer,
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
from errnorm.httpx import bodies
from errnorm.throttle import MEMORY, Throttle

if TYPE_CHECKING:
    from errnorm.calling.refreshing import Refresh

T = TypeVar("T")
_METHODS = ("send", "handle_request", "handle_async_request")  # of clients, of transports; a mock may have two


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
    """The same client, or the same transport, sync or async, from now on with an eye on its answers and its pace.

    A client is the better place: it follows redirects and answers challenges (digest authentication) before anything is
    judged. Transports are for clients that somebody else builds, and for `mounts=`. Without `vendor` it is found by the
    url's host. A streamed answer that is well is left unread.

    `account` is whose limits count (a merchant, a tenant), else whoever's the request's key is; but a key that an
    `httpx.Auth` of your own adds is known too late for that. `refresh` is called once for all calls that are refused
    for their credential: it returns the headers that carry the new one.
    """
    client: Any = target
    methods = {name: method for name in _METHODS if (method := getattr(client, name, None)) is not None}
    if not methods or (set(methods) == {"send"} and not hasattr(client, "build_request")):  # a session of requests'
        raise TypeError(f"a client or a transport of httpx or httpx2 is wanted, not {type(target).__name__}")
    caller = Caller(
        normalizer,
        vendor,
        operation,
        account=account,
        throttle=throttle,
        refresh=refresh,
        client=client,
        awaits=any(map(iscoroutinefunction, methods.values())),
        hops="send" not in methods,
    )
    for name, method in methods.items():
        door = _async_door if iscoroutinefunction(method) else _door
        setattr(client, name, door(caller, client, method, loads=name == "send"))
    return target


def _door(caller: Caller, client: Any, send: Callable[..., Any], *, loads: bool) -> Callable[..., Any]:
    @wraps(send)
    def sent(request: Any, *, stream: bool = False, **options: Any) -> Any:
        exchange = _Exchange(send, request, options | ({"stream": True} if loads else {}))
        asked = _asked(request, client, options, streams=stream or not loads)
        try:
            drive(caller.call(asked), exchange)
        finally:
            exchange.loan.end()
        return exchange.response

    return sent


def _async_door(
    caller: Caller, client: Any, send: Callable[..., Awaitable[Any]], *, loads: bool
) -> Callable[..., Awaitable[Any]]:
    @wraps(send)
    async def sent(request: Any, *, stream: bool = False, **options: Any) -> Any:
        exchange = _AsyncExchange(send, request, options | ({"stream": True} if loads else {}))
        asked = _asked(request, client, options, streams=stream or not loads)
        try:
            await drive_async(caller.call(asked), exchange)
        finally:
            exchange.loan.end()
        return exchange.response

    return sent


def _asked(request: Any, client: Any, options: dict[str, Any], *, streams: bool) -> Request:
    headers = request.headers
    key = key_fingerprint_of(headers) or _key_to_come(request, client, options)
    return Request(request.method, str(request.url), names_of(headers), streams, key, told_by(headers))


def _key_to_come(request: Any, client: Any, options: dict[str, Any]) -> str | None:
    """That of a name and a password, which a client adds when it sends; None for any other, and for a transport."""
    own = {"auth": options["auth"]} if "auth" in options else {}
    with suppress(Exception):
        auth = client._build_request_auth(request, **own)  # noqa: SLF001 - nobody else knows
        if type(auth).__name__ == "BasicAuth":
            aside = SimpleNamespace(headers={})
            next(auth.auth_flow(aside))
            return key_fingerprint_of({name.lower(): value for name, value in aside.headers.items()})
    return None


class _Exchange:
    """The steps of a call, as httpx does them."""

    def __init__(self, send: Callable[..., Any], request: Any, options: dict[str, Any]) -> None:
        self._send, self._request, self._options = send, request, options
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
            self.response = self._send(self._request, **self._options)
            return _answer(self.response, self._request)
        if isinstance(step, Read):
            return bodies.read(self.response, step.limit)
        if isinstance(step, Load):
            return self.response.read()
        if isinstance(step, Rewind):
            return _again(self._request)
        self._close()
        return None

    def _close(self) -> None:
        if self.response is not None:
            self.response.close()


class _AsyncExchange:
    """The same with `await`."""

    def __init__(self, send: Callable[..., Awaitable[Any]], request: Any, options: dict[str, Any]) -> None:
        self._send, self._request, self._options = send, request, options
        self.loan = Loan(request.headers)
        self.response: Any = None

    async def __call__(self, step: Step) -> object:
        try:
            return await self._perform(step)
        except BaseException as raised:
            await self._close()
            name_request(raised, self._request)
            raise

    async def _perform(self, step: Step) -> object:
        if isinstance(step, Send):
            self.loan.set(step.headers)
            self.response = await self._send(self._request, **self._options)
            return _answer(self.response, self._request)
        if isinstance(step, Read):
            return await bodies.read_async(self.response, step.limit)
        if isinstance(step, Load):
            return await self.response.aread()
        if isinstance(step, Rewind):
            return _again(self._request)
        await self._close()
        return None

    async def _close(self) -> None:
        if self.response is not None:
            await self.response.aclose()


def _answer(response: Any, request: Any) -> Answer:
    return Answer(response.status_code, response.headers, key_fingerprint_of(request.headers))


def _again(request: Any) -> bool:
    """Whether a request can be sent once more: its body is known, or a form whose files can be rewound."""
    with suppress(Exception):  # the body of a generator was never read
        return request.content is not None
    if type(request.stream).__name__ == "ByteStream":  # of a hop after a redirect
        return True
    fields = getattr(request.stream, "fields", None)
    return fields is not None and all(Bookmark(getattr(field, "file", None)).rewind() for field in fields)
