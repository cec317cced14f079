"""Whether a failed attempt is followed by another, and after how long."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import NamedTuple

from errnorm import attempts, listening
from errnorm.answering import default
from errnorm.attempts import Call
from errnorm.backoff import Backoff, cost_of
from errnorm.mishaps import complain
from errnorm.model import CanonicalError


class Decision(NamedTuple):
    """To call again, in so many seconds, because of this error."""

    seconds: float
    error: CanonicalError


def decide(
    raised: BaseException, backoff: Backoff, attempt: int, left: float = math.inf, *, own: bool = False
) -> Decision | None:
    """The judgement on a failed attempt, of which the call takes note. None: give up. Never raises.

    How far back another loop than our `own` reaches is not known. So it repeats nothing where requests before the
    failed one got keys: what comes next might get a key of theirs.
    """
    running = attempts.current()
    if running is None:
        return judge(raised, backoff, attempt, left)
    if not own and running.keys.count and not _alone(running, raised):
        return None
    if running.looped and not own:  # a loop within an attempt of ours
        return judge(raised, backoff, attempt, left)
    decision = judge(raised, backoff, attempt, min(left, running.started + backoff.timeout - time.monotonic()))
    if decision is not None:
        running.again()
        running.cost = cost_of(decision.error)
        running.failed, running.idempotent = decision.error, backoff.idempotent
        running.rerouted |= decision.error.retry.reroute
    return decision


def _alone(running: Call, raised: BaseException) -> bool:
    """Whether the failed request is the only one that got a key in this attempt."""
    error = error_of(raised)
    return not running.looped and running.keys.count == 1 and error is not None and running.keyed(error)


def judge(raised: BaseException, backoff: Backoff, attempt: int, left: float = math.inf) -> Decision | None:
    """None: give up. Never raises."""
    try:
        error = _decisive(raised, backoff)
        decision = None if error is None else _judged(error, backoff, attempt, left)
        if listening.listeners and error is not None:
            _tell(error, decision, needed=attempt > 1 or backoff.permits(error))
        return decision
    except Exception:  # noqa: BLE001 - a hook must not raise
        complain("deciding on another attempt failed; there is none")
        return None


def _judged(error: CanonicalError, backoff: Backoff, attempt: int, left: float) -> Decision | None:
    running = attempts.current()
    if running is not None:
        if running.committed and not backoff.idempotent:
            return None
        left = min(left, running.deadline - time.monotonic())
    seconds = backoff.wait(error, attempt, left)
    return None if seconds is None else Decision(seconds, error)


def _tell(error: CanonicalError, decision: Decision | None, *, needed: bool) -> None:
    """Tells what was decided, where another attempt was `needed`."""
    if decision is not None:
        listening.tell(listening.Retried(error, "again"))
    elif needed:
        listening.tell(listening.Retried(error, "gave_up"))


def _decisive(raised: BaseException, backoff: Backoff) -> CanonicalError | None:
    """The error to go by, None where one is no vendor's failure: of a group's what must not be repeated, else what
    asks for the longest wait.
    """
    errors: list[CanonicalError] = []
    for leaf in _leaves(raised):
        if (error := default().normalize(leaf)) is None:
            return None
        errors.append(error)
    return max(errors, key=lambda error: (not backoff.permits(error), error.retry.after_s or 0.0))


def _leaves(raised: BaseException) -> Iterator[BaseException]:
    if isinstance(raised, BaseExceptionGroup):
        for each in raised.exceptions:
            yield from _leaves(each)
    else:
        yield raised


def error_of(raised: BaseException) -> CanonicalError | None:
    """The vendor's failure that an exception tells of. Never raises."""
    try:
        return default().normalize(raised)
    except Exception:  # noqa: BLE001 - a hook must not raise
        complain("recognising a failure failed")
        return None


def number_of_attempt() -> int | None:
    """Which attempt is running of the call around another loop than ours."""
    running = attempts.current()
    return None if running is None or running.looped else running.number
