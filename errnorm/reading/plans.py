"""A profile made ready to read with: its paths as functions, its conditions as predicates, its rows to hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from errnorm.families import WaitSource
from errnorm.reading.paths import Find, View, cutter, finder, unit_of
from errnorm.reading.unrolled import Made, Told, each, first_of, told_by
from errnorm.vendors.profile import Place, Profile, ProfileError, Then, When
from errnorm.vendors.registry import Entry

Condition = Callable[[View], bool]


class Row(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A row that can decide, and the address at which an engineer finds it."""

    then: Then | None
    address: str | None


NO_ROW = Row(None, None)


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
    told: Told
    status: tuple[Find, ...]
    request_id: tuple[Find, ...]
    headers_tell: bool  # whether only headers, no body, say when and whether to try again
    should_retry: tuple[Find, ...]
    waits: tuple[Wait, ...]
    resets: tuple[Wait, ...]
    ruled: Callable[[View], Row | None]  # the row of the first rule that holds
    codes: dict[str, Row]
    statuses: dict[int, Row]
    failed: Condition  # whether a body under a status below 400 is a failure


@lru_cache(maxsize=4_096)
def shape_of(entry: Entry) -> Condition:
    """Whether a body has one of the shapes by which a profile's are known, before the profile is read."""
    return any_of(entry.shape, "shape")


def any_of(conditions: tuple[When, ...], address: str) -> Condition:
    """Whether any of the conditions holds. Raises ProfileError."""
    return first_of(((when, True) for when in conditions), address, otherwise=False)


@lru_cache(maxsize=4_096)
def plan_of(profile: Profile) -> Plan:
    """The plan of a profile, made once. Raises ProfileError where a path is none."""
    name, read = profile.name, profile.read

    def found(key: str, make: Callable[[Any], Made]) -> tuple[Made, ...]:
        return each(f"{name}: read.{key}", make, getattr(read, key))

    any_of(profile.shape, f"{name}: shape")  # used before this is, checked here
    return Plan(
        profile,
        "@" in repr((read, profile.rules, profile.failed)),
        () if read.error == ("/",) else found("error", _absolute),
        told_by(read, f"{name}: read"),
        found("status", cutter),
        found("request_id", cutter),
        all(_path(place).startswith("header:") for place in (*read.should_retry, *read.wait, *read.reset)),
        found("should_retry", cutter),
        found("wait", _wait),
        found("reset", _wait),
        first_of(
            ((rule.when, Row(rule.then, f"{name}:{rule.title or at}")) for at, rule in enumerate(profile.rules, 1)),
            f"{name}: rules.{{}}.when",
        ),
        {code: Row(then, f"{name}:codes.{code}") for code, then in profile.codes.items()},
        {status: Row(then, f"{name}:statuses.{status}") for status, then in profile.statuses.items()},
        any_of(profile.failed, f"{name}: failed"),
    )


def _absolute(path: str) -> Find:
    if not path.startswith("/"):
        raise ProfileError(f"{path!r} must start at the top of the body, with '/'")
    return finder(path)


def _path(place: Place) -> str:
    return place if isinstance(place, str) else place.at


def _wait(place: Place) -> Wait:
    source = WaitSource.HEADER if _path(place).startswith("header:") else WaitSource.BODY
    return Wait(cutter(place), unit_of(place), source)
