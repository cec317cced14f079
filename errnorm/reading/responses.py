"""A response and a profile to a CanonicalError: decode, find the facts, take the first row that holds, redact."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from itertools import islice

from errnorm.families import IDEMPOTENT_METHODS, Family, Verdict
from errnorm.model import CanonicalError, FieldError, RetryAdvice
from errnorm.reading.bodies import Body
from errnorm.reading.headers import NO_HEADERS
from errnorm.reading.paths import Exchange, Find, Node, View, leaves, text_of
from errnorm.reading.plans import SHORT, Plan, Row, Wait, plan_of, words_of
from errnorm.reading.rulings import Ruling, ruling
from errnorm.reading.waits import seconds
from errnorm.redaction import clean
from errnorm.vendors import registry
from errnorm.vendors.profile import Profile

OTHERS = 16
CANDIDATES = 64  # errors of a body that are looked at for something that they say
_PHRASES = {str(int(status)): status.phrase for status in HTTPStatus}


NO_ROW = Row(None, None)


def read(body: Body, exchange: Exchange, profile: Profile) -> CanonicalError:
    """The error of a body, with the further ones as its `others`. Where the profile's layout yields nothing, the
    generic one's does, with the profile's own codes."""
    plan = plan_of(profile)
    view = View(exchange, body, plan.attributes)
    if body.tree is not None:
        errors = _errors(plan, plan, view)
        if not errors and profile.name != registry.GENERIC:
            read_by = plan_of(registry.get(registry.GENERIC))
            errors = _errors(read_by, plan, View(exchange, body, read_by.attributes))
        if errors:
            return errors[0] if len(errors) == 1 else errors[0].replace(others=tuple(errors[1:]))
        view.error = view.root
    return _error(plan, view, [], body.text, body.excerpt)


def failed(body: Body, exchange: Exchange, profile: Profile) -> bool:
    """Whether a body under a status below 400 is a failure all the same."""
    plan = plan_of(profile)
    view = _whole(plan, body, exchange)
    return any(holds(view) for holds in plan.failed)


def fits(body: Body, exchange: Exchange, profile: Profile) -> bool:
    """Whether a body has the shape by which a profile's are known."""
    plan = plan_of(profile)
    return plan.shape is not None and plan.shape(_whole(plan, body, exchange))


def _whole(plan: Plan, body: Body, exchange: Exchange) -> View:
    """A view in which the body itself is the error."""
    view = View(exchange, body, plan.attributes)
    view.error = view.root
    return view


def _errors(read_by: Plan, plan: Plan, view: View) -> list[CanonicalError]:
    """The errors of a body that say something: those that the first path that leads to any leads to."""
    if not read_by.errors and type(view.body.tree) is not list:
        view.error = view.root
        error = _told(read_by, plan, view)
        return [] if error is None else [error]
    for find in read_by.errors or (_root,):
        node = find(view)
        if node is None:
            continue
        nodes = islice(leaves(node), CANDIDATES) if type(node) is list else (node,)
        if errors := [error for node in nodes if (error := _told(read_by, plan, view.at(node))) is not None]:
            return errors[: OTHERS + 1]
    return []


def _root(view: View) -> Node:
    return view.root


def _told(read_by: Plan, plan: Plan, view: View) -> CanonicalError | None:
    """What one error of a body says; None where that is nothing."""
    codes: list[str] = []
    for find in read_by.code:
        node = find(view)
        if node is not None and type(node) is not bool:
            text = text_of(node)
            if text and (text in plan.codes or _is_code(text, view.exchange.status)):
                codes.append(text)
    message = _words(read_by.message, view, codes)
    detail = _words(read_by.detail, view, (*codes, message)) if read_by.detail else ""
    fields: list[FieldError] = []
    for reader in read_by.fields:
        if fields := reader(view, (*codes, message, detail)):
            break
    if not codes and not message and not detail and not fields:
        return None
    if read_by.field and not fields:
        fields = _one_field(read_by.field, view, codes, message)
    user_message = _words(read_by.user_message, view, ()) if read_by.user_message else ""
    return _error(plan, view, codes, message, detail, user_message, fields, read_by.profile)


def _one_field(finds: tuple[Find, ...], view: View, codes: list[str], message: str) -> list[FieldError]:
    path = next((clean(text, SHORT) for find in finds if (text := text_of(find(view)))), "")
    return [FieldError(path, clean(codes[0], SHORT) if codes else None, clean(message) or None)] if path else []


def _is_code(text: str, status: int | None) -> bool:
    """A code is one word; a repeated status or its phrase is none, unless the profile knows it as one."""
    if len(text) > SHORT or text == "about:blank" or len(text.split(None, 1)) > 1:
        return False
    own = str(status)
    return text != own and text != _PHRASES.get(own)


def _words(finds: tuple[Find, ...], view: View, said: Sequence[str]) -> str:
    """The first text that has not been read as something else."""
    for find in finds:
        node = find(view)
        if node is not None and (words := node.strip() if type(node) is str else words_of(node)) and words not in said:
            return words
    return ""


def _error(
    plan: Plan,
    view: View,
    codes: list[str],
    message: str,
    detail: str,
    user_message: str = "",
    fields: Sequence[FieldError] = (),
    read_by: Profile | None = None,
) -> CanonicalError:
    """The error that those facts make: decided by the plan's rows, redacted, with what the headers say."""
    profile, exchange = plan.profile, view.exchange
    status, kind = exchange.status, view.body.kind
    view.codes = codes
    then, address = _row(plan, view, status)
    ruled = ruling(then, status, exchange.method in IDEMPOTENT_METHODS)
    from_vendor = kind in profile.speaks or kind == "empty" or not profile.speaks
    said = (clean(message) or None) if message else None
    return CanonicalError(
        None if profile.dialect else profile.name,
        read_by.name if read_by is not None and read_by.dialect else None,
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
        said,
        clean(detail) or None if detail else None,
        (said if user_message == message else clean(user_message) or None) if user_message else None,
        _request_id(plan.request_id, view) if plan.request_id else None,
        tuple(fields),
        (),
        from_vendor,
        address,
        not codes or codes[0] in plan.codes,
    )


def _row(plan: Plan, view: View, status: int | None) -> Row:
    """The row that decides: the first rule that holds, else the finest known code's, else the status's."""
    for holds, row in plan.rules:
        if holds(view):
            return row
    for code in view.codes:
        if code in plan.codes:
            return plan.codes[code]
    return NO_ROW if status is None else plan.statuses.get(status, NO_ROW)


def _request_id(finds: tuple[Find, ...], view: View) -> str | None:
    return next((clean(text, SHORT) or None for find in finds if (text := text_of(find(view)))), None)


def _advice(plan: Plan, ruled: Ruling, view: View) -> RetryAdvice:
    """The ruling's advice, with the wait that the response names and the vendor's own word on retrying."""
    advice = ruled.retry
    if view.exchange.headers is NO_HEADERS and plan.headers_tell:
        return advice
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
        if (after := seconds(text_of(leaf) if type(leaf) is not float else leaf, unit=wait.unit, date=view.exchange.headers.get("date"))) is not None:
            return after
    return None
