"""A response and a profile to a CanonicalError: decode, find the facts, take the first row that holds, redact."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from itertools import islice

import msgspec

from errnorm.families import FAMILIES, IDEMPOTENT_METHODS, Family, Verdict, WaitSource
from errnorm.model import CanonicalError, FieldError, RetryAdvice
from errnorm.reading.bodies import Body
from errnorm.reading.headers import NO_HEADERS, Headers
from errnorm.reading.paths import Find, Node, View, leaves, text_of
from errnorm.reading.plans import SHORT, Case, Plan, Row, Wait, plan_of, words_of
from errnorm.reading.rulings import Ruling, ruling
from errnorm.reading.waits import seconds
from errnorm.redaction import clean
from errnorm.vendors.profile import Profile, Then

OTHERS = 16
CANDIDATES = 64  # errors of a body that are looked at for something that they say
_PHRASES = {str(int(status)): status.phrase for status in HTTPStatus}


class Exchange(msgspec.Struct, frozen=True, gc=False):
    """What is known of the exchange, its body apart."""

    status: int | None = None
    headers: Headers = NO_HEADERS
    method: str | None = None
    operation: str | None = None


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What one error of a body says, before it is cleaned; texts are "" where it says nothing."""

    codes: list[str]  # from the finest to the coarsest
    message: str = ""
    detail: str = ""
    user_message: str = ""
    fields: list[FieldError] = []


NOTHING = Facts([])
NO_ROW = Row(None, None)


def read(body: Body, exchange: Exchange, profile: Profile, generic: Profile) -> CanonicalError:
    """The error of a body, with the further ones as its `others`. Where the profile's layout yields nothing, the
    generic one's does, with the profile's own codes."""
    plan = plan_of(profile)
    if body.tree is None:
        facts = Facts([], body.text, body.excerpt)
        return _error(plan, facts, View(None, exchange.headers), body, exchange, None)
    read_by = plan
    found = _found(plan, body, exchange)
    if not found and profile is not generic:
        read_by = plan_of(generic)
        found = _found(read_by, body, exchange)
    if not found:
        return _error(plan, NOTHING, _whole(plan, body, exchange), body, exchange, None)
    dialect = read_by.profile.name if read_by.profile.dialect else None
    if len(found) == 1:
        view, facts = found[0]
        return _error(plan, facts, view, body, exchange, dialect)
    first, *others = (_error(plan, facts, view, body, exchange, dialect) for view, facts in found)
    return first.replace(others=tuple(others))


def failed(body: Body, exchange: Exchange, profile: Profile) -> bool:
    """Whether a body under a status below 400 is a failure all the same."""
    plan = plan_of(profile)
    view = _whole(plan, body, exchange)
    case = Case(exchange.status, (), exchange.operation, body.kind)
    return any(holds(case, view) for holds in plan.failed)


def fits(body: Body, exchange: Exchange, profile: Profile) -> bool:
    """Whether a body has the shape by which a profile's are known."""
    plan = plan_of(profile)
    case = Case(exchange.status, (), exchange.operation, body.kind)
    return plan.shape is not None and plan.shape(case, _whole(plan, body, exchange))


def _whole(plan: Plan, body: Body, exchange: Exchange) -> View:
    """A view in which the body itself is the error."""
    view = View(body.tree, exchange.headers, plan.attributes)
    view.error = view.root
    return view


def _found(plan: Plan, body: Body, exchange: Exchange) -> list[tuple[View, Facts]]:
    """The errors of a body that say something, each with a view of it: those that the first such path leads to."""
    if not plan.errors and type(body.tree) is not list:
        view = _whole(plan, body, exchange)
        facts = _facts(plan, view, exchange)
        return [(view, facts)] if facts else []
    top = View(body.tree, exchange.headers, plan.attributes)
    for find in plan.errors or (_root,):
        node = find(top)
        if node is not None:
            views = map(top.at, islice(leaves(node), CANDIDATES))
            if found := [(view, facts) for view in views if (facts := _facts(plan, view, exchange))]:
                return found[: OTHERS + 1]
    return []


def _root(view: View) -> Node:
    return view.root


def _facts(plan: Plan, view: View, exchange: Exchange) -> Facts | None:
    """What an error says; None where that is nothing."""
    codes: list[str] = []
    for find in plan.code:
        node = find(view)
        if node is not None and type(node) is not bool and (text := text_of(node)) and _is_code(text, plan.profile, exchange.status):
            codes.append(text)
    message = _words(plan.message, view, codes)
    detail = _words(plan.detail, view, codes)
    fields: list[FieldError] = []
    for reader in plan.fields:
        if fields := reader(view, (*codes, message, detail)):
            break
    if not (codes or message or detail or fields):
        return None
    if plan.field and not fields:
        fields = _one_field(plan.field, view, codes, message)
    return Facts(codes, message, detail, _words(plan.user_message, view, ()), fields)


