"""A canonical error is a value: equal to itself through dicts, JSON and pickles, of a newer version too."""

from __future__ import annotations

import copy
import json
import pickle
import re
import subprocess
import sys
import uuid

import pytest
from hypothesis import given, settings, strategies as st

from errnorm import (
    Action,
    CanonicalError,
    Family,
    Fault,
    FieldError,
    Problem,
    RetryAdvice,
    VendorError,
    Verdict,
    WaitSource,
)
from errnorm.model import BACKOFF_CAP_S, new_occurrence_id, reference_of
from tests.failures import FAILURES

texts = st.none() | st.text(max_size=12)
waits = st.none() | st.floats(0, 1e9)
advice = st.builds(RetryAdvice, st.sampled_from(Verdict), waits, st.sampled_from(WaitSource), st.booleans())
fields = st.lists(st.builds(FieldError, st.text(max_size=8), texts, texts), max_size=3).map(tuple)


def errors(others):
    return st.builds(
        CanonicalError,
        vendor=texts,
        dialect=texts,
        operation=texts,
        method=texts,
        family=st.sampled_from(Family),
        reason=st.text("ABC_", min_size=1, max_size=8),
        fault=st.sampled_from(Fault),
        action=st.sampled_from(Action),
        retry=advice,
        sent=st.none() | st.booleans(),
        response_status=st.integers(400, 599),
        vendor_status=st.none() | st.integers(100, 999),
        vendor_code=texts,
        vendor_message=texts,
        vendor_detail=texts,
        vendor_user_message=texts,
        vendor_request_id=texts,
        fields=fields,
        others=others,
        from_vendor=st.none() | st.booleans(),
        rule=texts,
        mapped=st.booleans(),
    )


every_error = errors(st.lists(errors(st.just(())), max_size=2).map(tuple))
quick = settings(max_examples=60, deadline=None)


def is_plain(value):
    if type(value) is dict:
        return all(type(key) is str and is_plain(inner) for key, inner in value.items())
    if type(value) is list:
        return all(map(is_plain, value))
    return value is None or type(value) in (str, int, float, bool)


