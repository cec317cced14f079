"""Whether orjson is installed or not, the same bytes are read alike, and the same values written alike."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from errnorm import _json
from errnorm.families import Action
from errnorm.model import Problem, ProblemField

orjson = pytest.importorskip("orjson")

READ = [
    *("null", "true", "tru", "0", "-0", "-0.0", "01", "-01", "1.", ".5", "+1", "-", "1e", "1e+", "1E5", "1e16", "0x10"),
    *("0.1", "1e23", "5e-324", "1e-400", "2.2250738585072011e-308", "1e308", "1e309", "-1e400", "[1, 1e999]"),
    *(str(2**63 - 1), str(2**63), str(2**64 - 1), str(2**64), str(-(2**63)), str(-(2**63) - 1), "9" * 308, "9" * 309),
    *("9" * 5000, "-" + "9" * 30, "1_000", "NaN", "-NaN", "Infinity", "-Infinity", "[nan]", '{"a": NaN}'),
    *("", " ", "\t1\r\n", "\x0b1", "\xa01", "1 2", "1\0", "\0", "\ufeff1", "\u0661", "1\u0661"),
    *('"a', '"\x01"', '"\n"', '"\x7f"', '"\x85"', r'"\x"', r'"\/"', r'"\u00e"', r'"\U0041"', r'"\u+041"', r'"\u0000"'),
    *(r'"\ud83d\ude00"', r'"\uD83D\uDE00"', r'"\ud800"', r'"\udc00"', r'"\ud800\ud800"', r'"\ude00\ud83d"'),
    *(r'"\ud83d\u0041"', r'"\ud83d\\ude00"', r'"\\ud800"', r'"\\\ud800"', r'"\ud7ff\ue000"', r'"\ud83d\ude00\ud83d"'),
    *(r'{"a": "\ud800", "a": 1}', r'{"\ud800": 1}', r'["\\", "\ud800"]', '"\ud800"', "\ud800", '"\U0001f600"'),
    *('{"a": 1, "a": 2}', "{1: 2}", "{'a': 1}", '{"a": 1,}', "[1,]", "[,1]", "[", "]", "{", "{}", "[]", "[][]"),
    *("[" * depth + "]" * depth for depth in (100, 900, 1025, 5000, 100_000)),
    *('{"a":' * depth + "1" + "}" * depth for depth in (100, 900, 1025, 5000)),
    "[" + "[]," * 2000 + "[]]",
    "[" * 5000,
]
READ_BYTES = [
    *(
        b'"\xff"',
        b'"\xc3"',
        b'"\xc0\x80"',
        b'"\xed\xa0\x80"',
        b'"\xf4\x90\x80\x80"',
        b'"\xf0\x9f\x98\x80"',
        b'"\xc3\xa9"',
    ),
    *(b"\xef\xbb\xbf1", "1".encode("utf-16"), "[1]".encode("utf-32-le"), b"", b"\x80", b'{"\xff": 1}'),
]
texts = st.text() | st.text(st.sampled_from('[]{}",:\\ud8Dce0123456789.eE+-nulltrefasNI \n\x00\ud800é😀'), max_size=30)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def outcome(read: Any, data: bytes | str) -> tuple[str, Any]:
    try:
        value = read(data)
    except ValueError:
        return "refused", None
    try:
        return "read", repr(value)
    except RecursionError:
        return "read", "deep"


@pytest.mark.parametrize("data", [*READ, *READ_BYTES], ids=lambda data: f"{ascii(data)[:40]} {len(data)}")
def test_hard_cases_are_read_alike(data: bytes | str) -> None:
    assert outcome(_json.plain_loads, data) == outcome(orjson.loads, data) == outcome(_json.loads, data)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the recursion limit comes first")
@pytest.mark.parametrize("depth", [1023, 1024, 1025])
@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_depth_ends_at_the_same_level(depth: int, start: str, end: str) -> None:
    pairs = depth if len(end) == 1 else depth // 2
    data = start * pairs + "1" + end * pairs
    assert outcome(_json.plain_loads, data)[0] == outcome(orjson.loads, data)[0]


@given(texts | st.binary())
def test_anything_is_read_alike(data: bytes | str) -> None:
    assert outcome(_json.plain_loads, data) == outcome(orjson.loads, data)


@given(values, st.data())
def test_a_damaged_document_is_read_alike(value: Any, data: st.DataObject) -> None:
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    damaged = text[:start] + data.draw(st.text(max_size=3)) + text[end:]
    for document in (text, damaged):
        assert outcome(_json.plain_loads, document) == outcome(orjson.loads, document)


@given(values)
@example("\x00\x1f\x7f\x80\u2028\ufeff\ufffe/\\\"'<>&é😀")
def test_what_problems_hold_is_written_byte_for_byte_alike(value: Any) -> None:
    assert _json.plain_dumps(value) == orjson.dumps(value) == _json.dumps(value)


@given(st.text(), st.lists(st.text()), st.none() | st.integers(1, 3600))
def test_problems_are_written_byte_for_byte_alike(text: str, texts: list[str], retry_after: int | None) -> None:
    errors = tuple(ProblemField(text, None if text == "0" else text) for text in texts)
    problem = Problem("about:blank", text, 503, text, "urn:uuid:0", "A", "b", Action.WAIT, retry_after, errors)
    assert _json.plain_dumps(problem.to_dict()) == orjson.dumps(problem.to_dict())


@given(st.floats())
def test_floats_keep_their_value(number: float) -> None:
    written = _json.plain_dumps([number])
    assert orjson.loads(written) == orjson.loads(orjson.dumps([number]))
    assert outcome(_json.plain_loads, written) == outcome(orjson.loads, written)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a\ud800b", b'"a?b"'),
        ({"\ud800": ["\udfff"]}, b'{"?":["?"]}'),
        (2**64, b"18446744073709551616"),
        ([float("nan"), float("-inf"), "NaN"], b'[null,null,"NaN"]'),
        ((1, (2,)), b"[1,[2]]"),
    ],
)
def test_what_json_has_no_word_for_is_written_alike(value: Any, written: bytes) -> None:
    assert _json.plain_dumps(value) == _json.dumps(value) == written


def test_without_orjson_the_standard_library_steps_in() -> None:
    code = (
        "import sys; sys.modules['orjson'] = None\n"
        "from errnorm import _json\n"
        "assert _json.loads is _json.plain_loads and _json._dumps is _json.plain_dumps"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
