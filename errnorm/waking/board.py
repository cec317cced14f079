"""A webhook's word that something has happened, kept in this process until whoever waits for it listens.

A wake-up goes to one waiter. Of several for one key the last is kept, for an hour: whoever wakes up looks for himself.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from errnorm.loops import trio_here
from errnorm.reading.waits import moment

KEPT_S: Final = 3_600
MOST: Final = 10_000  # keys of this process that nobody has asked for; the oldest goes first
LONGEST: Final = 200  # characters of a key that is kept as it is
Ring = Callable[[], object]


class WakeUp(NamedTuple):
    """When the event was by the vendor's clock, and when its webhook came by ours; seconds since the epoch.

    `at` is None where the vendor says no time; `measured`: listeners have been told how far the two are apart.
    """

    at: float | None
    came: float
    measured: bool = False


def made(at: object) -> WakeUp:
    """A wake-up as of now; a time that cannot be read is as good as none."""
    return WakeUp(moment(at), time.time())


def named(key: str | int) -> str:
    """What a key is kept by: whatever a webhook says, it takes little room, and every store can write it."""
    text = str(key)
    if len(text) <= LONGEST and text.isprintable():
        return text
    return blake2b(text.encode(errors="surrogatepass"), digest_size=32, person=b"errnorm").hexdigest()


class Board:
    """The wake-ups of this process, and the bells of those who listen. For any thread and any event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, WakeUp] = OrderedDict()
        self._bells: dict[str, list[Ring]] = {}

    def put(self, key: str, wake_up: WakeUp) -> None:
        """Keeps it, and rings for whoever listens."""
        with self._lock:
            self._kept[key] = wake_up
            self._kept.move_to_end(key)
            while len(self._kept) > MOST or next(iter(self._kept.values())).came < wake_up.came - KEPT_S:
                self._kept.popitem(last=False)
            bells = list(self._bells.get(key, ()))
        for ring in bells:
            with suppress(RuntimeError):  # its event loop is closed
                ring()

    async def put_async(self, key: str, wake_up: WakeUp) -> None:
        """The same: nothing in it waits."""
        self.put(key, wake_up)

    def take(self, key: str) -> WakeUp | None:
        """The wake-up for a key, if there is one: from now on it is the caller's."""
        with self._lock:
            wake_up = self._kept.pop(key, None)
        return None if wake_up is None or wake_up.came < time.time() - KEPT_S else wake_up

    @contextmanager
    def bell(self, key: str, ring: Ring) -> Generator[None]:
        """Within it `ring` is called, from any thread, whenever something comes for a key."""
        with self._lock:
            self._bells.setdefault(key, []).append(ring)
        try:
            yield
        finally:
            with self._lock:
                self._bells[key].remove(ring)
                if not self._bells[key]:
                    del self._bells[key]

    def listen(self, key: str, seconds: float) -> WakeUp | None:
        """The wake-up for a key that is there or comes within so many seconds; blocks the thread."""
        rung, ends = threading.Event(), time.monotonic() + seconds
        with self.bell(key, rung.set):
            while (wake_up := self.take(key)) is None and rung.wait(max(0.0, ends - time.monotonic())):
                rung.clear()  # another waiter took it, or it lies there now
        return wake_up

    async def listen_async(self, key: str, seconds: float) -> WakeUp | None:
        """The same under asyncio or trio."""
        if (trio := trio_here()) is not None:
            return await self._listen_trio(trio, key, seconds)
        return await self._listen_asyncio(key, seconds)

    async def _listen_asyncio(self, key: str, seconds: float) -> WakeUp | None:
        import asyncio

        rung, loop = asyncio.Event(), asyncio.get_running_loop()
        wake_up: WakeUp | None = None
        with self.bell(key, partial(loop.call_soon_threadsafe, rung.set)), suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (wake_up := self.take(key)) is None:
                    await rung.wait()
                    rung.clear()
        return wake_up

    async def _listen_trio(self, trio: Any, key: str, seconds: float) -> WakeUp | None:
        rung, token = trio.Event(), trio.lowlevel.current_trio_token()
        wake_up: WakeUp | None = None

        def ring() -> None:
            token.run_sync_soon(lambda: rung.set())  # noqa: PLW0108 - the event of then

        with self.bell(key, ring), trio.move_on_after(seconds):
            while (wake_up := self.take(key)) is None:
                await rung.wait()
                rung = trio.Event()
        return wake_up


HERE: Final = Board()
