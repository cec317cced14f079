"""A vendor's failure in the midst of a stream: the answer has begun, so it is logged, and rises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

from django.http import StreamingHttpResponse

from errnorm.answering import Normalizer
from errnorm.correlation import Inbound, bind, unbind
from errnorm.mishaps import complain


def watch(response: StreamingHttpResponse, normalizer: Normalizer, inbound: Inbound) -> None:
    """Makes a stream tell of a vendor's failure in it; a file's, which a server may send by itself, has none."""
    if getattr(response, "file_to_stream", None) is not None:
        return
    if response.is_async:
        response.streaming_content = _awatched(response.streaming_content, normalizer, inbound)
    else:
        response.streaming_content = _watched(response.streaming_content, normalizer, inbound)


def _watched(parts: Any, normalizer: Normalizer, inbound: Inbound) -> Iterator[bytes]:
    try:
        yield from parts
    except Exception as raised:
        _log(raised, normalizer, inbound)
        raise


async def _awatched(parts: Any, normalizer: Normalizer, inbound: Inbound) -> AsyncIterator[bytes]:
    try:
        async for part in parts:
            yield part
    except Exception as raised:
        _log(raised, normalizer, inbound)
        raise


def _log(raised: Exception, normalizer: Normalizer, inbound: Inbound) -> None:
    token = bind(inbound)
    try:
        failure = normalizer.failure_of(raised)
        if failure is not None:
            normalizer.log(failure, truncated=True)
            with suppress(AttributeError):
                raised.__errnorm_logged__ = True  # type: ignore[attr-defined]  # for whoever meets it further out
    except Exception:  # noqa: BLE001 - it rises anyway
        complain("logging a failure failed")
    finally:
        unbind(token)