@quick
@given(every_error)
def test_there_and_back_is_equal(error):
    plain = error.to_dict()
    assert is_plain(plain)
    for back in (
        CanonicalError.from_dict(plain),
        CanonicalError.from_dict(json.loads(json.dumps(plain))),
        *(pickle.loads(pickle.dumps(error, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)),
        copy.deepcopy(error),
        copy.copy(error),
    ):
        assert back == error
        assert type(back) is CanonicalError
        assert hash(back) == hash(error)
        assert back.fingerprint == error.fingerprint
        assert back.to_dict() == plain


@quick
@given(every_error, st.dictionaries(st.text(min_size=1), st.integers() | st.text(), max_size=3))
def test_keys_and_values_of_a_newer_version_are_passed_over(error, newer):
    names = set(CanonicalError.__struct_fields__)
    plain = error.to_dict() | {key: value for key, value in newer.items() if key not in names}
    plain["retry"] = plain["retry"] | {"newer": 1}
    plain["fields"] = [field | {"newer": 1} for field in plain["fields"]]
    plain["others"] = [other | {"newer": 1, "family": "newer"} for other in plain["others"]]
    back = CanonicalError.from_dict(plain)
    assert back.replace(others=()) == error.replace(others=())
    assert [other.family for other in back.others] == [Family.UNKNOWN] * len(error.others)


@pytest.mark.parametrize("name", ["family", "fault", "action"])
@pytest.mark.parametrize("value", ["newer", "", None, 5, ["list"], {"a": 1}], ids=repr)
def test_an_unknown_enum_value_is_as_if_it_were_not_there(name, value):
    plain = FAILURES[0].error.to_dict()
    back = CanonicalError.from_dict(plain | {name: value})
    del plain[name]
    assert back == CanonicalError.from_dict(plain)


@pytest.mark.parametrize("name", ["verdict", "source"])
def test_an_unknown_enum_value_of_the_advice_is_as_if_it_were_not_there(name):
    plain = FAILURES[0].error.to_dict()
    plain["retry"][name] = "newer"
    assert CanonicalError.from_dict(plain).retry == FAILURES[0].error.retry.__class__(
        **{key: value for key, value in FAILURES[0].error.to_dict()["retry"].items() if key not in (name, "retryable")}
    )


def test_the_least_that_there_can_be_is_enough():
    assert CanonicalError.from_dict({}) == CanonicalError()


@quick
@given(every_error, every_error)
def test_equal_errors_have_equal_hashes(one, other):
    assert (one == other) is (one.to_dict() == other.to_dict())
    if one == other:
        assert hash(one) == hash(other)
    assert one != one.to_dict()


@pytest.mark.parametrize("value", [RetryAdvice(), FieldError("a"), FAILURES[0].error], ids=lambda v: type(v).__name__)
def test_nothing_can_be_changed(value):
    for name in (*value.__struct_fields__, "new"):
        with pytest.raises(AttributeError):
            setattr(value, name, None)
    assert {value: 1}[copy.deepcopy(value)] == 1


@quick
@given(every_error, texts, texts, fields)
def test_the_fingerprint_is_the_class_of_failure_not_the_case(error, message, request_id, more):
    same = error.replace(
        vendor_message=message,
        vendor_request_id=request_id,
        fields=more,
        others=(),
        vendor_status=None,
        vendor_code=None,
        response_status=400,
        retry=RetryAdvice(),
        sent=None,
    )
    assert same.fingerprint == error.fingerprint
    assert re.fullmatch(r"[0-9a-f]{12}", error.fingerprint)
    assert error.replace(reason=error.reason + "X").fingerprint != error.fingerprint
    assert error.replace(vendor=(error.vendor or "") + "x").fingerprint != error.fingerprint


def test_the_fingerprint_is_the_same_in_every_process():
    code = "import errnorm; print(errnorm.CanonicalError(vendor='a', reason='B', operation='c').fingerprint)"
    path = {"PYTHONPATH": ":".join(filter(None, sys.path)), "PYTHONHASHSEED": "7"}
    output = subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, text=True, check=True).stdout
    assert output.strip() == CanonicalError(vendor="a", reason="B", operation="c").fingerprint


@given(advice, st.integers(-3, 10_000))
@quick
def test_a_wait_is_never_shorter_than_what_the_vendor_asks(given_advice, attempt):
    wait = given_advice.wait(attempt)
    least = given_advice.after_s or 0.0
    assert least <= wait <= least + BACKOFF_CAP_S
    assert isinstance(wait, float)


def test_retryable_is_safe_or_if_idempotent():
    assert {verdict for verdict in Verdict if RetryAdvice(verdict).retryable} == {"safe", "if_idempotent"}


def test_an_exception_carries_its_error_through_a_pickle():
    raised = VendorError(FAILURES[0].error, credentials="user")
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        back = pickle.loads(pickle.dumps(raised, protocol))
        assert type(back) is VendorError
        assert (back.error, back.occurrence_id, back.credentials) == (raised.error, raised.occurrence_id, "user")
        assert (str(back), back.args) == (str(raised), raised.args)
    assert str(raised) == "lionbridge LANGUAGE_PAIR_NOT_OFFERED 409"


def test_occurrence_ids_are_random_uuids():
    ids = {VendorError(CanonicalError()).occurrence_id for _ in range(100)}
    assert len(ids) == 100
    for text in ids:
        assert uuid.UUID(text).version == 4
        assert uuid.UUID(text).variant == uuid.RFC_4122
        assert str(uuid.UUID(text)) == text


def test_a_reference_can_be_read_out():
    for _ in range(100):
        assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", reference_of(new_occurrence_id()))
    assert reference_of("ffffffff-ffff-4fff-8fff-ffffffffffff") == "ZZZZ-ZZZZ"


def test_a_problem_is_serialised_without_what_is_empty():
    problem = Problem("about:blank", "Conflict", 409, "No.", "urn:uuid:x", "0000-0000", "conflict", Action.NONE)
    assert problem.to_dict().keys() == {"type", "title", "status", "detail", "instance", "reference", "code", "action"}
