"""Whatever step of ours fails, users get a safe answer, the failure stays visible, no bug of the app is masked."""

from __future__ import annotations

import json
import logging

import pytest

pytest.importorskip("django")
pytest.importorskip("starlette")

from errnorm import Normalizer, VendorError
from errnorm.answering import LAST_RESORT, complain
from tests.doors import DOORS, raising
from tests.failures import bare, lionbridge, raised

INJECTED = "injected-7261"
USER, OURS, OUTAGE = lionbridge(304), bare(401), bare(503)
ACCEPTS = ("application/json", "application/xml", "text/html", "text/plain")
every_door = pytest.mark.parametrize("door", DOORS)

# Every step between a failure and its answer, by the name under which it is called.
STEPS = [
    "errnorm.answering.problem_of",
    "errnorm.answering.render",
    "errnorm.answering.log",
    "errnorm.answering.Normalizer.judged",
    "errnorm.answering.Normalizer.messages_for",
    "errnorm.answering.Normalizer.of",
    "errnorm.correlation.current",
    "errnorm.correlation.accept",
    "errnorm.telling.problem.detail_for",
    "errnorm.telling.problem.told_apart",
    "errnorm.telling.problem.retry_after_of",
    "errnorm.telling.problem.reference_of",
    "errnorm.telling.problem.Problem",
    "errnorm.telling.texts.profile_of",
    "errnorm.telling.texts.languages",
    "errnorm.telling.texts.in_language",
    "errnorm.telling.texts.texts_of",
    "errnorm.telling.texts.lookup",
    "errnorm.telling.rendering.media_type",
    "errnorm.telling.rendering._constant_headers",
    "errnorm.telling.rendering._escaped",
    "errnorm.telling.rendering._json.dumps",
    "errnorm.telling.rendering._page",
    "errnorm.telling.logs.record",
    "errnorm.telling.logs.reference_of",
    "errnorm.vendors.registry.get",
]


def fails(*args, **kwargs):
    raise RuntimeError(INJECTED)


class Broken:
    """A lazy text whose translation fails."""

    def __str__(self):
        return fails()


OPTIONS = {
    "template": {"template": fails},
    "template that is no page": {"template": lambda problem: None},
    "recognise": {"recognise": fails},
    "recognise that gives no error": {"recognise": lambda source: "yes"},
    "lazy text": {"vendors": {"lionbridge": {"messages": {"304": Broken()}}}, "messages": {"service_error": Broken()}},
    "lazy text by language": {"messages": {"conflict": {"en": Broken()}, "unavailable": {"en": Broken()}}},
}


@pytest.fixture
def broken_filter():
    def install(where):
        added.append((where, made := logging.Filter()))
        made.filter = fails  # type: ignore[method-assign]
        where.addFilter(made)

    added = []
    yield install
    for where, made in added:
        where.removeFilter(made)


def seen(caplog, capsys):
    formatter = logging.Formatter("%(name)s %(message)s")
    return "\n".join(formatter.format(record) for record in caplog.records) + capsys.readouterr().err


def is_safe(told):
    assert told.raised is None
    assert 400 <= told.status <= 599
    assert told.status not in (401, 403)
    assert told.body
    text = told.body.decode()
    assert INJECTED not in text
    assert "Traceback" not in text
    assert "Their words" not in text
    assert told.header("Cache-Control") == "no-store"
    assert int(told.header("Content-Length")) == len(told.body)


@every_door
@pytest.mark.parametrize("step", STEPS)
def test_any_step_may_fail(door, step, monkeypatch, caplog, capsys):
    caplog.set_level(logging.DEBUG, "errnorm")
    for error, accept in zip((USER, OURS, OUTAGE, USER), ACCEPTS, strict=True):
        with monkeypatch.context() as patch:
            patch.setattr(step, fails)
            is_safe(DOORS[door](raising(VendorError(error)), headers={"Accept": accept}))
        written = seen(caplog, capsys)
        assert str(error) in written or INJECTED in written
        caplog.clear()


@every_door
@pytest.mark.parametrize("option", OPTIONS)
def test_what_an_app_brings_may_fail(door, option, caplog, capsys):
    caplog.set_level(logging.DEBUG, "errnorm")
    failures = [VendorError(USER), VendorError(OURS), VendorError(OUTAGE), VendorError(USER)]
    if door != "starlette-handlers":  # no handler is named for a class that is made up here
        failures[2] = raised("httpx", "ReadTimeout", "slow")
    for failure, accept in zip(failures, ACCEPTS, strict=True):
        is_safe(DOORS[door](raising(failure), headers={"Accept": accept}, **OPTIONS[option]))
    assert str(USER) in seen(caplog, capsys)


