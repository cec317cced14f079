"""A call's turn at a vendor whose limits are known: waited for, given up where that takes too long, settled after."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from errnorm import listening
from errnorm.calling.steps import Leave, Sleep, Step, Take
from errnorm.families import FAMILIES, Family, Verdict, WaitSource, response_status_of
from errnorm.model import CanonicalError, RetryAdvice, VendorError
from errnorm.throttle import ThrottleClosed

if TYPE_CHECKING:
    from errnorm.throttle import Turn

T = TypeVar("T")
_SLACK_S = 0.5  # a sleep may end late, and whoever waited for his turn shall not lose it by that
_OWN_WAITS = (WaitSource.HEADER, WaitSource.BODY)


def turned_away(
    turn: Turn, vendor: str, operation: str | None = None, method: str | None = None
) -> Generator[Step, Any, VendorError | None]:
    """Waits for a turn. None once it has come, else what to raise instead of the call, its place given up."""
    since, failure = monotonic(), None
    try:
        while (wait := (yield Take(turn))) > 0:
            if monotonic() + wait > since + turn.max_wait + _SLACK_S:
                yield Leave(turn)
                failure = VendorError(_throttled(vendor, operation, method, wait))
                break
            yield Sleep(min(wait, turn.nap))
    except ThrottleClosed as closed:
        failure = VendorError(_throttled(vendor, operation, method, None))
        failure.__cause__ = closed
    if listening.listeners:
        waited = monotonic() - since
        listening.tell(listening.Waited(vendor, operation, waited, "refused" if failure else "admitted"))
    return failure


def held(turn: Turn, flow: Generator[Step, Any, T]) -> Generator[Step, Any, T]:
    """A flow with a turn, which is given up where anything is raised: a cancelled call keeps nobody waiting."""
    try:
        return (yield from flow)
    except GeneratorExit:
        raise  # whoever held it can do nothing more; what it holds runs out
    except BaseException:
        with suppress(Exception):
            yield Leave(turn)
        raise


def pause_of(failure: VendorError | None) -> float | None:
    """For how many seconds nobody shall call, for the vendor asked one caller to wait; None: no need."""
    if failure is None or failure.error.vendor_status is None:
        return None
    family, retry = failure.error.family, failure.error.retry
    if family is Family.RATE_LIMIT or (family is Family.UNAVAILABLE and retry.source in _OWN_WAITS):
        return retry.after_s
    return None


def _throttled(vendor: str, operation: str | None, method: str | None, wait: float | None) -> CanonicalError:
    """A call that was not made, for it would have had to wait for so many seconds; None: nobody knows for how many."""
    family = Family.RATE_LIMIT
    fault, action = FAMILIES[family].fault, FAMILIES[family].action
    return CanonicalError(
        vendor=vendor,
        operation=operation,
        method=method and method.upper(),
        family=family,
        reason="THROTTLED",
        fault=fault,
        action=action,
        retry=RetryAdvice(Verdict.SAFE, wait, WaitSource.PROFILE if wait else WaitSource.DEFAULT),
        sent=False,
        response_status=response_status_of(family, fault, action),
    )
