"""Texts of time to seconds: Retry-After in both forms (RFC 9110, 10.2.3), and whatever vendors' own headers hold."""

from __future__ import annotations

import math
import re
import time
from datetime import UTC, datetime

from errnorm.model import LONGEST_WAIT_S

LONGEST = LONGEST_WAIT_S
EPOCH_S = 1e9  # a bare number above is a time of day in seconds, not a duration: thirty years
EPOCH_MS = 1e11  # and above that, in milliseconds

_NUMBER = re.compile(r"[+-]?\d{1,100}(?:\.\d{0,30})?\Z", re.ASCII)
_SPANS = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|us|µs|ns|h|m|s)){1,6}\Z", re.ASCII)  # Go's and google.protobuf's
_SPAN = re.compile(r"([\d.]+)([a-zµ]+)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def seconds(value: object, *, unit: str | None = None, date: str | None = None) -> float | None:
    """Seconds from the response on, 0 to LONGEST; None where the value is no time.

    `unit` is what a bare number counts; `date` the response's own Date, against which points in time are held, so that
    clocks need not agree.
    """
    if isinstance(value, int):
        value = None if type(value) is bool else min(max(value, -1), 10**30)
    text = str(value).strip()[:100] if isinstance(value, str | int | float) else ""
    if not text:
        return None
    if _NUMBER.match(text):  # less than nothing is no time
        return None if text[0] == "-" else _clamped(_bare(float(text), unit, date))
    if _SPANS.match(text):
        return _clamped(sum(float(number) * _SECONDS[span] for number, span in _SPAN.findall(text)))
    point = _point(text)
    if point is None:
        first = text.partition(",")[0].strip()  # the header came twice
        return seconds(first, unit=unit, date=date) if _NUMBER.match(first) else None
    return _clamped(point - _now(date))


def moment(value: object) -> float | None:
    """Seconds since the epoch, of a point in time in any form: a datetime, a number, a date; None where it is none."""
    try:
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
        text = str(value).strip()[:100] if isinstance(value, str | int | float) else ""
        if not _NUMBER.match(text):
            return _point(text)
        return float(text) / 1000 if float(text) > EPOCH_MS else float(text)
    except (ValueError, OverflowError):
        return None


def _bare(number: float, unit: str | None, date: str | None) -> float:
    if number > EPOCH_MS:
        return number / 1000 - _now(date)
    if number > EPOCH_S:
        return number - _now(date)
    return number / 1000 if unit == "ms" else number


def _point(text: str) -> float | None:
    """Seconds since the epoch, of an HTTP date or an ISO 8601 one; one without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text) if text[:4].isdigit() else _http_date(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _http_date(text: str) -> datetime:
    from email.utils import parsedate_to_datetime  # slow to import, and dates are rare

    return parsedate_to_datetime(text)


def _now(date: str | None) -> float:
    point = _point(date) if date else None
    return time.time() if point is None else point


def _clamped(number: float) -> float | None:
    return None if math.isnan(number) else min(max(0.0, number), LONGEST)
