"""A profile's TOML to its records, with complaints that name the file, the place and what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

import msgspec

from errnorm.families import Action, Alert, Family, Fault, Verdict
from errnorm.vendors.profile import (
    REASON,
    Fields,
    Files,
    Kind,
    Limit,
    Profile,
    ProfileError,
    Read,
    Rule,
    Spot,
    Then,
    Unit,
    When,
    nearest,
    reason_of,
)

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")


def load(text: str, where: str, *, dialect: bool = False) -> Profile:
    """The profile that a TOML text holds. `where` names the text in complaints. Raises ProfileError."""
    import tomllib  # slow to import

    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{where}: not TOML: {error}") from None
    if not isinstance(raw.get("name"), str) or not _NAME.match(raw["name"]):
        raise ProfileError(f"{where}: name: every profile needs one, of lower-case letters, digits and hyphens")
    raw["rules"] = tuple(
        _rule(rule, f"{where}: rules.{at}") for at, rule in enumerate(_of(raw, "rules", list, where), 1)
    )
    raw["codes"] = {
        code: _row(row, code, f"{where}: codes.{code}") for code, row in _of(raw, "codes", dict, where).items()
    }
    raw["statuses"] = {
        _status(status, where): _row(row, None, f"{where}: statuses.{status}")
        for status, row in _of(raw, "statuses", dict, where).items()
    }
    if isinstance(raw.get("shape"), dict):
        raw["shape"] = [raw["shape"]]
    for key, kind in _TABLES.items():
        if key in raw:
            raw[key] = _convert(raw[key], kind, f"{where}: {key}")
    profile: Profile = _convert(raw | {"dialect": dialect}, Profile, where)
    return profile


_TABLES: dict[str, Any] = {
    "read": Read,
    "shape": tuple[When, ...],
    "failed": tuple[When, ...],
    "operations": dict[str, str],
    "limits": tuple[Limit, ...],
    "files": tuple[Files, ...],
}
_CHOICES: dict[str, Iterable[str]] = {
    "family": Family,
    "fault": Fault,
    "action": Action,
    "retry": Verdict,
    "alert": Alert,
    "speaks": get_args(Kind),
    "body": get_args(Kind),
    "unit": get_args(Unit),
}
_KEYS = sorted(
    {
        key
        for record in (Profile, Read, Fields, Spot, When, Then, Rule, Limit, Files)
        for key in record.__struct_fields__
    }
)


def _of(raw: Mapping[str, Any], key: str, kind: type[Any], where: str) -> Any:
    value = raw.get(key, kind())
    if not isinstance(value, kind):
        raise ProfileError(f"{where}: {key}: must be {'a table' if kind is dict else 'a list of tables'}")
    return value


def _convert(value: Any, kind: Any, address: str) -> Any:
    """`value` as `kind`, or a ProfileError with the address of what is off."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        complaint, _, place = str(error).partition(" - at `")
        below = place.rstrip("`").removeprefix("$")
        address += below if ": " in address else f": {below.removeprefix('.')}".rstrip(": ")
        key = re.sub(r"\[\.*\d*\]", "", address).rpartition(".")[2].rpartition(" ")[2]
        if complaint.startswith("Invalid enum value") and key in _CHOICES:
            complaint = f"must be one of {', '.join(_CHOICES[key])}, not {complaint.split('value ', 1)[1]}"
        elif complaint.startswith("Object contains unknown field"):
            unknown = complaint.split("`")[1]
            complaint = f"no key {unknown!r} here{nearest(unknown, _KEYS)}"
        raise ProfileError(f"{address}: {complaint[:1].lower()}{complaint[1:]}") from None


def _rule(rule: Any, address: str) -> Rule:
    if not isinstance(rule, dict) or not {"when", "then"} <= rule.keys():
        raise ProfileError(f"{address}: a rule is a table with `when` and `then`")
    when = _convert(rule["when"], When, f"{address}.when")
    made: Rule = _convert(rule | {"when": when, "then": _row(rule["then"], None, f"{address}.then")}, Rule, address)
    return made


def _row(row: Any, code: str | None, address: str) -> Then:
    """A row of a table; a bare word is a family, and a code with a name makes its own reason.

    An empty row says that a code with a name is known and means no more than the status, which then gives the reason.
    """
    then: Then = _convert({"family": row} if isinstance(row, str) else row, Then, address)
    if then.reason is None and code is not None:
        if not (reason := reason_of(code)):
            raise ProfileError(f"{address}: reason: {code!r} makes no name, so the row must give one, as UPPER_SNAKE")
        then = msgspec.structs.replace(then, reason=reason) if row else then
    if then.reason is not None and not REASON.match(then.reason):
        raise ProfileError(f"{address}.reason: must be UPPER_SNAKE of at most 63 characters, not {then.reason!r}")
    if then.response_status is not None and not 400 <= then.response_status <= 599:
        raise ProfileError(f"{address}.response_status: must be 400 to 599, not {then.response_status}")
    if then.wait is not None and not 0 <= then.wait < float("inf"):
        raise ProfileError(f"{address}.wait: must be a number of seconds from 0, not {then.wait}")
    return then


def _status(status: str, where: str) -> int:
    if not (status.isascii() and status.isdigit() and 100 <= int(status) <= 999):
        raise ProfileError(f"{where}: statuses.{status}: must be an HTTP status, 100 to 999")
    return int(status)
