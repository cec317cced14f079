"""Alerts: when somebody has to look at a vendor, what that means, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from errnorm.families import Alert
from errnorm.metrics.instruments import (
    CALLS,
    LIMIT,
    OPERATION,
    QUOTA_LIMIT,
    QUOTA_REMAINING,
    REASON,
    VENDOR,
    label,
)
from errnorm.monitoring.promql import BY_VENDOR, Selection, counter_of, indented, one_of, quoted, summed
from errnorm.monitoring.rules import LAG, OUTAGE, REFUSED, WAITS, count
from errnorm.monitoring.words import Vendor, listed

CREDENTIALS = "VendorCredentialsRefused"  # its alert's name
FEW = 5  # failures in a window; of fewer, a share says nothing
# How many times too fast the budget of failures is spent, in a long window and still in a short one: the first two
# spend 2 % of a month's in an hour or 5 % in six, the others 10 % in a day or in three.
FAST = ((14.4, "1h", "5m"), (6, "6h", "30m"))
SLOW = ((3, "1d", "2h"), (1, "3d", "6h"))

# The vendors' pages want an alert at once where refusals of the credential spike, one where refusals for the rate grow,
# and where webhooks are late, and name no figures. These are ours.
REFUSALS, REFUSALS_RARE = 0.1, 0.5  # of the calls of five minutes, and of an hour for an app that calls seldom
LIMITED, LIMITED_LONG = 0.01, 0.05  # of an hour's calls, where that doubled within a day; of six hours' in any case
LAG_S = 300  # that webhooks may be late; by then users look a second time
WAIT_S = 10  # that a call may wait for its turn: a third of what the throttle lets it wait at most
TURNS = 0.05  # of the calls may find that their turn is too far off
LEFT = 0.1  # of a quota

_SHARE = "{{ $value | humanizePercentage }} of the calls from {{ $labels.job }}"
_NUMBER = "{{ $value | humanize }}"
_TIME = "{{ $value | humanizeDuration }}"


class Rule(NamedTuple):
    """An alert; `lasting` is for how long its expression must hold."""

    name: str
    severity: Alert
    lasting: str
    expression: str
    summary: str
    description: str
    action: str


def alerting_rules(vendor: Vendor, selection: Selection, objective: float) -> dict[str, Any]:
    """The group of a vendor's alerts; `objective` is the share of calls that is to go well, such as 0.99."""
    made = (_credentials, _limits, _repeating, _unmapped, _webhooks, _throttle, _quota)
    rules = [*_outage(vendor, selection, 1 - objective), *(rule for each in made for rule in each(vendor, selection))]
    return {"name": f"errnorm.{vendor.name}", "rules": [_as_data(rule, vendor) for rule in rules]}


def _as_data(rule: Rule, vendor: Vendor) -> dict[str, Any]:
    lasting = {"for": rule.lasting} if rule.lasting else {}
    docs = {"runbook_url": vendor.docs} if vendor.docs else {}
    said = {"summary": rule.summary, "description": rule.description, "action": rule.action}
    return {
        "alert": rule.name,
        "expr": rule.expression,
        **lasting,
        "labels": {"severity": rule.severity.value, label(VENDOR): vendor.name},
        "annotations": {**said, **docs},
    }


def _outage(vendor: Vendor, selection: Selection, budget: float) -> Iterator[Rule]:
    description = (
        f"{_SHARE} to {vendor.name} fail there or on the way; no more than {_plain(100 * budget)} % are to."
        + vendor.known(OUTAGE)
    )
    action = (
        "See whether the vendor tells of an incident. What may be repeated is repeated already: put off what can wait, "
        "and tell the users of the rest."
    )
    if vendor.rerouted:
        action += f" Another route may succeed for {listed(vendor.rerouted)}."
    for severity, lasting, pairs in ((Alert.PAGE, "2m", FAST), (Alert.TICKET, "15m", SLOW)):
        # more than all calls never fail: at such a pace a modest objective cannot be missed
        expression = "\nor\n".join(_burnt(selection, budget, *pair) for pair in pairs if pair[0] * budget < 1)
        yield Rule("VendorOutage", severity, lasting, expression, f"{vendor.name} is failing", description, action)


def _plain(number: float) -> str:
    """A number as people write it, however small."""
    return f"{Decimal(f'{number:.4g}'):f}"


def _burnt(selection: Selection, budget: float, pace: float, long: str, short: str) -> str:
    least = f"{pace * budget:.6g}"
    return f"{_enough('calls_out', long, least, FEW, selection)}\nand {_share('calls_out', short, selection)} > {least}"


def _credentials(vendor: Vendor, selection: Selection) -> Iterator[Rule]:
    yield Rule(
        CREDENTIALS,
        Alert.PAGE,
        "",
        f"{_enough('calls_refused', '5m', REFUSALS, 3, selection)}\nor\n"
        f"{_enough('calls_refused', '1h', REFUSALS_RARE, 2, selection)}",
        f"{vendor.name} refuses our credential",
        f"{_SHARE} to {vendor.name} are refused for the credential, or for what it may do.{vendor.known(REFUSED)}",
        "See whether the key was rotated, revoked or expired, whether it lost a scope, and whether our address is "
        "still allowed. In the log, errnorm_key_fingerprint tells which key it was. A repetition does not help.",
    )


