"""Whatever step of ours fails, users get a safe answer, the failure stays visible, no bug of the app is masked."""

from __future__ import annotations

import functools
import inspect
import json
import logging
import sys
import threading

import pytest

pytest.importorskip("django")
pytest.importorskip("starlette")

from errnorm import Normalizer, VendorError
from errnorm.mishaps import LAST_RESORT, complain
from tests import wsgi_driver
from tests.asgi_driver import Exchange
from tests.doors import DOORS, raising
from tests.failures import bare, lionbridge, raised

pytestmark = pytest.mark.once

INJECTED = "injected-7261"
USER, OURS, OUTAGE = lionbridge(304), bare(401), bare(503)
ACCEPTS = ("application/json", "application/xml", "text/html", "text/plain")
every_door = pytest.mark.parametrize("door", DOORS)


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
    monkeypatch.setattr("errnorm.mishaps.logger.exception", fails)
    monkeypatch.setattr("sys.stderr", None)
    complain("nothing left to say it with")


def test_a_broken_step_is_told_to_listeners(monkeypatch):
    """Where even judging fails, Django hears of it: errnorm itself needs mending."""
    monkeypatch.setattr("errnorm.answering.Normalizer.judged", fails)
    assert Normalizer().is_ours(VendorError(OUTAGE))


# Every function of the package that runs between a failure and its answer is made to raise, whichever those are today.


def functions_of_the_package():
    """Every function of ours that can be reached by a name, by that name; of what is cached, what is behind it."""
    found = {}
    for module in [module for name, module in sys.modules.items() if name.split(".")[0] == "errnorm"]:
        for name, value in vars(module).items():
            owned = vars(value).items() if inspect.isclass(value) and value.__module__ == module.__name__ else ()
            for inner, each in [(name, value), *((f"{name}.{key}", member) for key, member in owned)]:
                each = getattr(each, "fget", None) or getattr(each, "func", None) or each  # noqa: PLW2901
                function = (
                    inspect.unwrap(getattr(each, "__func__", each)) if callable(each) or each is not value else each
                )
                if inspect.isfunction(function) and function.__module__ == module.__name__:
                    found.setdefault(function.__code__, (f"{module.__name__}.{inner}", function))
    return found


def forget():
    """Empties what is cached, so that what fills it runs again."""
    for module in [module for name, module in sys.modules.items() if name.split(".")[0] == "errnorm"]:
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


def broken(code):
    """Code of the same kind that raises at once."""
    names = [f"v{number}" for number in range(len(code.co_freevars))]
    suspended = code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR)
    yields = code.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR)
    lines = [
        "def around():",
        f"    {' = '.join([*names, 'unused'])} = None",
        f"    {'async ' if suspended else ''}def fails(*args, **kwargs):",
        f"        if False: ({', '.join([*names, ''])} 0)",
        f"        raise RuntimeError({INJECTED!r})",
        *(["        yield"] if yields else []),
        "    return fails",
    ]
    made = {}
    exec("\n".join(lines), made)
    return made["around"]().__code__


class Injection:
    """From the moment a view fails: notes which code runs, or makes one function raise."""

    def __init__(self, function=None):
        self.function, self.ran = function, set()

    def failing(self, error):
        """A view that raises this, and from then on our function does too."""

        def do():
            if self.function is None:
                threading.setprofile(self._note)
                sys.setprofile(self._note)
            else:
                self.kept = self.function.__code__
                self.function.__code__ = broken(self.kept)
            raise error

        return do

    def _note(self, frame, event, arg):
        if event == "call":
            self.ran.add(frame.f_code)

    def over(self):
        sys.setprofile(None)
        threading.setprofile(None)
        if self.function is not None and self.function.__code__.co_name == "fails":
            self.function.__code__ = self.kept


