"""A profile's paths and conditions as straight-line Python: a line for each, written once and compiled.

Walking tables of paths takes several times as long as the paths themselves. Nothing is decided here: what was found is
handed to `make`, and what follows from a condition is the caller's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from msgspec import structs

from errnorm.model import CanonicalError, FieldError
from errnorm.reading.fields import SHORT, WHOLE, field_reader, is_code
from errnorm.reading.nodes import Node, below, further, leads, leaves, text_of, words_of
from errnorm.reading.paths import View, cutter, names_of
from errnorm.redaction import clean
from errnorm.vendors.profile import Fields, Place, ProfileError, Read, Spot, When, several

Made = TypeVar("Made")
# codes, message, detail, user_message ("" where there is none), fields, and the error that they were read of
Make = Callable[[Sequence[str], str, str, str, Sequence[FieldError], View], CanonicalError]
# an error, the codes that its profile knows, and what is made of what it says; None where it says nothing
Told = Callable[[View, Mapping[str, Any], Make], CanonicalError | None]

_LOCALS = {  # what lines may use, and how it comes about: each is only written where it is used
    "error": "view.error",
    "body": "view.body",
    "exchange": "view.exchange",
    "header": "exchange.headers.get",
    "status": "exchange.status",
    "get": "error.get if type(error) is dict else below(error)",
    "top": "get if view.first and error is view.opened_root else view.top",
}
_TOLD = """\
    codes = []
    {codes}
    message = {message} ("" if body.text in codes else body.text)
    detail = {detail} body.excerpt
    fields = {fields} ()
    if not (codes or message or detail or fields):
        return None
    user_message = {user_message} ""
    made = make(codes, message, detail, user_message, fields, view)
    return {made}