def _one_field(finds: tuple[Find, ...], view: View, codes: list[str], message: str) -> list[FieldError]:
    path = next((clean(text, SHORT) for find in finds if (text := text_of(find(view)))), "")
    return [FieldError(path, clean(codes[0], SHORT) if codes else None, clean(message) or None)] if path else []


def _is_code(text: str, profile: Profile, status: int | None) -> bool:
    """A code is one word; a repeated status or its phrase is none, unless the profile knows it as one."""
    if text in profile.codes:
        return True
    if len(text) > SHORT or text == "about:blank" or len(text.split(None, 1)) > 1:
        return False
    own = str(status)
    return text != own and text != _PHRASES.get(own)


def _words(finds: tuple[Find, ...], view: View, codes: list[str] | tuple[()]) -> str:
    for find in finds:
        node = find(view)
        if node is not None and (words := words_of(node)) and words not in codes:
            return words
    return ""


def _cleaned(text: str) -> str | None:
    return clean(text, SHORT) or None


def _error(plan: Plan, facts: Facts, view: View, body: Body, exchange: Exchange, dialect: str | None) -> CanonicalError:
    profile = plan.profile
    codes, status = facts.codes, exchange.status
    then, address = _row(plan, codes, body, exchange, view)
    ruled = ruling(then, status, exchange.method in IDEMPOTENT_METHODS)
    from_vendor = not profile.speaks or body.kind == "empty" or body.kind in profile.speaks
    return CanonicalError(
        None if profile.dialect else profile.name,
        dialect,
        exchange.operation,
        exchange.method,
        ruled.family,
        ruled.reason,
        ruled.fault,
        ruled.action,
        _advice(plan, ruled, view),
        True if from_vendor and status is not None else None,
        ruled.response_status,
        status,
        clean(codes[0], SHORT) or None if codes else None,
        clean(facts.message) or None if facts.message else None,
        clean(facts.detail) or None if facts.detail else None,
        clean(facts.user_message) or None if facts.user_message else None,
        _request_id(plan.request_id, view) if plan.request_id else None,
        tuple(facts.fields),
        (),
        from_vendor,
        address,
        not codes or codes[0] in profile.codes,
    )


def _row(plan: Plan, codes: list[str], body: Body, exchange: Exchange, view: View) -> Row:
    """The row that decides: the first rule that holds, else the finest known code's, else the status's."""
    status = exchange.status
    for statuses, holds, row in plan.rules:
        if (not statuses or status in statuses) and holds(Case(status, codes, exchange.operation, body.kind), view):
            return row
    for code in codes:
        if code in plan.codes:
            return plan.codes[code]
    return plan.statuses.get(status or 0, NO_ROW)


def _request_id(finds: tuple[Find, ...], view: View) -> str | None:
    return next((clean(text, SHORT) or None for find in finds if (text := text_of(find(view)))), None)


def _advice(plan: Plan, ruled: Ruling, view: View) -> RetryAdvice:
    """The ruling's advice, with the wait that the response names and the vendor's own word on retrying."""
    advice = ruled.retry
    for find in plan.should_retry:
        word = text_of(find(view)).lower()
        if word in ("true", "false"):
            advice = RetryAdvice(Verdict.SAFE if word == "true" else Verdict.NEVER, advice.after_s, advice.source, advice.reroute)
            break
    for wait in plan.waits:
        if (after := _seconds(wait, view)) is not None:
            return RetryAdvice(advice.verdict, after, wait.source, advice.reroute)
    if plan.resets and ruled.family is Family.RATE_LIMIT:
        windows = [(after, wait.source) for wait in plan.resets if (after := _seconds(wait, view)) is not None]
        if windows:
            after, source = max(windows, key=lambda window: window[0])
            return RetryAdvice(advice.verdict, after, source, advice.reroute)
    return advice


def _seconds(wait: Wait, view: View) -> float | None:
    node = wait.find(view)
    if node is None:
        return None
    for leaf in leaves(node):
        if (after := seconds(text_of(leaf) if type(leaf) is not float else leaf, unit=wait.unit, date=view.headers.get("date"))) is not None:
            return after
    return None
