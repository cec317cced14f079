"""What may stand in a label: names that profiles know, or `_OTHER`, so that no stranger makes one."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Final

from errnorm.families import Family
from errnorm.metrics.instruments import OTHER, THROTTLED
from errnorm.reading.outcomes import OUTCOMES
from errnorm.vendors import registry
from errnorm.vendors.profile import Limit, Profile

# Of the semantic conventions of OpenTelemetry for HTTP.
METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
PORTS: Final = {"http": 80, "https": 443}
_OWN: Final = frozenset(
    {
        *(family.value.upper() for family in Family),
        *(outcome.reason for outcome in OUTCOMES.values() if outcome.reason),
        THROTTLED,
        "CIRCUIT_OPEN",
        "JOB_DEADLINE_EXCEEDED",
    }
)


def profile_of(name: str | None) -> Profile | None:
    """The profile that bears the name, if one does; an error may come from another process."""
    known = registry.default
    if name is None or not (name in known or name in known.names()):  # the names are those of installed packages too
        return None
    return known.get(name)


def vendor(profile: Profile | None) -> str:
    """Its name; `_OTHER` for nobody's, and where only a dialect is known."""
    return OTHER if profile is None or profile.dialect else profile.name


def operation(profile: Profile | None, name: str | None) -> str | None:
    """The profile's name for a call; None where it has none."""
    if name is None:
        return None
    return name if profile is not None and name in profile.operations else OTHER


def reason(profile: Profile | None, name: str) -> str:
    """A reason of the profile's, of a dialect's, or of ours."""
    known = name in _OWN or name in _reasons_of_dialects() or (profile is not None and name in _reasons(profile))
    return name if known else OTHER


def method(name: str) -> str:
    """A method that everybody knows."""
    return name if name in METHODS else OTHER


def status(code: int | None) -> int | None:
    """A real status of an HTTP response."""
    return code if code is not None and 100 <= code <= 599 else None


def server(profile: Profile | None, url: str, own: Collection[str] = ()) -> tuple[str, int | None]:
    """Where a request went: the host, as the profile has it ("*.acme.example" for what lies below) or as one of the
    app's `own`, and the port where that is one of the two usual.
    """
    from urllib.parse import urlsplit  # slow to import

    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return OTHER, None
    port = port or PORTS.get(parts.scheme.lower())
    address = host if host in own else OTHER if profile is None else _pattern(profile, host)
    return address, port if port in PORTS.values() else None


def limit(limit: Limit | None) -> str:
    """A name for one of a profile's limits, by who is counted, and for how long: "user 3600s"."""
    if limit is None:
        return OTHER
    span = f" {limit.seconds:g}s" if limit.requests is not None else ""
    return f"{limit.per}{span}{', ' if limit.plan else ''}{limit.plan or ''}"


def _pattern(profile: Profile, host: str) -> str:
    found = next((known for known in profile.hosts if _answers(known, host)), None)
    return OTHER if found is None else f"*{found}" if found.startswith(".") else found


def _answers(known: str, host: str) -> bool:
    wanted, labels = known.lower().removeprefix(".").split("."), host.split(".")
    if known.startswith("."):
        labels = labels[-len(wanted) :]
    return len(wanted) == len(labels) and all(want in ("*", label) for want, label in zip(wanted, labels, strict=True))


@lru_cache(maxsize=1_024)
def _reasons(profile: Profile) -> frozenset[str]:
    return frozenset(then.reason for _, then in profile.rows() if then.reason)


@lru_cache(maxsize=1)
def _reasons_of_dialects() -> frozenset[str]:
    dialects = (name for name in registry.default.names() if registry.default.entry(name).dialect)
    return frozenset[str]().union(*map(_reasons, map(registry.get, dialects)))
