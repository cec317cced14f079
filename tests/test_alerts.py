"""Whom a failure reaches in operations is data: the table's word, a row's own, and one word for both log and metric."""

from __future__ import annotations

from itertools import product

import pytest

import errnorm
from errnorm import Action, Family, Fault, Normalizer, VendorError
from errnorm.checking import check
from errnorm.families import FAMILIES, Alert, alert_for
from errnorm.samples import built_in_files, samples_of
from errnorm.telling.logs import record
from errnorm.vendors.alerts import alert_of
from tests.failures import OCCURRENCE

OWN = """
name = "alertly"
[read]
code = ["/code"]
[codes]
closed = { family = "permission", alert = "ticket" }
bare = { reason = "BARE" }
teapot = { family = "server", alert = "page" }
mild = { fault = "user" }
quiet = { family = "validation" }
[statuses]
401 = { family = "authentication", alert = "count" }
409 = { family = "conflict", fault = "integration", alert = "page" }
[[rules]]
title = "closed for the night"
when = { status = 503, code = "night" }
then = { family = "unavailable", alert = "page" }
[[rules]]
when = { status = 502 }
then = { family = "upstream", alert = "ticket" }
"""


def test_the_table_has_a_word_for_every_failure():
    for family, fault, action in product(Family, Fault, Action):
        alert = alert_for(family, fault, action)
        # what nobody here can mend reaches nobody by itself; what somebody has to mend does
        if fault in (Fault.USER, Fault.VENDOR, Fault.NETWORK):
            assert alert is Alert.COUNT
        elif fault is Fault.ACCOUNT:
            assert (alert is Alert.TICKET) == (action in {Action.ASK_ADMIN, Action.CONTACT_SUPPORT})
        else:
            assert alert in {Alert.TICKET, Alert.PAGE}
        # a wrong key, or one that may not: the vendors' pages ask to alert on these at once
        ours = fault is Fault.INTEGRATION
        assert (alert is Alert.PAGE) == (ours and family in {Family.AUTHENTICATION, Family.PERMISSION})


@pytest.mark.parametrize(
    ("status", "alert"),
    [
        (400, "ticket"),
        (401, "page"),
        (402, "ticket"),
        (403, "page"),
        (404, "ticket"),
        (409, "ticket"),
        (423, "count"),
        (429, "count"),
        (500, "count"),
        (502, "count"),
        (503, "count"),
        (504, "count"),
        (299, "ticket"),
    ],
)
def test_without_a_profile_the_status_decides(status, alert):
    assert alert_of(errnorm.parse(b"", status=status)) == alert


@pytest.mark.parametrize(
    ("status", "code", "alert"),
    [
        (403, "closed", "ticket"),
        (401, "bare", "count"),  # of the status's row, for its own names no family
        (500, "bare", "count"),
        (500, "teapot", "page"),
        (409, "mild", "page"),  # likewise
        (409, "quiet", "ticket"),
        (409, "", "page"),
        (503, "night", "page"),
        (503, "day", "count"),
        (502, "", "ticket"),
    ],
)
def test_a_row_may_say_otherwise(own_profile, status, code, alert):
    normalizer = Normalizer(paths=[own_profile(OWN)])
    error = normalizer.parse(f'{{"code": "{code}"}}', status=status, vendor="alertly")
    assert alert_of(error) == alert
    assert record(error, OCCURRENCE)["errnorm_alert"] == alert


def test_what_a_row_says_of_our_key_says_nothing_of_a_users(own_profile):
    normalizer = Normalizer(paths=[own_profile(OWN)])
    error = normalizer.parse('{"code": "closed"}', status=403, vendor="alertly")
    assert alert_of(error) == "ticket"
    assert alert_of(normalizer.judged(error, "user")) == "count"


def test_the_log_has_it_as_the_app_judged_it(caplog):
    caplog.set_level("DEBUG", "errnorm")
    Normalizer().answer(VendorError(errnorm.parse(b"", status=401)))
    Normalizer().answer(VendorError(errnorm.parse(b"", status=401), credentials="user"))
    assert [entry.errnorm_alert for entry in caplog.records] == ["page", "count"]


def test_every_built_in_failure_has_one():
    for name, file in built_in_files().items():
        for sample in samples_of(file):
            assert alert_of(sample.read(errnorm.parse, name)) in set(Alert), sample.title


def test_an_error_of_a_vendor_that_this_process_does_not_know():
    error = errnorm.parse(b"", status=503).replace(vendor="elsewhere", rule="elsewhere:codes.x")
    assert alert_of(error) is alert_for(error.family, error.fault, error.action)


def test_a_sample_can_prove_it(tmp_path):
    (tmp_path / "alertly2.toml").write_text(
        'name = "alertly2"\n[read]\ncode = ["/code"]\n[codes]\nteapot = { family = "server", alert = "page" }\n'
    )
    sample = '[[sample]]\ntitle = "a"\nstatus = 500\nbody = \'{"code": "teapot"}\'\nexpect = { alert = "%s" }\n'
    (tmp_path / "alertly2.samples.toml").write_text(sample % "page")
    assert check(tmp_path / "alertly2.toml").findings == []
    (tmp_path / "alertly2.samples.toml").write_text(sample % "count")
    assert "alert" in str(check(tmp_path / "alertly2.toml").findings[0])


def test_every_family_has_one_by_default():
    assert {family: alert_for(family, row.fault, row.action).value for family, row in FAMILIES.items()} == {
        "validation": "ticket",
        "authentication": "page",
        "permission": "page",
        "not_found": "ticket",
        "method_not_allowed": "ticket",
        "conflict": "ticket",
        "locked": "count",
        "payment": "ticket",
        "payload": "ticket",
        "rate_limit": "count",
        "server": "count",
        "upstream": "count",
        "unavailable": "count",
        "timeout": "count",
        "connection": "count",
        "unknown": "ticket",
    }