def _limits(vendor: Vendor, selection: Selection) -> Iterator[Rule]:
    growing = f"{_share('calls_limited', '1h', selection)} > 2 * {_share('calls_limited', '1d', selection)}"
    yield Rule(
        "VendorRateLimited",
        Alert.TICKET,
        "15m",
        f"{_enough('calls_limited', '1h', LIMITED, FEW, selection)}\nand {growing}\nor\n"
        f"{_enough('calls_limited', '6h', LIMITED_LONG, FEW, selection)}",
        f"{vendor.name} refuses calls because they are too many",
        f"{_SHARE} to {vendor.name} are refused as too many.{vendor.documented}",
        "The dashboard shows which operations are called more often. Spread them, poll less and let webhooks tell "
        "instead, see that all processes share one throttle, or ask the vendor for a higher limit.",
    )


def _repeating(vendor: Vendor, selection: Selection) -> Iterator[Rule]:
    reason = f"{{{{ $labels.{label(REASON)} }}}}"
    for severity, what, window, in_words, least, but in (
        (Alert.PAGE, "failures_to_page", "30m", "half an hour", 3, ""),
        (Alert.TICKET, "failures_to_note", "1h", "an hour", FEW, _unless_paged(selection)),
    ):
        yield Rule(
            "VendorFailureRepeating",
            severity,
            "",
            f"{selection.of(count(what, window))} >= {least}{but}",
            f"{vendor.name} fails with {reason} again and again",
            f"{_NUMBER} times within {in_words} for {{{{ $labels.job }}}}: that is no accident, and no user's mistake.",
            vendor.action,
        )


def _unless_paged(selection: Selection) -> str:
    """Whoever was paged for the credential within the hour knows of its refusals."""
    page = selection.of("ALERTS", f"alertname={quoted(CREDENTIALS)}", 'alertstate="firing"')
    known = (
        f"{selection.of(count('refusals_to_note', '1h'))}\nand on ({', '.join(BY_VENDOR)}) max_over_time({page}[1h])"
    )
    return f"\nunless (\n{indented(known)}\n)"


def _unmapped(vendor: Vendor, selection: Selection) -> Iterator[Rule]:
    yield Rule(
        "VendorCodeUnmapped",
        Alert.TICKET,
        "",
        f"{selection.of(count('codes_unmapped', '1h'))} > 0",
        f"{vendor.name} sends codes that its profile does not know",
        f"{_NUMBER} times within an hour for {{{{ $labels.job }}}}; they were judged by the status alone.",
        f"`errnorm coverage LOG` names the codes, and `errnorm coverage LOG --stub {vendor.name}` makes rows for the "
        "profile of them. What they mean is on the vendor's page.",
    )


def _webhooks(vendor: Vendor, selection: Selection) -> Iterator[Rule]:
    yield Rule(
        "VendorWebhookLag",
        Alert.TICKET,
        "5m",
        f"{selection.of(LAG)} > {LAG_S}",
        f"Webhooks of {vendor.name} come late",
        f"One in twenty is handled by {{{{ $labels.job }}}} {_TIME} after its event, or later.",
        "See whether their queue has grown or its workers fail; if not, it is the vendor who is late. Poll, at the "
        "vendor's pace, until they are in time again.",
    )


def _throttle(vendor: Vendor, selection: Selection) -> Iterator[Rule]:
    summary = f"More calls to {vendor.name} than its limits let through"
    action = (
        "See which operations are called more often, and that the throttle's plans and limits are those that were "
        "bought. Then ask less of the vendor at a time, or the vendor for more."
    )
    refused, turns = (selection.of(count(what, "5m")) for what in ("turns_refused", "turns"))
    description = f"{_SHARE} to {vendor.name} were not sent: their turn was too far off.{vendor.documented}"
    expression = f"{refused} / {turns} > {TURNS}\nand {refused} >= {FEW}"
    yield Rule("VendorThrottleSaturated", Alert.PAGE, "5m", expression, summary, description, action)
    operation = f"{{{{ $labels.{label(OPERATION)} }}}}"
    description = f"One in twenty calls of {operation} waits {_TIME} for its turn, or longer.{vendor.documented}"
    expression = f"{selection.of(WAITS)} > {WAIT_S}"
    yield Rule("VendorThrottleSaturated", Alert.TICKET, "15m", expression, summary, description, action)


def _quota(vendor: Vendor, selection: Selection) -> Iterator[Rule]:
    if not vendor.quotas:
        return
    whose = ("job", "instance", label(VENDOR))
    one = one_of(label(LIMIT), tuple(map(re.escape, vendor.quotas)))
    # each answer speaks of its own account: the one that has least is to be heard, whoever answered last
    least = f"min_over_time({selection.of(QUOTA_REMAINING.prometheus, one)}[5m])"
    left = f"{least} / {selection.of(QUOTA_LIMIT.prometheus, one)}"
    # answers tell what is left: a process that gets none knows only what was left once
    called = summed(whose, f"increase({selection.of(counter_of(CALLS))}[5m])")
    known = indented(f"{left}\nand on ({', '.join(whose)}) {called} > 0")
    yield Rule(
        "VendorQuotaNearlySpent",
        Alert.TICKET,
        "5m",
        f"min by ({', '.join((*BY_VENDOR, label(LIMIT)))}) (\n{known}\n) < {LEFT}",
        f"A quota at {vendor.name} is nearly spent",
        f"{{{{ $value | humanizePercentage }}}} is left of {{{{ $labels.{label(LIMIT)} }}}} for {{{{ $labels.job }}}}, "
        f"for the account that has least.{vendor.documented}",
        "Put off what can wait until the quota is renewed, or buy more of it.",
    )


def _enough(what: str, window: str, least: float | str, few: int, selection: Selection) -> str:
    """Where the share of such calls is above `least`, and they are enough to say so."""
    return f"{_share(what, window, selection)} > {least}\nand {selection.of(count(what, window))} >= {few}"


def _share(what: str, window: str, selection: Selection) -> str:
    return f"{selection.of(count(what, window))} / {selection.of(count('calls', window))}"
