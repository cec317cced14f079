"""The line to Redis: one script, a bounded wait, one warning per outage, and a second's peace after a failure."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import closing
from importlib.resources import files
from typing import Any, NamedTuple, TypeVar

from errnorm.loops import trio_here
from errnorm.stores import redis_at

T = TypeVar("T")
TIMEOUT = 0.25  # seconds for an answer
PEACE = 1.0  # seconds that Redis is left alone after a failure
NEVER = float("-inf")
log = logging.getLogger("errnorm.throttle")


class Command(NamedTuple):
    """One run of the script; comes back with what it answers."""

    keys: list[str]
    argument: bytes


Flow = Generator[Command, Any, T]


class Line:
    """To the Redis at a url, for any thread, any event loop, and the children of a fork.

    Raises SettingsError where the library is missing, or the url is none of its.
    """

    def __init__(self, url: str, policy: str) -> None:
        self._law = files("errnorm.throttling").joinpath("law.lua").read_text(encoding="utf-8")
        self._run = redis_at(url, TIMEOUT).register_script(self._law)
        # so that no attribute shows the url
        self._connect: Callable[[], Any] = lambda: redis_at(url, TIMEOUT, asynchronous=True)
        self._by_loop: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self._policy = policy
        self._peace_until = self._quiet_until = NEVER

    def run(self, flow: Flow[T], otherwise: Callable[[], T]) -> T:
        """What a flow of commands comes to; where Redis fails, what `otherwise` does."""
        if not self._open():
            return otherwise()
        try:
            with closing(flow):
                command = next(flow)
                while True:
                    command = flow.send(self._run(keys=command.keys, args=[command.argument]))
        except StopIteration as done:
            self._well()
            result: T = done.value
            return result
        except Exception as failed:  # noqa: BLE001 - whatever fails in there, the app's call goes on by its policy
            self._failed(failed)
        return otherwise()

    async def arun(self, flow: Flow[T], otherwise: Callable[[], T]) -> T:
        """The same with `await`, under asyncio; under trio in a thread."""
        if (trio := trio_here()) is not None:
            came: T = await trio.to_thread.run_sync(self.run, flow, otherwise)
            return came
        if not self._open():
            return otherwise()
        import asyncio

        try:
            with closing(flow):
                async with asyncio.timeout(2 * TIMEOUT):  # to find the address has no bound of its own
                    run = await self._of(asyncio.get_running_loop())
                    command = next(flow)
                    while True:
                        command = flow.send(await run(keys=command.keys, args=[command.argument]))
        except StopIteration as done:
            self._well()
            result: T = done.value
            return result
        except Exception as failed:  # noqa: BLE001 - likewise
            self._failed(failed)
        return otherwise()

    def _open(self) -> bool:
        """Whether to ask; after a failure one may, once a second."""
        now = time.monotonic()
        if now < self._peace_until:
            return False
        if self._peace_until != NEVER:
            self._peace_until = now + PEACE
        return True

    def _well(self) -> None:
        self._peace_until = NEVER

    def _failed(self, failed: Exception) -> None:
        now = time.monotonic()
        self._peace_until = now + PEACE
        if now >= self._quiet_until:
            self._quiet_until = now + 60
            log.warning("Redis is not to be had (%s): throttling goes on as %r", type(failed).__name__, self._policy)

    async def _of(self, loop: Any) -> Callable[..., Awaitable[Any]]:
        """The script of this event loop's own client, which ends with the loop."""
        found = self._by_loop.get(loop)
        if found is None:
            alive = self._alive(loop)
            found = self._by_loop[loop] = (await anext(alive), alive)
        run: Callable[..., Awaitable[Any]] = found[0]
        return run

    async def _alive(self, loop: Any) -> AsyncGenerator[Any, None]:
        """A client as long as its event loop, which at its end closes the generators that are still open."""
        client = self._connect()
        try:
            yield client.register_script(self._law)
        finally:
            del self._by_loop[loop]
            await client.aclose()
