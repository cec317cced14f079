"""Whatever stands for a time in a response becomes seconds from the response on, 0 to a month, or None."""
# ruff: noqa: E501, RUF001

import time
from itertools import count

import pytest
from hypothesis import example, given, strategies as st

from errnorm.reading.parsing import Reader
from errnorm.reading.waits import LONGEST, seconds

parse = Reader().parse
DATE = "Fri, 02 Jan 2026 03:04:05 GMT"  # 1767323045 in epoch seconds

TABLE = [
    # a bare number, signed, broken, blank around
    ("0", 0.0), ("-0", None), ("5", 5.0), (" 7 ", 7.0), ("+5", 5.0), ("-5", None), ("-5, 9", None), (-5, None), ("1.5", 1.5), ("1.", 1.0), ("5\n", 5.0), (5, 5.0), (1.5, 1.5),
    ("9" * 30, LONGEST), ("9" * 5_000, LONGEST), ("-" + "9" * 5_000, None), (10**5_000, LONGEST), (-(10**5_000), None), (1e300, None),
    # the header came several times: the first counts
    ("5, 9", 5.0), ("5,", 5.0), ("5,x", 5.0), ("x,5", None), (f"{DATE[:17]}03:05:05 GMT, {DATE}", 60.0),
    # no numbers
    ("", None), (" ", None), ("nan", None), ("inf", None), ("-inf", None), ("Infinity", None), ("1e3", None), (".5", None), ("0x10", None),
    ("1_000", None), ("٣", None), ("１２", None), ("²", None), ("5 seconds", None), ("5;6", None), ("never", None), ("5\0", None), (",", None),
    (True, None), (False, None), (None, None), (float("nan"), None), (float("inf"), None), (b"5", None), ([], None), ({}, None),
    # an HTTP date in its three forms, and nearly one
    ("Fri, 02 Jan 2026 03:05:05 GMT", 60.0), ("Friday, 02-Jan-26 03:05:05 GMT", 60.0), ("Fri Jan  2 03:05:05 2026", 60.0),
    ("Fri, 02 Jan 2026 03:05:05", 60.0), ("Fri, 02 Jan 2026 03:05:05 -0000", 60.0), ("Fri, 02 Jan 2026 04:05:05 +0100", 60.0),
    ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST), ("Fri, 31 Dec 99999 23:59:59 GMT", None),
    ("Fri, 02 Jan 2026 25:05:05 GMT", None), ("Fri, 32 Jan 2026 03:05:05 GMT", None), ("Fri, 02 Jan 2026 03:05:05 +9999", None), ("Mon, 00 Foo 0000", None),
    # ISO 8601
    ("2026-01-02T03:05:05Z", 60.0), ("2026-01-02T04:05:05+01:00", 60.0), ("2026-01-02 03:05:05", 60.0), ("2026-01-02T03:05:05.5Z", 60.5),
    ("20260102T030505Z", 60.0), ("0001-01-01T00:00:00+23:59", 0.0), ("9999-12-31T23:59:59-23:59", LONGEST), ("99999-01-01T00:00:00Z", None),
    ("2026-13-01T00:00:00Z", None),
    # a point in time as a number: seconds above 1e9, milliseconds above 1e11
    ("1767323105", 60.0), ("1767323105.5", 60.5), ("1767323105000", 60.0), (1767323105, 60.0), ("1000000000", LONGEST), ("1000000001", 0.0),
    ("100000000001", 0.0),
    # spans
    ("12.5s", 12.5), ("20ms", 0.02), ("6m0s", 360.0), ("1h", 3600.0), ("1h30m", 5400.0), ("5us", 5e-6), ("5µs", 5e-6), ("5ns", 5e-9),
    ("999999999h", LONGEST), ("-5s", None), ("1.5.5s", None), ("5 s", None), ("1d", None), ("1s" * 7, None), ("P1D", None),
]  # fmt: skip