"""
# what says that there is an error, or no code for it
_NO_CODE = re.compile(
    r"(?:about:blank|errors?|fail(?:ed|ure)?|ko|ok|success|none|null|undefined|true|false)\Z", re.IGNORECASE
).match
_PHRASES = {str(int(status)): status.phrase for status in HTTPStatus}


def told_by(read: Read, address: str) -> Told:
    """The function that reads an error by these paths. Raises ProfileError, which begins with the address."""
    names: dict[str, Any] = {}

    def tries(key: str, found: str) -> tuple[str, ...]:
        """For each place of a key an expression: false where it leads nowhere, else what is found at the node."""
        return each(f"{address}.{key}", lambda place: f"{_leads(place, names)} and {found}", getattr(read, key))

    def said(key: str, before: str) -> tuple[str, ...]:
        """The words at each place of a key, unless they have been read there as a code, or before as something else."""
        codes = {path for place in read.code for path in _paths(place, read)}

        def line(place: Place) -> str:
            here = "" if codes.isdisjoint(_paths(place, read)) else "*codes"
            taken = "".join(f"{name}, " for name in (before, here) if name)
            return f"{_leads(place, names)} and words_at(node, ({taken}))"

        return each(f"{address}.{key}", line, getattr(read, key))

    def first(tries: Iterable[str]) -> str:
        return "".join(f"{tried} or " for tried in tries)

    codes = tries("code", "(code := code_at(node, known, status))")
    body = _TOLD.format(
        codes="\n    ".join(f"if {found}: codes.append(code)" for found in codes),
        message=first(said("message", "")),
        detail=first(said("detail", "message")),
        fields=first(each(f"{address}.fields", lambda spec: _fields(spec, read, names), read.fields)),
        user_message=first(tries("user_message", "words_at(node, ())")),
        made=f"about(made, {first(tries('field', 'text_of(node)'))}'')" if read.field else "made",
    )
    told: Told = _compiled("view, known, make", body, names)
    return told


def first_of(rows: Iterable[tuple[When, Any]], address: str, otherwise: Any = None) -> Callable[[View], Any]:
    """The function that gives what stands beside the first condition that holds.

    Raises ProfileError, which begins with the address; its `{}` is the number of the condition.
    """
    names: dict[str, Any] = {"otherwise": otherwise}
    lines: list[str] = []
    for number, (when, then) in enumerate(rows, 1):
        (holds,) = each(address.format(number), lambda when: _holds(when, names), (when,))
        lines.append(f"    if {holds}: return {_named(then, names)}\n")
    if not lines:
        return lambda _: otherwise
    found: Callable[[View], Any] = _compiled("view", "".join((*lines, "    return otherwise\n")), names)
    return found


def each(address: str, make: Callable[[Any], Made], things: Iterable[Any]) -> tuple[Made, ...]:
    """What is made of each. Raises ProfileError, which begins with the address."""
    try:
        return tuple(map(make, things))
    except ProfileError as error:
        raise ProfileError(f"{address}: {error}") from None


def _compiled(arguments: str, lines: str, names: dict[str, Any]) -> Any:
    """The function that has these lines for its body."""
    for name, value in reversed(_LOCALS.items()):
        if re.search(rf"\b{name}\b", lines):
            lines = f"    {name} = {value}\n{lines}"
    known = _CALLED | names
    exec(f"def written({arguments}):\n{lines}", known)  # noqa: S102 - nothing of a profile is in it but literals
    return known["written"]


def _named(thing: Any, names: dict[str, Any]) -> str:
    """The name by which the lines know a thing."""
    name = f"_{len(names)}"
    names[name] = thing
    return name


def _leads(place: Place, names: dict[str, Any]) -> str:
    """Whether a place leads anywhere, as an expression; `node` is then what lies there."""
    if isinstance(place, Spot) and place.single:
        return f"{_leads(structs.replace(place, single=False), names)} and type(node) is not list"
    path, knife = (place, False) if isinstance(place, str) else (place.at, bool(place.after or place.before))
    if knife or path in WHOLE or path.startswith("//"):
        return f"(node := {_named(cutter(place), names)}(view)) is not None"
    if path.startswith("header:"):
        return f"(node := header({path[7:].strip().lower()!r})) is not None"
    first, *rest = names_of(path)
    start = f"(node := {'top' if path.startswith('/') else 'get'}({first!r})) is not None"
    return f"{start} and (node := further(node, {tuple(rest)!r})) is not None" if rest else start


def _fields(spec: Fields, read: Read, names: dict[str, Any]) -> str:
    reader = f"{_named(field_reader(spec, _facts_in(spec.map, read)), names)}(node, view)"
    if spec.each:
        return f"{_leads(spec.each, names)} and {reader}"
    alone = "not (codes or message or detail) and " if spec.map in WHOLE else ""
    return f"{alone}{_leads(spec.map, names)} and type(node) is not str and {reader}"


def _facts_in(place: str, read: Read) -> frozenset[str]:
    """The names of a map at which something else of the error is read."""
    if place in WHOLE:
        return frozenset()
    facts = [
        path
        for key in (read.code, read.message, read.detail, read.user_message)
        for each in key
        for path in _paths(each, read)
    ]
    inside = [
        path.removeprefix(f"{start}/")
        for start in _paths(place, read)
        for path in facts
        if path.startswith(f"{start}/")
    ]
    return frozenset(name for name in inside if "/" not in name)


def _paths(place: Place, read: Read) -> set[str]:
    """A place as it may be reached from the top of the body."""
    path = place if isinstance(place, str) else place.at
    return {path} if path.startswith("/") else {f"{error.rstrip('/')}/{path}" for error in read.error}


def _holds(when: When, names: dict[str, Any]) -> str:
    """A condition as an expression: all of what it names must hold, what costs least is asked first."""
    statuses, codes, operations, kinds = map(several, (when.status, when.code, when.operation, when.body))
    asked = [
        f"status in {statuses!r}" if statuses else "",
        f"body.kind in {kinds!r}" if kinds else "",
        f"exchange.operation in {operations!r}" if operations else "",
        f"not {_named(frozenset(codes), names)}.isdisjoint(view.codes)" if codes else "",
        *(f"{_leads(path, names)} and leads(node)" for path in several(when.present)),
        *(
            f"{_leads(path, names)} and equal(node, {_named(frozenset(several(texts)), names)})"
            for path, texts in when.where.items()
        ),
        *(f"{_leads(path, names)} and begins(node, {several(texts)!r})" for path, texts in when.begins.items()),
        *(f"not ({_leads(path, names)} and leads(node))" for path in several(when.absent)),
    ]
    return " and ".join(filter(None, asked)) or "True"


def _code_at(node: Node, known: Collection[str], status: int | None) -> str:
    """The code at a node; "" where there is none.

    It is one word; a repeated status or its phrase is none, unless the profile knows it as one.
    """
    text = "" if type(node) is bool else text_of(node)
    if not text or text in known:
        return text
    own = str(status)
    no_code = not is_code(text) or text in {own, _PHRASES.get(own)} or _NO_CODE(text)
    return "" if no_code else text


def _words_at(node: Node, said: Collection[str]) -> str:
    """The text at a node, unless it has been read as something else."""
    words = node.strip() if type(node) is str else words_of(node)
    return "" if words in said else words


def _equal(node: Node, texts: frozenset[str]) -> bool:
    return any(text_of(leaf) in texts for leaf in leaves(node))


def _begins(node: Node, texts: tuple[str, ...]) -> bool:
    return any(text_of(leaf).startswith(texts) for leaf in leaves(node))


def _about(error: CanonicalError, path: str) -> CanonicalError:
    """An error that names one field, where no other fields were read."""
    if error.fields or not (path := clean(path, SHORT)):
        return error
    return error.replace(fields=(FieldError(path, error.vendor_code, error.vendor_message),))


_CALLED = {
    "about": _about,
    "begins": _begins,
    "below": below,
    "code_at": _code_at,
    "equal": _equal,
    "further": further,
    "leads": leads,
    "text_of": text_of,
    "words_at": _words_at,
}