@every_door
def test_logging_may_fail_altogether(door, broken_filter, capsys):
    logger = logging.getLogger("errnorm")
    broken_filter(logger)
    logger.setLevel(logging.DEBUG)
    try:
        for error in (USER, OURS, OUTAGE):
            failure = VendorError(error)
            told = DOORS[door](raising(failure))
            is_safe(told)
            assert failure.occurrence_id in told.body.decode()
            written = capsys.readouterr().err
            assert str(error) in written
            assert failure.occurrence_id in written
            assert INJECTED in written
    finally:
        logger.setLevel(logging.NOTSET)


@every_door
def test_a_handler_may_fail(door, caplog, capsys):
    class Failing(logging.Handler):
        def handle(self, record):
            fails()

    handler = Failing()
    logging.getLogger("errnorm").addHandler(handler)
    try:
        is_safe(DOORS[door](raising(VendorError(OUTAGE))))
    finally:
        logging.getLogger("errnorm").removeHandler(handler)
    assert str(OUTAGE) in capsys.readouterr().err


@every_door
@pytest.mark.parametrize("option", ["template", "recognise", "recognise that gives no error"])
def test_a_bug_of_the_app_is_never_masked(door, option, caplog):
    bug = ZeroDivisionError("a bug")
    told = DOORS[door](raising(bug), **OPTIONS[option])
    if door.startswith("django"):
        assert told.status == 500
        assert [record.exc_info[1] for record in caplog.records if record.name == "django.request"] == [bug]
    else:
        assert told.raised is bug


@every_door
@pytest.mark.parametrize("step", ["response_of", "transport_of"])
def test_a_bug_of_the_app_is_never_masked_by_one_of_ours(door, step, monkeypatch, caplog):
    monkeypatch.setattr(f"errnorm.reading.parsing.{step}", fails)
    bug = ZeroDivisionError("a bug")
    told = DOORS[door](raising(bug))
    if door.startswith("django"):
        assert [record.exc_info[1] for record in caplog.records if record.name == "django.request"] == [bug]
    else:
        assert told.raised is bug


def test_a_group_too_deep_to_look_through_rises_untouched():
    group = ExceptionGroup("innermost", [VendorError(OUTAGE)])
    for _ in range(5_000):
        group = ExceptionGroup("deep", [group])
    failure = Normalizer().failure_of(group)
    assert failure is None or failure.error.family == "unavailable"
    while isinstance(group.exceptions[0], ExceptionGroup):  # so that it goes away piece by piece
        group = group.exceptions[0]


@pytest.mark.parametrize("junk", [None, "text", 5, object(), {}], ids=repr)
def test_what_is_no_error_at_all_is_answered_too(junk, caplog):
    assert Normalizer().answer(VendorError(junk)) == LAST_RESORT
    assert Normalizer().answer(junk) == LAST_RESORT
    assert caplog.records


@pytest.mark.parametrize("wait", [float("inf"), float("nan"), -5.0, 1e300])
def test_a_wait_that_is_no_number_of_seconds_does_no_harm(wait):
    told = Normalizer().answer(OUTAGE.replace(retry=OUTAGE.retry.__class__(after_s=wait)))
    assert told.status in (500, 503)


def test_the_last_resort_is_constant_and_well_formed():
    assert json.loads(LAST_RESORT.body)["status"] == LAST_RESORT.status == 500
    assert dict(LAST_RESORT.headers)["Content-Length"] == str(len(LAST_RESORT.body))
    assert {"Cache-Control", "Vary", "Content-Language", "Content-Type"} <= dict(LAST_RESORT.headers).keys()


def test_complaining_never_raises(monkeypatch):
    monkeypatch.setattr("errnorm.answering.logger.exception", fails)
    monkeypatch.setattr("sys.stderr", None)
    complain("nothing left to say it with")


def test_a_broken_step_is_told_to_listeners(monkeypatch):
    """Where even judging fails, Django hears of it: errnorm itself needs mending."""
    monkeypatch.setattr("errnorm.answering.Normalizer.judged", fails)
    assert Normalizer().is_ours(VendorError(OUTAGE))
