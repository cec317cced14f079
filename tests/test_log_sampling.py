"""An outage does not fill a disk, and not one failure is lost from the count: what passes and what is told add up."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

import errnorm
from errnorm import Normalizer, VendorError
from errnorm.families import Family
from errnorm.logging import JSONFormatter, SamplingFilter
from errnorm.logging.sampling import REFERENCES
from errnorm.telling.logs import logger as own

OUTAGE = 5_000
NORMALIZER = Normalizer()


class Clock:
    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


class Kept(logging.Handler):
    """The records that pass."""

    def __init__(self, *filters):
        super().__init__()
        self.records = []
        for each in filters:
            self.addFilter(each)

    def emit(self, record):
        self.records.append(vars(record).copy())

    def failures(self):
        return [record for record in self.records if "errnorm_occurrence_id" in record]

    def told(self):
        """How many failures each class is told to have had."""
        told = Counter()
        for record in self.records:
            told[record["errnorm_fingerprint"]] += ("errnorm_occurrence_id" in record) + record.get(
                "errnorm_suppressed", 0
            )
        return told


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def listen():
    """Adds a handler to our own logger."""
    handlers = []

    def listen(*filters):
        handlers.append(Kept(*filters))
        own.addHandler(handlers[-1])
        return handlers[-1]

    level = own.level
    own.setLevel(logging.DEBUG)
    yield listen
    own.setLevel(level)
    for each in handlers:
        own.removeHandler(each)


def fail(vendor="lionbridge", status=503, **more):
    NORMALIZER.answer(VendorError(errnorm.parse(b"", status=status, vendor=vendor), **more))


def test_of_an_outage_the_first_is_told_and_the_rest_is_counted(clock, listen):
    kept = listen(SamplingFilter(60, clock=clock))
    for _ in range(OUTAGE):
        fail()
    assert len(kept.records) == 1
    assert "errnorm_suppressed" not in kept.records[0]
    clock.now += 60
    fail()
    assert len(kept.records) == 2
    assert kept.records[1]["errnorm_suppressed"] == OUTAGE - 1
    assert len(kept.records[1]["errnorm_suppressed_references"]) == REFERENCES
    size = sum(len(JSONFormatter().format(logging.makeLogRecord(record))) for record in kept.records)
    assert size < 5_000


def test_the_references_are_those_that_the_users_got(clock, listen):
    everything, kept = listen(), listen(SamplingFilter(60, clock=clock))
    for _ in range(5):
        fail()
    clock.now += 61
    fail()
    references = [record["errnorm_reference"] for record in everything.records]
    first, last = kept.records
    assert [first["errnorm_reference"], *last["errnorm_suppressed_references"], last["errnorm_reference"]] == references


def test_classes_are_told_apart(clock, listen):
    kept = listen(SamplingFilter(60, clock=clock))
    for _ in range(3):
        fail("lionbridge", 503)
        fail("lionbridge", 500)
        fail("phase", 503)
        fail("lionbridge", 401)
        fail("lionbridge", 401, credentials="user")  # one fingerprint, but nobody's to mend
    assert len(kept.records) == 5


@pytest.mark.parametrize("family", Family)
def test_no_class_passes_always(clock, listen, family):
    kept = listen(SamplingFilter(60, clock=clock))
    for _ in range(3):
        NORMALIZER.answer(VendorError(errnorm.parse(b"", status=503).replace(family=family, fault="integration")))
    assert len(kept.records) == 1


def test_what_is_no_vendors_failure_passes_always(clock):
    each = SamplingFilter(60, clock=clock)
    for _ in range(3):
        assert each.filter(logging.makeLogRecord({"msg": "hello"}))
        assert each.filter(logging.makeLogRecord({"msg": "unexpected", "errnorm_reference": "7K3F-9QXM"}))
        assert each.filter(logging.makeLogRecord({"msg": "odd", "errnorm_fingerprint": ["no", "text"]}))


def test_a_class_that_falls_silent_is_told_when_anything_else_is_logged(clock, listen):
    kept = listen(SamplingFilter(60, clock=clock))
    for _ in range(4):
        fail()
    clock.now += 59
    fail("phase")
    assert len(kept.records) == 2
    clock.now += 1
    fail("stripe")
    *_, ended, last = kept.records
    assert last["errnorm_vendor"] == "stripe" or ended["errnorm_vendor"] == "stripe"
    [ended] = [record for record in kept.records if "errnorm_suppressed" in record]
    assert ended["errnorm_suppressed"] == 3
    assert len(ended["errnorm_suppressed_references"]) == 3
    assert (ended["errnorm_vendor"], ended["errnorm_alert"], ended["levelname"]) == ("lionbridge", "count", "WARNING")
    assert ended["errnorm_fingerprint"] == kept.records[0]["errnorm_fingerprint"]
    assert "errnorm_occurrence_id" not in ended
    line = json.loads(JSONFormatter().format(logging.makeLogRecord(ended)))
    assert line["message"] == "lionbridge UNAVAILABLE 503: 3 more of these were not logged one by one"
    clock.now += 60
    fail("stripe")
    assert len([record for record in kept.records if "errnorm_suppressed" in record]) == 1  # told once


calls = st.lists(
    st.tuples(st.sampled_from(["lionbridge", "phase", "stripe"]), st.sampled_from([401, 429, 503]), st.integers(0, 40)),
    max_size=40,
)


@hypothesis_settings(max_examples=60, deadline=None)
@given(calls=calls, most=st.integers(1, 4))
def test_what_passes_and_what_is_told_add_up(calls, most):
    clock = Clock()
    sampling = SamplingFilter(30, most=most, clock=clock)
    everything, kept = Kept(), Kept(sampling)
    level = own.level
    own.setLevel(logging.DEBUG)
    own.addHandler(kept)
    own.addHandler(everything)
    try:
        passed = {}
        for vendor, status, later in calls:
            clock.now += later
            before = len(kept.failures())
            fail(vendor, status)
            if len(kept.failures()) > before and most == 4:
                key = kept.failures()[-1]["errnorm_fingerprint"]
                assert clock.now - passed.get(key, 0) >= 30 or len(passed) > most
                passed[key] = clock.now
            assert len(sampling._lines) <= most
        sampling.flush()
    finally:
        own.setLevel(level)
        own.removeHandler(kept)
        own.removeHandler(everything)
    assert kept.told() == Counter(record["errnorm_fingerprint"] for record in everything.failures())


def test_it_remembers_no_more_classes_than_it_should(clock, listen):
    sampling = SamplingFilter(60, most=100, clock=clock)
    kept = listen(sampling)
    for number in range(1_000):
        for _ in range(2):
            NORMALIZER.answer(VendorError(errnorm.parse(b"", status=503, operation=f"call {number}")))
    assert len(sampling._lines) == 100
    sampling.flush()
    assert sum(kept.told().values()) == 2_000


def test_threads_let_one_pass_and_lose_none(clock, listen):
    sampling = SamplingFilter(60, clock=clock)
    kept = listen(sampling)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: fail(), range(2_000)))
    assert len(kept.records) == 1
    sampling.flush()
    assert sum(kept.told().values()) == 2_000


def test_one_filter_at_two_handlers_says_the_same_to_both(clock, listen):
    sampling = SamplingFilter(60, clock=clock)
    first, second = listen(sampling), listen(sampling)
    for _ in range(5):
        fail()
    clock.now += 60
    fail("phase")
    sampling.flush()
    assert first.records == second.records
    assert sum(first.told().values()) == 6


def test_two_filters_count_for_themselves(clock, listen):
    slow, quick = SamplingFilter(600, clock=clock), SamplingFilter(10, clock=clock)
    hours, minutes = listen(slow), listen(quick)
    for _ in range(50):
        fail()
        clock.now += 1
    slow.flush()
    quick.flush()
    assert (len(hours.failures()), len(minutes.failures())) == (1, 5)
    assert sum(hours.told().values()) == sum(minutes.told().values()) == 50


def test_it_stands_at_a_logger_as_well(clock, listen):
    sampling, kept = SamplingFilter(60, clock=clock), listen()
    own.addFilter(sampling)
    try:
        for _ in range(5):
            fail()
        sampling.flush()
    finally:
        own.removeFilter(sampling)
    assert [record.get("errnorm_suppressed") for record in kept.records] == [None, 4]


def test_a_clock_that_fails_costs_no_record():
    def broken():
        raise RuntimeError("no time")

    sampling = SamplingFilter(60, clock=broken)
    records = [logging.makeLogRecord({"errnorm_fingerprint": "f"}) for _ in range(3)]
    assert all(sampling.filter(record) for record in records)


@pytest.mark.parametrize("settings", [{"interval": 0}, {"interval": float("nan")}, {"most": 0}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError, match="greater than 0"):
        SamplingFilter(**settings)


APP = """
import logging, logging.config, os, sys, errnorm
logging.config.dictConfig({
    "version": 1,
    "formatters": {"json": {"class": "errnorm.logging.JSONFormatter"}},
    "filters": {"sampling": {"()": "errnorm.logging.SamplingFilter", "interval": 60}},
    "handlers": {"own": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json",
                         "filters": ["sampling"]}},
    "root": {"handlers": ["own"]},
})
error = errnorm.parse(b"", status=503, vendor="lionbridge")
for _ in range(int(sys.argv[1])):
    errnorm.Normalizer().answer(errnorm.VendorError(error))
if len(sys.argv) > 2 and not os.fork():
    for _ in range(3):
        errnorm.Normalizer().answer(errnorm.VendorError(error))
    sys.exit()
"""


def lines_of(*arguments):
    done = subprocess.run(
        [sys.executable, "-c", APP, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_end_of_the_process_tells_the_rest():
    first, last = lines_of("7")
    assert "errnorm_suppressed" not in first
    assert last["errnorm_suppressed"] == 6
    [only] = lines_of("1")
    assert "errnorm_suppressed" not in only


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_tells_only_its_own():
    lines = lines_of("7", "fork")
    assert sorted(line.get("errnorm_suppressed", 0) for line in lines) == [0, 0, 2, 6]


def test_sentry_is_not_told_of_them_twice():
    pytest.importorskip("sentry_sdk")
    from errnorm.sentry import before_send

    counted = logging.makeLogRecord({"name": "errnorm", "errnorm_fingerprint": "f", "errnorm_suppressed": 3})
    assert before_send({}, {"log_record": counted}) is None
