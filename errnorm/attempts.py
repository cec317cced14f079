"""What the attempts of one call share: their number, their clock, and the idempotency keys of their requests."""

from __future__ import annotations

import math
import os
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

from errnorm.families import Verdict
from errnorm.model import CanonicalError, VendorError

_current: ContextVar[Call | None] = ContextVar("errnorm_call", default=None)


class Call:
    """One call of the app's, with its attempts.

    `number` counts them from 1, `started` is when the first began and `deadline` when no further one may, both by
    `time.monotonic()`. `rerouted`: the vendor's advice is to take another route. `committed`: a request that must not
    be sent twice has gone through, or may have. `cost` is what the running attempt took from the retry budget;
    `failed` is what the one before it ended in. `looped`: errnorm's own loop makes the attempts. `lasting`: somebody
    may send the same keys when this call is over.

    Keys follow from the seed, so that whoever begins a call with the same seed, in another process say, sends the same
    keys. A seed of the app's must be its own for every call, as a task's id is.
    """

    def __init__(self, seed: str | None = None, number: int = 1, outer: Call | None = None) -> None:
        self.number = number
        self.started = time.monotonic()
        self.deadline: float = math.inf if outer is None else outer.deadline
        self.rerouted: bool = outer is not None and outer.rerouted
        self.committed = False
        self.cost = 0
        self.failed: CanonicalError | None = None
        self.looped = False
        self.lasting = seed is not None or outer is not None
        self.keys: Keys = Keys(seed) if outer is None else Keys(outer.keys.next("call", seed or ""), outer.keys.given)
        self._outer = outer

    def key_for(self, vendor: str, method: str, url: str) -> str:
        """The idempotency key of the next request, as the text of a UUID (version 4).

        The n-th request to a vendor, method and url (its query aside) gets the same key in every attempt. An attempt
        that sends several to the same url has to send them in the same order as the one before.
        """
        self.keys.given.add((vendor, method.upper()))
        return self.keys.next(vendor, method.upper(), url.partition("#")[0].partition("?")[0])

    def again(self) -> None:
        """A further attempt begins."""
        self.number += 1
        self.keys.again()

    def keyed(self, error: CanonicalError) -> bool:
        """Whether a failed request may have carried a key of this call."""
        return (error.vendor, error.method) in self.keys.given

    def commit(self) -> None:
        """A request that must not be sent twice has gone through, or may have: for this call and those around it."""
        self.committed = True
        if self._outer is not None:
            self._outer.commit()

    def refund(self) -> int:
        """What the running attempt took from the retry budget, once."""
        cost, self.cost = self.cost, 0
        return cost

    def end(self, raised: BaseException) -> None:
        """The call is over, and its keys with it: what a key alone made safe to send again is so no longer."""
        if self.lasting:
            return
        if isinstance(raised, BaseExceptionGroup):
            for each in raised.exceptions:
                self.end(each)
        elif isinstance(raised, VendorError) and self.keyed(raised.error):
            error = raised.error
            if error.retry.verdict is Verdict.SAFE and error.sent is not False:
                retry = msgspec.structs.replace(error.retry, verdict=Verdict.IF_IDEMPOTENT)
                raised.error = error.replace(retry=retry)


class Keys:
    """The idempotency keys of a call: by whom and what they are for, and of each the how manieth.

    `given` is what got one in any attempt, as vendor and method; `count` how many there were in this one. A seed is
    nobody's to see, for keys follow from it.
    """

    def __init__(self, seed: str | None, given: set[tuple[str | None, str | None]] | None = None) -> None:
        self.given = set() if given is None else given
        self._seed = os.urandom(16) if seed is None else seed.encode(errors="replace")
        self._ordinals: Counter[tuple[str, ...]] = Counter()
        self._counting = threading.Lock()  # an attempt may ask from several threads

    def next(self, *target: str) -> str:
        """The key of what comes next for a target."""
        import uuid  # both slow to import, and few calls need a key
        from hashlib import blake2b

        with self._counting:
            self._ordinals[target] += 1
            words = (*target, str(self._ordinals[target]))
        seed, text = blake2b(self._seed).digest(), "\x1f".join(words).encode(errors="replace")
        return str(uuid.UUID(bytes=blake2b(text, key=seed, digest_size=16).digest(), version=4))

    @property
    def count(self) -> int:
        return self._ordinals.total()

    def again(self) -> None:
        """From the first on."""
        with self._counting:
            self._ordinals.clear()


def current() -> Call | None:
    """The call whose attempt is running in this context."""
    return _current.get()


@contextmanager
def begin(seed: str | None = None, number: int = 1) -> Generator[Call]:
    """A call, for as long as the block runs; one within another is its part.

    `seed` and `number` are for a call whose attempts run in blocks of their own: its id, and which of them this is.
    """
    call = Call(seed, number, _current.get())
    token = _current.set(call)
    try:
        yield call
    except BaseException as raised:
        call.end(raised)
        raise
    finally:
        _current.reset(token)
