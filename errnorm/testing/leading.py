"""Leads the requests of any client to a fake vendor, and only those that are meant for it.

Each client is met where it hands a request to the network, below its adapters, transports, middlewares and whatever
else an app or a door has put around them: so clients that were made before are met too, and what they raise is their
own. There the request goes on to loopback, without TLS, by a connection of its own.
"""

from __future__ import annotations

import importlib
import inspect
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from functools import wraps
from typing import Any, NamedTuple, Protocol

from errnorm.backoff import BUDGET
from errnorm.testing.server import TICKET
from errnorm.vendors.profile import Profile

HERE = "127.0.0.1"
SOON = 0.05  # seconds: as long as a client waits for a vendor that never answers, if it does not wait for ever


class Lead(NamedTuple):
    """Where a request is to go: a port on loopback, with a ticket that says what it gets; `hangs`: nothing, ever."""

    port: int
    ticket: str
    hangs: bool


class Fake(Protocol):
    """What stands in for a vendor."""

    profile: Profile

    def answers_at(self, host: str) -> bool: ...
    def lead(self, method: str, path: str) -> Lead: ...


Original = Callable[..., Any]
Restore = tuple[type[Any], str, Original]
_lock = threading.RLock()
_fakes: list[Fake] = []
_restores: list[Restore] = []


def begin(fake: Fake) -> None:
    """From now on this one is asked too; the last one that answers at a host is."""
    with _lock:
        if not _fakes:
            _restores.extend(_meet())
        BUDGET.refill()  # what one test has spent on repeats, the next one has again
        _fakes.append(fake)


def end(fake: Fake) -> None:
    """No longer; after the last one the clients are as they were."""
    with _lock:
        _fakes.remove(fake)
        BUDGET.refill()
        while _restores and not _fakes:
            setattr(*_restores.pop())


def under_way() -> tuple[Fake, ...]:
    """Whoever stands in for a vendor now."""
    return tuple(_fakes)


def _lead(host: str, method: str, path: str) -> Lead | None:
    fake = next((each for each in reversed(_fakes) if each.answers_at(host)), None)
    return None if fake is None else fake.lead(method, path)


def _soon(bounded: object) -> float:
    """How long to wait for what never comes. Raises AssertionError where the client would wait for ever."""
    if not bounded:
        raise AssertionError("this client has no timeout: it would wait for ever for a vendor that does not answer")
    return SOON


def _httpcore(original: Original, module: Any) -> Original:
    @wraps(original)
    def handle_request(self: Any, request: Any) -> Any:
        if (lead := _lead(*_asked_by_httpcore(request))) is None:
            return original(self, request)
        return original(module.ConnectionPool(), _led_request(request, lead, module))

    return handle_request


def _httpcore_async(original: Original, module: Any) -> Original:
    @wraps(original)
    async def handle_async_request(self: Any, request: Any) -> Any:
        if (lead := _lead(*_asked_by_httpcore(request))) is None:
            return await original(self, request)
        return await original(module.AsyncConnectionPool(), _led_request(request, lead, module))

    return handle_async_request


def _asked_by_httpcore(request: Any) -> tuple[str, str, str]:
    host, method, path = (each.decode("latin-1") for each in (request.url.host, request.method, request.url.target))
    return host, method, path


def _led_request(request: Any, lead: Lead, module: Any) -> Any:
    url = module.URL(scheme=b"http", host=HERE.encode(), port=lead.port, target=request.url.target)
    headers = [*request.headers, (TICKET.encode(), lead.ticket.encode())]
    extensions = dict(request.extensions)
    if lead.hangs:
        timeout = dict(extensions.get("timeout") or {})
        extensions["timeout"] = timeout | {"read": _soon(timeout.get("read"))}
    return module.Request(request.method, url, headers=headers, content=request.stream, extensions=extensions)


def _urllib3(original: Original, module: Any) -> Original:
    return _urlopen(original, module.HTTPConnectionPool)


def _urllib3_async(original: Original, module: Any) -> Original:
    return _urlopen(original, module.AsyncHTTPConnectionPool)


def _urlopen(original: Original, pool_class: Any) -> Original:
    """Sync and async alike: what the original returns is passed on."""
    signature = inspect.signature(original)

    @wraps(original)
    def urlopen(self: Any, method: str, url: str, *args: Any, **options: Any) -> Any:
        host, path = _meant_by_urllib3(self, url)
        if (lead := _lead(host, method, path)) is None:
            return original(self, method, url, *args, **options)
        bound = signature.bind(self, method, url, *args, **options)
        given = bound.arguments
        given["self"] = pool = pool_class(HERE, lead.port, timeout=self.timeout, retries=self.retries)
        pool.errnorm_host = host  # for its own retries, which come by here again
        headers = {**(given.get("headers") or self.headers), TICKET: lead.ticket}
        given["headers"] = headers if any(name.lower() == "host" for name in headers) else {**headers, "Host": host}
        given["assert_same_host"] = False
        if lead.hangs:
            given["timeout"] = _hasty(pool._get_timeout(given.get("timeout", self.timeout)))  # noqa: SLF001 - or guess
        return original(*bound.args, **bound.kwargs)

    return urlopen


