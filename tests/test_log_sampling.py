"""An outage does not fill a disk, and not one failure is lost from the count: what passes and what is told add up."""

from __future__ import annotations

import gc
import json
import logging
import multiprocessing
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

import errnorm
from errnorm import Normalizer, VendorError
from errnorm.families import Family
from errnorm.logging import JSONFormatter, SamplingFilter
from errnorm.logging.sampling import REFERENCES, _untold, flush
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


ODD = [{"interval": 0}, {"interval": float("nan")}, {"interval": "60"}, {"interval": None}, {"most": 0}, {"most": "9"}]


@pytest.mark.parametrize("settings", ODD, ids=str)
def test_settings_that_make_no_sense_are_refused(settings):
    [(name, value)] = settings.items()
    right = "a number of (seconds|classes) greater than 0"
    with pytest.raises(ValueError, match=f"^SamplingFilter: {name} must be {right}, not {value!r}$"):
        SamplingFilter(**settings)


def test_only_those_are_told_the_number_who_were_not_told_of_each(clock, listen):
    sampling = SamplingFilter(60, clock=clock)
    each, kept, other = listen(), listen(sampling), listen(SamplingFilter(10, clock=clock))
    above = Kept(sampling)
    above.setLevel(logging.CRITICAL)
    own.addHandler(above)
    try:
        for _ in range(5):
            fail()
        sampling.flush()
    finally:
        own.removeHandler(above)
    assert len(each.records) == len(each.failures()) == 5
    assert len(other.records) == 1
    assert [record.get("errnorm_suppressed") for record in kept.records] == [None, 4]
    assert not above.records


def test_a_handler_that_fails_costs_the_others_no_number(clock, listen):
    class Full(Kept):
        def emit(self, record):
            raise OSError("no space left")

    sampling = SamplingFilter(60, clock=clock)
    kept = listen(sampling)
    for vendor in ("lionbridge", "phase"):
        for _ in range(3):
            fail(vendor)
    own.addHandler(full := Full(sampling))
    own.handlers.insert(0, own.handlers.pop())
    try:
        sampling.flush()
    finally:
        own.removeHandler(full)
    assert sum(kept.told().values()) == 6


@pytest.mark.parametrize("place", ["queue", "target"])
def test_behind_a_queue_it_is_told_once_and_to_whom_it_belongs(clock, listen, place):
    sampling = SamplingFilter(60, clock=clock)
    target = Kept(*[sampling] * (place == "target"))
    queue = QueueHandler(SimpleQueue())
    each, listener = listen(), QueueListener(queue.queue, target)
    if place == "queue":
        queue.addFilter(sampling)
    own.addHandler(queue)
    listener.start()
    try:
        for _ in range(5):
            fail()
        queue.queue.put(logging.makeLogRecord({"msg": "the last"}))
        until(lambda: any(record["msg"] == "the last" for record in target.records))
        sampling.flush()
    finally:
        own.removeHandler(queue)
        listener.stop()
    assert [record["errnorm_suppressed"] for record in target.records if "errnorm_suppressed" in record] == [4]
    assert len(each.records) == 5


def until(done):
    for _ in range(2_000):
        if done():
            return
        time.sleep(0.005)
    raise AssertionError("it did not come")


def test_in_a_row_each_tells_what_it_held_back(clock, listen):
    first, second = SamplingFilter(60, clock=clock), SamplingFilter(60, clock=clock)
    kept = listen(second)
    own.addFilter(first)
    try:
        for _ in range(5):
            fail()
        first.flush()
        second.flush()
    finally:
        own.removeFilter(first)
    assert sum(kept.told().values()) == 5


def test_a_filter_that_is_replaced_tells_what_it_counted(listen):
    flush()  # what others left
    first = listen(SamplingFilter(60))
    for _ in range(5):
        fail()
    own.removeHandler(first)  # as dictConfig does
    first.filters.clear()
    gc.collect()
    second = listen(SamplingFilter(60))
    for _ in range(3):
        fail()
    flush()
    assert sum(first.told().values()) == 1
    assert sum(second.told().values()) == 4 + 3
    assert not _untold


RECIPE = """
import atexit, logging, logging.config, sys, errnorm
where, start = sys.argv[1:]
handlers = {
    "out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"},
    "queue": {"class": "logging.handlers.QueueHandler", "handlers": ["out"]},
}
handlers[where]["filters"] = ["sampling"]
if sys.version_info < (3, 12):  # whose dictConfig knows no listener
    from logging.handlers import QueueHandler, QueueListener
    from queue import Queue
    del handlers["queue"]["handlers"]
    handlers["queue"]["queue"] = queue = Queue()
logging.config.dictConfig({
    "version": 1,
    "formatters": {"json": {"class": "errnorm.logging.JSONFormatter"}},
    "filters": {"sampling": {"()": "errnorm.logging.SamplingFilter", "interval": 60}},
    "handlers": handlers,
    "root": {"handlers": ["queue"]},
})
if sys.version_info < (3, 12):
    listener = QueueListener(queue, logging._handlers["out"])
else:
    listener = logging.getHandlerByName("queue").listener
listener.start()
atexit.register(listener.stop)
for _ in range(7):
    errnorm.Normalizer().answer(errnorm.VendorError(errnorm.parse(b"", status=503, vendor="lionbridge")))
"""


@pytest.mark.parametrize("where", ["queue", "out"])
def test_an_end_that_stops_the_queue_loses_none(where):
    """Behind the queue it may be told in several lines: its end comes while the listener is still at work."""
    lines = lines_of(where, "", app=RECIPE)
    told = [line for line in lines if "errnorm_reference" in line]
    assert "errnorm_suppressed" not in lines[0]
    assert len(told) + sum(line.get("errnorm_suppressed", 0) for line in lines) == 7
    assert where == "out" or len(lines) == 2


CHILDREN = """
import logging, multiprocessing, sys, errnorm
from errnorm.logging import JSONFormatter, SamplingFilter

def configure():
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JSONFormatter())
    handler.addFilter(SamplingFilter())
    logging.getLogger().handlers = [handler]

def fail(times, own=False):
    if own:
        configure()
    for _ in range(times):
        errnorm.Normalizer().answer(errnorm.VendorError(errnorm.parse(b"", status=503, vendor="lionbridge")))

if __name__ == "__main__":
    configure()
    fail(3)
    way = sys.argv[1]
    child = multiprocessing.get_context(way).Process(target=fail, args=(5, way == "spawn"))
    child.start()
    child.join()
"""


@pytest.mark.parametrize("way", multiprocessing.get_all_start_methods()[:2])
def test_a_child_of_multiprocessings_tells_its_own(way, tmp_path):
    (tmp_path / "app.py").write_text(CHILDREN)
    done = subprocess.run(
        [sys.executable, tmp_path / "app.py", way], capture_output=True, text=True, check=True, timeout=60
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(line.get("errnorm_suppressed", 0) for line in lines) == [0, 0, 2, 4]


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


def lines_of(*arguments, app=APP):
    done = subprocess.run(
        [sys.executable, "-c", app, *arguments], capture_output=True, text=True, check=True, timeout=60
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