@pytest.mark.parametrize(("value", "wait"), TABLE, ids=range(len(TABLE)))
def test_every_form_of_a_time(value, wait):
    found = seconds(value, date=DATE)
    assert found == (None if wait is None else pytest.approx(wait))
    assert str(found) != "-0.0"


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("1500", 1.5),
        ("1500, 2", 1.5),
        (1500, 1.5),
        ("0", 0.0),
        ("2s", 2.0),
        ("-1", None),
        (DATE, 0.0),
        ("1767323105", 60.0),
    ],
    ids=count(),
)
def test_a_unit_is_that_of_a_bare_number(value, wait):
    assert seconds(value, unit="ms", date=DATE) == wait


@pytest.mark.parametrize("date", ["", None, "junk", "Fri, 31 Dec 99999 23:59:59 GMT", "99999"])
def test_without_a_date_of_its_own_our_clock_counts(date):
    assert seconds(str(int(time.time()) + 600), date=date) == pytest.approx(600, abs=60)


# headers, status, after_s, source
HEADERS = [
    ({"Retry-After": "7"}, 429, 7.0, "header"),
    ([("retry-after", "7"), ("Retry-After", "9")], 503, 7.0, "header"),
    ({"Retry-After": "junk"}, 429, None, "default"),
    ({"Retry-After": "junk", "X-RateLimit-Reset": "30"}, 429, 30.0, "header"),
    ({"Retry-After": "junk", "X-Retry-After": "4"}, 429, 4.0, "header"),
    ({"Retry-After": "0", "X-RateLimit-Reset": "30"}, 429, 0.0, "header"),
    ({"retry-after-ms": "250", "Retry-After": "7"}, 429, 0.25, "header"),
    ({"Retry-After": "Fri, 02 Jan 2026 03:05:05 GMT", "Date": DATE}, 503, 60.0, "header"),
    ({"Retry-After": DATE, "Date": "Fri, 02 Jan 2026 03:05:05 GMT"}, 503, 0.0, "header"),
    ({"Retry-After": "-5"}, 503, None, "default"),
    ({"Retry-After": "-5", "X-RateLimit-Reset": "30"}, 429, 30.0, "header"),
    ({"X-RateLimit-Reset": "30"}, 503, None, "default"),
    ({"X-RateLimit-Reset": "30"}, 404, None, "default"),
    ({"X-RateLimit-Reset-Requests": "20ms", "X-RateLimit-Reset-Tokens": "6m0s"}, 429, 360.0, "header"),
    ({"X-RateLimit-Reset": "9" * 4_000}, 429, LONGEST, "header"),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "status", "after_s", "source"), HEADERS, ids=range(len(HEADERS)))
def test_an_instruction_before_a_window_and_a_window_only_for_a_limit(headers, status, after_s, source):
    retry = parse(b'{"message":"Later"}', status=status, headers=headers).retry
    assert (retry.after_s, retry.source) == (after_s, source)


@pytest.mark.parametrize(
    ("status", "wait", "after_s", "source"),
    [
        (429, "0", 60.0, "profile"),
        (429, "-5", 60.0, "profile"),
        (429, DATE, 60.0, "profile"),
        (429, "7", 7.0, "header"),
        (503, "0", 0.0, "header"),
        (503, DATE, 0.0, "header"),
        (503, "-5", None, "default"),
    ],
)
def test_at_once_goes_before_no_documented_window_of_a_limit(status, wait, after_s, source):
    headers = {"Retry-After": wait, "Date": "Fri, 02 Jan 2026 03:05:05 GMT"}
    retry = parse(b"", status=status, headers=headers, vendor="lionbridge").retry
    assert (retry.after_s, retry.source) == (after_s, source)


WORDS = st.one_of(
    st.text(max_size=120),
    st.text("0123456789+-.,:TZhmsuµn GMTJanFri", max_size=60),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.datetimes().map(str),
)


@given(WORDS, st.sampled_from([None, "s", "ms"]), st.none() | st.text(max_size=60) | st.just(DATE))
@example(10**4_400, None, None)
@example("2" * 99 + ".", None, "2" * 99)
def test_never_raises_and_never_leaves_the_bounds(value, unit, date):
    wait = seconds(value, unit=unit, date=date)
    assert wait is None or 0.0 <= wait <= LONGEST
