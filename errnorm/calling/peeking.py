"""A look at the beginning of a body that is read piece by piece, after which it begins again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from errnorm.calling.steps import Body

PIECE = 4096  # bytes read at a time


def peek(chunks: Iterator[bytes], limit: int) -> tuple[Body, Iterator[bytes]]:
    """The first bytes of decoded chunks, and all chunks from the first on; of the very iterator that was begun:
    urllib3 gives up the connection of one that is dropped.
    """
    kept, length = list[bytes](), 0
    for chunk in chunks:
        kept.append(chunk)
        length += len(chunk)
        if length > limit:
            break
    return Body(b"".join(kept)[:limit], length <= limit), chain(kept, chunks)


class Chunks:
    """Chunks as a file that is read from its beginning."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._left = chunks, b""

    def read(self, amt: int | None = None) -> bytes:
        """At most `amt` bytes, fewer only at the end; all that is left without one."""
        data, amt = bytearray(self._left), None if amt is None or amt < 0 else amt
        while amt is None or len(data) < amt:
            if (chunk := next(self._chunks, None)) is None:
                amt = len(data)
            else:
                data += chunk
        self._left = bytes(data[amt:])
        return bytes(data[:amt])
