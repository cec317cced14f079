"""A profile made ready to read with: its paths as functions, its conditions as predicates, its rows to hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from errnorm.families import WaitSource
from errnorm.reading.fields import FieldReader, field_reader
from errnorm.reading.paths import Find, View, cutter, finder, leads, leaves, text_of, unit_of
from errnorm.vendors.profile import Place, Profile, ProfileError, Then, When
from errnorm.vendors.registry import Entry

Made = TypeVar("Made")
Condition = Callable[[View], bool]


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
    rules: tuple[tuple[When, Condition, Row], ...]
    codes: dict[str, Row]
    statuses: dict[int, Row]
    failed: tuple[Condition, ...]


@lru_cache(maxsize=4_096)
def shape_of(entry: Entry) -> tuple[Condition, ...]:
    """The shapes by which a profile's bodies are known, before it is read: one of them has to hold."""
    return tuple(map(condition, entry.shape))


@lru_cache(maxsize=4_096)
def plan_of(profile: Profile) -> Plan:
    """The plan of a profile, made once. Raises ProfileError where a path is none."""
    name, read = profile.name, profile.read

    def each(key: str, make: Callable[[Any], Made]) -> tuple[Made, ...]:
        return _each(f"{name}: read.{key}", make, getattr(read, key))

    _each(f"{name}: shape", condition, profile.shape)  # used before this is, checked here
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
        each("fields", field_reader),
        all(_path(place).startswith("header:") for place in (*read.should_retry, *read.wait, *read.reset)),
        each("should_retry", cutter),
        each("wait", _wait),
        each("reset", _wait),
        tuple(
            (rule.when, holds, Row(rule.then, f"{name}:{rule.title or number}"))
            for number, rule in enumerate(profile.rules, 1)
            for holds in _each(f"{name}: rules.{number}.when", condition, (rule.when,))
        ),
        {code: Row(then, f"{name}:codes.{code}") for code, then in profile.codes.items()},
        {status: Row(then, f"{name}:statuses.{status}") for status, then in profile.statuses.items()},
        _each(f"{name}: failed", condition, profile.failed),
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

    return checks[0] if len(checks) == 1 else lambda view: all(check(view) for check in checks)


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


def may_hold(when: When, status: int | None, kind: str) -> bool:
    """Whether a condition can hold at all for a response of this status with a body of this kind."""
    statuses, kinds = _several(when.status), _several(when.body)
    return (not statuses or status in statuses) and (not kinds or kind in kinds)


def _several(value: object) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _path(place: Place) -> str:
    return place if isinstance(place, str) else place.at


def _wait(place: Place) -> Wait:
    source = WaitSource.HEADER if _path(place).startswith("header:") else WaitSource.BODY
    return Wait(cutter(place), unit_of(place), source)
