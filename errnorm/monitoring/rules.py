"""Recording rules: what alerts and dashboards read, counted once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from errnorm.families import Alert, Family, Fault
from errnorm.metrics.instruments import (
    ALERT,
    CALLS,
    FAILURES,
    FAMILY,
    FAULT,
    OUTCOME,
    REASON,
    STATUS,
    THROTTLE,
    UNMAPPED,
    WEBHOOKS,
    Instrument,
    label,
)
from errnorm.monitoring.promql import (
    BY_OPERATION,
    BY_VENDOR,
    WINDOWS,
    Selection,
    bucket_of,
    counter_of,
    one_of,
    p95,
    summed,
)

# What the vendor's service, or the way to it, failed in: an outage, if there is enough of it.
OUTAGE = (Family.SERVER, Family.UPSTREAM, Family.UNAVAILABLE, Family.TIMEOUT, Family.CONNECTION)
REFUSED = (Family.AUTHENTICATION, Family.PERMISSION)
BY_REASON = (*BY_VENDOR, label(REASON))

_NO_USERS = f'{label(FAULT)}!="{Fault.USER}"'  # one user's own key, or one user's guessing at codes


class Count(NamedTuple):
    """What is counted over windows, those of its alerts."""

    instrument: Instrument
    matchers: tuple[str, ...]
    windows: tuple[str, ...]
    by: tuple[str, ...] = BY_VENDOR


COUNTS = {
    "calls": Count(CALLS, (), tuple(WINDOWS)),
    "calls_out": Count(CALLS, (one_of(label(FAMILY), OUTAGE),), tuple(WINDOWS)),
    "calls_refused": Count(CALLS, (one_of(label(FAMILY), REFUSED), _NO_USERS), ("5m", "1h")),
    "calls_limited": Count(CALLS, (f'{label(FAMILY)}="{Family.RATE_LIMIT}"', _NO_USERS), ("1h", "6h", "1d")),
    "turns": Count(THROTTLE, (), ("5m",)),
    "turns_refused": Count(THROTTLE, (f'{label(OUTCOME)}="refused"',), ("5m",)),
    # a refused credential has an alert of its own that pages
    "failures_to_page": Count(
        FAILURES,
        (f'{label(ALERT)}="{Alert.PAGE}"', f'{label(FAMILY)}!~"{"|".join(REFUSED)}"'),
        ("30m",),
        BY_REASON,
    ),
    "failures_to_note": Count(FAILURES, (one_of(label(ALERT), (Alert.PAGE, Alert.TICKET)),), ("1h",), BY_REASON),
    "refusals_to_note": Count(
        FAILURES,
        (one_of(label(ALERT), (Alert.PAGE, Alert.TICKET)), one_of(label(FAMILY), REFUSED)),
        ("1h",),
        BY_REASON,
    ),
    "codes_unmapped": Count(UNMAPPED, (), ("1h",)),
}
_SHARES = {
    "calls_failed": f'{label(FAMILY)}!=""',
    "calls_4xx": f'{label(STATUS)}=~"4.."',
    "calls_5xx": f'{label(STATUS)}=~"5.."',
}
RATE = "job_vendor_operation:errnorm_calls:rate5m"
SUCCESSES = "job_vendor_operation:errnorm_calls_well:ratio_rate5m"
LATENCY = "job_vendor_operation:errnorm_call_duration_seconds:p95_5m"
WAITS = "job_vendor_operation:errnorm_throttle_wait_seconds:p95_5m"
LAG = "job_vendor:errnorm_webhook_lag_seconds:p95_15m"


def count(what: str, window: str) -> str:
    """The name of a recorded count."""
    level = "_".join(name.removeprefix("errnorm_") for name in COUNTS[what].by)
    return f"{level}:errnorm_{what}:increase{window}"


def share(what: str) -> str:
    """The name of a recorded share of an operation's calls."""
    return f"job_vendor_operation:errnorm_{what}:ratio_rate5m"


def recording_rules(selection: Selection) -> list[dict[str, Any]]:
    """The groups of a rule file: what each operation does, and what is counted for the alerts."""
    return [
        {"name": f"errnorm.{name}", "rules": [{"record": record, "expr": text} for record, text in made(selection)]}
        for name, made in (("operations", _operations), ("percentiles", _percentiles), ("counts", _counts))
    ]


def _operations(selection: Selection) -> Iterator[tuple[str, str]]:
    counter, total = counter_of(CALLS), selection.of(RATE)
    yield RATE, summed(BY_OPERATION, f"rate({selection.of(counter)}[5m])")
    for what, matcher in _SHARES.items():
        part = summed(BY_OPERATION, f"rate({selection.of(counter, matcher)}[5m])")
        # where none are so, the share is 0; where there are no calls, there is none
        yield share(what), f"({part} or {total} * 0)\n/ ({total} > 0)"
    yield SUCCESSES, f"1 - {selection.of(share('calls_failed'))}"


def _percentiles(selection: Selection) -> Iterator[tuple[str, str]]:
    yield LATENCY, p95(BY_OPERATION, selection.of(bucket_of(CALLS)), "5m")
    yield WAITS, p95(BY_OPERATION, selection.of(bucket_of(THROTTLE)), "5m")
    yield LAG, p95(BY_VENDOR, selection.of(bucket_of(WEBHOOKS)), "15m")


def _counts(selection: Selection) -> Iterator[tuple[str, str]]:
    for what, (instrument, matchers, windows, by) in COUNTS.items():
        for window in windows:
            yield count(what, window), summed(by, selection.grown(instrument, window, *matchers))
