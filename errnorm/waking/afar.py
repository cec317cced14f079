"""The same between processes and machines: a list per key in a Redis; while that is gone, here alone."""

from __future__ import annotations

import json
import time
from contextlib import aclosing, closing
from functools import cached_property, lru_cache, partial
from importlib import import_module
from threading import Lock
from typing import Any, Final

from errnorm.loops import trio_here
from errnorm.stores import redis_at
from errnorm.telling.logs import logger
from errnorm.waking.board import HERE, KEPT_S, WakeUp

PREFIX: Final = "errnorm:wake:"
PATIENCE_S: Final = 1.0  # for a connection, and for an answer that should come at once
SLICE_S: Final = 30.0  # of waiting for one answer, so that a connection that died without a word is found out


@lru_cache(maxsize=16)
def afar(url: str) -> Afar:
    """The wake-ups in the Redis at a url. Raises SettingsError."""
    return Afar(url)


class Afar:
    """The wake-ups of all who share a Redis; one that is gone costs one warning, until it is back."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._gone = False
        self._lock = Lock()
        self._client(PATIENCE_S).close()
        self._failures = (import_module("redis").RedisError, OSError)

    def __repr__(self) -> str:
        return "<Afar>"

    def put(self, key: str, wake_up: WakeUp) -> None:
        """Keeps it there, else here; blocks for some 2 s at most."""
        try:
            _push(self._writing.pipeline(), key, wake_up).execute()
            self._gone = False
        except self._failures as raised:
            self._warn(raised)
            HERE.put(key, wake_up)

    async def put_async(self, key: str, wake_up: WakeUp) -> None:
        """The same under asyncio or trio."""
        if (trio := trio_here()) is not None:
            await trio.to_thread.run_sync(self.put, key, wake_up)
            return
        try:
            async with aclosing(self._client(PATIENCE_S, asynchronous=True)) as client:
                await _push(client.pipeline(), key, wake_up).execute()
            self._gone = False
        except self._failures as raised:
            self._warn(raised)
            HERE.put(key, wake_up)

    def listen(self, key: str, seconds: float) -> WakeUp | None:
        """The wake-up for a key that is there or comes within so many seconds; blocks the thread."""
        ends, heard = time.monotonic() + seconds, None
        try:
            with closing(self._client(_patience(seconds))) as client:
                heard = _pop(client, key, ends)
            self._gone = False
        except self._failures as raised:
            self._warn(raised)
        return heard or HERE.listen(key, max(0.0, ends - time.monotonic()))

    async def listen_async(self, key: str, seconds: float) -> WakeUp | None:
        """The same under asyncio or trio."""
        ends, heard = time.monotonic() + seconds, None
        pop = self._pop_asyncio if (trio := trio_here()) is None else partial(self._pop_trio, trio)
        try:
            heard = await pop(key, ends, _patience(seconds))
            self._gone = False
        except self._failures as raised:
            self._warn(raised)
        return heard or await HERE.listen_async(key, max(0.0, ends - time.monotonic()))

    async def _pop_trio(self, trio: Any, key: str, ends: float, patience: float) -> WakeUp | None:
        client = self._client(patience)
        try:
            heard: WakeUp | None = await trio.to_thread.run_sync(_pop, client, key, ends, abandon_on_cancel=True)
            return heard
        finally:
            client.connection_pool.disconnect()  # of a cancelled one too, whose thread still listens

    async def _pop_asyncio(self, key: str, ends: float, patience: float) -> WakeUp | None:
        async with aclosing(self._client(patience, asynchronous=True)) as client:
            found = await client.lpop(PREFIX + key)
            while found is None and (wait := _left(ends)):
                _, found = await client.blpop([PREFIX + key], timeout=wait) or (None, None)
        return _read(found)

    def _warn(self, raised: Exception) -> None:
        with self._lock:
            known, self._gone = self._gone, True
        if not known:
            logger.warning(
                "the Redis for wake-ups is out of reach (%s): jobs are polled, and woken in this process only",
                type(raised).__name__,
            )

    @cached_property
    def _writing(self) -> Any:
        return self._client(PATIENCE_S)

    def _client(self, answer: float, *, asynchronous: bool = False) -> Any:
        return redis_at(self._url, PATIENCE_S, answer=answer, asynchronous=asynchronous)


def _pop(client: Any, key: str, ends: float) -> WakeUp | None:
    found = client.lpop(PREFIX + key)
    while found is None and (wait := _left(ends)):
        _, found = client.blpop([PREFIX + key], timeout=wait) or (None, None)
    return _read(found)


def _patience(seconds: float) -> float:
    return min(seconds, SLICE_S) + PATIENCE_S


def _left(ends: float) -> float:
    """The seconds to listen at a time; 0.0 when the time is over, for to Redis that would be for ever."""
    left = ends - time.monotonic()
    return 0.0 if left <= 0 else min(max(left, 0.01), SLICE_S)


def _push(pipeline: Any, key: str, wake_up: WakeUp) -> Any:
    """One wake-up in place of those before it."""
    name = PREFIX + key
    return pipeline.delete(name).rpush(name, json.dumps(wake_up)).expire(name, KEPT_S)


def _read(found: bytes | str | None) -> WakeUp | None:
    return None if found is None else WakeUp(*json.loads(found))
