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
    """A request sets out through a door, each attempt by itself; `hosts` are the app's own names for a vendor's.

    Without method and url it is a guarded block, in which a vendor is called by whatever means.
    """

    profile: Profile | None
    operation: str | None
    method: str | None = None
    url: str | None = None
    client: object = None
    hosts: Collection[str] = ()

    def __repr__(self) -> str:
        """Without the url, which may hold a key."""
        return f"Asked({self.profile and self.profile.name!r}, {self.operation!r}, {self.method!r})"


class Ended(msgspec.Struct, frozen=True):
    """It is over, after `seconds`: well, with the status of an answer or a failure, or both.

    `cut` is one that was cancelled, or met a bug of the app's or the client's; `counted` a guarded block whose calls
    were told of by themselves, by a door or a guard within.
    """

    asked: Asked
    seconds: float
    status: int | None = None
    failure: VendorError | None = None
    cut: bool = False
    counted: bool = False


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
_under_way: ContextVar[Watch | None] = ContextVar("errnorm_under_way", default=None)


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


class Watch:
    """What is under way: everybody is told of its beginning, and of its end by `end`, which is called once."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.counted = self.over = False
        self._token = _under_way.set(self)
        self._endings = [ending for listener in listeners if (ending := _told(listener, asked)) is not None]
        self._started = time.monotonic()

    def end(self, failure: VendorError | None, *, status: int | None = None, cut: bool = False) -> None:
        """See Ended; the status is the failure's unless another is given."""
        if status is None and failure is not None:
            status = failure.error.vendor_status
        ended = Ended(self.asked, time.monotonic() - self._started, status, failure, cut, self.counted)
        self.over = True  # for tasks that were begun in it
        for ending in reversed(self._endings):
            _told(ending, ended)
        with suppress(ValueError):  # nobody awaits us any more, and whoever clears up does it elsewhere
            _under_way.reset(self._token)
        del failure, ended  # they may hold this frame


def begin(asked: Asked) -> Watch | None:
    """None where it is under way already: a request through two doors counts once.

    Of guarded blocks and doors within one another the innermost counts.
    """
    outer = _under_way.get()
    if outer is not None and not outer.over:
        if outer.asked.url is None:
            outer.counted |= outer.asked.profile is asked.profile
        elif (outer.asked.method, outer.asked.url) == (asked.method, asked.url):
            return None
    return Watch(asked)


def watched(flow: Generator[Any, Any, T], asked: Asked) -> Generator[Any, Any, T]:
    """A request's flow, of whose beginning and end everybody is told."""
    if (watch := begin(asked)) is None:
        return (yield from flow)
    status, failure, cut = None, None, True
    try:
        came = yield from flow
        failure, status, cut = came.failure, None if came.answer is None else came.answer.status, False
        return came
    except VendorError as raised:  # of a door within this one
        failure, cut = raised, False
        raise
    finally:
        watch.end(failure, status=status, cut=cut)
        del failure, watch  # they may hold this frame


def _told(listener: Callable[[Any], Any], event: Event) -> Any:
    try:
        return listener(event)
    except Exception:  # noqa: BLE001 - it is somebody else's
        complain("a listener failed; what it should have counted is lost")
        return None
