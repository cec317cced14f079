"""Headers are found by name in any case, from whatever shape a client keeps them in; nothing in them raises."""

from collections import UserDict

import pytest
from hypothesis import given, strategies as st

from errnorm.reading.headers import MOST, NO_HEADERS, Headers

# what a client may hand over, all of the same two headers
SHAPES = [
    {"Retry-After": "5", "X-Id": "é"},
    {"RETRY-AFTER": "5", "x-id": "é"},
    {b"Retry-After": b"5", b"X-Id": b"\xe9"},
    [("Retry-After", "5"), ("X-Id", "é")],
    [(b"retry-after", b"5"), (b"x-id", b"\xe9")],
    [["Retry-After", "5"], ["X-Id", "é"]],
    (("Retry-After", 5), ("X-Id", "é")),
    iter([("Retry-After", "5"), ("X-Id", "é")]),
    UserDict({"Retry-After": "5", "X-Id": "é"}),
    [("a",), ("b", "c", "d"), None, 7, "xyz", ("Retry-After", "5"), ("X-Id", "é")],
]


@pytest.mark.parametrize("raw", SHAPES, ids=range(len(SHAPES)))
def test_every_shape_is_read_alike(raw):
    headers = Headers(raw)
    assert headers.get("retry-after") == "5"
    assert headers.get("x-id") == "é"
    assert headers.get("nothing") is None
    assert {"retry-after": "5", "x-id": "é"}.items() <= dict(headers.items()).items()


def test_a_header_that_came_twice_is_joined():
    headers = Headers([("A", "1"), ("a", "2"), (b"A", b"3"), ("B", "4")])
    assert dict(headers.items()) == {"a": "1, 2, 3", "b": "4"}


def test_none_are_none():
    for raw in ((), [], {}, ""):
        assert list(Headers(raw).items()) == []
    assert NO_HEADERS.get("date") is None


def test_a_name_is_asked_for_without_reading_more_than_the_bound():
    def endless():
        number = 0
        while True:
            yield f"x-{number}", "y"
            number += 1

    headers = Headers(endless())
    assert headers.get("x-0") == "y"
    assert len(list(headers.items())) == MOST


def test_names_are_folded_only_when_asked_for():
    def never():
        raise AssertionError("nobody asked")
        yield

    Headers(never())


ANY = st.text() | st.binary() | st.integers() | st.none() | st.lists(st.text(), max_size=2)


@given(st.lists(st.tuples(ANY, ANY) | ANY, max_size=8) | st.dictionaries(st.text() | st.binary(), ANY, max_size=8))
def test_nothing_in_them_raises(raw):
    for name, value in Headers(raw).items():
        assert name == name.lower()
        assert isinstance(value, str)
