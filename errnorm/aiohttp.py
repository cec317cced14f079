"""aiohttp: a session's middleware that raises a VendorError from a bad answer or a transport failure.

    session = aiohttp.ClientSession(middlewares=[errnorm.aiohttp.middleware(vendor="lionbridge")])

It sees each hop of a redirect as a call of its own, and stands before `raise_for_status`. Nothing of aiohttp is
imported.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from errnorm.answering import Normalizer
from errnorm.calling.driving import drive_async
from errnorm.calling.flow import Caller
from errnorm.calling.peeking import Peek
from errnorm.calling.steps import (
    Answer,
    Body,
    Read,
    Request,
    Rewind,
    Send,
    Step,
    header,
    key_fingerprint_of,
    names_of,
    told_by,
)
from errnorm.families import IDEMPOTENT_METHODS
from errnorm.model import Credentials, VendorError
from errnorm.throttle import MEMORY, Throttle

if TYPE_CHECKING:
    from errnorm.calling.refreshing import Refresh

Handler = Callable[[Any], Awaitable[Any]]
T = TypeVar("T")
_PATIENCE = 0.02  # seconds after which it is asked how much has come of which nothing can be seen


def middleware(
    *,
    vendor: str | None = None,
    operation: str | None = None,
    account: str | None = None,
    throttle: Throttle | None = MEMORY,
    refresh: Refresh | None = None,
    normalizer: Normalizer | None = None,
) -> Callable[[Any, Handler], Awaitable[Any]]:
    """What a session's, or a request's, `middlewares` take: an eye on its answers and its pace.

    Without `vendor` it is found by the url's host. An answer that is well is left unread; what breaks off while the app
    reads it rises as aiohttp's own exception.

    `account` is whose limits count (a merchant, a tenant), else whoever's the request's key is. `refresh` is called
    once for all calls that are refused for their credential: it returns the headers that carry the new one.
    """
    caller = Caller(
        normalizer,
        vendor,
        operation,
        account=account,
        throttle=throttle,
        refresh=refresh,
        awaits=True,
        hops=True,
    )

    async def watched(request: Any, handler: Handler) -> Any:
        exchange = _Exchange(request, handler)
        await drive_async(caller.call(exchange.asked(), request), exchange)
        return exchange.response

    return watched


async def raise_for_error(
    response: T,
    *,
    vendor: str | None = None,
    operation: str | None = None,
    credentials: Credentials | None = None,
    normalizer: Normalizer | None = None,
) -> T:
    """The response as it came, or a VendorError where it tells of a failure, for which the body is read up to the cap.

    `credentials` says for this call whose they were, the app's or the user's, where that is not what the app settled.
    """
    exchange = _Exchange(response, None, response)
    try:
        await drive_async(Caller(normalizer, vendor, operation).call(exchange.asked()), exchange)
    except VendorError as failure:
        failure.credentials = credentials
        raise
    return response


class _Exchange:
    """The steps of a call, as aiohttp does them; of one that was answered already, those that are left.

    `request` is what names method and url: then, the response itself.
    """

    def __init__(self, request: Any, handler: Handler | None, response: Any = None) -> None:
        self._request, self._handler, self.response = request, handler, response
        self._cancelling = _cancelling()

    def asked(self) -> Request:
        """What is asked, as the flow is told of it."""
        request = self._request
        if self.response is None:
            headers, method = request.headers, request.method
        else:  # what was asked before any redirect
            headers = request.request_info.headers
            method = next(iter(request.history), request).method
        key = key_fingerprint_of(headers)
        return Request(method, str(request.url), names_of(headers), True, key, told_by(headers))

    async def __call__(self, step: Step) -> object:
        try:
            return await self._perform(step)
        except BaseException as raised:
            if self.response is not None:
                self.response.close()
            if isinstance(raised, asyncio.CancelledError):
                self._tell_timeout()
            raise

    async def _perform(self, step: Step) -> object:
        if isinstance(step, Send):
            if self._handler is not None:
                self._request.headers.update(dict(step.headers))
                self.response = await self._sent(self._handler)
            return Answer(self.response.status, self.response.headers)
        if isinstance(step, Read):
            return await _read(self.response, step.limit)
        if isinstance(step, Rewind):
            return _again(self._request)
        if self.response is not None:
            self.response.close()
        return None

    async def _sent(self, handler: Handler) -> Any:
        """The answer, asked for once more where the connection was stale: aiohttp would, but sees our error alone."""
        try:
            return await handler(self._request)
        except Exception as raised:
            idempotent = self._request.method.upper() in IDEMPOTENT_METHODS
            if not (idempotent and _stale(raised) and _again(self._request)):
                raise
        return await handler(self._request)

    def _tell_timeout(self) -> None:
        """Raises the TimeoutError that a session makes of the cancellation only once we are left: its time is up."""
        timer = getattr(self._request, "_timer", None)
        task = asyncio.current_task()
        if timer is None or task is None:
            return
        try:
            timer.assert_timeout()
        except TimeoutError:
            if task.uncancel() <= self._cancelling:
                raise
            task.cancel()  # somebody else wants us to end, too


def _cancelling() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _stale(raised: Exception) -> bool:
    """Whether a connection that there was broke; aiohttp tells nobody whether it was an old one."""
    names = {cls.__name__ for cls in type(raised).__mro__}
    return bool(names & {"ServerDisconnectedError", "ClientOSError"}) and "ClientConnectorError" not in names


def _again(request: Any) -> bool:
    """Whether a request can be sent once more; its body is bytes, or a payload that knows whether it was used up."""
    body = request.body
    return isinstance(body, bytes) or getattr(body, "consumed", True) is False


async def _read(response: Any, limit: int) -> Body:
    """The first bytes of a body, decoded; they are put back, for whoever reads it next."""
    if (known := response._body) is not None:  # noqa: SLF001 - there is no other way to ask without reading
        return Body(known[:limit], len(known) <= limit)
    content = response.content
    as_sent = getattr(content, "total_compressed_bytes", 0) is None  # not packed, or the session leaves it so
    peek = Peek(limit, header(response.headers, "content-encoding") if as_sent else "")
    while chunk := await (content.read(limit) if as_sent else _unpacked(content, limit)):
        if peek.enough(chunk):
            break
    body, ended = peek.body, content.is_eof()
    if peek.kept:
        _put_back(content, bytes(peek.kept))
    return body._replace(whole=body.whole and ended)


async def _unpacked(content: Any, limit: int) -> bytes:
    """What came next, decoded; nothing where that many bytes came of which nothing was left."""
    while True:
        patience = asyncio.timeout(_PATIENCE)
        try:
            async with patience:
                return bytes(await content.read(limit))
        except TimeoutError:
            if not patience.expired():
                raise  # aiohttp's own
        if (getattr(content, "total_compressed_bytes", None) or 0) > 2 * limit:
            return b""


def _put_back(content: Any, data: bytes) -> None:
    """As the reader's own `unread_data`, which is to go; a body that has ended can be read again, too."""
    if content._buffer_offset:  # noqa: SLF001 - likewise
        content._buffer[0] = content._buffer[0][content._buffer_offset :]  # noqa: SLF001
        content._buffer_offset = 0  # noqa: SLF001
    content._buffer.appendleft(data)  # noqa: SLF001
    content._size += len(data)  # noqa: SLF001
    content._cursor -= len(data)  # noqa: SLF001
    content._eof_counter = 0  # noqa: SLF001
