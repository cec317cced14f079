"""The first bytes of a body of httpx, which is put back for whoever reads it next."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Iterator
from functools import cache
from typing import Any, cast

from errnorm.calling.peeking import Peek
from errnorm.calling.steps import Body, header


def read(response: Any, limit: int) -> Body:
    """The first bytes of a body, decoded; the response gets a stream that begins with them again."""
    if response.is_stream_consumed:
        return Body(response.content, True)
    peek, raw = _peek(response, limit), iter(response.stream)
    peek.begin(raw)
    response.stream = _replay(response)(bytes(peek.kept), raw, response.stream)
    return peek.body


async def read_async(response: Any, limit: int) -> Body:
    """The same with `await`."""
    if response.is_stream_consumed:
        return Body(response.content, True)
    peek, raw = _peek(response, limit), aiter(response.stream)
    async for chunk in raw:
        if peek.enough(chunk):
            break
    response.stream = _replay(response)(bytes(peek.kept), raw, response.stream)
    return peek.body


def _peek(response: Any, limit: int) -> Peek:
    return Peek(limit, header(response.headers, "content-encoding"))


class _Replay:
    """The bytes that were read already, then the rest of the stream; it is the stream that is closed."""

    def __init__(self, kept: bytes, rest: Any, stream: Any) -> None:
        self._kept, self._rest, self._stream = kept, rest, stream

    def __iter__(self) -> Iterator[bytes]:
        if self._kept:
            yield self._kept
        yield from self._rest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._kept:
            yield self._kept
        async for chunk in self._rest:
            yield chunk

    def close(self) -> None:
        self._stream.close()

    async def aclose(self) -> None:
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
