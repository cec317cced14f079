"""Whatever a record is made of, it becomes one line, clean and bounded: JSON that programs read, or text for people."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import subprocess
import sys
import unicodedata
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

import errnorm
from errnorm import Normalizer, VendorError
from errnorm.cli import main
from errnorm.cli.covering import LONGEST_LINE
from errnorm.logging import ConsoleFormatter, JSONFormatter
from errnorm.telling.logs import record as keys_of
from tests.failures import FAILURES, OCCURRENCE, bare
from tests.leak_kinds import canaries

FORMATTERS = {"json": JSONFormatter(), "console": ConsoleFormatter()}
UNSEEN = [
    chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in ("Cc", "Cf", "Zl", "Zp")
]
UNSEEN += ["\ud800", "\udfff", "\r\n", "\x1b[2J", "\x1b]0;title\x07", "\ufffe"]
FORGED = '"}\n{"timestamp":"2026-01-01T00:00:00.000Z","level":"INFO","message":"forged'
CANARIES = {canary.kind: canary for canary in canaries()}

every_formatter = pytest.mark.parametrize("name", FORMATTERS)
every_failure = pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.title.replace(" ", "-"))


def record(msg="it was", args=(), exc_info=None, **more):
    own = {"name": "app", "levelno": 20, "levelname": "INFO", "msg": msg, "args": args, "exc_info": exc_info}
    return logging.makeLogRecord(own | more)


def caught(raised):
    try:
        raise raised
    except Exception as met:  # noqa: BLE001 - that is what it is for
        return (type(met), met, met.__traceback__)


def everywhere(word):
    """A record with a word in every place where one can stand."""
    try:
        raise_with(word)
    except ValueError as met:
        exc_info = (type(met), met, met.__traceback__)
    nested = {"in": [word, {word: (word,)}]}
    extras = {"extra": word, f"e {word}": 1, "nested": nested, "bytes": word.encode("utf-8", "replace")}
    own = {"name": f"app.{word}", "levelname": f"L {word}", "levelno": 20, "stack_info": f"Stack\n  {word}"}
    return logging.makeLogRecord(own | extras | {"msg": f"it was {word}: %s", "args": (word,), "exc_info": exc_info})


def raise_with(word):
    try:
        raise KeyError(word)
    except KeyError as cause:
        raised = ValueError(word)
        raised.add_note(word)
        raise raised from cause


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (key, *strings(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def is_one_line(line, name):
    assert isinstance(line, str)
    assert line.isprintable()  # so without any end of line, control or bidi character, or half of a pair
    assert len(line.splitlines()) == 1
    assert len(line.encode()) < LONGEST_LINE
    if name != "json":
        return
    assert line.isascii()
    entry = json.loads(line)
    assert {"timestamp", "level", "logger", "message"} <= entry.keys()
    for key, value in entry.items():
        for text in strings({key: value}):
            lines = text.split("\n") if key in ("exception", "stack") else [text]
            assert all(each.isprintable() for each in lines)


def configured(stream, formatter, *names):
    """An app's own logging, by names alone, and its logger."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"own": formatter},
            "handlers": {"own": {"class": "logging.StreamHandler", "formatter": "own", "stream": stream}},
            "loggers": {name: {"handlers": ["own"], "level": "DEBUG", "propagate": False} for name in names},
        }
    )


@pytest.fixture(autouse=True)
def as_before():
    """Loggers as they were."""
    loggers = [logging.getLogger(name) for name in ("errnorm", "app")]
    before = [(each, list(each.handlers), each.level, each.propagate) for each in loggers]
    yield
    for each, handlers, level, propagate in before:
        each.handlers[:], each.propagate = handlers, propagate
        each.setLevel(level)


@pytest.mark.parametrize("way", ["class", "()"])
@every_formatter
def test_dict_config_takes_it_by_name(name, way):
    stream = io.StringIO()
    configured(stream, {way: f"errnorm.logging.{type(FORMATTERS[name]).__name__}"}, "errnorm", "app")
    logging.getLogger("app").info("it was %s", "a\nb")
    Normalizer().answer(VendorError(bare(503, "lionbridge")))
    first, second = stream.getvalue().splitlines()
    assert "it was a b" in first
    assert "lionbridge UNAVAILABLE 503" in second
    is_one_line(first, name)
    is_one_line(second, name)


