"""A credential that a vendor refused, renewed once for all calls that wait for it: threads, tasks, or both."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Generator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from functools import lru_cache
from inspect import isawaitable, iscoroutinefunction
from typing import Any, NamedTuple

from errnorm import loops
from errnorm.calling.sealed import Headers

Refresh = Callable[[], Mapping[str, str]] | Callable[[], Awaitable[Mapping[str, str]]]

_KEYS = 64  # whose successors are known; one that is forgotten costs a refusal
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

    Keys are known by fingerprints, so that a successor is never sent for another key than the one it succeeds.
    """

    def __init__(self, ask: Refresh) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._known: OrderedDict[str | None, Renewed] = OrderedDict()
        self._flights: dict[str | None, Future[_Landing]] = {}

    def latest(self, key: str | None) -> Renewed | None:
        """What stands for a key now; None where this call is one of the callable's own, which renews nothing."""
        return None if self in _renewing.get() else self._known.get(key) or Renewed(0, Headers())

    def renew(self, key: str | None, seen: Renewed) -> Headers:
        """The headers with the successor of what was `seen` refused. Raises what the callable raises, once."""
        while (flight := self._board(key, seen)) is not None:
            if flight.leads:
                with self._flying(key, flight.ended, seen) as found:
                    found.append(_checked(self._ask()))
            else:
                _landed(flight.ended.result())
        return self._known[key].headers

    async def arenew(self, key: str | None, seen: Renewed) -> Headers:
        """The same for a task; the callable may be a plain one all the same."""
        while (flight := self._board(key, seen)) is not None:
            if flight.leads:
                with self._flying(key, flight.ended, seen) as found:
                    found.append(await _awaited(self._ask()))
            else:
                _landed(await loops.landed(flight.ended))
        return self._known[key].headers

    def _board(self, key: str | None, seen: Renewed) -> _Flight | None:
        """The renewal to lead or to wait for; None where the key was renewed since."""
        with self._lock:
            known = self._known.get(key)
            if known is not None and known.times > seen.times:
                return None
            if (ended := self._flights.get(key)) is not None:
                return _Flight(ended, leads=False)
            self._flights[key] = ended = Future()
            ended.set_running_or_notify_cancel()  # those who wait no longer cannot cancel it
            return _Flight(ended, leads=True)

    @contextmanager
    def _flying(self, key: str | None, ended: Future[_Landing], seen: Renewed) -> Generator[list[Headers]]:
        found: list[Headers] = []
        landing, token = _Landing.LEFT, _renewing.set((*_renewing.get(), self))
        try:
            yield found
            landing = _Landing.RENEWED
        except Exception:
            landing = _Landing.FAILED
            raise
        finally:
            _renewing.reset(token)
            with self._lock:
                del self._flights[key]
                if landing is _Landing.RENEWED:
                    self._known[key] = Renewed(seen.times + 1, found[0])
                    self._known.move_to_end(key)
                if len(self._known) > _KEYS:
                    self._known.popitem(last=False)
            ended.set_result(landing)


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


async def _awaited(answer: Any) -> Headers:
    return _checked(await answer if isawaitable(answer) else answer)


def _checked(headers: Any) -> Headers:
    if isinstance(headers, Mapping):
        return Headers({str(name): str(value) for name, value in headers.items()})
    if isawaitable(headers):
        getattr(headers, "close", lambda: None)()
    raise TypeError(f"refresh: must return a mapping of headers, not {type(headers).__name__}")


def _landed(landing: _Landing) -> None:
    if landing is _Landing.FAILED:
        raise RefreshError("the refresh that this call waited for failed")
