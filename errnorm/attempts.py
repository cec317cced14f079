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
from typing import NamedTuple

import msgspec

from errnorm.families import Verdict
from errnorm.model import CanonicalError, VendorError

_current: ContextVar[_Running | None] = ContextVar("errnorm_call", default=None)


class _Running(NamedTuple):
    """An attempt of a call."""

    call: Call
    keys: Keys


class Call:
    """One call of the app's, with its attempts.

    `number` counts them from 1, `started` is when the first began and `deadline` when no further one may, both by
    `time.monotonic()`. `rerouted`: the vendor's advice is to take another route. `committed`: a request that must not
    be sent twice has gone through, or may have. `cost` is what the running attempt took from the retry budget;
    `failed` is what the one before it ended in. `looped`: errnorm's own loop makes the attempts. `idempotent`: by the
    app's word all of it may be made twice. `lasting`: somebody may send the same keys when this call is over.

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
        self.looped = self.idempotent = False
        self.lasting = seed is not None or outer is not None
        self._keys = Keys(seed) if outer is None else Keys(outer.keys.next("call", seed or ""), outer.keys.given)
        self._outer = outer

    @property
    def keys(self) -> Keys:
        """Those of the attempt that is running here: what an earlier one left behind, a task say, keeps its own."""
        running = _current.get()
        return running.keys if running is not None and running.call is self else self._keys

    def key_for(self, vendor: str, method: str, url: str) -> str:
        """The idempotency key of the next request, as the text of a UUID (version 4).

        The n-th request to a vendor, method and url (its query aside) gets the same key in every attempt. An attempt
        that sends several to the same url has to send them in the same order as the one before.
        """
        self.keys.given.add((vendor, method.upper()))
        return self.keys.next(*_target(vendor, method, url))

    def unsteady(self, key: str, vendor: str, method: str, url: str) -> CanonicalError | None:
        """What the attempt before ended in, if that sent the vendor another key of the app's own than this one would.

        The key is known by its fingerprint. None too where nothing was sent before, or the app says that all of the
        call may be made twice.
        """
        alone = self.keys.alone
        changed, failed = self.keys.changed(key, *_target(vendor, method, url)), self.failed
        if not changed or failed is None or self.idempotent:
            return None
        if alone and failed.sent is False and (failed.vendor, failed.method) == (vendor, method.upper()):
            return None
        return None if self.keys.issued(key) else failed

    def again(self) -> None:
        """A further attempt begins."""
        self.number += 1
        self._keys = self.keys.afresh()
        _current.set(_Running(self, self._keys))

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

    def __init__(
        self,
        seed: str | None,
        given: set[tuple[str | None, str | None]] | None = None,
        before: dict[tuple[str, ...], list[str]] | None = None,
    ) -> None:
        self.given = set() if given is None else given
        self._seed = os.urandom(16).hex() if seed is None else seed
        self._ordinals: Counter[tuple[str, ...]] = Counter()
        self._before = {} if before is None else before
        self._own: dict[tuple[str, ...], list[str]] = {}  # the app's, by fingerprints
        self._issued: list[str] = []
        self._counting = threading.Lock()  # an attempt may ask from several threads

    def next(self, *target: str) -> str:
        """The key of what comes next for a target."""
        import uuid  # both slow to import, and few calls need a key
        from hashlib import blake2b

        with self._counting:
            self._ordinals[target] += 1
            words = (*target, str(self._ordinals[target]))
        seed, text = blake2b(self._seed.encode(errors="replace")).digest(), "\x1f".join(words).encode(errors="replace")
        key = str(uuid.UUID(bytes=blake2b(text, key=seed, digest_size=16).digest(), version=4))
        self._issued.append(key)
        return key

    @property
    def count(self) -> int:
        return self._ordinals.total()

    @property
    def alone(self) -> bool:
        """Whether the attempt before sent one key of the app's own and no more."""
        return sum(map(len, self._before.values())) == 1

    def issued(self, key: str) -> bool:
        """Whether a fingerprint is that of one of these keys, which a door within another takes for the app's."""
        from errnorm.redaction import fingerprint

        return any(fingerprint(each) == key for each in self._issued)

    def changed(self, key: str, *target: str) -> bool:
        """Whether a key of the app's own is another than in the attempt before, at whose place it stands."""
        with self._counting:
            own, before = self._own.setdefault(target, []), self._before.get(target, [])
            own.append(key)
            return len(own) <= len(before) and key not in before

    def afresh(self) -> Keys:
        """The same for the next attempt, from the first on."""
        return Keys(self._seed, self.given, self._before | self._own)


def _target(vendor: str, method: str, url: str) -> tuple[str, str, str]:
    return vendor, method.upper(), url.partition("#")[0].partition("?")[0]


def current() -> Call | None:
    """The call whose attempt is running in this context."""
    running = _current.get()
    return None if running is None else running.call


@contextmanager
def begin(seed: str | None = None, number: int = 1) -> Generator[Call]:
    """A call, for as long as the block runs; one within another is its part.

    `seed` and `number` are for a call whose attempts run in blocks of their own: its id, and which of them this is.
    """
    call = Call(seed, number, current())
    token = _current.set(_Running(call, call.keys))
    try:
        yield call
    except BaseException as raised:
        call.end(raised)
        raise
    finally:
        _current.reset(token)
