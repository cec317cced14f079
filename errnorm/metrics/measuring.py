"""What happened, as measurements: of which instrument, how much, and with which labels, all of them bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from errnorm.listening import Ended, Lagged, Left, Noted, Polled, Retried, Waited
from errnorm.metrics import bounding
from errnorm.metrics.instruments import (
    ALERT,
    CALLS,
    ERROR_TYPE,
    FAILURES,
    FAMILY,
    FAULT,
    LIMIT,
    OPERATION,
    OTHER,
    OUTCOME,
    POLLS,
    QUOTA_LIMIT,
    QUOTA_REMAINING,
    REASON,
    REQUESTS,
    RETRIES,
    STATUS,
    THROTTLE,
    THROTTLED,
    UNMAPPED,
    VENDOR,
    WEBHOOKS,
    Instrument,
)
from errnorm.model import CanonicalError
from errnorm.vendors.alerts import alert_of
from errnorm.vendors.profile import Profile

Attributes = dict[str, str | int]


class Measurement(NamedTuple):
    """So much of an instrument; attributes that do not apply are left out."""

    instrument: Instrument
    value: float
    attributes: Attributes


def measured(event: object) -> Iterator[Measurement]:
    """What is to be recorded of something that happened (see `listening`)."""
    measure = _MEASURES.get(type(event))
    return iter(()) if measure is None else measure(event)


def request_attributes(ended: Ended) -> Attributes:
    """A request that is over, as its metric and its span have it both."""
    asked = ended.asked
    attributes = _of_vendor(asked.profile, asked.operation)
    if asked.url is not None and asked.method is not None:
        address, port = bounding.server(asked.profile, asked.url, asked.hosts)
        attributes |= {"http.request.method": bounding.method(asked.method.upper()), "server.address": address}
        if port is not None:
            attributes["server.port"] = port
    if (status := bounding.status(ended.status)) is not None:
        attributes[STATUS] = status
    if ended.failure is not None:
        attributes |= _of_error(asked.profile, ended.failure.error)
    elif ended.cut:
        attributes[ERROR_TYPE] = OTHER
    return attributes


def _request(ended: Ended) -> Iterator[Measurement]:
    """A guarded block is a call, but no request that we know of; what the throttle refused within was neither."""
    if ended.failure is not None and ended.failure.error.reason == THROTTLED:
        return
    attributes = request_attributes(ended)
    if ended.asked.url is not None:
        yield Measurement(REQUESTS, ended.seconds, attributes)
    if not (ended.cut or ended.counted):
        names = (VENDOR, OPERATION, *CALLS.attributes)
        of_call = {name: value for name in names if (value := attributes.get(name)) is not None}
        yield Measurement(CALLS, ended.seconds, of_call)


def _failure(noted: Noted) -> Iterator[Measurement]:
    error = noted.error
    profile = bounding.profile_of(error.vendor)
    attributes = _of_vendor(profile, error.operation)
    if not error.mapped and error.vendor_code:
        yield Measurement(UNMAPPED, 1, attributes)
    words = _of_error(profile, error)
    del words[ERROR_TYPE]
    yield Measurement(FAILURES, 1, attributes | words | {ALERT: alert_of(error).value})


def _retry(retried: Retried) -> Iterator[Measurement]:
    error = retried.error
    attributes = _of_vendor(bounding.profile_of(error.vendor), error.operation)
    yield Measurement(RETRIES, 1, attributes | {OUTCOME: retried.outcome})


def _wait(waited: Waited) -> Iterator[Measurement]:
    attributes = _of_vendor(bounding.profile_of(waited.vendor), waited.operation)
    yield Measurement(THROTTLE, waited.seconds, attributes | {OUTCOME: waited.outcome})


def _quota(left: Left) -> Iterator[Measurement]:
    """Of the limit's operation: what is left of a limit on all of them is no single one's."""
    operation = None if left.limit is None else left.limit.operation
    attributes = _of_vendor(left.profile, operation) | {LIMIT: bounding.limit(left.limit)}
    yield Measurement(QUOTA_REMAINING, left.remaining, attributes)
    if left.limit is not None and left.limit.requests is not None:
        yield Measurement(QUOTA_LIMIT, left.limit.requests, attributes)


def _poll(polled: Polled) -> Iterator[Measurement]:
    attributes = _of_vendor(bounding.profile_of(polled.vendor), polled.operation)
    yield Measurement(POLLS, polled.seconds, attributes | {OUTCOME: polled.outcome})


def _lag(lagged: Lagged) -> Iterator[Measurement]:
    attributes = _of_vendor(bounding.profile_of(lagged.vendor), lagged.operation)
    yield Measurement(WEBHOOKS, lagged.seconds, attributes)


_MEASURES: Final[dict[type, Callable[[Any], Iterator[Measurement]]]] = {
    Ended: _request,
    Noted: _failure,
    Retried: _retry,
    Waited: _wait,
    Left: _quota,
    Polled: _poll,
    Lagged: _lag,
}


def _of_vendor(profile: Profile | None, operation: str | None) -> Attributes:
    name = bounding.operation(profile, operation)
    attributes: Attributes = {VENDOR: bounding.vendor(profile)}
    return attributes if name is None else attributes | {OPERATION: name}


def _of_error(profile: Profile | None, error: CanonicalError) -> Attributes:
    reason = bounding.reason(profile, error.reason)
    return {FAMILY: error.family.value, REASON: reason, FAULT: error.fault.value, ERROR_TYPE: reason}
