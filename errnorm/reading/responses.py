"""A response and a profile to a CanonicalError: find its errors, read what each says, hand that over to be decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from errnorm.families import IDEMPOTENT_METHODS
from errnorm.model import CanonicalError
from errnorm.reading.bodies import Body
from errnorm.reading.fields import SHORT
from errnorm.reading.nodes import BESIDE, Node, leaves, speaks, text_of
from errnorm.reading.paths import Exchange, View
from errnorm.reading.plans import Plan, plan_of, shape_of
from errnorm.reading.rulings import maker
from errnorm.vendors import registry
from errnorm.vendors.profile import Profile
from errnorm.vendors.registry import Entry

OTHERS = 16
CANDIDATES = 64  # errors of a body that are looked at for something that they say


def read(body: Body, exchange: Exchange, profile: Profile) -> CanonicalError:
    """The error of a body, with the further ones as its `others`.

    Where the profile's layout yields nothing, the generic one's does, with the profile's own codes.
    """
    plan = plan_of(profile)
    errors = _errors(plan, plan, body, exchange)
    if not errors and body.tree is not None and profile.name != registry.GENERIC:
        errors = _errors(plan_of(registry.get(registry.GENERIC)), plan, body, exchange)
    if not errors:
        make = maker(profile, None, body.kind, exchange.status, exchange.method in IDEMPOTENT_METHODS)
        return make((), "", "", "", (), _whole(plan, body, exchange))
    return errors[0] if len(errors) == 1 else errors[0].replace(others=tuple(errors[1:]))


def failed(body: Body, exchange: Exchange, profile: Profile) -> bool:
    """Whether a body under a status below 400 is a failure all the same."""
    plan = plan_of(profile)
    return plan.failed(_whole(plan, body, exchange))


def fitting(body: Body, exchange: Exchange, entries: Iterable[tuple[str, Entry]]) -> Iterator[str]:
    """The names of the profiles by whose shapes a body may be known."""
    view = View(exchange, body, attributes=True)
    view.error = view.root
    return (name for name, entry in entries if shape_of(entry)(view))


def keys_of(body: Body, exchange: Exchange) -> set[str]:
    """What lies at the top of a body, or of the items of a list, and the headers' names: as the registry has keys."""
    root = View(exchange, body, attributes=True).root
    keys = {f"header:{name}" for name, _ in exchange.headers.items()}
    for item in leaves(root, BESIDE):
        if type(item) is dict:
            keys.update(item)
            keys.update(f"{name}={_text(value)}" for name, value in item.items())
    return keys


def _text(value: Node) -> str:
    """The text that stands there, if it is one and not long; else whatever is asked for may stand there."""
    text = "" if type(value) is dict or type(value) is list else text_of(value)
    return text if len(text) <= SHORT else ""


def _whole(plan: Plan, body: Body, exchange: Exchange) -> View:
    """A view in which the body itself is the error."""
    view = View(exchange, body, plan.attributes)
    view.error = view.root
    return view


def _errors(read_by: Plan, plan: Plan, body: Body, exchange: Exchange) -> Sequence[CanonicalError]:
    """The errors of a body that say something: those that the first path that leads to any leads to."""
    make = maker(plan.profile, read_by.profile, body.kind, exchange.status, exchange.method in IDEMPOTENT_METHODS)
    view = View(exchange, body, read_by.attributes)
    if body.tree is None or not (read_by.errors or type(body.tree) is list):
        view.error = view.root
        error = read_by.told(view, plan.codes, make)
        return () if error is None else (error,)
    for find in read_by.errors or (_root,):
        node = find(view)
        if type(node) is list:
            views = (view.at(each, number == 0) for number, each in enumerate(leaves(node, CANDIDATES)) if speaks(each))
            told = (error for at in views if (error := read_by.told(at, plan.codes, make)) is not None)
            if errors := tuple(islice(told, 1 + OTHERS)):
                return errors
        elif node is not None and (error := read_by.told(view.at(node), plan.codes, make)) is not None:
            return (error,)
    return ()


def _root(view: View) -> Node:
    return view.root
