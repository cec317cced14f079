"""The one place that decides: a row of a profile, or none, and what a response says, to a CanonicalError."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from errnorm.families import (
    FAMILIES,
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
from errnorm.reading.nodes import leaves, text_of
from errnorm.reading.paths import Find, View
from errnorm.reading.plans import NO_ROW, Plan, Row, Wait, plan_of
from errnorm.reading.unrolled import Make
from errnorm.reading.waits import seconds
from errnorm.redaction import clean
from errnorm.vendors import registry
from errnorm.vendors.profile import Profile, Then

_NOTHING = Then()


class Ruling(NamedTuple):
    """What follows from a row and a status, before anybody looked for a wait; and the address of the row."""

    family: Family
    reason: str
    fault: Fault
    action: Action
    retry: RetryAdvice
    response_status: int
    rule: str | None


def ruling(row: Row, by_status: Row, status: int | None, idempotent: bool) -> Ruling:
    """What a row says, completed by its family's defaults.

    Where the row names no family, by the status's row where that says more, else by the family of the status.
    """
    then = row.then or _NOTHING
    if then.family is None and by_status.then is not None:
        then = joined(then, by_status.then)
    family = then.family or family_of(status)
    defaults = FAMILIES[family]
    fault = then.fault or defaults.fault
    action = then.action or (defaults.user_action if fault is Fault.USER else defaults.action)
    verdict = then.retry or verdict_of(family, None if then.family else status, "GET" if idempotent else None)
    source = WaitSource.DEFAULT if then.wait is None else WaitSource.PROFILE
    advice = RetryAdvice(verdict, then.wait, source, then.reroute)
    answer = then.response_status or response_status_of(family, fault, action, status)
    return Ruling(family, then.reason or family.value.upper(), fault, action, advice, answer, row.address)


def joined(then: Then, other: Then) -> Then:
    """A row that names no family, with what the other one says where it says nothing."""
    said = {key: value for key in Then.__struct_fields__ if (value := getattr(then, key)) not in (None, False)}
    return msgspec.structs.replace(other, **said)


def foretold(
    profile: Profile, then: Then, status: int | None, code: str | None, operation: str | None = None
) -> CanonicalError:
    """The error that a row would make for a request that is not idempotent, as far as it can be known before."""
    family, reason, fault, action, retry, answer, _ = ruling(Row(then, None), NO_ROW, status, idempotent=False)
    return CanonicalError(
        vendor=None if profile.dialect else profile.name,
        dialect=profile.name if profile.dialect else None,
        operation=operation,
        family=family,
        reason=reason,
        fault=fault,
        action=action,
        retry=retry,
        response_status=answer,
        vendor_status=status,
        vendor_code=code,
        from_vendor=True,
    )


@lru_cache(maxsize=16_384)
def maker(profile: Profile, read_by: Profile | None, kind: str, status: int | None, idempotent: bool) -> Make:
    """The function that makes errors of what responses of this status, with bodies of this kind, were read to say.

    All that follows from these alone is settled once. `read_by` is the profile whose paths found the facts, None where
    nothing was found.
    """
    plan = plan_of(profile)
    vendor = None if profile.dialect else profile.name
    dialect = read_by.name if read_by is not None and read_by.dialect else None
    from_vendor = not profile.speaks or kind == "empty" or kind in profile.speaks
    sent = True if from_vendor and status is not None else None
    by_rule, by_code, headers_tell = plan.ruled, plan.codes, plan.headers_tell
    proxy = None if from_vendor else plan_of(registry.get(registry.PROXY))
    by_status = _row_of(status, plan, proxy)
    body_tells = plan.status if status is None or status < 400 else ()
    plans = [plan, *([plan_of(read_by)] if read_by not in (None, profile) else ()), *([proxy] if proxy else ())]
    request_id = tuple(dict.fromkeys(find for plan in plans for find in plan.request_id))
    rulings: dict[Row, Ruling] = {}

    def make(  # noqa: PLR0917 - it is called for every failure, and keywords take their time
        codes: Sequence[str],
        message: str,
        detail: str,
        user_message: str,
        fields: Sequence[FieldError],
        view: View,
    ) -> CanonicalError:
        if body_tells and (told := _status_told(body_tells, view)):
            codes = [code for code in codes if code != str(told) or code in by_code]
            as_told = maker(profile, read_by, kind, told, idempotent)
            return as_told(codes, message, detail, user_message, fields, view).replace(vendor_status=status)
        view.codes = codes
        row = by_rule(view)
        if row is None:
            row = by_status
            for known in codes:  # the finest first
                if known in by_code:
                    row = by_code[known]
                    break
        ruled = rulings.get(row)
        if ruled is None:
            ruled = rulings[row] = ruling(row, by_status, status, idempotent)
        family, reason, fault, action, advice, response_status, rule = ruled
        exchange = view.exchange
        if exchange.headers is not NO_HEADERS or not headers_tell:
            action, advice = _advised(plan, family, action, advice, view)
        said = clean(message) if message else None
        code = (clean(codes[0], SHORT) or None) if codes else None
        return CanonicalError(
            vendor,
            dialect,
            exchange.operation,
            exchange.method,
            family,
            reason,
            fault,
            action,
            advice,
            sent,
            response_status,
            status,
            code,
            said or None,
            (clean(detail) or None) if detail else None,
            ((said if user_message == message else clean(user_message)) or None) if user_message else None,
            _request_id(request_id, view) if request_id else None,
            tuple(fields),
            (),
            from_vendor,
            rule,
            code is None or codes[0] in by_code,
        )

    return make


def _row_of(status: int | None, plan: Plan, proxy: Plan | None) -> Row:
    """The row of a status; where a proxy spoke, which cannot know whose doing it was, not one that blames the user."""
    row = plan.statuses.get(status or 0, NO_ROW)
    if proxy is None or (row.then is not None and row.then.fault is not Fault.USER):
        return row
    return proxy.statuses.get(status or 0, NO_ROW)


def _status_told(finds: tuple[Find, ...], view: View) -> int | None:
    """The status of a failure that a body tells, where the response's own tells of none."""
    texts = (text_of(find(view)) for find in finds)
    return next((int(text) for text in texts if len(text) == 3 and text[0] in "45" and text.isdecimal()), None)


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
    # "at once" is no answer to a limit whose window is documented; that a service is back at once may well be
    windowed = family is Family.RATE_LIMIT and advice.after_s
    for wait in plan.waits:
        if (after := _seconds(wait, view)) is not None and (after or not windowed):
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
    node = wait.find(view)
    if node is None:
        return None
    date = view.exchange.headers.get("date")
    for leaf in leaves(node):
        if (after := seconds(text_of(leaf), unit=wait.unit, date=date)) is not None:
            return after
    return None
