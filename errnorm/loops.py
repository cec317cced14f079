"""What is awaited one way under asyncio and another under trio: a while, a thread's result, the end of a duty."""

from __future__ import annotations

import sys
from collections.abc import Awaitable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")


async def sleep(seconds: float) -> None:
    """Waits, and lets others go on."""
    if (trio := trio_here()) is not None:
        await trio.sleep(seconds)
        return
    import asyncio

    await asyncio.sleep(seconds)


async def shielded(duty: Awaitable[T]) -> T:
    """What has to be done although whoever does it was cancelled."""
    if (trio := trio_here()) is not None:
        with trio.CancelScope(shield=True):
            return await duty
    import asyncio

    return await asyncio.shield(duty)


async def landed(flight: Future[T]) -> T:
    """The result of what a thread, or a task of whatever loop, has under way; to wait no longer cancels nothing."""
    if (trio := trio_here()) is None:
        import asyncio

        return await asyncio.shield(asyncio.wrap_future(flight))
    event, token = trio.Event(), trio.lowlevel.current_trio_token()

    def tell(_: object) -> None:
        with suppress(trio.RunFinishedError):  # nobody waits any more
            token.run_sync_soon(event.set)

    flight.add_done_callback(tell)
    await event.wait()
    return flight.result()


def trio_here() -> Any:
    """trio, where it is what runs us."""
    trio = sys.modules.get("trio")
    if trio is None:
        return None
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return None
    return trio
