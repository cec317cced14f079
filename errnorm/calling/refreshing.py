"""A credential that a vendor refused, renewed once for all calls that wait for it: threads, tasks, or both."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Generator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from enum import Enum
from functools import lru_cache
from inspect import isawaitable, iscoroutinefunction
from typing import Any, NamedTuple

from errnorm import loops
from errnorm.calling.sealed import Headers, KeyBy

Refresh = Callable[[], Mapping[str, str]] | Callable[[], Awaitable[Mapping[str, str]]]

_KEYS = 64  # whose successors are known; one that is forgotten costs a refusal
_HOMES = 1024  # where these are at home is known; after more it is learnt anew
_renewing: ContextVar[tuple[Renewal, ...]] = ContextVar("errnorm_renewing", default=())


class RefreshError(RuntimeError):
    """The credential could not be renewed; who tried it has the cause."""


class Renewed(NamedTuple):
    """What stands for a key: how often it was renewed, and the headers that carry its successor."""

    times: int
    headers: Headers


class _Landing(Enum):
    """How a renewal ended."""

    RENEWED = "the successor is known"
    FAILED = "the app's callable raised"
    LEFT = "whoever was at it was cancelled"


class _Flight(NamedTuple):
    """A renewal under way, seen from one of those who want it."""

    ended: Future[_Landing]
    leads: bool


class Renewal:
    """The app's callable, asked once for all that were refused with the same key.

    Keys are known by fingerprints, so that a successor is never sent for another key than the one it succeeds. In which
    headers they stand the callable shows by what it returns. A request that carries none of those is renewed by itself:
    nobody knows whose it is.
    """

    def __init__(self, ask: Refresh) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._names: frozenset[str] = frozenset()
        self._known: OrderedDict[str, Renewed] = OrderedDict()
        self._flights: dict[str | None, Future[_Landing]] = {}
        _all.add(self)

    def latest(self, key_by: KeyBy) -> Renewed | None:
        """What stands for a key now; None where this call is one of the callable's own, which renews nothing."""
        if self in _renewing.get():
            return None
        return self._known.get(key_by(self._names) or "") or Renewed(0, Headers())

    def renew(self, key_by: KeyBy, seen: Renewed) -> Headers:
        """The headers with the successor of what was `seen` refused. Raises what the callable raises, once."""
        while isinstance(flight := self._board(key_by, seen), _Flight):
            if flight.leads:
                with self._flying(key_by, flight.ended, seen) as found:
                    found.append(_checked(self._ask()))
                return found[0]
            _landed(flight.ended.result())
        return flight

    async def arenew(self, key_by: KeyBy, seen: Renewed) -> Headers:
        """The same for a task; the callable may be a plain one all the same."""
        while isinstance(flight := self._board(key_by, seen), _Flight):
            if flight.leads:
                with self._flying(key_by, flight.ended, seen) as found:
                    found.append(_checked(await _awaited(self._ask())))
                return found[0]
            _landed(await loops.landed(flight.ended))
        return flight

    def after_fork(self) -> None:
        """In the child: whoever had one under way, or held the lock, is not there."""
        self._lock = threading.Lock()
        self._flights.clear()

    def _board(self, key_by: KeyBy, seen: Renewed) -> _Flight | Headers:
        """The renewal to lead or to wait for; what came of it where the key was renewed since."""
        with self._lock:
            key = key_by(self._names)
            known = None if key is None else self._known.get(key)
            if known is not None and known.times > seen.times:
                return known.headers
            if (ended := self._flights.get(key)) is not None:
                return _Flight(ended, leads=False)
            ended = Future()
            ended.set_running_or_notify_cancel()  # those who wait no longer cannot cancel it
            if key is not None or not self._names:  # until they are known, two may have the same key
                self._flights[key] = ended
            return _Flight(ended, leads=True)

    @contextmanager
    def _flying(self, key_by: KeyBy, ended: Future[_Landing], seen: Renewed) -> Generator[list[Headers]]:
        found: list[Headers] = []
        landing, token = _Landing.LEFT, _renewing.set((*_renewing.get(), self))
        try:
            yield found
            landing = _Landing.RENEWED
        except Exception:
            landing = _Landing.FAILED
            raise
        finally:
            with self._lock:
                self._flights = {key: each for key, each in self._flights.items() if each is not ended}
                if landing is _Landing.RENEWED:
                    self._keep(key_by, Renewed(seen.times + 1, found[0]))
            ended.set_result(landing)
            with suppress(ValueError):  # nobody awaits us any more, and whoever clears up does it elsewhere
                _renewing.reset(token)

    def _keep(self, key_by: KeyBy, renewed: Renewed) -> None:
        self._names |= {name.lower() for name, _ in renewed.headers}
        if (key := key_by(self._names)) is None:
            return
        self._known[key] = renewed
        self._known.move_to_end(key)
        if len(self._known) > _KEYS:
            self._known.popitem(last=False)


_all: weakref.WeakSet[Renewal] = weakref.WeakSet()


def _after_fork() -> None:
    for renewal in _all:
        renewal.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Homes:
    """To which origin each key was sent first, keys by their fingerprints; a bare request is at home where any is."""

    def __init__(self) -> None:
        self._origins: dict[str | None, str] = {}

    def knows(self, key: str | None, url: str) -> bool:
        """Whether it is there that the key is at home."""
        scheme, _, rest = url.partition("://")
        origin = f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}".lower()
        first = self._origins.setdefault(None, origin)
        if key is None:
            return first == origin
        if len(self._origins) > _HOMES and key not in self._origins:
            self._origins = {None: first}
        return self._origins.setdefault(key, origin) == origin


def renewal_of(ask: Refresh, *, awaits: bool) -> Renewal:
    """The renewal by a callable of the app's; several clients with the same callable share it.

    `awaits`: the client is an asynchronous one. Raises TypeError where the callable does not suit it.
    """
    if not callable(ask):
        raise TypeError(f"refresh: a callable is wanted that returns the headers to send, not {type(ask).__name__}")
    if iscoroutinefunction(ask) and not awaits:
        raise TypeError("refresh: a plain function is wanted, for this client cannot await one")
    try:
        return _shared(ask)
    except TypeError:  # a callable object that cannot be a key
        return Renewal(ask)


_shared = lru_cache(maxsize=256)(Renewal)


async def _awaited(answer: Any) -> Any:
    return await answer if isawaitable(answer) else answer


def _checked(headers: Any) -> Headers:
    if isinstance(headers, Mapping):
        return Headers({str(name): str(value) for name, value in headers.items()})
    if isawaitable(headers):
        getattr(headers, "close", lambda: None)()
    kind = type(headers).__name__
    del headers  # they may hold the key, and frames are shown
    raise TypeError(f"refresh: must return a mapping of headers, not {kind}")


def _landed(landing: _Landing) -> None:
    if landing is _Landing.FAILED:
        raise RefreshError("the refresh that this call waited for failed")
