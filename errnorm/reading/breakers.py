"""A circuit breaker that is open, pybreaker's or purgatory's: told by name, neither is imported."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from types import FrameType
from typing import Any, NamedTuple

from errnorm.families import FAMILIES, Family, Fault, Verdict, response_status_of
from errnorm.model import CanonicalError, RetryAdvice


class _Breaker(NamedTuple):
    """Where a breaker refuses a call, and how that place tells when it will let one through, as a Unix time.

    `only_there`: it raises nowhere else.
    """

    refuses: str
    until: Callable[[Any], float]
    only_there: bool


def _moment(time: datetime) -> float:
    """A Unix time; older versions of pybreaker write UTC without saying so."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


# pybreaker raises the same exception for the call by which it opens, and that one was made.
_BREAKERS = {
    "pybreaker.CircuitBreakerError": _Breaker(
        "before_call", lambda here: _moment(here["opened_at"] + here["timeout"]), False
    ),
    "purgatory.OpenedState": _Breaker("handle_new_request", lambda here: here["closed_at"], True),
}


def open_circuit_of(source: object, vendor: str | None, operation: str | None) -> CanonicalError | None:
    """The failure that a breaker's exception tells of; None where it is no breaker's.

    A breaker that refuses a call has sent nothing, and waiting until it lets one through helps.
    """
    names = (f"{cls.__module__.partition('.')[0]}.{cls.__name__}" for cls in type(source).__mro__)
    breaker = next((_BREAKERS[name] for name in names if name in _BREAKERS), None)
    if breaker is None or not isinstance(source, BaseException):
        return None
    frame = _raised_in(source)
    there = frame is not None and frame.f_code.co_name == breaker.refuses
    refused = there or breaker.only_there
    action = FAMILIES[Family.UNAVAILABLE].action
    return CanonicalError(
        vendor=vendor,
        operation=operation,
        family=Family.UNAVAILABLE,
        reason="CIRCUIT_OPEN",
        fault=Fault.VENDOR,
        action=action,
        retry=RetryAdvice(
            Verdict.SAFE if refused else Verdict.IF_IDEMPOTENT,
            _left(breaker, frame) if there and frame is not None else None,
        ),
        sent=False if refused else None,
        response_status=response_status_of(Family.UNAVAILABLE, Fault.VENDOR, action),
    )


def _left(breaker: _Breaker, frame: FrameType) -> float | None:
    """Seconds until the breaker lets a call through; None where a newer version of it keeps that elsewhere."""
    with suppress(Exception):
        return max(0.0, float(breaker.until(frame.f_locals) - time.time()))
    return None


def _raised_in(source: BaseException) -> FrameType | None:
    """The frame that raised an exception last."""
    trace = source.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return None if trace is None else trace.tb_frame
