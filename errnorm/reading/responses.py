"""A response and a profile to a CanonicalError: find its errors, read what each says, hand that over to be decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from itertools import islice

from errnorm.model import CanonicalError, FieldError
from errnorm.reading.bodies import Body
from errnorm.reading.fields import SHORT
from errnorm.reading.paths import Exchange, Find, Node, View, leaves, text_of, words_of
from errnorm.reading.plans import Plan, plan_of, shape_of
from errnorm.reading.rulings import maker
from errnorm.redaction import clean
from errnorm.vendors import registry
from errnorm.vendors.profile import Profile
from errnorm.vendors.registry import Entry

OTHERS = 16
CANDIDATES = 64  # errors of a body that are looked at for something that they say
_PHRASES = {str(int(status)): status.phrase for status in HTTPStatus}


def read(body: Body, exchange: Exchange, profile: Profile) -> CanonicalError:
    """The error of a body, with the further ones as its `others`.

    Where the profile's layout yields nothing, the generic one's does, with the profile's own codes.
    """
    plan = plan_of(profile)
    view = View(exchange, body, plan.attributes)
    if body.tree is None:
        # a text may be a code; a header may hold one, whatever the body
        view.error = view.opened_root = body.text if body.kind == "text" else None
        error = _told(plan, plan, view)
        if error is not None:
            return error
    else:
        errors = _errors(plan, plan, view)
        if not errors and profile.name != registry.GENERIC:
            read_by = plan_of(registry.get(registry.GENERIC))
            errors = _errors(read_by, plan, View(exchange, body, read_by.attributes))
        if errors:
            return errors[0] if len(errors) == 1 else errors[0].replace(others=tuple(errors[1:]))
        view.error = view.root
    return maker(profile, None, body.kind, exchange.status, exchange.method)((), "", "", "", (), view)


def failed(body: Body, exchange: Exchange, profile: Profile) -> bool:
    """Whether a body under a status below 400 is a failure all the same."""
    plan = plan_of(profile)
    view = _whole(plan, body, exchange)
    return any(holds(view) for holds in plan.failed)


def fitting(body: Body, exchange: Exchange, entries: Iterable[tuple[str, Entry]]) -> Iterator[str]:
    """The names of the profiles by whose shapes a body may be known."""
    view = View(exchange, body, attributes=True)
    view.error = view.root
    return (name for name, entry in entries if any(holds(view) for holds in shape_of(entry)))


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
        if type(node) is list:
            views = (view.at(each, number == 0) for number, each in enumerate(leaves(node, CANDIDATES)))
            told = (error for at in views if (error := _told(read_by, plan, at)) is not None)
            if errors := list(islice(told, 1 + OTHERS)):
                return errors
        elif node is not None and (error := _told(read_by, plan, view.at(node))) is not None:
            return [error]
    return []


def _root(view: View) -> Node:
    return view.root


def _told(read_by: Plan, plan: Plan, view: View) -> CanonicalError | None:
    """What one error of a body says; None where that is nothing."""
    exchange = view.exchange
    codes: list[str] = []
    for find in read_by.code:
        node = find(view)
        if node is not None and type(node) is not bool:
            text = text_of(node)
            if text and (text in plan.codes or _is_code(text, exchange.status)):
                codes.append(text)
    body = view.body
    message = _words(read_by.message, view, codes) or ("" if body.text in codes else body.text)
    detail = _words(read_by.detail, view, (*codes, message)) if read_by.detail else ""
    detail = detail or body.excerpt
    fields: Sequence[FieldError] = ()
    for reader in read_by.fields:
        if fields := reader(view, (*codes, message, detail)):
            break
    if not codes and not message and not detail and not fields:
        return None
    user_message = _words(read_by.user_message, view, ()) if read_by.user_message else ""
    make = maker(plan.profile, read_by.profile, body.kind, exchange.status, exchange.method)
    error = make(codes, message, detail, user_message, fields, view)
    if read_by.field and not fields:
        path = next((clean(text, SHORT) for find in read_by.field if (text := text_of(find(view)))), "")
        if path:
            return error.replace(fields=(FieldError(path, error.vendor_code, error.vendor_message),))
    return error


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
