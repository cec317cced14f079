"""Plain data as YAML that people read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# What needs no quotes: a word that is none of YAML's own, and a time such as 5m.
_PLAIN = re.compile(
    r"(?!(?:true|false|null|yes|no|on|off|y|n)\Z)[A-Z_][\w.:-]*(?<!:)\Z|\d+[smhd]\Z", re.ASCII | re.IGNORECASE
)


def dumps(value: Mapping[str, Any]) -> str:
    """A mapping of texts to texts, whole numbers, mappings and lists, as a YAML document.

    Texts of several lines stand as they are, the others in quotes of JSON where they need any: what Prometheus takes
    is that simple, so no library is needed.
    """
    return "\n".join([*_block(value), ""])


def _block(value: Any) -> Iterator[str]:
    """The lines of a mapping or a list that is not empty."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _entry(f"{_scalar(key)}:", each)
    else:
        for each in value:
            first, *rest = _block(each) if _deep(each) else [_scalar(each)]
            yield f"- {first}"
            yield from (f"  {line}" if line else line for line in rest)


def _entry(key: str, value: Any) -> Iterator[str]:
    if _deep(value):
        yield key
        yield from (f"  {line}" if line else line for line in _block(value))
    elif isinstance(value, str) and _readable(value):
        yield f"{key} |-"
        yield from (f"  {line}" if line else line for line in value.split("\n"))
    else:
        yield f"{key} {_scalar(value)}"


def _deep(value: Any) -> bool:
    return bool(value) and not isinstance(value, str) and isinstance(value, Mapping | Sequence)


def _readable(text: str) -> bool:
    """Whether a text stands better as it is, in lines of its own, than in quotes, and may."""
    shown = text == text.strip() and all(map(str.isprintable, text.split("\n")))
    return shown and ("\n" in text or '"' in text)


def _scalar(value: Any) -> str:
    """One value in one line. JSON is YAML, but for what its readers take for the end of a line or not at all."""
    if isinstance(value, str) and _PLAIN.match(value):
        return value
    told = json.dumps(value, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in told)
