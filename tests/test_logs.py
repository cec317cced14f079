"""One record per failure: its level by whose doing it is, its keys plain, and every string of it on one line."""

from __future__ import annotations

import json
import logging
import pickle
import unicodedata

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

import errnorm
from errnorm import CanonicalError, Fault, Normalizer, VendorError, correlation
from errnorm.families import LOG_LEVELS
from errnorm.model import reference_of
from errnorm.telling.logs import log, logger, record
from errnorm.vendors.alerts import alert_of
from tests.failures import FAILURES, OCCURRENCE, bare, lionbridge, transport

# The contract: user INFO, account and vendor and network WARNING, integration and unknown ERROR.
LEVELS = {
    "user": "INFO",
    "account": "WARNING",
    "vendor": "WARNING",
    "network": "WARNING",
    "integration": "ERROR",
    "unknown": "ERROR",
}
KEYS = {
    "vendor",
    "dialect",
    "operation",
    "method",
    "family",
    "reason",
    "fault",
    "action",
    "retry",
    "sent",
    "response_status",
    "vendor_status",
    "vendor_code",
    "vendor_message",
    "vendor_detail",
    "vendor_user_message",
    "vendor_request_id",
    "fields",
    "others",
    "from_vendor",
    "rule",
    "mapped",
    "fingerprint",
    "alert",
    "correlation_id",
    "occurrence_id",
    "reference",
}
every_failure = pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.title.replace(" ", "-"))


@pytest.fixture(autouse=True)
def every_level(caplog):
    caplog.set_level(logging.DEBUG, "errnorm")


def raised(error, **more):
    """A VendorError with a traceback."""
    try:
        raise VendorError(error, **more)
    except VendorError as failure:
        return failure


def extra_of(entry):
    return {key: value for key, value in vars(entry).items() if key.startswith("errnorm_")}


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (*strings(key), *strings(inner))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)


def is_plain(value):
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(is_plain, value))
    return value is None or isinstance(value, str | int | float | bool)


def test_the_levels_are_those_of_the_contract():
    assert {fault.value: logging.getLevelName(level) for fault, level in LOG_LEVELS.items()} == LEVELS
    assert set(LOG_LEVELS) == set(Fault)


@every_failure
def test_one_record_says_it_all(failure, caplog):
    told = raised(failure.error, occurrence_id=OCCURRENCE)
    Normalizer().answer(told)
    Normalizer().answer(told)  # whoever meets it again does not log it again
    [entry] = caplog.records
    assert (entry.name, entry.levelname) == ("errnorm", LEVELS[failure.error.fault])
    assert entry.getMessage() == str(failure.error)
    extra = extra_of(entry)
    assert extra.keys() == {f"errnorm_{key}" for key in KEYS}
    assert extra["errnorm_fingerprint"] == failure.error.fingerprint
    assert (extra["errnorm_occurrence_id"], extra["errnorm_reference"]) == (OCCURRENCE, reference_of(OCCURRENCE))


@every_failure
def test_the_keys_are_plain(failure):
    extra = record(failure.error, OCCURRENCE, "mine")
    assert all(map(is_plain, extra.values()))
    assert json.loads(json.dumps(extra)) == extra
    plain = failure.error.to_dict()
    for key in KEYS - {"retry", "others", "alert", "correlation_id", "occurrence_id", "reference"}:
        assert extra[f"errnorm_{key}"] == plain[key], key
    assert extra["errnorm_retry"].items() <= plain["retry"].items()
    assert extra["errnorm_alert"] == alert_of(failure.error)
    assert extra["errnorm_correlation_id"] == "mine"


