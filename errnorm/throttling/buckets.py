"""Which limits a request counts in, and under whose name: a bucket for each, the scarcest first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from errnorm.vendors.profile import Limit

STRETCH = 1.03  # a window is kept a little longer than documented: what is admitted sets out some milliseconds later
NAP = 1.0  # seconds; who has longer to wait does well to ask again in between, for somebody ahead may have left
GRACE = 0.3  # seconds that a place is kept for whoever has not come back as promised, and who was killed, it may be
POLL = 0.05  # seconds per place in the queue, where nobody knows when a slot gets free
# Seconds at most between two that had to wait, and between two of a window's second half: as long as whoever went needs
# to queue up again, so that slots which get free at once do not all go to the one process that is the first to wake up.
PACE = 0.05
LEASE = 120.0  # seconds after which a request under way is given up: its worker was killed
SPREAD = 5.0  # seconds at most over which those who had to wait come back after a pause
FOREVER = 3600.0  # seconds that nobody is kept off for longer without asking the vendor again


class Bucket(NamedTuple):
    """One limit, for whoever is counted: `requests` in any `seconds`, or `concurrent` at once, or both, or neither.

    `key` tells it from every other, and tells no credential. Without a `limit` it is the account's own, for what its
    answers say.
    """

    key: str
    requests: int | None = None
    seconds: float = 0.0
    concurrent: int | None = None
    limit: Limit | None = None

    @property
    def pace(self) -> float:
        """See PACE; the requests of a window fit into it with some time to spare."""
        return min(PACE, 0.8 * self.seconds / self.requests) if self.requests else 0.0

    @property
    def stride(self) -> int:
        """How many are paced together, so that one who wakes up some milliseconds late holds up none of the others."""
        return max(1, int(PACE / self.pace)) if self.pace else 1

    def share(self, workers: int) -> Bucket:
        """What is left for each of so many, at least one at a time."""
        requests, concurrent = (each and max(1, each // workers) for each in (self.requests, self.concurrent))
        return self._replace(requests=requests, concurrent=concurrent)


def buckets_of(vendor: str, limits: Sequence[Limit], account: str) -> tuple[Bucket, ...]:
    """Those of one request, in the order in which it waits for them.

    All requests keep to the same order, so that none waits for a slot that is kept for another which waits for its own.
    The scarcest comes first: who waits for it holds up nobody who does not want it. In Redis Cluster all that one
    request counts in has to lie together, and an address has many accounts: so it is the vendor's name that stands in
    braces.
    """
    here = f"{{{vendor}}}"
    whose = f"{here}:{_digest(account)}"
    rated = sorted((limit for limit in limits if limit.requests and limit.seconds > 0), key=_rate)
    others = [limit for limit in limits if limit.concurrent and not limit.requests]
    made = [_bucket(limit, here if limit.per == "address" else whose) for limit in (*rated, *others)]
    made.insert(len(rated), Bucket(f"{whose}:all"))
    return tuple(made)


def chosen(limits: Iterable[Limit], operation: str | None, plan: str | None) -> tuple[Limit, ...]:
    """The limits that count a request for this operation, of an account on this plan."""
    return tuple(
        limit
        for limit in limits
        if limit.operation in {None, operation} and (limit.plan is None or plan in plans_of(limit))
    )


def plans_of(limit: Limit) -> list[str]:
    """The plans that a limit is of, for a profile may name several: "Free, Starter"."""
    return re.split(r"\s*,\s*", limit.plan) if limit.plan else []


def _rate(limit: Limit) -> tuple[float, str]:
    return (limit.requests or 0) / limit.seconds, repr(limit)


def _bucket(limit: Limit, who: str) -> Bucket:
    about = _digest(repr((limit.per, limit.operation, limit.plan, limit.requests, limit.seconds, limit.concurrent)))
    return Bucket(f"{who}:{about}", limit.requests, limit.seconds * STRETCH, limit.concurrent, limit)


def _digest(*names: str) -> str:
    text = "\0".join(names).encode(errors="surrogatepass")
    return blake2b(text, digest_size=9, person=b"errnorm").hexdigest()