def _meant_by_urllib3(pool: Any, url: str) -> tuple[str, str]:
    """The host and path of a request, which behind a proxy is written as a whole url."""
    from urllib.parse import urlsplit

    split = urlsplit(url)
    return split.hostname or getattr(pool, "errnorm_host", None) or pool.host, split.path or "/"


def _hasty(timeout: Any) -> Any:
    numbers = [each for each in (timeout.total, timeout.read_timeout) if isinstance(each, int | float)]
    return type(timeout)(connect=5, read=_soon(numbers))


def _aiohttp(original: Original, module: Any) -> Original:
    @wraps(original)
    async def connect(self: Any, req: Any, traces: Any, timeout: Any) -> Any:  # noqa: ASYNC109 - its own
        if (lead := _lead(req.url.raw_host or "", req.method, req.url.raw_path_qs)) is None:
            return await original(self, req, traces, timeout)
        patience = _soon(timeout.sock_read or timeout.total) if lead.hangs else None
        req.headers[TICKET] = lead.ticket
        led = copy(req)
        led.url, led.proxy, led.server_hostname = req.url.with_scheme("http"), None, None
        connector = module.TCPConnector(resolver=_Resolver(lead.port), force_close=True, use_dns_cache=False)
        connection = await original(connector, led, traces, timeout)
        if patience is not None:
            _make_hasty(connection.protocol, patience)
        return connection

    return connect


class _Resolver:
    """Finds every host here, at one port."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:  # noqa: ARG002
        found = {"hostname": host, "host": HERE, "port": self._port}
        return [{**found, "family": socket.AF_INET, "proto": 0, "flags": socket.AI_NUMERICHOST}]

    async def close(self) -> None:
        """Nothing was opened."""


def _make_hasty(protocol: Any, patience: float) -> None:
    set_response_params = protocol.set_response_params
    protocol.set_response_params = lambda **given: set_response_params(**given | {"read_timeout": patience})


def _unhurried(original: Original, _module: Any) -> Original:
    """Nobody waits for a turn with a vendor that somebody stands in for, nor keeps off because that one said so."""

    @wraps(original)
    def turn(self: Any, profile: Profile, operation: str | None, account: str) -> Any:
        if any(fake.profile.name == profile.name for fake in _fakes):
            return None
        return original(self, profile, operation, account)

    return turn


class _Meeting(NamedTuple):
    """Where the requests of a client come by: a method, and what makes another of it."""

    module: str
    owner: str
    method: str
    make: Callable[[Original, Any], Original]


_MEETINGS = (
    _Meeting("httpcore", "ConnectionPool", "handle_request", _httpcore),  # of httpx
    _Meeting("httpcore", "AsyncConnectionPool", "handle_async_request", _httpcore_async),
    _Meeting("httpcore2", "ConnectionPool", "handle_request", _httpcore),  # of httpx2
    _Meeting("httpcore2", "AsyncConnectionPool", "handle_async_request", _httpcore_async),
    _Meeting("urllib3.connectionpool", "HTTPConnectionPool", "urlopen", _urllib3),  # of requests
    _Meeting("urllib3._async.connectionpool", "AsyncHTTPConnectionPool", "urlopen", _urllib3_async),  # of niquests
    _Meeting("urllib3_future.connectionpool", "HTTPConnectionPool", "urlopen", _urllib3),
    _Meeting("urllib3_future._async.connectionpool", "AsyncHTTPConnectionPool", "urlopen", _urllib3_async),
    _Meeting("aiohttp.connector", "BaseConnector", "connect", _aiohttp),
    _Meeting("errnorm.throttle", "Throttle", "turn", _unhurried),
)


def _meet() -> list[Restore]:
    """Puts itself in the way of every client that is installed, for one that is imported later must not slip by."""
    restores: list[Restore] = []
    for name, owner, method, make in _MEETINGS:
        with suppress(ImportError):
            module = importlib.import_module(name)
            cls = getattr(module, owner)
            restores.append((cls, method, vars(cls)[method]))
            # by the class: what somebody put around it (wrapt, say) is called so, and not as it lies there
            setattr(cls, method, make(getattr(cls, method), module))
    return restores
