"""Sentry hears of an unexpected error once, of vendors' failures as one issue per class, and of no secret at all."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("sentry_sdk")
pytest.importorskip("django")
pytest.importorskip("fastapi")
pytest.importorskip("httpx")

import errnorm
from errnorm import Normalizer, VendorError, scrubbing, sentry
from tests.failures import bare, lionbridge
from tests.sentry_doors import CANARY, DOORS, KEY, SAID, SCENARIOS

pytestmark = pytest.mark.once

LATE = [f"late {name}" for name in SCENARIOS]
every_door = pytest.mark.parametrize("door", DOORS)
SERVED = [door for door in DOORS if door != "script"]

OURS = errnorm.normalize(VendorError(bare(401, "lionbridge")))
OUTAGE = errnorm.normalize(VendorError(bare(503, "lionbridge")))
# How often each scenario is reported where nothing but `before_send` is set, and where expected failures are wanted.
COUNTS = {
    **dict.fromkeys(("bug", "bug_logged_and_raised", "group_with_bug"), (1, 1)),
    **dict.fromkeys(("ours", "ours_by_client", "group", "logged_and_raised"), (1, 1)),
    **dict.fromkeys(("outage_with_cause", "unreachable"), (0, 1)),
    "outage": (0, 10),
    "declined": (0, 0),
}


@cache
def told(door, *more):
    """What a process of its own would have sent, by scenario."""
    environment = os.environ | {"PYTHONPATH": str(Path(errnorm.__file__).parent.parent)}
    command = [sys.executable, "-m", "tests.sentry_doors", door, *more]
    done = subprocess.run(command, env=environment, capture_output=True, check=True, cwd=Path(__file__).parent.parent)
    return json.loads(done.stdout)


def events(door, scenario, *more):
    return [item for kind, item in told(door, *more)[scenario] if kind == "event"]


def fingerprints(found):
    return [event.get("fingerprint") for event in found]


@every_door
@pytest.mark.parametrize("more", [(), ("all", "expected")], ids=["alone", "all and expected"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_is_reported_as_often_as_it_should_be(door, scenario, more):
    count = COUNTS[scenario][bool(more)]
    if door == "script":  # nobody answers there: the interpreter ends with it, ten times over for the outages
        count = 10 if scenario == "outage" else 1
    assert len(events(door, scenario, *more)) == count


@pytest.mark.parametrize("door", SERVED)
def test_a_door_that_answers_everything_keeps_nothing_from_sentry(door):
    """Nor where nobody listens to the log but Sentry."""
    for scenario in ("bug", "late bug"):
        (event,) = [item for kind, item in told(door, "all", "bug")[scenario] if kind == "event"]
        assert event["exception"]["values"][-1]["type"] == "RuntimeError"


@pytest.mark.parametrize("door", SERVED)
@pytest.mark.parametrize("more", [(), ("all", "expected")], ids=["alone", "all and expected"])
@pytest.mark.parametrize("scenario", LATE)
def test_what_comes_when_the_response_has_begun_is_reported_once(door, scenario, more):
    assert len(events(door, scenario, *more)) == 1


@every_door
def test_ten_outages_are_one_issue(door):
    found = events(door, "outage", "all", "expected")
    assert fingerprints(found) == [[OUTAGE.fingerprint]] * 10
    assert {event["level"] for event in found} == {"warning"}
    assert len({event["tags"]["reference"] for event in found}) == 10
    for event in found:
        tags = {"vendor": "lionbridge", "reason": OUTAGE.reason, "family": "unavailable"}
        assert tags.items() <= event["tags"].items()


@every_door
@pytest.mark.parametrize(("scenario", "error"), [("ours", OURS), ("outage", OUTAGE)])
def test_a_class_is_one_issue_whatever_the_door_and_however_late(door, scenario, error):
    found = events(door, scenario, "all", "expected")
    if door != "script":
        found += events(door, f"late {scenario}", "all", "expected")
    assert {tuple(each) for each in fingerprints(found)} == {(error.fingerprint,)}
    for event in found:
        outermost = event["exception"]["values"][-1]["value"] if "exception" in event else event["logentry"]["message"]
        assert outermost == str(error)


@every_door
@pytest.mark.parametrize("scenario", ["bug", "group_with_bug", "bug_logged_and_raised"])
def test_an_unexpected_error_is_grouped_as_sentry_does_and_shows_where_it_happened(door, scenario):
    (event,) = events(door, scenario)
    assert "fingerprint" not in event
    assert event["level"] == "error"
    traces = [value.get("stacktrace", {"frames": []}) for value in event["exception"]["values"]]
    functions = [frame["function"] for trace in traces for frame in trace["frames"]]
    assert scenario in functions
    assert any(value["type"] in ("RuntimeError", "ExceptionGroup") for value in event["exception"]["values"])


@every_door
@pytest.mark.parametrize("more", [(), ("all", "expected")], ids=["alone", "all and expected"])
def test_nothing_secret_is_sent(door, more):
    """Not in events, nor transactions with their spans, nor Sentry's logs; and there was something to hide."""
    everything = json.dumps(told(door, *more))
    assert not re.findall(r"Zebra|quokkaQ|51Zebra|hunter2", everything)
    assert "[secret]" in everything
    assert len(everything) > 20_000