@every_failure
def test_a_failure_has_all_its_keys(failure):
    keys = keys_of(failure.error, OCCURRENCE, "mine")
    entry = json.loads(FORMATTERS["json"].format(record(str(failure.error), name="errnorm", **keys)))
    assert {name: value for name, value in entry.items() if name.startswith("errnorm_")} == keys
    assert list(entry)[:4] == ["timestamp", "level", "logger", "message"]
    assert entry["message"] == str(failure.error)
    told = FORMATTERS["console"].format(record(str(failure.error), name="errnorm", **keys))
    assert f"reference={keys['errnorm_reference']}" in told
    assert f"alert={keys['errnorm_alert']}" in told


def test_the_time_is_utc_to_the_millisecond():
    entry = json.loads(FORMATTERS["json"].format(record(created=1_767_225_600.0079)))
    assert entry["timestamp"] == "2026-01-01T00:00:00.007Z"
    now = record()
    told = datetime.fromisoformat(json.loads(FORMATTERS["json"].format(now))["timestamp"])
    assert abs(told - datetime.fromtimestamp(now.created, UTC)).total_seconds() < 0.001
    assert FORMATTERS["console"].format(record(created=1_767_225_600.0079)).startswith("2026-01-01 00:00:00.007Z ")


def test_a_traceback_stays_lines_in_json_and_is_folded_for_people():
    raised = caught(ValueError("no\nsuch thing"))
    entry = json.loads(FORMATTERS["json"].format(record(exc_info=raised)))
    assert entry["exception"].splitlines()[0] == "Traceback (most recent call last):"
    assert entry["exception"].splitlines()[1].startswith('  File "')
    assert entry["exception"].endswith("ValueError: no\nsuch thing")
    assert FORMATTERS["console"].format(record(exc_info=raised)).endswith("| ValueError: no | such thing")


@every_formatter
def test_no_character_breaks_a_line(name):
    assert len(UNSEEN) > 230
    for letter in UNSEEN:
        is_one_line(FORMATTERS[name].format(everywhere(f"a{letter}b")), name)


@every_formatter
def test_no_text_forges_a_record(name):
    line = FORMATTERS[name].format(everywhere(FORGED))
    is_one_line(line, name)
    if name == "json":
        assert json.loads(line)["message"].startswith('it was "} {"timestamp"')


nasty = st.text(
    st.characters() | st.sampled_from("\r\n\t\0\x1b\x7f\x85\u2028\u2029\u202e\u2066\ufeff\u200b\ud800"), max_size=40
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | nasty | st.binary(max_size=20) | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(nasty | st.integers(), inner, max_size=4),
    max_leaves=12,
)


@hypothesis_settings(max_examples=200, deadline=None)
@given(word=nasty, extras=st.dictionaries(nasty, values, max_size=6), args=st.lists(values, max_size=3))
def test_no_record_breaks_a_line(word, extras, args):
    own = everywhere(word)
    vars(own).update({name: value for name, value in extras.items() if name not in vars(own)})
    own.args = tuple(args)
    for name, formatter in FORMATTERS.items():
        is_one_line(formatter.format(own), name)


class Hostile:
    """Fails whatever it is asked for."""

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class Liar:
    @property
    def __class__(self):
        raise RuntimeError("no class")


def endless():
    items = []
    items.append(items)
    return items


def deep():
    value = []
    for _ in range(100_000):
        value = [value]
    return value


ODD = {
    "a message that has no text": record(Hostile()),
    "an argument that has no text": record("%s", (Hostile(),)),
    "too many arguments": record("it", (1, 2)),
    "too few": record("%s %s", (1,)),
    "arguments of the wrong kind": record("%d", ("x",)),
    "an extra that has no text": record(odd=Hostile(), more={"odd": Hostile()}),
    "an extra that lies": record(odd=Liar()),
    "a key that has no text": record(odd={Hostile(): 1}),
    "an extra that holds itself": record(odd=endless()),
    "a deep extra": record(odd=deep()),
    "a huge number": record(odd=10**5000, more=-(10**30), last=[float("nan"), float("inf"), -float("inf")]),
    "a huge text": record("x" * 10_000_000, odd="y " * 5_000_000, more="\n" * 3_000_000),
    "many extras": record(**{f"odd{number}": "z" * 2_000 for number in range(10_000)}),
    "a huge list": record(odd=list(range(1_000_000)), more=dict.fromkeys(range(10_000), "x" * 5_000)),
    "a huge exception": record(exc_info=caught(ValueError("x y " * 3_000_000))),
    "an exception that has no text": record(exc_info=caught(type("Odd", (Exception,), {"__str__": Hostile.__str__})())),
    "no exception after all": record(exc_info=(None, None, None)),
    "a group": record(exc_info=caught(ExceptionGroup("g", [ValueError("a"), ExceptionGroup("h", [KeyError("b")])]))),
    "an exception that is none": record(exc_info=("a", "b", "c")),
    "a time that is none": record(created=None),
    "a time that is no number": record(created=float("nan")),
    "a time far off": record(created=1e18),
    "a name that is none": record(name=None, levelname=None),
    "our own names": record(timestamp="t", level="l", logger="g", exception="e", stack="s", trace_id="i"),
}


