"""What a vendor can answer, as data: every row of its profile with what follows from it, its limits and hosts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from errnorm.answering import default
from errnorm.model import IntegratorProblem, Problem
from errnorm.reading.rulings import foretold
from errnorm.samples import samples_of
from errnorm.vendors import registry
from errnorm.vendors.profile import Profile, Then

Named = TypeVar("Named", int, str)

COLUMNS = ("when", "family", "reason", "fault", "action", "retry", "status", "user")


def overview() -> list[dict[str, Any]]:
    """Every vendor and dialect in short; `samples` is None where they lie in another package."""
    return [_in_short(registry.get(name)) for name in registry.default.names()]


def about(profile: Profile) -> dict[str, Any]:
    """Everything that a vendor can answer."""
    return _in_short(profile) | {
        "hosts": list(profile.hosts),
        "limits": [_limit(each) for each in profile.limits],
        "operations": dict(profile.operations),
        "rows": list(_rows(profile)),
        "integrator": list(_BESIDES),
    }


# What an integrator gets besides what a user does; where users are told alike, the reason is an integrator's code too.
_BESIDES = tuple(name for name in IntegratorProblem.__struct_fields__ if name not in Problem.__struct_fields__)


def in_words(limit: dict[str, Any]) -> str:
    """A limit as a person says it: 120 requests in 60 s per account (plan Free)."""
    amounts = []
    if "requests" in limit:
        amounts.append(f"{limit['requests']} requests in {limit['seconds']:g} s")
    if "concurrent" in limit:
        amounts.append(f"{limit['concurrent']} at once")
    if not amounts:
        amounts.append("as many requests as its answers say")
    parts = [" and ".join(amounts), f"per {limit['per']}"]
    parts += [f"for {limit['operation']}"] if "operation" in limit else []
    parts += [f"(plan {limit['plan']})"] if "plan" in limit else []
    return " ".join(parts)


def table(rows: Iterable[dict[str, Any]], names: Iterable[str]) -> list[str]:
    """Rows under the names of their columns, aligned; the last column is as wide as it likes."""
    names = list(names)
    lines = [names, *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _in_short(profile: Profile) -> dict[str, Any]:
    samples = [sample for file in registry.default.files(profile.name) for sample in samples_of(file)]
    return {
        "name": profile.name,
        "codes": len(profile.codes),
        "samples": len(samples),
        "docs": profile.docs,
    }


def _rows(profile: Profile) -> Iterator[dict[str, Any]]:
    for number, rule in enumerate(profile.rules, 1):
        status, code = _only(rule.when.status), _only(rule.when.code)
        yield _row(profile, f"rule {rule.title or number}", rule.then, status, code)
    for code, then in profile.codes.items():
        yield _row(profile, f"code {code}", then, None, code)
    for status, then in profile.statuses.items():
        yield _row(profile, f"status {status}", then, status, None)


def _row(profile: Profile, when: str, then: Then, status: int | None, code: str | None) -> dict[str, Any]:
    """A row with what follows from it for a request that is not idempotent."""
    error = foretold(profile, then, status, code)
    return {
        "when": when,
        "family": error.family.value,
        "reason": error.reason,
        "fault": error.fault.value,
        "action": error.action.value,
        "retry": error.retry.verdict.value,
        "wait": error.retry.after_s,
        "status": error.response_status,
        "user": default().problem_for(error).detail,
    }


def _only(wanted: Named | tuple[Named, ...]) -> Named | None:
    """The one value that a condition names, or None where it names several or none."""
    if not isinstance(wanted, tuple):
        return wanted
    return wanted[0] if len(wanted) == 1 else None


def _limit(limit: msgspec.Struct) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(limit)
    return {name: value for name, value in plain.items() if value is not None}


def _cell(value: Any) -> str:
    return "?" if value is None else str(value)
