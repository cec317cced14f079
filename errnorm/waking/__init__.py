"""A webhook's word that something has happened, on its way to whoever waits for it: in this process, or afar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm import listening
from errnorm.vendors import registry
from errnorm.waking.board import HERE, Board, WakeUp, made, named

if TYPE_CHECKING:
    from errnorm.waking.afar import Afar

__all__ = ["WakeUp", "board_at", "measured", "named", "wake", "wake_async"]


def wake(
    key: str | int,
    *,
    at: object = None,
    vendor: str | None = None,
    operation: str | None = None,
    redis: str | None = None,
) -> None:
    """Wakes whoever waits for the job that bears this key, or will within the hour: for the view of a webhook.

    `at` is the vendor's time of the event (a datetime, one in ISO 8601, or seconds or milliseconds since the epoch);
    one that cannot be read is passed over. With `vendor` (and `operation`) it is measured at once how late the webhook
    is; else once a job that waits for it wakes up, and never if none does. `redis`: as the job has it. Never waits for
    the waiter; a `redis` that is gone costs 2 s at most, and one warning. Raises SettingsError where `redis` is no url,
    UnknownVendorError.
    """
    board_at(redis).put(named(key), _come(at, vendor, operation))


async def wake_async(
    key: str | int,
    *,
    at: object = None,
    vendor: str | None = None,
    operation: str | None = None,
    redis: str | None = None,
) -> None:
    """As `wake`, for asyncio and trio. (Without `redis` neither blocks.)"""
    await board_at(redis).put_async(named(key), _come(at, vendor, operation))


def measured(wake_up: WakeUp, vendor: str | None, operation: str | None) -> WakeUp:
    """The same, and whoever listens has been told, once, by how much it came after its event."""
    if wake_up.measured or wake_up.at is None or not listening.listeners:
        return wake_up
    listening.tell(listening.Lagged(vendor, operation, max(0.0, wake_up.came - wake_up.at)))
    return wake_up._replace(measured=True)


def board_at(redis: str | None) -> Board | Afar:
    """Where wake-ups are kept: in the Redis at a url, else in this process. Raises SettingsError."""
    if redis is None:
        return HERE
    from errnorm.waking.afar import afar  # its client is asked for then only

    return afar(redis)


def _come(at: object, vendor: str | None, operation: str | None) -> WakeUp:
    """A wake-up as of now; only one whose vendor is known can be measured here."""
    return made(at) if vendor is None else measured(made(at), registry.get(vendor).name, operation)
