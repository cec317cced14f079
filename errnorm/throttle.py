"""How fast a vendor may be called: a place in the queue for each request, and in turn, before the vendor has to say so.

    throttle = errnorm.throttle.Throttle("redis://localhost", workers=8)
    client = errnorm.httpx.install(httpx.Client(), vendor="lionbridge", account="merchant-1", throttle=throttle)

A limit is never passed in any window of its length, whoever comes first goes first, and a vendor's "too many" holds up
everybody who calls it for that account.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, get_args

import msgspec

from errnorm.settings import SettingsError
from errnorm.throttling.buckets import NAP, Bucket, buckets_of, chosen, plans_of
from errnorm.throttling.line import Line
from errnorm.throttling.memory import Memory, Ticket
from errnorm.throttling.shared import Policy, Shared, ThrottleClosed
from errnorm.throttling.windows import Window, heard, windows
from errnorm.vendors import registry
from errnorm.vendors.profile import Limit, Profile, nearest

__all__ = ["MEMORY", "NAP", "Limit", "Throttle", "ThrottleClosed", "Turn", "Window", "windows"]

Limits = Mapping[str, Sequence[Limit | Mapping[str, Any]]]


class Throttle:
    """Keeps the limits of vendors: for this process, or with `redis` (its url) for all that share it.

    `limits` by vendor instead of its profile's (none: no limit), `plans` by vendor for limits that hold for one plan
    only; `max_wait` seconds that a request waits for its turn at most. `when_down`, while Redis is slow or gone: keep
    to this process's share of the limits, `local` (so say how many `workers` there are); send without asking, `open`;
    or send nothing, `closed`. Raises SettingsError for settings that are off, UnknownVendorError.
    """

    def __init__(
        self,
        redis: str | None = None,
        *,
        limits: Limits | None = None,
        plans: Mapping[str, str] | None = None,
        max_wait: float = 30.0,
        when_down: Policy = "local",
        workers: int = 1,
    ) -> None:
        if when_down not in get_args(Policy):
            raise SettingsError(f"when_down: must be one of {', '.join(get_args(Policy))}, not {when_down!r}")
        if type(workers) is not int or workers < 1:
            raise SettingsError(f"workers: must be a number of processes, 1 or more, not {workers!r}")
        if type(max_wait) not in {int, float} or not 0 <= max_wait < float("inf"):
            raise SettingsError(f"max_wait: must be a number of seconds from 0, not {max_wait!r}")
        self.max_wait = float(max_wait)
        self._limits = {vendor: _limits(vendor, given) for vendor, given in (limits or {}).items()}
        self._plans = {
            vendor: _plan(vendor, plan, _of(self._limits, registry.get(vendor)))
            for vendor, plan in (plans or {}).items()
        }
        self._store = Memory() if redis is None else Shared(Line(redis, when_down), Memory(), when_down, workers)
        # Of no method of its own: a throttle that held itself would leave its connections to the garbage collector.
        self._buckets = lru_cache(maxsize=1024)(partial(_counted, self._limits, self._plans))

    def turn(self, profile: Profile, operation: str | None, account: str) -> Turn | None:
        """A request's place in the queue; None where nobody knows whose limits they would be.

        `account` is whose limits count: a merchant, a tenant. It goes no further than as a digest.
        """
        if profile.dialect:
            return None
        return Turn(self._store, self._buckets(profile, operation, account), operation, self.max_wait)

    def account(self, named: str | None, key_fingerprint: str | None) -> str:
        """Whose limits count: whom the app named, else whoever's the key of the request is.

        Processes know a key by the same fingerprint only where all have ERRNORM_FINGERPRINT_KEY; elsewhere what they
        share has to count everybody as one.
        """
        known = not isinstance(self._store, Shared) or "ERRNORM_FINGERPRINT_KEY" in os.environ
        return named or (key_fingerprint if known else None) or ""


class Turn:
    """One request's place in the queue, from when it is first asked for; for one thread or task.

    `max_wait` is how many seconds it should wait at most, `nap` how many it should wait at a time: who asks again in
    between learns of it when somebody ahead has left.
    """

    nap = NAP

    def __init__(
        self, store: Memory | Shared, buckets: tuple[Bucket, ...], operation: str | None, max_wait: float
    ) -> None:
        self.max_wait = max_wait
        self._store, self._buckets, self._operation, self._ticket = store, buckets, operation, Ticket()

    def counts(self, limit: Limit) -> bool:
        """Whether the request counts in this limit of the profile's."""
        return any(bucket.limit is limit for bucket in self._buckets)

    def take(self) -> float:
        """Seconds until it will be its turn, as far as is known; 0.0: go, the request is booked.

        Who does not ask again then loses its place until it does. Raises ThrottleClosed.
        """
        return self._store.take(self._buckets, self._ticket)

    async def atake(self) -> float:
        """The same with `await`."""
        return await self._store.atake(self._buckets, self._ticket)

    def leave(self) -> None:
        """Gives up the place; of a request that has been sent: its answer never came."""
        self._store.settle(self._buckets, self._ticket)

    async def aleave(self) -> None:
        """The same with `await`."""
        await self._store.asettle(self._buckets, self._ticket)

    def settle(self, pause: float | None = None, windows: Sequence[Window] = ()) -> None:
        """The answer came: it says to keep off for `pause` seconds, and how much is left of what."""
        said = heard(windows, pause, self._buckets, self._operation)
        self._store.settle(self._buckets, self._ticket, said)

    async def asettle(self, pause: float | None = None, windows: Sequence[Window] = ()) -> None:
        """The same with `await`."""
        said = heard(windows, pause, self._buckets, self._operation)
        await self._store.asettle(self._buckets, self._ticket, said)


def _of(limits: Mapping[str, tuple[Limit, ...]], profile: Profile) -> Sequence[Limit]:
    return limits.get(profile.name, profile.limits)


def _counted(
    limits: Mapping[str, tuple[Limit, ...]],
    plans: Mapping[str, str],
    profile: Profile,
    operation: str | None,
    account: str,
) -> tuple[Bucket, ...]:
    counted = chosen(_of(limits, profile), operation, plans.get(profile.name))
    return buckets_of(profile.name, counted, account)


def _limits(vendor: str, given: Sequence[Limit | Mapping[str, Any]]) -> tuple[Limit, ...]:
    registry.get(vendor)
    return tuple(_limit(f"limits: {vendor}: {at}", limit) for at, limit in enumerate(given, 1))


def _limit(where: str, given: Limit | Mapping[str, Any]) -> Limit:
    try:
        limit = given if isinstance(given, Limit) else msgspec.convert(dict(given), Limit)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        keys = ", ".join(Limit.__struct_fields__)
        raise SettingsError(f"{where}: {str(error)[:1].lower()}{str(error)[1:]}; a limit has {keys}") from None
    counts = [count for count in (limit.requests, limit.concurrent) if count is not None]
    if not counts or min(counts) < 1 or limit.seconds <= 0:
        raise SettingsError(f"{where}: must have requests (in seconds), or concurrent, of 1 or more")
    return limit


def _plan(vendor: str, plan: str, limits: Sequence[Limit]) -> str:
    known = sorted({name for limit in limits for name in plans_of(limit)})
    if plan not in known:
        raise SettingsError(f"plans: {vendor}: no limit is of a plan {plan!r}{nearest(plan, known)}")
    return plan


# Of this process: what every door goes by unless it is given another.
MEMORY = Throttle()
