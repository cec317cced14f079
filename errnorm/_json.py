"""JSON to and from plain types: by orjson where it is installed, by the standard library alike where it is not."""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

DEEPEST = 1024  # orjson's own bound

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
# Every escape of a valid document, from left to right; the group is half of a surrogate pair.
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F])|.)")
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}


def plain_loads(data: bytes | str) -> Any:
    """What the standard library reads, within orjson's bounds; raises only ValueError.

    Up to Python 3.11 the interpreter's recursion limit comes a little before `DEEPEST`.
    """
    text = data if isinstance(data, str) else str(data, "utf-8")
    text.encode()  # refuses lone surrogates
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("too deep") from None
    if r"\u" in text and any(escape[1] for escape in _ESCAPE.finditer(text)):
        raise ValueError("half of a surrogate pair")
    if text.count("[") + text.count("{") > DEEPEST:
        brackets = _STRING.sub("", text)
        if max(accumulate(_STEP.get(letter, 0) for letter in brackets)) > DEEPEST:
            raise ValueError("too deep")
    return value


def plain_dumps(value: Any) -> bytes:
    """Compact UTF-8 of any text: half of a surrogate pair becomes "?", a float that is no number null."""
    try:
        return _ENCODER.encode(value).encode("utf-8", "replace")
    except ValueError:  # NaN or Infinity
        return plain_dumps(json.loads(json.dumps(value), parse_constant=lambda _: None))


def _int(text: str) -> float:
    if len(text) <= 20 and -(2**63) <= (number := int(text)) < 2**64:
        return number
    return _float(text)


def _float(text: str) -> float:
    if not math.isfinite(number := float(text)):  # NaN and Infinity come here too
        raise ValueError(f"{text} is no number in JSON")
    return number


_DECODER = json.JSONDecoder(parse_float=_float, parse_int=_int, parse_constant=_float)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)

loads: Callable[[bytes | str], Any]
_dumps: Callable[[Any], bytes]
try:
    import orjson

    loads, _dumps = orjson.loads, orjson.dumps
except ImportError:
    loads, _dumps = plain_loads, plain_dumps


def dumps(value: Any) -> bytes:
    """Compact UTF-8; what orjson refuses (half of a surrogate pair, an integer beyond 64 bits) is written as well."""
    try:
        return _dumps(value)
    except TypeError:
        return plain_dumps(value)
