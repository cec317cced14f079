"""Who wants to know what happens between an app and its vendors, and is told as it happens.

While nobody listens nothing is made for anybody: whoever has something to tell asks for `listeners` first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Generator
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from errnorm.mishaps import complain
from errnorm.model import CanonicalError, VendorError
from errnorm.vendors.profile import Limit, Profile


class Asked(msgspec.Struct, frozen=True):
    """A request sets out through a door, each attempt by itself; `hosts` are the app's own names for a vendor's."""

    profile: Profile | None
    operation: str | None
    method: str
    url: str
    client: object = None
    hosts: Collection[str] = ()

    def __repr__(self) -> str:
        """Without the url, which may hold a key."""
        return f"Asked({self.profile and self.profile.name!r}, {self.operation!r}, {self.method!r})"


class Ended(msgspec.Struct, frozen=True):
    """It is over, after `seconds`: with an answer of some status, a failure, both, or neither.

    Neither is one that was cancelled, or met a bug of the app's or the client's.
    """

    asked: Asked
    seconds: float
    status: int | None = None
    failure: VendorError | None = None


class Noted(msgspec.Struct, frozen=True):
    """A failure was answered or logged, once however far it climbed."""

    error: CanonicalError
    occurrence_id: str


class Retried(msgspec.Struct, frozen=True):
    """A further attempt was decided on because of an error, or it was the last: the call is well again, or given up."""

    error: CanonicalError
    outcome: Literal["again", "recovered", "gave_up"]


class Waited(msgspec.Struct, frozen=True):
    """A request waited for its turn."""

    vendor: str
    operation: str | None
    seconds: float
    outcome: Literal["admitted", "refused"]


class Left(msgspec.Struct, frozen=True):
    """An answer said how much is left of a limit; None: of one that the profile does not know."""

    profile: Profile
    limit: Limit | None
    remaining: int


class Polled(msgspec.Struct, frozen=True):
    """The waiting for a vendor's job has ended."""

    vendor: str | None
    operation: str | None
    seconds: float
    outcome: Literal["done", "failed", "deadline"]


class Lagged(msgspec.Struct, frozen=True):
    """A webhook came so many seconds after its event, by the vendor's clock."""

    vendor: str | None
    operation: str | None
    seconds: float


Event = Asked | Ended | Noted | Retried | Waited | Left | Polled | Lagged
# Told of Asked a listener may give back whom to tell of its end, in the same context: a span lasts that long.
Listener = Callable[[Any], Callable[[Ended], object] | None]


class Came(Protocol):
    """What came of a request."""

    @property
    def answer(self) -> Any: ...
    @property
    def failure(self) -> VendorError | None: ...


T = TypeVar("T", bound=Came)

listeners: tuple[Listener, ...] = ()
_changing = threading.Lock()
_under_way: ContextVar[Asked | None] = ContextVar("errnorm_under_way", default=None)


def listen(listener: Listener) -> Callable[[], None]:
    """From now on it is told what happens, in the thread or task in which it does; until what comes back is called.

    One that fails is complained of, and harms nobody.
    """
    global listeners  # noqa: PLW0603 - to ask for it must cost next to nothing
    with _changing:
        listeners = (*listeners, listener)

    def leave() -> None:
        global listeners  # noqa: PLW0603
        with _changing:
            listeners = tuple(each for each in listeners if each is not listener)

    return leave


def tell(event: Event) -> None:
    """Tells everybody. Never raises."""
    for listener in listeners:
        _told(listener, event)


def watched(flow: Generator[Any, Any, T], asked: Asked) -> Generator[Any, Any, T]:
    """A request's flow, of whose beginning and end everybody is told; one through two doors counts once."""
    outer = _under_way.get()
    if outer is not None and (outer.method, outer.url) == (asked.method, asked.url):
        return (yield from flow)
    token = _under_way.set(asked)
    endings = [ending for listener in listeners if (ending := _told(listener, asked)) is not None]
    started, status, failure = time.monotonic(), None, None
    try:
        came = yield from flow
        failure, status = came.failure, None if came.answer is None else came.answer.status
        return came
    except VendorError as raised:  # of a door within this one
        status, failure = raised.error.vendor_status, raised
        raise
    finally:
        ended = Ended(asked, time.monotonic() - started, status, failure)
        for ending in reversed(endings):
            _told(ending, ended)
        with suppress(ValueError):  # nobody awaits us any more, and whoever clears up does it elsewhere
            _under_way.reset(token)
        del failure, ended, endings  # they may hold this frame


def _told(listener: Callable[[Any], Any], event: Event) -> Any:
    try:
        return listener(event)
    except Exception:  # noqa: BLE001 - it is somebody else's
        complain("a listener failed; what it should have counted is lost")
        return None
