"""The Redis that processes share: its client from a url, patient for a bounded time and with no attempts of its own."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from errnorm.settings import SettingsError

LINES: Final = 16  # connections at most, of a client; who finds none free waits twice as long as for one


def redis_at(url: str, patience: float, *, answer: float | None = None, asynchronous: bool = False) -> Any:
    """A client, not yet connected: `patience` seconds for a connection, and for an answer unless `answer` are.

    Raises SettingsError where the library is missing, or the url is none of a Redis.
    """
    name = "redis.asyncio" if asynchronous else "redis"
    try:
        redis, retry = import_module(name), import_module(f"{name}.retry")
        none = import_module("redis.backoff").NoBackoff()
    except ImportError:
        raise SettingsError("redis: the library is not there; pip install 'errnorm[redis]'") from None
    options = {
        "socket_connect_timeout": patience,
        "socket_timeout": patience if answer is None else answer,
        "timeout": 2 * patience,
        "max_connections": LINES,
        "decode_responses": True,
        "retry": retry.Retry(none, 0),
    }
    try:
        return redis.Redis.from_pool(redis.BlockingConnectionPool.from_url(url, **options))
    except (ValueError, AttributeError, TypeError):  # which would show a password
        kinds = "redis://, rediss:// or unix://"
        raise SettingsError(f"redis: must be the url of a Redis, {kinds}, which this one is not") from None
