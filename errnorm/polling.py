"""Waiting for a vendor's work: a webhook's word wakes the waiter, polling is for words that never come.

    job = errnorm.polling.Job("phrase-tms", key=job_id, deadline=600)
    outcome = job.wait(check, done=lambda response: response.json()["status"] == "COMPLETED")

and in the view that the vendor's webhook calls:

    errnorm.polling.wake(job_id, at=event["timestamp"], vendor="phrase-tms")
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Generic, NamedTuple, TypeVar

from errnorm import listening
from errnorm.answering import Normalizer, chosen
from errnorm.calling.driving import drive, drive_async
from errnorm.calling.steps import Sleep
from errnorm.families import Action, Family, Fault, Verdict, WaitSource, response_status_of
from errnorm.model import CanonicalError, RetryAdvice, VendorError
from errnorm.reading.clients import response_of
from errnorm.settings import SettingsError
from errnorm.vendors import registry
from errnorm.waking import WakeUp, board_at, measured, named, wake, wake_async

__all__ = ["Job", "Outcome", "wake", "wake_async"]

R = TypeVar("R")
GROWTH: Final = 1.5
_LATE: Final = "JOB_DEADLINE_EXCEEDED"


class Poll(NamedTuple):
    """Ask once how far it is; comes back with the response."""


class Listen(NamedTuple):
    """Wait for a wake-up at most so long; comes back with it, or None. With 0.0: take the one that is there."""

    seconds: float


Step = Poll | Sleep | Listen  # who sleeps leaves wake-ups where they are


@dataclass(frozen=True, slots=True)
class Outcome(Generic[R]):
    """How the waiting went, and the response that told that the work is done.

    `lag_s` is from the event by the vendor's clock (from its webhook, where it gave no time) until the response was in;
    None where no webhook came, 0.0 at least. `skew_s` is how far ahead of ours the vendor's clock was then.
    """

    response: R = field(repr=False)
    polls: int
    woken: int
    waited_s: float
    lag_s: float | None
    skew_s: float


Flow = Generator[Step, Any, Outcome[R]]


class Job:
    """Work that a vendor does in its own time: how long, and how often, to ask for it. Shared by threads and tasks.

    `key` is what its webhook calls it; `deadline` the seconds after which nobody waits any more. Without a wake-up the
    pauses between polls grow from `first` seconds to `longest`, the upper half of each by chance. `redis` is the url of
    one through which webhooks in other processes wake this one; they name the same. Raises SettingsError, and
    UnknownVendorError.
    """

    def __init__(
        self,
        vendor: str | None = None,
        *,
        key: str | int,
        deadline: float,
        operation: str | None = None,
        first: float = 1.0,
        longest: float = 60.0,
        redis: str | None = None,
        normalizer: Normalizer | None = None,
    ) -> None:
        self.vendor = registry.get(vendor).name if vendor is not None else None
        self.key = str(key)
        self._name = named(key)
        self.operation = operation
        self.deadline = _seconds(deadline, "deadline")
        self.first = _seconds(first, "first")
        self.longest = _seconds(longest, "longest")
        if self.first > self.longest:
            raise SettingsError(f"first: must not be above longest ({longest:g} s), not {first:g}")
        self._wake_ups = board_at(redis)
        self._normalizer = chosen(normalizer)

    def wait(self, check: Callable[[], R], done: Callable[[R], object]) -> Outcome[R]:
        """Asks `check()` for a response until it is `done(response)`; blocks the thread.

        A response or an exception that tells of a failure ends it as a VendorError, unless the same may succeed later:
        then the vendor is asked again, not before it likes. What else the app's own two raise rises as it is. When the
        deadline passes, VendorError with the reason JOB_DEADLINE_EXCEEDED; a poll under way is its client's to bound.
        """

        def perform(step: Poll | Listen) -> object:
            return check() if isinstance(step, Poll) else self._wake_ups.listen(self._name, step.seconds)

        return drive(self.flow(done), perform)

    async def wait_async(self, check: Callable[[], Awaitable[R]], done: Callable[[R], object]) -> Outcome[R]:
        """The same with `await check()`, under asyncio or trio; a cancellation ends it at once."""

        def perform(step: Poll | Listen) -> Awaitable[object]:
            return check() if isinstance(step, Poll) else self._wake_ups.listen_async(self._name, step.seconds)

        return await drive_async(self.flow(done), perform)

    def flow(
        self,
        done: Callable[[R], object],
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> Flow[R]:
        """The law without I/O: one poll at a time, what the vendor asks honoured, each wake-up followed by a poll."""
        course = self._course(done, clock, now)
        return self._timed(course, clock) if listening.listeners else course

    def _timed(self, course: Flow[R], clock: Callable[[], float]) -> Flow[R]:
        """The same, and whoever listens is told how it ended."""
        started, ended = clock(), partial(listening.Polled, self.vendor, self.operation)
        try:
            outcome = yield from course
        except VendorError as failure:
            late = failure.error.reason == _LATE
            listening.tell(ended(clock() - started, "deadline" if late else "failed"))
            raise
        listening.tell(ended(outcome.waited_s, "done"))
        return outcome

    def _course(self, done: Callable[[R], object], clock: Callable[[], float], now: Callable[[], float]) -> Flow[R]:
        started = clock()
        ends = started + self.deadline
        heard: WakeUp | None = yield Listen(0.0)
        self._measure(heard)
        polls, woken, step, last = 0, int(heard is not None), self.first, False
        while True:
            polls += 1
            response, error = yield from self._poll()
            if error is None and done(response):
                return Outcome(response, polls, woken, clock() - started, *_lag(heard, now()))
            advice = self._advice(response, error)
            asked, left = advice.after_s or 0.0, ends - clock()
            if last or left <= 0 or (error is not None and asked >= left):
                raise self._late(error, advice)
            pause = min(max(asked, step / 2) + _chance(step / 2), left)
            again = clock() + pause
            yield Sleep(min(max(asked if error else 0.0, self.first / 2), left))
            word: WakeUp | None = yield Listen(max(0.0, again - clock()))
            if word is None and asked > left:
                raise self._late(error, advice)
            last = word is None and pause == left  # to the very second no clock is exact
            step = self.first if word else min(step * GROWTH, self.longest)
            woken += word is not None
            self._measure(word)
            heard = word or (heard if error else None)  # what a failed poll did not see is still to be looked at

    def _measure(self, heard: WakeUp | None) -> None:
        """Where the webhook's view did not."""
        if heard is not None:
            measured(heard, self.vendor, self.operation)

    def _poll(self) -> Generator[Step, Any, tuple[Any, CanonicalError | None]]:
        """One poll: what came, and the failure that it tells of where the same may succeed later. Raises others."""
        try:
            response = yield Poll()
        except VendorError as failure:
            if failure.error.retry.retryable:
                return None, failure.error
            raise
        except Exception as raised:
            if (error := self._judged(raised)) is None:
                raise
            if error.retry.retryable:
                return None, error
            raise VendorError(error) from raised
        error = self._judged(response)
        if error is not None and not error.retry.retryable:
            raise VendorError(error)
        return response, error

    def _judged(self, source: object) -> CanonicalError | None:
        return self._normalizer.normalize(source, vendor=self.vendor, operation=self.operation)

    def _advice(self, response: object, error: CanonicalError | None) -> RetryAdvice:
        """The wait that the vendor asks for: after a failure, or with the word that the work goes on."""
        if error is not None:
            return error.retry
        if (known := response_of(response)) is None:
            return RetryAdvice()
        advice = self._normalizer.parse(
            known.body, status=known.status, headers=known.headers, vendor=self.vendor, url=known.url
        ).retry
        return advice if advice.source in (WaitSource.HEADER, WaitSource.BODY) else RetryAdvice()

    def _late(self, error: CanonicalError | None, advice: RetryAdvice) -> VendorError:
        """The deadline has passed, or will before the vendor likes to be asked again; `error` is of the last poll.

        The work may go on, or be done: to order it once more is for those only whom a second one does not harm.
        """
        return VendorError(
            CanonicalError(
                vendor=self.vendor or (error.vendor if error else None),
                operation=self.operation,
                family=Family.TIMEOUT,
                reason=_LATE,
                fault=Fault.VENDOR,
                action=Action.WAIT,
                retry=RetryAdvice(Verdict.IF_IDEMPOTENT, advice.after_s, advice.source),
                sent=True,
                response_status=response_status_of(Family.TIMEOUT, Fault.VENDOR, Action.WAIT),
                others=(error.replace(others=()),) if error else (),
            )
        )


def _lag(heard: WakeUp | None, now: float) -> tuple[float | None, float]:
    """From the event until now, and how far ahead its clock is: no event is later than its own webhook."""
    if heard is None:
        return None, 0.0
    event = heard.came if heard.at is None else min(heard.at, heard.came)
    return max(0.0, now - event), max(0.0, (heard.at or 0.0) - heard.came)


def _chance(seconds: float) -> float:
    import random  # slow to import, and few processes wait

    return random.uniform(0.0, seconds)  # noqa: S311 - no secret


def _seconds(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise SettingsError(f"{name}: must be a number of seconds above 0, not {value!r}")
    return float(value)
