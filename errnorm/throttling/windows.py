"""What answers say of how much is left: in the headers that a profile names, and in the IETF's RateLimit fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from errnorm.reading.bodies import EMPTY
from errnorm.reading.headers import Headers, RawHeaders
from errnorm.reading.paths import Exchange, Find, View, cutter, unit_of
from errnorm.reading.waits import seconds
from errnorm.throttling.buckets import FOREVER, Bucket
from errnorm.vendors.profile import Limit, Place, Profile


class Window(NamedTuple):
    """So many requests are left of a limit for so many seconds; None: nobody knows how long.

    Without a `limit` it is one that the profile does not know.
    """

    remaining: int
    reset_s: float | None = None
    limit: Limit | None = None


class Said(NamedTuple):
    """The same, of a bucket."""

    bucket: Bucket
    remaining: int
    reset_s: float


def windows(profile: Profile, headers: RawHeaders, status: int | None = None) -> tuple[Window, ...]:
    """What an answer says of a vendor's limits, of whatever status it is. Never raises on what a vendor can send."""
    folded = Headers(headers)
    places = _places(profile)
    if places:
        view = View(Exchange(status, folded), EMPTY)
        date = folded.get("date")
        found = tuple(place.read(view, date) for place in places)
        if any(found):
            return tuple(window for window in found if window is not None)
    return tuple(_standard(folded))


class _Place(NamedTuple):
    limit: Limit
    remaining: Find
    reset: Find | None
    unit: str | None

    def read(self, view: View, date: str | None) -> Window | None:
        left = _number(self.remaining(view))
        if left is None:
            return None
        reset = seconds(self.reset(view), unit=self.unit, date=date) if self.reset else None
        return Window(left, reset, self.limit)


@lru_cache(maxsize=256)
def _places(profile: Profile) -> tuple[_Place, ...]:
    return tuple(
        _Place(limit, cutter(limit.remaining), *_reset(limit.reset))
        for limit in profile.limits
        if limit.remaining is not None
    )


def _reset(place: Place | None) -> tuple[Find | None, str | None]:
    return (None, None) if place is None else (cutter(place), unit_of(place))


def _number(value: object) -> int | None:
    """A count; what is none tells nothing. `0;w=21600` counts 0."""
    found = re.match(r"\s*(-?\d{1,15})(?![\w.])", str(value)) if isinstance(value, str | int) else None
    return max(0, int(found[1])) if found else None


# The drafts of the IETF's httpapi group: `"name";r=50;t=30` since the eighth, `limit=100, remaining=50, reset=30` in
# the seventh, fields of their own before.
_ITEM = re.compile(r'(?:"[^"]{0,100}"|[A-Za-z*][^;,="]{0,100})\s*;([^,"]{1,200})')


def _standard(headers: Headers) -> Iterator[Window]:
    field, date = (headers.get("ratelimit") or "")[:1000], headers.get("date")
    told = [_pairs(item[1], ";") for item in _ITEM.finditer(field)]
    before = {name: headers.get(f"ratelimit-{name}") or "" for name in ("remaining", "reset")}
    for names in (*told, before | _pairs(field, ",")):
        left = _number(names.get("r", names.get("remaining")))
        if left is not None:
            yield Window(left, seconds(names.get("t", names.get("reset")), date=date))


def _pairs(text: str, mark: str) -> dict[str, str]:
    parts = (part.partition("=") for part in text.split(mark))
    return {name.strip(): value.strip() for name, sign, value in parts if sign}


def heard(
    windows: Sequence[Window], pause: float | None, buckets: Sequence[Bucket], operation: str | None
) -> list[Said]:
    """What an answer said, by bucket, the least that is left last; one that the app counts otherwise is the account's.

    Of another operation's limit it says nothing that would hold for that.
    """
    whole = next(bucket for bucket in buckets if bucket.limit is None)
    counted = {id(bucket.limit): bucket for bucket in buckets if bucket.limit is not None}
    said = [Said(whole, 0, min(pause, FOREVER))] if pause else []
    for remaining, reset_s, limit in sorted(windows, key=lambda window: -window.remaining):
        if limit is None or limit.operation in {None, operation}:
            span = limit.seconds if limit else 60.0
            bucket = counted.get(id(limit), whole)
            said.append(Said(bucket, remaining, min(span if reset_s is None else reset_s, max(span, FOREVER))))
    return said
