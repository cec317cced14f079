"""A profile made ready to read with: its paths as functions, its conditions as predicates, its rows to hand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from errnorm.families import WaitSource
from errnorm.model import FieldError
from errnorm.reading.paths import Find, Node, View, cutter, finder, leads, leaves, text_of, unit_of
from errnorm.redaction import clean
from errnorm.vendors.profile import Fields, Place, Profile, ProfileError, Then, When

Made = TypeVar("Made")

FIELDS = 100
SHORT = 200  # characters of a name, a code or an id


Condition = Callable[[View], bool]
FieldReader = Callable[[View, Collection[str]], list[FieldError]]


class Row(NamedTuple):
    """A row that can decide, and the address at which an engineer finds it."""

    then: Then | None
    address: str | None


class Wait(NamedTuple):
    """Where a wait lies, what a bare number there counts, and whom to name for it."""

    find: Find
    unit: str | None
    source: WaitSource


class Plan(NamedTuple):
    """What `responses` reads a body with; tuples in the order in which they are tried."""

    profile: Profile
    attributes: bool  # whether any path asks for an XML attribute
    errors: tuple[Find, ...]  # () where the body itself is the error
    code: tuple[Find, ...]
    message: tuple[Find, ...]
    detail: tuple[Find, ...]
    user_message: tuple[Find, ...]
    request_id: tuple[Find, ...]
    field: tuple[Find, ...]
    fields: tuple[FieldReader, ...]
    headers_tell: bool  # whether only headers, no body, say when and whether to try again
    should_retry: tuple[Find, ...]
    waits: tuple[Wait, ...]
    resets: tuple[Wait, ...]
    rules: tuple[tuple[Condition, Row], ...]
    codes: dict[str, Row]
    statuses: dict[int, Row]
    failed: tuple[Condition, ...]
    shape: Condition | None


@lru_cache(maxsize=4_096)
def plan_of(profile: Profile) -> Plan:
    """The plan of a profile, made once. Raises ProfileError where a path is none."""
    name, read = profile.name, profile.read

    def each(key: str, make: Callable[[Any], Made]) -> tuple[Made, ...]:
        return _each(f"{name}: read.{key}", make, getattr(read, key))

    return Plan(
        profile,
        "@" in repr(read) or "@" in repr(profile.rules),
        () if read.error == ("/",) else each("error", _absolute),
        each("code", cutter),
        each("message", cutter),
        each("detail", cutter),
        each("user_message", cutter),
        each("request_id", cutter),
        each("field", cutter),
        each("fields", _field_reader),
        all(_path(place).startswith("header:") for place in (*read.should_retry, *read.wait, *read.reset)),
        each("should_retry", cutter),
        each("wait", _wait),
        each("reset", _wait),
        tuple(
            (holds, Row(rule.then, f"{name}:{rule.title or number}"))
            for number, rule in enumerate(profile.rules, 1)
            for holds in _each(f"{name}: rules.{number}.when", condition, (rule.when,))
        ),
        {code: Row(then, f"{name}:codes.{code}") for code, then in profile.codes.items()},
        {status: Row(then, f"{name}:statuses.{status}") for status, then in profile.statuses.items()},
        _each(f"{name}: failed", condition, profile.failed),
        next(iter(_each(f"{name}: shape", condition, (profile.shape,) if profile.shape else ())), None),
    )


def _each(address: str, make: Callable[[Any], Made], things: Iterable[Any]) -> tuple[Made, ...]:
    try:
        return tuple(map(make, things))
    except ProfileError as error:
        raise ProfileError(f"{address}: {error}") from None


def condition(when: When) -> Condition:
    """The predicate that a When stands for: all of what it names must hold."""
    statuses, codes, operations, kinds = map(_several, (when.status, when.code, when.operation, when.body))
    checks: list[Condition] = []
    if statuses:
        checks.append(lambda view: view.exchange.status in statuses)
    if codes:
        checks.append(lambda view: any(code in codes for code in view.codes))
    if operations:
        checks.append(lambda view: view.exchange.operation in operations)
    if kinds:
        checks.append(lambda view: view.body.kind in kinds)
    checks.extend(map(_present, _several(when.present)))
    checks.extend(_equal(path, frozenset(_several(texts))) for path, texts in when.where.items())

    def holds(view: View) -> bool:
        for check in checks:
            if not check(view):
                return False
        return True

    return checks[0] if len(checks) == 1 else holds


def _present(path: Any) -> Condition:
    find = finder(path)

    def present(view: View) -> bool:
        node = find(view)
        return node is not None and leads(node)

    return present


def _equal(path: str, texts: frozenset[Any]) -> Condition:
    find = finder(path)
    return lambda view: any(text_of(leaf) in texts for leaf in leaves(find(view)))


def _absolute(path: str) -> Find:
    if not path.startswith("/"):
        raise ProfileError(f"{path!r} must start at the top of the body, with '/'")
    return finder(path)


def _several(value: object) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _path(place: Place) -> str:
    return place if isinstance(place, str) else place.at


def _wait(place: Place) -> Wait:
    source = WaitSource.HEADER if _path(place).startswith("header:") else WaitSource.BODY
    return Wait(cutter(place), unit_of(place), source)


def _field_reader(spec: Fields) -> FieldReader:
    if bool(spec.each) == bool(spec.map):
        raise ProfileError("either `each` or `map`")
    if spec.map:
        return _map_reader(spec.map)
    each = finder(spec.each)
    path, code, message = (tuple(map(cutter, places)) for places in (spec.path, spec.code, spec.message))

    def read(view: View, taken: Collection[str]) -> list[FieldError]:
        fields: list[FieldError] = []
        found = each(view)
        if found is None:
            return fields
        for item in leaves(found):
            at = view.at(item)
            name = next((dotted for find in path if (dotted := _dotted(find(at)))), "")
            said = next((words for find in message if (words := words_of(find(at)))), "")
            if name or (said and not path):
                fields.append(FieldError(name, _short(code, at), clean(said) or None))
            if len(fields) == FIELDS:
                break
        return fields

    return read


def _map_reader(path: str) -> FieldReader:
    """Reads a map whose names, walked down to the texts, are the paths.

    The whole body is such a map only if nothing else was read from it, and only as far as it holds lists.
    """
    find, whole = finder(path), path in ("/", ".")

    def read(view: View, taken: Collection[str]) -> list[FieldError]:
        if whole and any(taken):
            return []
        node = find(view)
        if type(node) is not dict:
            return []
        if whole:
            node = _lists(node)
        return list(_walked(node, taken))

    return read


def _lists(node: Node) -> Node:
    """The lists of a map, and of the maps in it, without what else it holds."""
    return {
        name: _lists(value) if type(value) is dict else value
        for name, value in islice(node.items(), FIELDS)
        if type(value) is dict or type(value) is list
    }


def _walked(node: Node, taken: Collection[str]) -> Iterable[FieldError]:
    """The texts of a map, each by the names that lead to it; what was read as a fact of the error is no field of it."""
    waiting: list[tuple[str, Node]] = [("", node)]
    count = 0
    while waiting and count < FIELDS:
        path, node = waiting.pop()
        if type(node) is dict:
            below = ((f"{path}.{name}" if path else name, each) for name, each in islice(node.items(), FIELDS))
            waiting.extend(reversed(list(below)))
        elif type(node) is list:
            waiting.extend((path, each) for each in reversed(node[:FIELDS]))
        elif type(node) is str and node.strip() and node.strip() not in taken:
            count += 1
            yield FieldError(clean(path, SHORT), None, clean(node))


def _dotted(node: Node) -> str:
    """A field's name as the vendor spells it, dotted: of a text, a JSON pointer, or a list of names."""
    if type(node) is list and all(type(name) in (str, int) for name in node):
        name = ".".join(map(str, node))
    else:
        name = text_of(node)
    if name.startswith(("/", "#/")):
        name = ".".join(part.replace("~1", "/").replace("~0", "~") for part in name.lstrip("#").split("/") if part)
    return clean(name, SHORT)


def _short(finds: tuple[Find, ...], view: View) -> str | None:
    return next((clean(text, SHORT) for find in finds if (text := text_of(find(view)))), None)


def words_of(node: Node) -> str:
    """The first text at a node that is not blank; numbers are no words."""
    if type(node) is str:
        return node.strip()
    if type(node) is list:
        return next((words for leaf in leaves(node) if (words := words_of(leaf))), "")
    return "" if type(node) in (int, float, bool, dict) else text_of(node)
