"""A profile's paths become functions, once; an exchange seen from one of its errors and those functions give facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from errnorm.reading.bodies import Body
from errnorm.reading.headers import NO_HEADERS, Headers
from errnorm.reading.nodes import BESIDE, JSON, PLACES, Node, below, deep, further, nothing, opened, step, text_of
from errnorm.vendors.profile import Place, ProfileError, Spot


class Exchange(msgspec.Struct, frozen=True, gc=False):
    """What is known of an exchange, its body apart."""

    status: int | None = None
    headers: Headers = NO_HEADERS
    method: str | None = None
    operation: str | None = None


class View(msgspec.Struct, gc=False):
    """An exchange seen from one error of its body: `error` is the thing itself, opened; `codes` what was read of it.

    `attributes` says whether anybody will ask for an element's. What lies at the top of a body belongs to the `first`
    of its errors: seen from the others, there is nothing.
    """

    exchange: Exchange
    body: Body
    attributes: bool = False
    error: Node = None
    opened_root: Node = None
    codes: Sequence[str] = ()
    first: bool = True
    deep: dict[str, Node] = {}  # what was looked for in JSON at any depth, and found

    @property
    def root(self) -> Node:
        """The whole body, opened; of one that is no tree, its text, which may be a code."""
        root = self.opened_root
        if root is None:
            tree = self.body.tree
            if tree is None and self.body.kind == "text":
                tree = self.body.text
            root = self.opened_root = tree if type(tree) in JSON else opened(tree, self.attributes)
        return root

    @property
    def top(self) -> Callable[[str], Node]:
        """What finds a name at the top of the body."""
        if not self.first:
            return nothing
        return below(self.root)

    def at(self, error: Node, first: bool = True) -> View:
        """The same exchange, seen from another of its errors."""
        error = error if type(error) in JSON else opened(error, self.attributes)
        return View(self.exchange, self.body, self.attributes, error, self.opened_root, (), first, self.deep)


Find = Callable[[View], Node]


def finder(place: str) -> Find:
    """The function that goes where a path leads; it returns None where that is nowhere. Raises ProfileError."""
    if place.startswith("header:"):
        header = place[7:].strip().lower()
        return lambda view: view.exchange.headers.get(header)
    if place == "/":
        return lambda view: view.root if view.first else None
    if place == ".":
        return lambda view: view.error.get(".") if type(view.error) is dict else view.error
    deep = place.startswith("//")
    first, *rest = names_of(place)
    start = _from_anywhere(first) if deep else _from_the_top(first) if place.startswith("/") else _from_the_error(first)
    return _further(start, tuple(rest), PLACES if deep else BESIDE) if rest else start


def names_of(path: str) -> list[str]:
    """The names that a path is made of. Raises ProfileError."""
    names = path.removeprefix("/").removeprefix("/").split("/")
    if not all(names) or "[" in path or "*" in path:
        raise ProfileError(f"{path!r} is no path: names joined by '/', with no index and no '*'")
    return names


def _from_anywhere(name: str) -> Find:
    def find(view: View) -> Node:
        if not view.first:
            return None
        body = view.body
        if body.kind == "xml":  # which lxml looks through in no time
            return deep(body.tree, name)
        if name not in view.deep:
            view.deep[name] = deep(body.tree, name)
        return view.deep[name]

    return find


def _from_the_top(name: str) -> Find:
    def find(view: View) -> Node:
        if not view.first:
            return None
        root = view.root
        return root.get(name) if type(root) is dict else step(root, name)

    return find


def _from_the_error(name: str) -> Find:
    def find(view: View) -> Node:
        error = view.error
        return error.get(name) if type(error) is dict else step(error, name)

    return find


def _further(start: Find, names: tuple[str, ...], most: int) -> Find:
    return lambda view: further(start(view), names, most)


def cutter(place: Place) -> Find:
    """Like `finder`, for a path with a knife too: then it leads to the text that is left, or nowhere."""
    if isinstance(place, str):
        return finder(place)
    find, after, before = finder(place.at), place.after, place.before
    if not after and not before:
        return find

    def cut(view: View) -> Node:
        text = text_of(find(view))
        if after:
            _, mark, text = text.rpartition(after)
            if not mark:
                return None
        return (text.partition(before)[0] if before else text) or None

    return cut


def unit_of(place: Place) -> str | None:
    """What a bare number at a place counts, where the profile says so."""
    return place.unit if isinstance(place, Spot) else None
