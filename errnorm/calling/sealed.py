"""Headers to add to a request, sealed: whatever shows them shows no value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


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
