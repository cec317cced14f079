"""What a dashboard shows of the vendors: which questions, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from errnorm.metrics.instruments import (
    CALLS,
    LIMIT,
    OPERATION,
    OUTCOME,
    POLLS,
    QUOTA_LIMIT,
    QUOTA_REMAINING,
    REASON,
    RETRIES,
    VENDOR,
    label,
)
from errnorm.monitoring.promql import BY_OPERATION, bucket_of, counter_of, p95
from errnorm.monitoring.rules import LAG, LATENCY, RATE, SUCCESSES, WAITS, count, share
from errnorm.monitoring.words import Vendor

# The variables of the dashboard choose.
CHOSEN = f'job=~"$job", {label(VENDOR)}=~"$vendor"'
_OPERATIONS = f'{CHOSEN}, {label(OPERATION)}=~"$operation"'

_CALL = (VENDOR, OPERATION)
_RATE = f"{RATE}{{{_OPERATIONS}}}"


class Panel(NamedTuple):
    """One picture: a query of PromQL, in one of Grafana's units; each line is named after what `by` says.

    `width` is one of 24; `most` the top of the scale.
    """

    title: str
    unit: str
    query: str
    by: tuple[str, ...] = (VENDOR,)
    description: str = ""
    width: int = 12
    kind: Literal["timeseries", "stat", "table"] = "timeseries"
    most: int | None = None


def rows(vendors: Sequence[Vendor]) -> dict[str, tuple[Panel, ...]]:
    """The panels under their headings."""
    limits = "\n".join(f"- {vendor.name}: {'; '.join(vendor.limits)}" for vendor in vendors if vendor.limits)
    calls = Panel("Calls a minute", "short", f"60 * {_RATE}", _CALL, limits and f"Documented limits:\n{limits}")
    return {
        "How they do": _DOING,
        "How much of their limits is used": (calls, *_USED),
        "What fails": _FAILING,
        "What comes later": _LATER,
    }


def _each(function: str, query: str, *labels: str) -> str:
    return f"{function} by ({', '.join(map(label, labels))}) ({query})"


def _part(what: str, window: str, whole: str = "calls") -> str:
    return f"{count(what, window)}{{{CHOSEN}}} / {count(whole, window)}{{{CHOSEN}}}"


_WELL = _each("sum", f"{SUCCESSES}{{{_OPERATIONS}}} * {_RATE}", VENDOR) + " / " + _each("sum", _RATE, VENDOR)
_DURATIONS = p95(BY_OPERATION, f"{bucket_of(CALLS)}{{{_OPERATIONS}}}", "$__rate_interval")
_DOING = (
    Panel("Calls that go well", "percentunit", _WELL, width=6, kind="stat"),
    Panel("Calls", "reqps", _each("sum", _RATE, VENDOR), width=6, kind="stat"),
    Panel(
        "Slowest operation, 95th percentile",
        "s",
        _each("max", f"{LATENCY}{{{_OPERATIONS}}}", VENDOR),
        width=6,
        kind="stat",
    ),
    Panel(
        "Alerts that fire",
        "short",
        f'ALERTS{{alertname=~"Vendor.+", alertstate="firing", {CHOSEN}}}',
        width=6,
        kind="table",
    ),
    Panel("Calls that go well", "percentunit", f"{SUCCESSES}{{{_OPERATIONS}}}", _CALL, most=1),
    Panel(
        "Duration, 95th percentile",
        "s",
        _DURATIONS,
        _CALL,
        "Of single requests, each attempt for itself. The dots lead to traces, where exemplars are stored.",
    ),
    Panel("Answered with 4xx", "percentunit", f"{share('calls_4xx')}{{{_OPERATIONS}}}", _CALL),
    Panel("Answered with 5xx", "percentunit", f"{share('calls_5xx')}{{{_OPERATIONS}}}", _CALL),
)

_LEFT = _each(
    "min",
    f"{QUOTA_REMAINING.prometheus}{{{CHOSEN}}} / {QUOTA_LIMIT.prometheus}{{{CHOSEN}}}",
    VENDOR,
    LIMIT,
)
_USED = (
    Panel("Refused as too many", "percentunit", _part("calls_limited", "1h"), description="Of an hour's calls."),
    Panel("Wait for a turn, 95th percentile", "s", f"{WAITS}{{{_OPERATIONS}}}", _CALL, width=8),
    Panel(
        "Refused by the throttle",
        "percentunit",
        _part("turns_refused", "5m", "turns"),
        description="Of the calls of five minutes.",
        width=8,
    ),
    Panel("Left of quotas", "percentunit", _LEFT, (VENDOR, LIMIT), width=8, most=1),
)

_NOTED = count("failures_to_note", "1h")
_REASONS = f"topk(10, {_each('sum', f'{_NOTED}{{{CHOSEN}}}', VENDOR, REASON)})"
_AGAIN = _each("sum", f"60 * rate({counter_of(RETRIES)}{{{_OPERATIONS}}}[$__rate_interval])", VENDOR, OUTCOME)
_FAILING = (
    Panel(
        "Failures by reason",
        "short",
        _REASONS,
        (VENDOR, REASON),
        "The ten most frequent of an hour, of those that somebody is to know of.",
    ),
    Panel(
        "Refused credentials",
        "short",
        f"{count('calls_refused', '5m')}{{{CHOSEN}}}",
        description="Calls within five minutes.",
    ),
    Panel(
        "Codes that no profile knows",
        "short",
        f"{count('codes_unmapped', '1h')}{{{CHOSEN}}}",
        description="Failures within an hour.",
    ),
    Panel("Retries a minute", "short", _AGAIN, (VENDOR, OUTCOME), "A call that recovered is no failure."),
)

_POLLS = p95((*BY_OPERATION, label(OUTCOME)), f"{bucket_of(POLLS)}{{{_OPERATIONS}}}", "1h")
_LATER = (
    Panel("Webhooks after their events, 95th percentile", "s", f"{LAG}{{{CHOSEN}}}"),
    Panel("Jobs from start to end, 95th percentile", "s", _POLLS, (*_CALL, OUTCOME)),
)
