"""A webhook's word that something has happened, on its way to whoever waits for it: in this process, or afar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.waking.board import HERE, Board, WakeUp, made

if TYPE_CHECKING:
    from errnorm.waking.afar import Afar

__all__ = ["WakeUp", "board_at", "wake", "wake_async"]


def wake(key: str | int, *, at: object = None, redis: str | None = None) -> None:
    """Wakes whoever waits for the job that bears this key, or will within the hour: for the view of a webhook.

    `at` is the vendor's time of the event (a datetime, one in ISO 8601, or seconds or milliseconds since the epoch);
    one that cannot be read is passed over. `redis`: as the job has it. Never waits for the waiter; a `redis` that is
    gone costs 2 s at most, and one warning. Raises SettingsError where `redis` is no url.
    """
    board_at(redis).put(str(key), made(at))


async def wake_async(key: str | int, *, at: object = None, redis: str | None = None) -> None:
    """As `wake`, for asyncio and trio. (Without `redis` neither blocks.)"""
    await board_at(redis).put_async(str(key), made(at))


def board_at(redis: str | None) -> Board | Afar:
    """Where wake-ups are kept: in the Redis at a url, else in this process. Raises SettingsError."""
    if redis is None:
        return HERE
    from errnorm.waking.afar import afar  # its client is asked for then only

    return afar(redis)
