"""Headers to add to a request, sealed: whatever shows them shows no value; and taken back when it was sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

# The fingerprint of what a request carries in the headers of these names; None where it carries none of them.
KeyBy = Callable[[Collection[str]], str | None]


class Headers:
    """Headers to add to a request. They may hold a key and stand in frames, so that no more is shown than their names:
    this is neither a mapping nor a sequence, for reporters of errors show what is in those.
    """

    __slots__ = ("_pairs",)

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        self._pairs = dict(headers or {})

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs.items())

    def __or__(self, later: Headers) -> Headers:
        """These, and the later ones, which win."""
        names = {name.lower() for name, _ in later}
        return Headers({name: value for name, value in self if name.lower() not in names} | dict(later))

    def __repr__(self) -> str:
        return f"<headers {', '.join(self._pairs) or 'none'}>"


class Loan:
    """Headers of ours in a request of the app's: it may send the same object once more, in another call."""

    __slots__ = ("_headers", "_own")

    def __init__(self, headers: Any) -> None:
        self._headers = headers  # a client's own mapping, whose names are case-insensitive
        self._own: dict[str, tuple[str, str | None]] = {}

    def set(self, ours: Headers) -> None:
        for name, value in ours:
            self._own.setdefault(name.lower(), (name, self._headers.get(name)))
            self._headers[name] = value

    def end(self) -> None:
        """The app's own values are back, and nothing is left of ours."""
        for name, value in self._own.values():
            if value is not None:
                self._headers[name] = value
            elif name in self._headers:
                del self._headers[name]