SWEPT = {  # what fails, for which Accept, with which settings
    "user": lambda: (VendorError(USER), "application/json", {}),
    "ours": lambda: (VendorError(OURS), "application/xml", {}),
    "outage": lambda: (VendorError(OUTAGE), "text/html", {"audience": lambda request: True}),
    "account": lambda: (VendorError(OURS), "text/plain", {"credentials": "user", "reconnect_url": "/again"}),
    "client": lambda: (raised("httpx", "ReadTimeout", "slow"), "text/html", {"support_url": "/help"}),
    "messages": lambda: (VendorError(USER), "*/*", {"messages": lambda error, language: {"de": "Wartet {wait}."}}),
    "all": lambda: (VendorError(OUTAGE), "application/json", {"handle": "all", "type_base": "https://docs.example/"}),
    "bug": lambda: (ZeroDivisionError("a bug"), "text/html", {"handle": "all"}),
}
OF_TESTS = {"errnorm.django.conf._forget"}  # runs where a test changes settings, and nowhere else
HEADERS = {"Accept-Language": "de-AT, fr;q=0.5", "X-Request-ID": "id-7261"}


def served(door, make, injection):
    """What the door gives for one failure, and what is wrong with that."""
    error, accept, settings = make()
    try:
        told = DOORS[door](injection.failing(error), headers={"Accept": accept, **HEADERS}, **settings)
    except Exception as rising:  # noqa: BLE001 - out of Django's test client, as a server would get it
        told = Exchange([], rising)
    finally:
        injection.over()
    return told, error


def heard(*args, serve):
    """A server's own log, which a door may write to, put where we look."""
    done = serve(*args)
    sys.stderr.write(done.errors)
    return done


@functools.cache
def swept():
    """The functions that run while answering, on a fresh start and on a warm one, through any of the doors."""
    known, cold, warm = functions_of_the_package(), set(), set()
    for door in DOORS:
        for make in SWEPT.values():
            for ran in (cold, warm):
                if ran is cold:
                    forget()
                injection = Injection()
                served(door, make, injection)
                ran.update(injection.ran)
    found = {known[code]: code not in warm for code in cold | warm if code in known}
    return {step: fresh for step, fresh in found.items() if step[0] not in OF_TESTS}


def wrong_with(told, error, written, may_rise):
    """What a user or an operator would complain about."""
    links, link = [], told.raised
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    sign = {"ReadTimeout": "TIMEOUT", "ZeroDivisionError": "a bug"}.get(type(error).__name__, str(error))
    if not (INJECTED in written or sign in written or any(link is error for link in links)):
        return f"nobody hears of it, but of {told.raised!r}"
    if told.raised is None and b"Server Error (500)" not in told.body:
        try:
            is_safe(told)
        except (AssertionError, IndexError, TypeError, UnicodeDecodeError) as unsafe:
            return f"no safe answer: {unsafe!r:.300}"
    elif not may_rise:  # else the server, or Django, has its own bare answer
        return f"no answer of ours: {told.raised!r}"
    return None


# Where nothing of ours stands around what fails: the doors themselves, and what they call that never raises.
OUTERMOST = tuple(f"errnorm.{door}." for door in ("asgi", "django", "drf", "fastapi", "ninja", "starlette", "wsgi"))
GUARDS = {
    "errnorm.answering._raised",
    "errnorm.mishaps.correlation_id",
    "errnorm.policy.Policy.exempts",
    "errnorm.telling.words.phrase_of",  # a status line of WSGI
    *(f"errnorm.answering.Normalizer.{name}" for name in ("answer", "answer_own", "_marked", "audience_of")),
    *(f"errnorm.answering.Normalizer.{name}" for name in ("failure_of", "log")),
}


@every_door
def test_any_function_of_the_package_may_fail(door, caplog, capsys, monkeypatch):
    """The user gets a safe answer, and the original error stays visible: in the log, or by rising as it is."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(wsgi_driver, "serve", functools.partial(heard, serve=wsgi_driver.serve))
    wrong = []
    steps = swept()
    assert len(steps) > 100
    for (name, function), cold in steps.items():
        for failing, make in SWEPT.items():
            if failing == "client" and door == "starlette-handlers":
                continue  # no handler is named for a class that is made up here
            if cold:
                forget()
            told, error = served(door, make, Injection(function))
            # what is no failure to us, or cannot be recognised as one, rises as it is
            may_rise = name in GUARDS or name.startswith(OUTERMOST) or failing in ("bug", "client")
            if complaint := wrong_with(told, error, seen(caplog, capsys), may_rise):
                wrong.append(f"{name}, {failing}: {complaint}")
            caplog.clear()
    forget()
    assert not wrong, "\n".join(wrong)
