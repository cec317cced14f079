"""A response's headers, looked up by name in any case, from whatever a client hands over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

MOST = 1_000  # headers that are looked at
RawHeaders = Mapping[str, str] | Mapping[bytes, bytes] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]


class Headers:
    """Read-only; names are folded when the first is asked for, and only then."""

    __slots__ = ("_folded", "_raw")

    def __init__(self, raw: RawHeaders) -> None:
        self._raw = raw
        self._folded: dict[str, str] | None = None if raw else {}

    def get(self, name: str) -> str | None:
        """The value of a lower-case name; several of one name are joined by ", " as RFC 9110, 5.3 has it."""
        folded = self._folded
        if folded is None:
            folded = self._folded = _fold(self._raw)
        return folded.get(name)

    def items(self) -> Iterable[tuple[str, str]]:
        """Every name, folded, with its value."""
        self.get("")
        return (self._folded or {}).items()


def _fold(raw: RawHeaders) -> dict[str, str]:
    items = getattr(raw, "items", None)
    folded: dict[str, str] = {}
    for pair in islice(items() if items is not None else raw, MOST):
        try:
            name, value = pair
        except (TypeError, ValueError):
            continue  # no pair
        if type(name) is not str or type(value) is not str:
            name, value = _text(name), _text(value)
        name = name.lower()
        folded[name] = f"{folded[name]}, {value}" if name in folded else value
    return folded


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


NO_HEADERS = Headers(())
