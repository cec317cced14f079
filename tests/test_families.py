"""The one table of defaults says what the contract says, row by row: statuses, retries, faults, our own statuses."""

from __future__ import annotations

import re

import pytest

import errnorm
from errnorm import Action, Family, Fault, Verdict
from errnorm.families import (
    FAMILIES,
    IDEMPOTENT_METHODS,
    LOG_LEVELS,
    family_of,
    response_status_of,
    transport_fault,
    verdict_of,
)

# The contract's own lines.
WITHOUT_A_PROFILE = """
400 406 411 412 414 416 417 422 428 431 validation · 401 407 511 authentication · 403 451 permission ·
404 410 not_found ·
405 501 method_not_allowed · 408 504 522 524 timeout · 409 425 conflict · 402 payment · 413 415 payload · 423 locked ·
420 429 456 509 rate_limit ·
500 and other 5xx server · 502 520 521 523 525 526 530 upstream · 503 529 598 unavailable
"""
TRANSIENT = "408 425 429 502 503 504 529 520 521 522 523 524 525 526 527 528"
WORDS = """
`validation` `authentication` `permission` `not_found` `method_not_allowed` `conflict` `locked` `payment` `payload`
`rate_limit` `server` `upstream` `unavailable` `timeout` `connection` `unknown`
`user` `account` `integration` `vendor` `network` `unknown`
`none` `retry` `wait` `fix_input` `reconnect` `ask_admin` `contact_support`
`never` `safe` `if_idempotent` `after_refresh`
"""
# The user's doing: the family's own status.
USERS = {
    "validation": 422,
    "not_found": 404,
    "conflict": 409,
    "locked": 423,
    "payload": 413,
    "rate_limit": 429,
    "payment": 409,
}
# Nobody's here: 503 where waiting helps, 504 timeout, 502 the rest.
VENDORS = {"rate_limit": 503, "unavailable": 503, "locked": 503, "timeout": 504}


def by_status():
    table = {}
    for part in WITHOUT_A_PROFILE.split("·"):
        family = part.split()[-1]
        for status in re.findall(r"\b\d{3}\b", part):
            table[int(status)] = family
    return table


def test_every_status_has_the_family_of_the_contract():
    table = by_status()
    assert len(table) == 44
    for status in range(100, 1000):
        expected = table.get(status, "server" if 500 <= status <= 599 else "unknown")
        assert family_of(status) == expected, status
        assert errnorm.parse(b"", status=status).family == expected, status
    assert family_of(None) is Family.UNKNOWN


@pytest.mark.parametrize("method", [None, "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "POST", "PATCH", "get"])
def test_every_status_has_the_verdict_of_the_contract(method):
    transient = {int(status) for status in TRANSIENT.split()}
    idempotent = method is not None and method.upper() in IDEMPOTENT_METHODS
    for status in range(100, 1000):
        verdict = errnorm.parse(b"", status=status, method=method).retry.verdict
        if status in transient:
            assert verdict == ("safe" if idempotent else "if_idempotent"), status
        else:
            assert verdict == ("if_idempotent" if status == 500 else "never"), status


@pytest.mark.parametrize("family", Family)
def test_what_was_never_sent_may_be_sent(family):
    verdict = verdict_of(family, None, "POST", sent=False)
    again = {"rate_limit", "upstream", "unavailable", "timeout", "connection"}
    assert verdict == ("safe" if family in again else "if_idempotent" if family == "server" else "never")


def test_the_words_are_those_of_the_contract():
    rows = re.findall(r"`(\w+)`", WORDS)
    assert rows[:16] == list(Family)
    assert rows[16:22] == list(Fault)
    assert rows[22:29] == list(Action)
    assert rows[29:] == list(Verdict)
    assert str(Family.NOT_FOUND) == f"{Family.NOT_FOUND}" == "not_found"


def test_no_family_is_forgotten():
    assert set(FAMILIES) == set(Family)
    assert set(LOG_LEVELS) == set(Fault)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("family", Family)
def test_our_own_status_follows_the_three_rules(family, action):
    vendors = VENDORS.get(family, 502)
    for fault in (Fault.VENDOR, Fault.NETWORK, Fault.UNKNOWN):
        assert response_status_of(family, fault, action) == vendors
    assert response_status_of(family, Fault.INTEGRATION, action) == 500
    assert response_status_of(family, Fault.ACCOUNT, action) == (409 if action is Action.RECONNECT else vendors)
    if family in USERS:
        assert response_status_of(family, Fault.USER, action) == USERS[family]


@pytest.mark.parametrize(
    ("family", "vendor_status", "status"),
    [
        ("not_found", 404, 404),
        ("not_found", 410, 410),
        ("payload", 413, 413),
        ("payload", 415, 415),
        ("payload", 410, 413),
    ],
)
def test_the_finer_status_is_kept(family, vendor_status, status):
    assert response_status_of(Family(family), Fault.USER, Action.NONE, vendor_status) == status


@pytest.mark.parametrize("family", Family)
def test_a_transport_failure_is_the_networks_but_for_what_could_not_be_sent(family):
    assert (transport_fault(family) is Fault.NETWORK) is FAMILIES[family].transient


def test_only_a_profile_can_say_that_it_is_the_users_doing():
    assert Fault.USER not in {row.fault for row in FAMILIES.values()}


def test_a_pause_stands_where_waiting_helps():
    assert {family for family, row in FAMILIES.items() if row.pause} == {"locked", "rate_limit", "unavailable"}
    assert all(0 <= row.pause <= 3600 for row in FAMILIES.values())
