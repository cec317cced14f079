"""A look at the beginning of a body, after which it begins again: the same bytes, as they came."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from errnorm.calling.decoding import decoded
from errnorm.calling.steps import Body

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIECE = 4096  # bytes read at a time, where that is ours to say


class Peek:
    """What was read of a body, and what it says: it takes the chunks as they come, until there are enough.

    Raw and decoded bytes are both counted: a body may swell, and it may decode to nothing without end. `codings` are
    those of its Content-Encoding; none where the client has decoded it.
    """

    def __init__(self, limit: int, codings: str = "") -> None:
        self._limit, self._codings = limit, codings
        self.kept = bytearray()

    def begin(self, chunks: Iterator[bytes]) -> None:
        """Takes chunks until no more are needed."""
        any(map(self.enough, chunks))

    def enough(self, chunk: bytes) -> bool:
        """Takes a further chunk; whether no more is needed."""
        self.kept += chunk
        return len(self.kept) > self._limit

    @property
    def body(self) -> Body:
        """The first bytes, decoded."""
        raw = bytes(self.kept[: self._limit])
        content = decoded(raw, self._codings, self._limit + 1)
        if content is None:
            return Body(b"", False)
        return Body(content[: self._limit], max(len(self.kept), len(content)) <= self._limit)


class Replay(io.RawIOBase):
    """A body from its beginning: the bytes that were read already, then the chunks that are left of it.

    It is the client's own `source` that is closed, and whose connection goes back to where it came from.
    """

    def __init__(self, kept: bytes, chunks: Iterator[bytes], source: Any) -> None:
        self._left, self._chunks, self._source = memoryview(kept), chunks, source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fills the buffer as far as the next chunk goes."""
        into = memoryview(buffer).cast("B")
        while not self._left and (chunk := next(self._chunks, None)) is not None:
            self._left = memoryview(chunk)
        count = min(len(into), len(self._left))
        into[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def close(self) -> None:
        if not self.closed:
            super().close()
            let_go(self._source)


def let_go(response: Any) -> None:
    """Closes a response of urllib3's, and gives the connection's place in the pool back, which `close` alone keeps."""
    response.close()
    if (release := getattr(response, "release_conn", None)) is not None:
        release()