@every_failure
def test_a_traceback_is_shown_only_for_what_is_ours_to_mend(failure, caplog):
    Normalizer().answer(raised(failure.error))
    [entry] = caplog.records
    assert bool(entry.exc_info) is (failure.error.fault is Fault.INTEGRATION)
    if entry.exc_info:
        assert entry.exc_info[1].__cause__ is entry.exc_info[1].__context__ is None
        assert "in raised" in logging.Formatter().format(entry)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (lionbridge(304), "lionbridge LANGUAGE_PAIR_NOT_OFFERED 409"),
        (bare(503), "generic UNAVAILABLE 503"),
        (bare(None, "phrase-tms"), "phrase-tms UNKNOWN"),
        (transport("httpx", "ReadTimeout"), "unknown READ_TIMEOUT"),
        (CanonicalError(), "unknown UNKNOWN"),
    ],
    ids=lambda value: str(value).replace(" ", "-"),
)
def test_the_message_is_vendor_reason_and_status(error, message, caplog):
    error = error.replace(dialect="generic") if message.startswith("generic") else error
    Normalizer().answer(error)
    assert caplog.records[0].getMessage() == message


def test_what_the_app_judges_is_what_is_logged(caplog):
    normalizer = Normalizer(vendors={"lionbridge": {"statuses": {"304": 422}}})
    normalizer.answer(VendorError(lionbridge(304)))
    normalizer.answer(VendorError(bare(401), credentials="user"))
    first, second = caplog.records
    assert first.errnorm_response_status == 422
    assert (second.errnorm_fault, second.levelname, second.exc_info) == ("account", "WARNING", None)


def test_the_correlation_id_is_the_contexts(caplog):
    token = correlation.bind("mine")
    try:
        Normalizer().answer(VendorError(bare(503)))
    finally:
        correlation.unbind(token)
    Normalizer().answer(VendorError(bare(503)))
    assert [entry.errnorm_correlation_id for entry in caplog.records] == ["mine", None]


def test_a_truncated_answer_is_said_to_be_one(caplog):
    Normalizer().log(VendorError(bare(503)), truncated=True)
    assert caplog.records[0].errnorm_truncated is True


def test_a_level_that_is_off_costs_nothing(caplog, monkeypatch):
    monkeypatch.setattr("errnorm.telling.logs.record", None)
    caplog.set_level(logging.WARNING, "errnorm")
    log(lionbridge(304), OCCURRENCE)
    assert not caplog.records


def test_a_library_is_quiet_by_itself():
    assert any(isinstance(handler, logging.NullHandler) for handler in logger.handlers)
    assert logger.propagate


def test_a_record_can_go_to_another_process(caplog):
    from logging.handlers import QueueHandler
    from queue import SimpleQueue

    Normalizer().answer(raised(bare(401)))
    sent = pickle.loads(pickle.dumps(QueueHandler(SimpleQueue()).prepare(caplog.records[0])))
    assert sent.getMessage().startswith(str(bare(401)))
    assert sent.errnorm_reason == "AUTHENTICATION"


names = st.sampled_from(["error", "errors", "code", "message", "field", "detail", "request_id", "type", "path", "loc"])
nasty = st.text(
    st.characters() | st.sampled_from("\r\n\t\0\x1b\x7f\x85\u2028\u2029\u202e\u2066\ufeff\u200b"), max_size=30
)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | nasty,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | nasty, inner, max_size=4),
    max_leaves=12,
)


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    body=st.dictionaries(names, trees, max_size=5).map(json.dumps) | nasty | st.binary(max_size=60),
    headers=st.dictionaries(st.sampled_from(["X-Request-Id", "WWW-Authenticate", "Retry-After"]), nasty),
    method=st.sampled_from(["GET", "po\nst\x1b[1m", "\u202eX"]),
    status=st.sampled_from([None, 400, 409, 500, 0, 99999]),
    vendor=st.sampled_from([None, "lionbridge", "risumail", "phrase-tms"]),
)
def test_no_string_of_a_record_breaks_a_line(body, headers, method, status, vendor):
    error = errnorm.parse(body, status=status, headers=headers, method=method, vendor=vendor)
    extra = record(error, OCCURRENCE)
    assert json.loads(json.dumps(extra)) == extra
    for text in (str(error), *strings(extra)):
        assert text.isprintable(), text
        assert not any(unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp", "Cs") for letter in text)
        assert len(text) <= 2000