@pytest.mark.parametrize("door", SERVED)
def test_what_helps_is_still_there(door):
    (event,) = events(door, "bug")
    assert event["request"]["headers"].get("Accept", event["request"]["headers"].get("accept")) == "application/json"
    assert "page=2" in str(event["request"].get("query_string"))
    crumbs = event["breadcrumbs"]["values"]
    assert any("https://quokka.example/v1" in json.dumps(crumb) for crumb in crumbs)


def exception_event(raised, **more):
    """The event that Sentry makes of an exception, as it comes to `before_send`."""
    from sentry_sdk.consts import DEFAULT_OPTIONS
    from sentry_sdk.serializer import serialize
    from sentry_sdk.utils import event_from_exception

    try:
        raise raised
    except type(raised):
        event, hint = event_from_exception(sys.exc_info(), client_options=DEFAULT_OPTIONS)
    return serialize(event | more), hint


def test_an_occurrence_is_reported_once_whatever_becomes_of_it():
    failure = VendorError(bare(503, "lionbridge"))
    assert sentry.before_send(*exception_event(failure)) is not None
    assert sentry.before_send(*exception_event(failure)) is None
    assert sentry.before_send(*exception_event(VendorError(failure.error))) is not None


def test_only_so_many_occurrences_are_remembered(monkeypatch):
    monkeypatch.setattr(sentry, "REMEMBERED", 8)
    for _ in range(50):
        sentry.before_send(*exception_event(VendorError(bare(503))))
    assert len(sentry._reported) <= 8


