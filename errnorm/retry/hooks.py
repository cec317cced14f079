"""The law as other people's loops ask for it: stamina's, tenacity's, a queue's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack, cast, overload

from errnorm import attempts, listening
from errnorm.backoff import Backoff, Settings
from errnorm.retry.deciding import decide, error_of, judge, number_of_attempt

if TYPE_CHECKING:
    from tenacity import RetryCallState

Subject = TypeVar("Subject")
Decision = TypeVar("Decision")

_QUEUE = Settings(max_wait=3_600.0, cap=600.0)  # waiting costs a queue nothing


class _Law(Generic[Subject, Decision]):
    """A decision as a library asks for it: on a failure at once, or, given settings, what decides by them."""

    def __init__(self, decide: Callable[[Subject, Backoff], Decision]) -> None:
        self._decide = decide
        update_wrapper(self, decide)

    @overload
    def __call__(self, subject: Subject, /) -> Decision: ...
    @overload
    def __call__(self, /, **settings: Unpack[Settings]) -> Callable[[Subject], Decision]: ...
    def __call__(
        self, subject: Subject | None = None, /, **settings: Unpack[Settings]
    ) -> Decision | Callable[[Subject], Decision]:
        backoff = Backoff(**settings)
        if subject is not None:
            return self._decide(subject, backoff)
        return partial(cast("Any", self._decide), backoff=backoff)


@_Law
def backoff_hook(raised: Exception, backoff: Backoff) -> bool | float:
    """For `stamina.retry(on=backoff_hook(...))`: False, or the seconds to wait.

    Outside of a `call` a hook knows no attempt but this: True, which leaves growth, jitter and end to stamina, unless
    the vendor names a wait.
    """
    number = number_of_attempt()
    decision = decide(raised, backoff, number or 1, backoff.timeout)
    if decision is None:
        return False
    return decision.seconds if number or decision.error.retry.after_s is not None else True


@_Law
def tenacity_retry(state: RetryCallState, backoff: Backoff) -> bool:
    """For `tenacity.retry(retry=tenacity_retry(...), wait=tenacity_wait)`; no `stop=` is needed."""
    raised = state.outcome.exception() if state.outcome is not None else None
    if raised is None:
        if listening.listeners and attempts.current() is None and (failed := getattr(state, "errnorm_failed", None)):
            listening.tell(listening.Retried(failed, "recovered"))
        return False
    decision = decide(raised, backoff, state.attempt_number, backoff.timeout - (state.seconds_since_start or 0.0))
    if decision is None:
        return False
    state.errnorm_wait = (state.attempt_number, decision.seconds)  # type: ignore[attr-defined]
    state.errnorm_failed = decision.error  # type: ignore[attr-defined]
    return True


@_Law
def tenacity_wait(state: RetryCallState, backoff: Backoff) -> float:
    """The seconds that `tenacity_retry` decided on; beside another `retry=`, those for a vendor's failure."""
    attempt, seconds = getattr(state, "errnorm_wait", (0, 0.0))
    if attempt == state.attempt_number:
        return float(seconds)
    raised = state.outcome.exception() if state.outcome is not None else None
    error = None if raised is None else error_of(raised)
    return 0.0 if error is None else backoff.pause(error, state.attempt_number)


def countdown(raised: BaseException, retries: int = 0, **settings: Unpack[Settings]) -> float | None:
    """Seconds until a task may run again that has been repeated `retries` times, None if it must not.

    For Celery: `raise self.retry(exc=raised, countdown=seconds)`. Waits may be longer than elsewhere (`max_wait` is an
    hour, `cap` ten minutes), and `timeout` says nothing.
    """
    running = attempts.current()
    if running is not None:
        running.end(raised)  # the next run sends other keys, unless the call has a key of its own
    decision = judge(raised, Backoff(**(_QUEUE | settings)), retries + 1)
    return None if decision is None else decision.seconds