@every_formatter
@pytest.mark.parametrize("odd", ODD)
def test_no_record_raises_or_takes_all_the_room(name, odd):
    line = FORMATTERS[name].format(ODD[odd])
    is_one_line(line, name)
    assert len(line) < 300_000


def test_what_can_be_told_of_an_odd_record_is_told():
    def entry(odd):
        return json.loads(FORMATTERS["json"].format(ODD[odd]))

    assert entry("too few")["message"] == "%s %s [its arguments do not fit: TypeError]"
    assert entry("an extra that has no text")["odd"] == "[Hostile]"
    assert entry("a huge number")["last"] == ["nan", "inf", "-inf"]
    assert entry("a time that is none")["message"] == "[a record that could not be written: TypeError]"
    assert entry("our own names")["timestamp_"] == "t"
    assert entry("our own names")["timestamp"] != "t"
    assert len(entry("many extras")) < 110
    assert entry("a huge exception")["exception"].startswith("Traceback")


def test_a_list_of_errors_leaves_room_for_what_is_looked_for():
    fields = [{"path": "a" * 200, "vendor_code": None, "vendor_message": "m" * 2_000}] * 100
    keys = keys_of(bare(400), OCCURRENCE, "mine") | {"errnorm_fields": fields}
    keys = {"errnorm_fields": keys.pop("errnorm_fields"), **keys}
    entry = json.loads(FORMATTERS["json"].format(record(name="errnorm", **keys)))
    assert entry["errnorm_reference"] == keys["errnorm_reference"]
    assert entry["errnorm_correlation_id"] == "mine"


@pytest.mark.parametrize("canary", CANARIES.values(), ids=CANARIES)
def test_no_secret_is_told(canary):
    for formatter in FORMATTERS.values():
        assert not canary.survives_in(formatter.format(everywhere(canary.text)))


def test_what_a_name_gives_away_is_not_told_either():
    secret = "Zebrafinch7261quokka"
    own = record(session_id=secret, headers={"Authorization": secret, "accept": "x"}, nested=[{"api_key": [secret]}])
    for formatter in FORMATTERS.values():
        line = formatter.format(own)
        assert secret not in line
        assert "accept" in line


class Login(NamedTuple):
    user: str
    password: str


OPAQUE = "Zebrafinch7261quokka"
BESIDE = {
    "a header's pair": [("X-Api-Key", OPAQUE), ("accept", "x")],
    "a pair of bytes": [(b"x-api-key", OPAQUE.encode()), (b"accept", b"x")],
    "a parameter": {"params": [["api_key", OPAQUE]], "accept": "x"},
    "keys of bytes": {b"x-api-key": OPAQUE.encode(), b"password": OPAQUE, b"accept": b"x"},
    "a field": [Login("accept", OPAQUE)],
    "a pair": ("password", OPAQUE, "accept")[:2],
    "a key of two words": {"API key": OPAQUE, "accept": 1},
    "short names": {"accept": 1} | dict.fromkeys(("bearer", "jwt", "pw", "otp", "pin", "cvc"), OPAQUE),
}


@every_formatter
@pytest.mark.parametrize("way", BESIDE)
def test_nor_what_the_name_beside_it_gives_away(name, way):
    line = FORMATTERS[name].format(record(odd=BESIDE[way]))
    assert OPAQUE not in line
    assert "[secret]" in line
    assert "accept" in line or way == "a pair"
    assert "b'" not in line


@every_formatter
def test_nor_what_a_message_formats_by_a_secret_name(name):
    line = FORMATTERS[name].format(record("%(user)s came with %(password)s", {"user": "bob", "password": OPAQUE}))
    assert "bob came with [secret]" in line


def test_two_words_or_two_sentences_are_no_pair():
    texts = ["Your token has expired", "Order 7 is unknown"]
    assert json.loads(FORMATTERS["json"].format(record(odd=texts)))["odd"] == texts


