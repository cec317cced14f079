"""A vendor's answer passed on unchanged: judged as any call's is, then its status, safe headers and bytes as they come.

`passed` and `passed_async` are for the frameworks' `passing`, which make a response of their own of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from inspect import isawaitable
from typing import Any, NamedTuple

from errnorm.answering import Normalizer
from errnorm.calling.driving import drive, drive_async
from errnorm.calling.flow import Caller
from errnorm.calling.peeking import PIECE, Peek
from errnorm.calling.steps import Answer, Body, Close, Read, Request, Step
from errnorm.reading.clients import response_of

# What tells how to read the bytes, and nothing of the vendor or of the call: no cookie, no address, no rule for caches
# (whose answer it is, only the app knows).
_SAFE = (
    "Content-Type",
    "Content-Disposition",
    "Content-Language",
    "Content-Range",
    "Accept-Ranges",
    "ETag",
    "Last-Modified",
)
_PIECE = 16_384


class Passed(NamedTuple):
    """What a framework makes its response of; `body` is an iterator where it is still on its way."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes | Iterator[bytes] | AsyncIterator[bytes]


def is_async(response: Any) -> bool:
    """Whether what is left of a response has to be awaited."""
    return _streams_async(response) if hasattr(response, "aiter_bytes") else hasattr(response, "__aenter__")


def passed(response: Any, normalizer: Normalizer, vendor: str | None = None, operation: str | None = None) -> Passed:
    """A response of httpx, requests or urllib3, as it is to be passed on; raises VendorError where it is a failure."""
    source = _Source(response)
    drive(Caller(normalizer, vendor, operation).call(source.request), source.perform)
    return source.passed(source.rest())


async def passed_async(
    response: Any, normalizer: Normalizer, vendor: str | None = None, operation: str | None = None
) -> Passed:
    """The same of aiohttp, or of an asynchronous client of httpx."""
    source = _Source(response)
    await drive_async(Caller(normalizer, vendor, operation).call(source.request), source.perform_async)
    return source.passed(source.rest_async())


class _Source:
    """A client's response, and what was read of it; its bytes are decoded, so that what stands for them must be too."""

    def __init__(self, response: Any) -> None:
        known = response_of(response)
        if known is None or isinstance(response, BaseException):
            raise TypeError(
                f"a response of httpx, requests, aiohttp or urllib3 is wanted, not {type(response).__name__}"
            )
        self._response, self._status, self._headers = response, known.status or 502, known.headers
        self._read = self._whole = bool(known.body) or _was_read(response)  # read: and so its client has closed it
        body = known.body.encode() if isinstance(known.body, str) else known.body
        self._kept = [body] if body else []
        self._chunks: Any = iter(()) if self._whole else None
        self.request = Request(known.method or "GET", known.url or "", frozenset(), streams=True)

    def perform(self, step: Step) -> object:
        """A step of the call."""
        if isinstance(step, Read) and (peek := self._peek(step)) is not None:
            peek.begin(_raw(self._response))
            return peek.body
        if isinstance(step, Read):
            for chunk in self._stream():
                self._kept.append(chunk)
                if self._size() > step.limit:
                    break
            else:
                self._whole = True
        elif isinstance(step, Close) and not self._read:
            self._response.close()
        return self._told(step)

    async def perform_async(self, step: Step) -> object:
        """The same with `await`."""
        if isinstance(step, Read) and (peek := self._peek(step)) is not None:
            async for chunk in _raw(self._response):
                if peek.enough(chunk):
                    break
            return peek.body
        if isinstance(step, Read) and not self._whole:
            async for chunk in self._stream():
                self._kept.append(chunk)
                if self._size() > step.limit:
                    break
            else:
                self._whole = True
        elif isinstance(step, Close) and not self._read:
            await self._aclose()
        return self._told(step)

    def _peek(self, step: Read) -> Peek | None:
        """A failure is not passed on, so that no more than its beginning is unpacked."""
        if self._status < 400 or self._whole:
            return None
        return Peek(step.limit, "" if _unpacked(self._response) else self._headers.get("Content-Encoding") or "")

    def _told(self, step: Step) -> object:
        if isinstance(step, Read):
            return Body(b"".join(self._kept)[: step.limit], self._whole and self._size() <= step.limit)
        return None if isinstance(step, Close) else Answer(self._status, self._headers)

    def _size(self) -> int:
        return sum(map(len, self._kept))

    def _stream(self) -> Any:
        """The decoded bytes, as the client in question gives them."""
        if self._chunks is None:
            self._chunks = _chunks(self._response)
        return self._chunks

    def rest(self) -> Iterator[bytes]:
        """The bytes that were read already, and the rest."""
        try:
            yield from self._kept
            yield from self._stream()
        finally:
            self._response.close()

    async def rest_async(self) -> AsyncIterator[bytes]:
        """The same with `await`."""
        try:
            for chunk in self._kept:
                yield chunk
            async for chunk in self._stream():
                yield chunk
        finally:
            await self._aclose()

    async def _aclose(self) -> None:
        closed = getattr(self._response, "aclose", self._response.close)()
        if isawaitable(closed):
            await closed

    def passed(self, rest: Iterator[bytes] | AsyncIterator[bytes]) -> Passed:
        """What is passed on; nothing is streamed that is all there."""
        body = b"".join(self._kept) if self._whole else rest
        headers = [(name, str(value)) for name in _SAFE if (value := self._headers.get(name)) is not None]
        length = self._headers.get("Content-Length")
        if isinstance(body, bytes):
            length = str(len(body)) if self._status not in (204, 304) else None
        elif self._headers.get("Content-Encoding", "identity").lower() != "identity":
            length = None
        if length is not None and str(length).isdecimal():
            headers.append(("Content-Length", str(length)))
        return Passed(self._status, (*headers, ("X-Content-Type-Options", "nosniff")), body)


def _was_read(response: Any) -> bool:
    """Whether a body is all there, be it empty: what each client sets once it has read one."""
    return getattr(response, "_content", False) is not False or getattr(response, "_body", None) is not None


def _streams_async(response: Any) -> bool:
    return not _was_read(response) and not hasattr(response.stream, "__iter__")


def _unpacked(response: Any) -> bool:
    """Whether its client gives no bytes but decoded ones: aiohttp."""
    return (
        not hasattr(response, "iter_bytes") and not hasattr(response, "iter_content") and hasattr(response, "content")
    )


def _raw(response: Any) -> Any:
    """The bytes as they came, where they can be had."""
    if hasattr(response, "aiter_raw"):
        return response.aiter_raw() if _streams_async(response) else response.iter_raw()
    if _unpacked(response):
        return response.content.iter_any()
    return getattr(response, "raw", response).stream(PIECE, decode_content=False)


def _chunks(response: Any) -> Any:
    if hasattr(response, "aiter_bytes"):
        return response.aiter_bytes() if _streams_async(response) else response.iter_bytes()
    if hasattr(response, "iter_content"):
        return response.iter_content(_PIECE)
    if hasattr(response, "content"):  # aiohttp
        return response.content.iter_any()
    return response.stream(_PIECE, decode_content=True)
