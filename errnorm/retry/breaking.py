"""What counts for a circuit breaker."""

from __future__ import annotations

from errnorm.families import Family
from errnorm.retry.deciding import error_of

# What tells that the vendor is down; a refusal, a throttled call or a bug does not.
_OUTAGES = frozenset({Family.SERVER, Family.UPSTREAM, Family.UNAVAILABLE, Family.TIMEOUT, Family.CONNECTION})


def counts_as_outage(raised: BaseException) -> bool:
    """Whether a failure counts for a circuit breaker: the vendor, or the way to it, is down.

    No 4xx does, nor a throttled call, an exception that is no vendor's failure, or another breaker's. Never raises. For
    `pybreaker.CircuitBreaker(exclude=[lambda raised: not counts_as_outage(raised)])`.
    """
    error = error_of(raised)
    if error is None or error.family not in _OUTAGES or error.reason == "CIRCUIT_OPEN":
        return False
    return error.vendor_status is None or not 400 <= error.vendor_status < 500
