"""The one place that decides: a row of a profile, or none, to what a failure means and what helps."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from errnorm.families import FAMILIES, Action, Family, Fault, WaitSource, family_of, response_status_of, verdict_of
from errnorm.model import RetryAdvice
from errnorm.vendors.profile import Then


class Ruling(NamedTuple):
    """What follows from a row and a status, before anybody looked for a wait."""

    family: Family
    reason: str
    fault: Fault
    action: Action
    retry: RetryAdvice
    response_status: int


@lru_cache(maxsize=16_384)
def ruling(then: Then | None, status: int | None, idempotent: bool) -> Ruling:
    """What a row says, completed by its family's defaults; the family by the status where the row names none."""
    row = then or _NOTHING
    family = row.family or family_of(status)
    defaults = FAMILIES[family]
    fault = row.fault or defaults.fault
    action = row.action or (defaults.user_action if fault is Fault.USER else defaults.action)
    verdict = row.retry or verdict_of(family, None if row.family else status, "GET" if idempotent else None)
    advice = RetryAdvice(verdict, row.wait, WaitSource.DEFAULT if row.wait is None else WaitSource.PROFILE, row.reroute)
    answer = row.response_status or response_status_of(family, fault, action, status)
    return Ruling(family, row.reason or family.value.upper(), fault, action, advice, answer)


_NOTHING = Then()
