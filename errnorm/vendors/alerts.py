"""Whom a failure is to reach in operations: by the row that decided, else by whose doing it is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from errnorm.families import FAMILIES, Alert, alert_for
from errnorm.model import CanonicalError, UnknownVendorError
from errnorm.vendors import registry
from errnorm.vendors.profile import Profile, Then

_NOTHING = Then()


def alert_of(error: CanonicalError) -> Alert:
    """The policy for a failure's class. What a row says of the app's own credential says nothing of a user's."""
    if error.rule is not None and (rows := _outspoken(name := error.rule.partition(":")[0])):
        row = rows.get(error.rule, _NOTHING)
        by_status = rows.get(f"{name}:statuses.{error.vendor_status}", _NOTHING) if row.family is None else _NOTHING
        stated = row.alert or by_status.alert
        if stated and error.fault is (row.fault or by_status.fault or FAMILIES[error.family].fault):
            return stated
    return alert_for(error.family, error.fault, error.action)


def _outspoken(name: str) -> Mapping[str, Then]:
    """A profile's rows by address, where any of them says whom to tell; an error may come from another process."""
    try:
        return _rows(registry.get(name))
    except UnknownVendorError:
        return {}


@lru_cache(maxsize=1_024)
def _rows(profile: Profile) -> Mapping[str, Then]:
    rows = {f"{profile.name}:{address.removeprefix('rules.')}": then for address, then in profile.rows()}
    return rows if any(then.alert for then in rows.values()) else {}
