"""The one place that decides: a row of a profile, or none, and what a response says, to a CanonicalError."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from errnorm.families import (
    FAMILIES,
    IDEMPOTENT_METHODS,
    Action,
    Family,
    Fault,
    Verdict,
    WaitSource,
    family_of,
    response_status_of,
    verdict_of,
)
from errnorm.model import CanonicalError, FieldError, RetryAdvice
from errnorm.reading.fields import SHORT
from errnorm.reading.headers import NO_HEADERS
from errnorm.reading.paths import Find, View, leaves, text_of
from errnorm.reading.plans import Plan, Row, Wait, may_hold, plan_of
from errnorm.reading.waits import seconds
from errnorm.redaction import clean
from errnorm.vendors.profile import Profile, Then

NO_ROW = Row(None, None)
_NOTHING = Then()

# codes, message, detail, user_message ("" where there is none), fields, and the error that they were read of
Make = Callable[[Sequence[str], str, str, str, Sequence[FieldError], View], CanonicalError]


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


@lru_cache(maxsize=16_384)
def joined(then: Then, other: Then) -> Then:
    """A row that names no family, with what the other one says where it says nothing."""
    said = {key: value for key in Then.__struct_fields__ if (value := getattr(then, key)) not in (None, False)}
    return msgspec.structs.replace(other, **said)


@lru_cache(maxsize=16_384)
def maker(profile: Profile, read_by: Profile | None, kind: str, status: int | None, method: str | None) -> Make:
    """The function that makes errors of what responses of this status, with bodies of this kind, were read to say.

    All that follows from these alone is settled once. `read_by` is the profile whose paths found the facts, None where
    nothing was found.
    """
    plan = plan_of(profile)
    vendor = None if profile.dialect else profile.name
    dialect = read_by.name if read_by is not None and read_by.dialect else None
    from_vendor = not profile.speaks or kind == "empty" or kind in profile.speaks
    sent = True if from_vendor and status is not None else None
    idempotent = method in IDEMPOTENT_METHODS
    rules = [(holds, row) for when, holds, row in plan.rules if may_hold(when, status, kind)]
    by_code, by_status = plan.codes, NO_ROW if status is None else plan.statuses.get(status, NO_ROW)
    headers_tell = plan.headers_tell
    request_id = (
        plan.request_id if read_by is None or read_by is profile else (*plan.request_id, *plan_of(read_by).request_id)
    )

    def row_of(codes: Sequence[str], view: View) -> Row:
        """The first rule that holds, else the finest known code's, else the status's."""
        for holds, row in rules:
            if holds(view):
                return row
        for code in codes:
            if code in by_code:
                return by_code[code]
        return by_status

    def make(  # noqa: PLR0917 - it is called for every failure, and keywords take their time
        codes: Sequence[str],
        message: str,
        detail: str,
        user_message: str,
        fields: Sequence[FieldError],
        view: View,
    ) -> CanonicalError:
        view.codes = codes
        then, address = row_of(codes, view) if codes or rules else by_status
        if then is not None and then.family is None and by_status.then is not None:
            then = joined(then, by_status.then)
        family, reason, fault, action, advice, response_status = ruling(then, status, idempotent)
        exchange = view.exchange
        if exchange.headers is not NO_HEADERS or not headers_tell:
            action, advice = _advised(plan, family, action, advice, view)
        said = clean(message) if message else None
        return CanonicalError(
            vendor,
            dialect,
            exchange.operation,
            method,
            family,
            reason,
            fault,
            action,
            advice,
            sent,
            response_status,
            status,
            (clean(codes[0], SHORT) or None) if codes else None,
            said or None,
            (clean(detail) or None) if detail else None,
            ((said if user_message == message else clean(user_message)) or None) if user_message else None,
            _request_id(request_id, view) if request_id else None,
            tuple(fields),
            (),
            from_vendor,
            address,
            not codes or codes[0] in by_code,
        )

    return make


def _request_id(finds: tuple[Find, ...], view: View) -> str | None:
    return next((clean(text, SHORT) or None for find in finds if (text := text_of(find(view)))), None)


def _advised(plan: Plan, family: Family, action: Action, advice: RetryAdvice, view: View) -> tuple[Action, RetryAdvice]:
    """The advice with the vendor's own word on retrying, and what helps then, and the wait that the response names."""
    for find in plan.should_retry:
        if (word := text_of(find(view)).lower()) in _WORDS:
            verdict, others, instead = _WORDS[word]
            advice = RetryAdvice(verdict, advice.after_s, advice.source, advice.reroute)
            return instead if action in others else action, _waited(plan, family, advice, view)
    return action, _waited(plan, family, advice, view)


def _waited(plan: Plan, family: Family, advice: RetryAdvice, view: View) -> RetryAdvice:
    verdict = advice.verdict
    for wait in plan.waits:
        if (after := _seconds(wait, view)) is not None:
            return RetryAdvice(verdict, after, wait.source, advice.reroute)
    if plan.resets and family is Family.RATE_LIMIT and verdict is not Verdict.NEVER and advice.after_s is None:
        windows = [(after, wait.source) for wait in plan.resets if (after := _seconds(wait, view)) is not None]
        if windows:
            after, source = max(windows, key=lambda window: window[0])
            return RetryAdvice(verdict, after, source, advice.reroute)
    return advice


# A vendor's word: the verdict, and what helps instead of what contradicts it.
_WORDS: dict[str, tuple[Verdict, frozenset[Action], Action]] = {
    "true": (Verdict.SAFE, frozenset(Action) - {Action.RETRY, Action.WAIT}, Action.RETRY),
    "false": (Verdict.NEVER, frozenset({Action.RETRY, Action.WAIT}), Action.CONTACT_SUPPORT),
}


def _seconds(wait: Wait, view: View) -> float | None:
    """The first time that lies where a wait may lie."""
    date = view.exchange.headers.get("date")
    for leaf in leaves(wait.find(view)):
        if (after := seconds(text_of(leaf), unit=wait.unit, date=date)) is not None:
            return after
    return None