def test_one_occurrence_told_by_many_threads_is_reported_once():
    failure, sent = VendorError(bare(503)), []
    event, hint = exception_event(failure)
    threads = [threading.Thread(target=lambda: sent.append(sentry.before_send(dict(event), hint))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([each for each in sent if each]) == 1


def test_what_the_app_said_of_an_event_stays():
    event, hint = exception_event(VendorError(bare(503)), fingerprint=["mine"], tags={"reason": "mine", "shop": "7"})
    told = sentry.before_send(event, hint)
    assert told["fingerprint"] == ["mine"]
    assert told["tags"]["reason"] == "mine"
    assert told["tags"]["shop"] == "7"
    assert told["tags"]["family"] == "unavailable"


def test_the_apps_own_normalizer_judges():
    from functools import partial

    mine = partial(sentry.before_send, normalizer=Normalizer(credentials="user"))
    assert mine(*exception_event(VendorError(bare(401))))["level"] == "warning"
    assert sentry.before_send(*exception_event(VendorError(bare(401))))["level"] == "error"


def test_our_note_about_an_unexpected_error_is_no_second_event():
    logged = SimpleNamespace(name="errnorm", errnorm_response_status=500, args=("RuntimeError", 500))
    assert sentry.before_send({"level": "warning"}, {"log_record": logged}) is None
    logged.args = ("error", 500)  # nothing was raised: no one else reports it
    assert sentry.before_send({"level": "warning"}, {"log_record": logged}) is not None


PLACES = {
    "frame": lambda word: {"exception": {"values": [{"stacktrace": {"frames": [{"vars": {"password": word}}]}}]}},
    "nested": lambda word: {"extra": {"a": [{"b": {"api_key": word}}]}},
    "bytes pair": lambda word: {"extra": {"headers": f"[(b'authorization', b'{word}'), (b'accept', b'*/*')]"}},
    "pair": lambda word: {"extra": {"headers": [["X-Api-Key", word]]}},
    "list": lambda word: {"extra": {"tokens": [word, word]}},
    "text": lambda word: {"message": f"password={word}"},
    "value": lambda word: {"exception": {"values": [{"type": "E", "value": f"https://a:{word}@b.example/"}]}},
    "cookies": lambda word: {"request": {"cookies": {"sid": word}}},
    "header": lambda word: {"request": {"headers": {"X-Own": word}}},
    "query": lambda word: {"request": {"query_string": f"q={word}", "url": f"https://b.example/?q={word}"}},
    "query pairs": lambda word: {"request": {"query_string": [["q", word]]}},
    "body": lambda word: {"request": {"data": {"password": [word], "a": f"token: {word}"}}},
    "crumb": lambda word: {"breadcrumbs": {"values": [{"data": {"url": f"https://b.example/?x={word}"}}]}},
    "crumb query": lambda word: {"breadcrumbs": {"values": [{"data": {"http.query": f"x={word}"}}]}},
    "span": lambda word: {"spans": [{"description": f"GET https://a:{word}@b.example/?q={word}"}]},
    "path": lambda word: {"transaction": f"/reset?token={word}"},
    "arguments": lambda word: {"logentry": {"message": "token=%s", "params": [word], "formatted": f"token={word}"}},
    "contexts": lambda word: {"contexts": {"state": {"client_secret": word}}},
    "threads": lambda word: {"threads": {"values": [{"stacktrace": {"frames": [{"vars": {"token": word}}]}}]}},
    "source": lambda word: {"threads": [{"context_line": f"connect(password='{word}')", "pre_context": ["x = 1"]}]},
    "key": lambda word: {"extra": {f"password={word}": 1}},
    "learned": lambda word: {"extra": {"secret": word, "other": ["said", f"just {word} here"]}},
    "attribute": lambda word: {"body": f"token={word}", "attributes": {"sentry.message.parameter.0": word}},
    "an object": lambda word: {"attributes": {"request": SimpleNamespace(password=word)}},
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("word", [CANARY, KEY, "Zx9-" * 6, "p4ss:w/rd+x=="])
def test_a_secret_is_found_wherever_it_stands(place, word):
    for clean in (sentry.before_send, sentry.before_send_transaction):
        assert word not in repr(clean(PLACES[place](word), {}))


KEPT = {
    "exception": {
        "values": [
            {
                "type": "KeyError",
                "value": "'order'",
                "stacktrace": {
                    "frames": [
                        {
                            "function": "token_of",
                            "filename": "shop/tokens.py",
                            "module": "shop.tokens",
                            "lineno": 7,
                            "context_line": "    token = tokens[name]",
                            "pre_context": ["def token_of(name, password=None):", "    # the token of a shop"],
                            "vars": {"name": "'order'", "tokens": "{}", "password": "None", "page": "2"},
                        }
                    ]
                },
            }
        ]
    },
    "level": "error",
    "event_id": "aedf911e76f14470bc7f645ec6a5558c",
    "contexts": {"trace": {"trace_id": "4368e66caba54c678018e1be16260ea0", "span_id": "bd5c6041139644ec"}},
    "request": {"method": "GET", "url": "https://shop.example/orders?page=2", "headers": {"User-Agent": "curl/8"}},
    "user": {"id": "7", "email": "jo@shop.example"},
}


def test_what_is_no_secret_stays_as_it_is():
    assert sentry.before_send(json.loads(json.dumps(KEPT)), {}) == KEPT


@pytest.mark.parametrize(
    "odd",
    [
        {"exception": None, "request": None, "breadcrumbs": None, "tags": None, "extra": None, "logentry": None},
        {"exception": [], "request": [], "breadcrumbs": [], "tags": [["a", "b"]], "extra": [], "logentry": []},
        {"exception": "text", "request": "text", "tags": 5, "logentry": {"params": {"a": 1}, "message": None}},
        {"exception": {"values": [None, 5, {"type": None, "stacktrace": None}]}, "request": {"headers": [["a", "b"]]}},
        {"extra": {5: {None: object()}}, "request": {"cookies": "sid=1", "query_string": None, "data": b"\xff"}},
        {},
    ],
)
def test_an_odd_event_goes_out(odd):
    """A section that is off is no reason to lose what happened."""
    failure = VendorError(bare(503))
    for hint in ({}, {"exc_info": (VendorError, failure, None)}, {"exc_info": (None, None, None)}):
        assert sentry.before_send(dict(odd), hint) is not None


def test_a_deep_or_huge_event_goes_out_in_bounded_time():
    deep = nested = []
    for _ in range(3_000):
        nested.append(child := [])
        nested = child
    nested.append(f"password={CANARY}")
    huge = {str(number): f"password={CANARY} " * 500 for number in range(2_000)}
    start = time.process_time()
    told = sentry.before_send({"extra": {"deep": deep, "huge": huge}, "level": "error"}, {})
    assert told["level"] == "error"
    assert CANARY not in json.dumps(told)
    assert time.process_time() - start < 10  # some tenth of a second; without a bound it would be a minute


STEPS = [
    "errnorm.scrubbing.redact",
    "errnorm.scrubbing.redact_url",
    "errnorm.scrubbing.tells",
    "errnorm.scrubbing._mapped",
    *(f"errnorm.scrubbing._Scrubber.{name}" for name in vars(scrubbing._Scrubber) if not name.startswith("__")),
    *(f"errnorm.sentry.{name}" for name in ("_settled", "_facts", "_is_echo", "_is_first", "_file", "_marked")),
    *(f"errnorm.answering.{name}" for name in ("Normalizer.failure_of", "Normalizer.judged", "Normalizer.normalize")),
    "errnorm.telling.logs.record",
]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_fails_loses_what_it_would_have_cleaned_and_not_the_event(step, monkeypatch):
    from errnorm.scrubbing import tells

    def fails(*args, **kwargs):
        raise RuntimeError("injected")

    tells.cache_clear()
    monkeypatch.setattr(step, fails)
    for raised in (RuntimeError(SAID), VendorError(lionbridge(304)), VendorError(bare(503))):
        event, hint = exception_event(raised, request={"cookies": {"sid": CANARY}, "headers": {"Cookie": CANARY}})
        told = sentry.before_send(event | {"logentry": {"message": f"password={CANARY}", "params": [CANARY]}}, hint)
        assert told is not None
        assert told["exception"]["values"][-1]["type"] == type(raised).__name__
        assert not re.findall("Zebra|hunter2", json.dumps(told))


def test_a_reader_that_fails_while_sentry_listens_makes_no_endless_loop():
    """What fails in `before_send` is logged, which is an event, for which `before_send` is asked."""
    script = """
import sentry_sdk, errnorm, errnorm.sentry
from functools import partial
from tests.sentry_doors import Kept
def recognise(source): raise LookupError("injected")
kept = Kept()
before = partial(errnorm.sentry.before_send, normalizer=errnorm.Normalizer(recognise=recognise))
sentry_sdk.init(transport=kept, dsn="https://public@sentry.example/1", before_send=before)
try: 1 / 0
except ZeroDivisionError as bug: sentry_sdk.capture_exception(bug)
sentry_sdk.flush()
events = [item for kind, item in kept.items if kind == "event"]
assert len([e for e in events if e["exception"]["values"][-1]["type"] == "ZeroDivisionError"]) == 1, events
assert 1 <= len(events) <= 3, len(events)
"""
    environment = os.environ | {"PYTHONPATH": str(Path(errnorm.__file__).parent.parent)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, cwd=Path(__file__).parent.parent)


def test_importing_us_imports_no_sentry():
    script = "import sys, errnorm.sentry; assert not {'sentry_sdk', 'django', 'starlette'} & set(sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(Path(errnorm.__file__).parent.parent)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)


def test_the_level_of_the_integration_goes_by_name_and_by_number():
    assert sentry.integration().level == 30
    assert sentry.integration("info").level == 20
    assert sentry.integration(40).level == 40
    with pytest.raises(KeyError):
        sentry.integration("loud")
