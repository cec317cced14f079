"""The first bytes of a body, read as httpx decodes it, and put back for whoever reads it next."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Iterable, Iterator
from functools import cache
from typing import Any, cast

from errnorm.calling.steps import Body

_PIECE = 4096  # decoded at a time, so that little can swell to little more than 4 MiB


class _Peek:
    """What was read of a body: `kept` as it came, `content` decoded."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.kept: list[bytes] = []
        self.content = bytearray()

    @property
    def full(self) -> bool:
        # what decodes to nothing may go on for ever
        return len(self.content) > self._limit or sum(map(len, self.kept)) > 2 * self._limit

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        self.kept.append(chunk)
        return (chunk[at : at + _PIECE] for at in range(0, len(chunk), _PIECE))

    @property
    def body(self) -> Body:
        return Body(bytes(self.content[: self._limit]), not self.full)


def read(response: Any, limit: int) -> Body:
    """The first bytes of a body, decoded; the response gets a stream that begins with them again."""
    if response.is_stream_consumed:
        return Body(response.content, True)
    peek, raw = _Peek(limit), iter(response.stream)

    def pieces() -> Iterator[bytes]:
        for chunk in raw:
            for piece in peek.pieces(chunk):
                yield piece
                if peek.full:
                    return

    try:
        for content in _probe(response, pieces()).iter_bytes():
            peek.content += content
    except Exception:
        if not peek.full:  # a decoder may object to a body that we cut short
            raise
    response.stream = _replay(response)(peek.kept, raw, response.stream)
    return peek.body


async def read_async(response: Any, limit: int) -> Body:
    """The same with `await`."""
    if response.is_stream_consumed:
        return Body(response.content, True)
    peek, raw = _Peek(limit), aiter(response.stream)

    async def pieces() -> AsyncIterator[bytes]:
        async for chunk in raw:
            for piece in peek.pieces(chunk):
                yield piece
                if peek.full:
                    return

    try:
        async for content in _probe(response, pieces()).aiter_bytes():
            peek.content += content
    except Exception:
        if not peek.full:
            raise
    response.stream = _replay(response)(peek.kept, raw, response.stream)
    return peek.body


def _probe(response: Any, raw: object) -> Any:
    """A response of the same class over other bytes: the client's own decoders, without a connection to close."""
    return type(response)(response.status_code, headers=response.headers, stream=_replay(response)((), raw))


class _Replay:
    """The bytes that were read already, then the rest of the stream; it is the stream that is closed."""

    def __init__(self, kept: Iterable[bytes], rest: Any, stream: Any = None) -> None:
        self._kept, self._rest, self._stream = kept, rest, stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._kept
        yield from self._rest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._kept:
            yield chunk
        async for chunk in self._rest:
            yield chunk

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    async def aclose(self) -> None:
        if self._stream is not None:
            await self._stream.aclose()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_stream"], name)


def _replay(response: Any) -> type[Any]:
    """A _Replay that is a stream of the response's own module too, for its client insists on that."""
    streams = ("SyncByteStream", "AsyncByteStream")
    return _mixed(next(cls for cls in type(response.stream).__mro__ if cls.__name__ in streams))


@cache
def _mixed(stream: Hashable) -> type[Any]:
    return type("Replay", (_Replay, cast("type", stream)), {})