def compact(length):
    return json.dumps([{"id": number, "n": "x"} for number in range(length // 12)], separators=(",", ":"))


@pytest.mark.parametrize("length", [2_001, 4_001, 16_001, 31_999, 32_001, 1_000_000])
@pytest.mark.parametrize("text", [compact, "a".__mul__, "got body: {}".format], ids=["json", "letters", "short"])
def test_a_long_text_without_a_blank_is_told_by_its_beginning(length, text):
    told = text(length)
    if told.startswith("got"):
        told = f"got body: {compact(length)}"
    entry = json.loads(FORMATTERS["json"].format(record("%s", (told,), body=told)))
    assert entry["message"] == (told if len(told) <= 4_000 else told[:3_999] + "…")
    assert entry["body"] == told[:1_999] + "…"


@pytest.mark.parametrize("filling", ["x", "x " * 7, " " * 99 + "x", "password=abc,", '{"id":1},'])
def test_nor_half_a_secret_where_it_is_cut(filling):
    key = "gh" + "p_" + "Fa1keB2cD3eF4gH5iJ6kL7mN8oP9qR0"
    for most in (2_000, 4_000):
        for times in (1, 4, 8):
            for end in range(0, 40, 3):
                told = (filling * 40_000)[: times * most - end] + f",{key}" + "tail" * 10_000
                assert "gh" + "p_" not in FORMATTERS["json"].format(record(told, odd=told)), (most, times, end)


class Outside:
    """As proxies are outside of a request: it does not even say what it is."""

    @property
    def __class__(self):
        raise RuntimeError("outside of a request")


class Changing(dict):
    def items(self):
        raise RuntimeError("dictionary changed size during iteration")


@every_formatter
def test_one_odd_extra_costs_no_more_than_itself(name):
    odd = record("it was", odd=Outside(), nested={"in": [Outside(), "kept"]}, changing=Changing(a=1), own="too")
    line = FORMATTERS[name].format(odd)
    is_one_line(line, name)
    for told in ("it was", "[Outside]", "[Changing]", "kept", "too"):
        assert told in line


@pytest.mark.parametrize("stream", ["stderr", 2])
def test_a_stream_that_is_none_is_refused_with_what_would_be_right(stream):
    with pytest.raises(ValueError, match=f"stream must be .* 'ext://sys.stderr', not {stream!r}$"):
        ConsoleFormatter(stream=stream)


@pytest.mark.parametrize(
    ("terminal", "no_color", "coloured"),
    [(True, None, True), (True, "", True), (True, "1", False), (False, None, False)],
)
def test_it_is_coloured_only_for_people_who_want_it(monkeypatch, terminal, no_color, coloured):
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    line = ConsoleFormatter(stream=stream).format(record("a\x1b[31mb"))
    assert ("\x1b[36mINFO" in line) is coloured
    assert line.count("\x1b") == 2 * coloured  # no colour of anybody else's
    assert ConsoleFormatter().format(record()).isprintable()


def test_the_stream_comes_from_dict_config(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", stream)
    formatter = {"()": "errnorm.logging.ConsoleFormatter", "stream": "ext://sys.stdout"}
    configured("ext://sys.stdout", formatter, "app")
    logging.getLogger("app").error("it was")
    assert "\x1b[31mERROR" in stream.getvalue()


def test_a_current_span_is_named():
    trace = pytest.importorskip("opentelemetry.trace")
    context = trace.SpanContext(0xABC, 0xDEF, is_remote=False)
    with trace.use_span(trace.NonRecordingSpan(context)):
        entry = json.loads(FORMATTERS["json"].format(record()))
    assert (entry["trace_id"], entry["span_id"]) == (f"{0xABC:032x}", f"{0xDEF:016x}")
    assert "trace_id" not in json.loads(FORMATTERS["json"].format(record()))


def test_open_telemetry_is_not_loaded_for_it():
    code = (
        "import sys, logging, errnorm.logging as own\n"
        "own.JSONFormatter().format(logging.makeLogRecord({}))\n"
        "print(*(name for name in sys.modules if name.split('.')[0] in ('opentelemetry', 'lxml', 'asyncio')))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == ""


def test_the_coverage_command_reads_it(tmp_path, capsys):
    log = tmp_path / "app.log"
    handler = logging.FileHandler(log)
    handler.setFormatter(FORMATTERS["json"])
    logger = logging.getLogger("errnorm")
    logger.addHandler(handler)
    try:
        for _ in range(3):
            Normalizer().answer(VendorError(errnorm.parse('{"code": "teapot"}', status=409, vendor="stripe")))
        Normalizer().answer(
            VendorError(errnorm.parse('{"error": {"code": "odd", "message": "Odd"}}', status=402, vendor="stripe"))
        )
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert main(["coverage", str(log)]) == 0
    told = capsys.readouterr().out
    assert f"{datetime.now(UTC):%Y-%m-%d}" in told
    assert "4 failures in the logs; 0 other lines" in told
    assert "odd" in told
