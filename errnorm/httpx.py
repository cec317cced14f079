"""httpx and httpx2: clients, and transports, that raise a VendorError from a bad response or a transport failure.

    client = errnorm.httpx.install(httpx.Client(), vendor="lionbridge")

Nothing of either is imported: a client is known by what it can do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Iterator
from functools import cache, wraps
from inspect import iscoroutinefunction
from typing import Any, TypeVar, cast

from errnorm.answering import Normalizer, default
from errnorm.calling import (
    Answer,
    Body,
    Caller,
    Load,
    Read,
    Request,
    Send,
    Step,
    drive,
    drive_async,
    key_fingerprint_of,
    name_request,
    names_of,
)

T = TypeVar("T")
_METHODS = ("send", "handle_request", "handle_async_request")  # of clients, of transports; a mock may have two
_PIECE = 4096  # decoded at a time, so that little can swell to little more than 4 MiB


def install(
    target: T, *, vendor: str | None = None, operation: str | None = None, normalizer: Normalizer | None = None
) -> T:
    """The same client, or the same transport, sync or async, from now on with an eye on its answers.

    A client is the better place: it follows redirects and answers challenges (digest authentication) before anything is
    judged. Transports are for clients that somebody else builds, and for `mounts=`. Without `vendor` it is found by the
    url's host. A streamed answer that is well is left unread.
    """
    caller = Caller(normalizer or default(), vendor, operation)
    client: Any = target
    methods = {name: method for name in _METHODS if (method := getattr(client, name, None)) is not None}
    if not methods:
        raise TypeError(f"a client or a transport of httpx or httpx2 is wanted, not {type(target).__name__}")
    for name, method in methods.items():
        door = _async_door if iscoroutinefunction(method) else _door
        setattr(client, name, door(caller, method, loads=name == "send"))
    return target


def _door(caller: Caller, send: Callable[..., Any], *, loads: bool) -> Callable[..., Any]:
    @wraps(send)
    def sent(request: Any, *, stream: bool = False, **options: Any) -> Any:
        exchange = _Exchange(send, request, options | ({"stream": True} if loads else {}))
        drive(caller.call(_asked(request, streams=stream or not loads)), exchange)
        return exchange.response

    return sent


def _async_door(caller: Caller, send: Callable[..., Awaitable[Any]], *, loads: bool) -> Callable[..., Awaitable[Any]]:
    @wraps(send)
    async def sent(request: Any, *, stream: bool = False, **options: Any) -> Any:
        exchange = _AsyncExchange(send, request, options | ({"stream": True} if loads else {}))
        await drive_async(caller.call(_asked(request, streams=stream or not loads)), exchange)
        return exchange.response

    return sent


def _asked(request: Any, *, streams: bool) -> Request:
    headers = request.headers
    return Request(request.method, str(request.url), names_of(headers), streams, key_fingerprint_of(headers))


class _Exchange:
    """The steps of a call, as httpx does them."""

    def __init__(self, send: Callable[..., Any], request: Any, options: dict[str, Any]) -> None:
        self._send, self._request, self._options = send, request, options
        self.response: Any = None

    def __call__(self, step: Step) -> object:
        try:
            return self._perform(step)
        except BaseException as raised:
            self._close()
            name_request(raised, self._request)
            raise

    def _perform(self, step: Step) -> object:
        if isinstance(step, Send):
            self._request.headers.update(step.headers)
            self.response = self._send(self._request, **self._options)
            return Answer(self.response.status_code, self.response.headers)
        if isinstance(step, Read):
            return _read(self.response, step.limit)
        if isinstance(step, Load):
            return self.response.read()
        self._close()
        return None

    def _close(self) -> None:
        if self.response is not None:
            self.response.close()


class _AsyncExchange:
    """The same with `await`."""

    def __init__(self, send: Callable[..., Awaitable[Any]], request: Any, options: dict[str, Any]) -> None:
        self._send, self._request, self._options = send, request, options
        self.response: Any = None

    async def __call__(self, step: Step) -> object:
        try:
            return await self._perform(step)
        except BaseException as raised:
            await self._close()
            name_request(raised, self._request)
            raise

    async def _perform(self, step: Step) -> object:
        if isinstance(step, Send):
            self._request.headers.update(step.headers)
            self.response = await self._send(self._request, **self._options)
            return Answer(self.response.status_code, self.response.headers)
        if isinstance(step, Read):
            return await _read_async(self.response, step.limit)
        if isinstance(step, Load):
            return await self.response.aread()
        await self._close()
        return None

    async def _close(self) -> None:
        if self.response is not None:
            await self.response.aclose()


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


def _read(response: Any, limit: int) -> Body:
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


async def _read_async(response: Any, limit: int) -> Body:
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
