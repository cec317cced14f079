"""The law of repeating: whether a failed call may be made again, after how long, and what the process can afford."""

from __future__ import annotations

import math
import threading
from typing import TypedDict

import msgspec

from errnorm import attempts
from errnorm.families import Family, Verdict
from errnorm.model import CanonicalError

# As in botocore's standard mode: a process repeats about a hundred calls to a vendor that is down, then none.
TOKENS = 500
_COST, _TIMEOUT_COST = 5, 10


class Budget:
    """What repeats a process can still afford, by vendor: each takes tokens, and success gives them back.

    So a vendor that is down is not called several times as often as one that is well.
    """

    def __init__(self) -> None:
        self._missing: dict[str | None, int] = {}  # nothing of a vendor that is well
        self._lock = threading.Lock()

    def take(self, vendor: str | None, cost: int) -> bool:
        """Whether there was enough left; if so it is taken."""
        with self._lock:
            missing = self._missing.get(vendor, 0) + cost
            if missing > TOKENS:
                return False
            self._missing[vendor] = missing
            return True

    def give(self, vendor: str | None, tokens: int) -> None:
        """Gives back; there is never more than TOKENS."""
        if vendor not in self._missing:
            return
        with self._lock:
            self._missing[vendor] = max(0, self._missing.get(vendor, 0) - tokens)

    def left(self, vendor: str | None) -> int:
        """The tokens that are left for a vendor."""
        return TOKENS - self._missing.get(vendor, 0)

    def refill(self) -> None:
        """All of it again, for tests."""
        with self._lock:
            self._missing.clear()


BUDGET = Budget()  # the process's own


def cost_of(error: CanonicalError) -> int:
    """What a repeat after this failure takes from a budget: a timeout has cost everybody more."""
    return _TIMEOUT_COST if error.family is Family.TIMEOUT else _COST


def note(vendor: str | None, error: CanonicalError | None, *, repeatable: bool) -> None:
    """What became of a request; doors tell it once for each that they sent.

    `error` is None where it went well. `repeatable`: its method is idempotent, or it carried the vendor's key.
    """
    call = attempts.current()
    if error is None:
        BUDGET.give(vendor, (call.refund() if call else 0) or 1)
    if call is not None and not repeatable and (error is None or error.retry.verdict is Verdict.IF_IDEMPOTENT):
        call.commit()


class Settings(TypedDict, total=False):
    """The fields of Backoff, as arguments."""

    attempts: int
    timeout: float
    max_wait: float
    base: float
    throttled_base: float
    cap: float
    idempotent: bool
    budget: bool


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """How patient an app is with a failing vendor; times are seconds.

    At most `attempts`, the first included, of which none begins later than `timeout` after the first. A wait is what
    the vendor asks, and on top of it full jitter under a bound that doubles from `base` (`throttled_base` where the
    vendor said that it was too much) to `cap`. No wait is longer than `max_wait`: who is asked for more gives up.

    `idempotent` is the app's word that the whole call may be made twice, whatever it sends. Without `budget` the call
    does not count in the process's budget of repeats. Raises ValueError where a value cannot be meant.
    """

    attempts: int = 4
    timeout: float = 45.0
    max_wait: float = 35.0
    base: float = 0.5
    throttled_base: float = 2.0
    cap: float = 20.0
    idempotent: bool = False
    budget: bool = True

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value, least = getattr(self, name), 1 if name == "attempts" else 0
            if not isinstance(value, int | float) or not value >= least:
                raise ValueError(f"{name}: must be a number of at least {least}, not {value!r}")

    def permits(self, error: CanonicalError) -> bool:
        """Whether the same request may be sent again at all."""
        verdict = error.retry.verdict
        return verdict is Verdict.SAFE or (self.idempotent and verdict is Verdict.IF_IDEMPOTENT)

    def wait(
        self, error: CanonicalError, attempt: int, left: float = math.inf, budget: Budget = BUDGET
    ) -> float | None:
        """Seconds to wait after `attempt` attempts, or None: give up. What is affordable is taken from the budget.

        `left` is how many seconds of `timeout` there are.
        """
        most = min(self.max_wait, left)
        if attempt >= self.attempts or left <= 0 or not _asked(error) <= most or not self.permits(error):
            return None
        if self.budget and not budget.take(error.vendor, cost_of(error)):
            return None
        return self.pause(error, attempt, most)

    def pause(self, error: CanonicalError, attempt: int, most: float | None = None) -> float:
        """Seconds to wait where it is settled that there is another attempt; at `most` so many, else `max_wait`."""
        most = self.max_wait if most is None else most
        base = self.throttled_base if error.family is Family.RATE_LIMIT else self.base
        room = max(0.0, min(self.cap, most - _asked(error)))
        return min(error.retry.wait(attempt, base_s=base, cap_s=room), most)


def _asked(error: CanonicalError) -> float:
    return max(error.retry.after_s or 0.0, 0.0)
