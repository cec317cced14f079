"""Saved exchanges beside a profile, each with what must be read from it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from errnorm import _json
from errnorm.model import CanonicalError
from errnorm.reading.bodies import Body, decode
from errnorm.reading.headers import Headers
from errnorm.reading.parsing import Reader
from errnorm.reading.paths import Exchange
from errnorm.reading.responses import failed
from errnorm.vendors import registry
from errnorm.vendors.alerts import alert_of
from errnorm.vendors.profile import ProfileError, nearest


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A saved exchange and what must be read from it.

    `failed` is what must be said of a status below 400, true where it is left out; `expect` goes by the names of
    EXPECTED, "" meaning None.
    """

    title: str
    body: str = ""
    encoding: str = "utf-8"
    status: int | None = None
    headers: dict[str, str] = {}
    method: str | None = None
    url: str | None = None
    operation: str | None = None
    failed: bool | None = None
    expect: dict[str, Any] = {}

    @property
    def content(self) -> bytes:
        """The body as it came over the wire."""
        return self.body.encode(self.encoding)

    def read(self, parse: Callable[..., CanonicalError], vendor: str) -> CanonicalError:
        """What `parse`, a reader's or an app's, makes of the exchange."""
        return parse(
            self.content,
            status=self.status,
            headers=self.headers,
            vendor=vendor,
            method=self.method,
            url=self.url,
            operation=self.operation,
        )

    def tells_failure(self, vendor: str) -> bool:
        """Whether the exchange is a failure: by its status, or below 400 by the profile's own word."""
        if self.status is not None and self.status >= 400:
            return True
        return failed(*self.decoded(), registry.get(vendor))

    def decoded(self) -> tuple[Body, Exchange]:
        """What the shapes of profiles are held to."""
        headers = Headers(self.headers)
        return decode(self.content, headers), Exchange(self.status, headers, self.method, self.operation)


_NAMES = {
    "status": "vendor_status",
    "code": "vendor_code",
    "message": "vendor_message",
    "detail": "vendor_detail",
    "user_message": "vendor_user_message",
    "request_id": "vendor_request_id",
}
_SAME = (
    *("vendor", "dialect", "operation", "method", "family", "reason", "fault", "action", "sent", "response_status"),
    *("from_vendor", "rule", "mapped"),
)
_RETRY = ("after_s", "source", "verdict", "retryable", "reroute")
_READ: dict[str, Callable[[CanonicalError], Any]] = {
    **{name: attrgetter(name) for name in _SAME},
    **{name: attrgetter(field) for name, field in _NAMES.items()},
    **{name: attrgetter(f"retry.{name}") for name in _RETRY},
    "fields": lambda error: [
        "|".join((field.path, field.vendor_code or "", field.vendor_message or "")) for field in error.fields
    ],
    "others": lambda error: [other.vendor_code or "" for other in error.others],
    "alert": alert_of,
}
EXPECTED = tuple(_READ)
READER = Reader()


@cache
def built_in_files() -> dict[str, Path]:
    """Where the built-in profiles lie, by name."""
    return {name: registry.HERE / entry["file"] for name, entry in _json.loads(registry.INDEX.read_bytes()).items()}


def samples_of(file: Path) -> list[Sample]:
    """The samples beside a profile; [] where there are none. Raises ProfileError."""
    samples: list[Sample] = []
    for address, sample, complaints in each_sample(file):
        if sample is None:
            raise ProfileError(f"{beside_of(file).name}: {address}: {complaints[0]}")
        samples.append(sample)
    return samples


def misread(sample: Sample, vendor: str) -> Iterator[str]:
    """What is read otherwise than a sample says."""
    told = sample.tells_failure(vendor)
    if sample.failed is not None and told is not sample.failed:
        yield f"failed is {str(told).lower()}, not {str(sample.failed).lower()}"
    elif sample.failed is None and sample.status is not None and not told:
        which = f"expects a failure under {sample.status}, which nothing in `failed` makes one"
        yield f"{which}; if it is none, failed = false"
    error = sample.read(READER.parse, vendor)
    for name, wanted in sample.expect.items():
        got = _READ[name](error)
        if got != (None if wanted == "" else wanted):
            yield f"{name} is {_shown(got)}, not {_shown(wanted)}"


def each_sample(file: Path) -> Iterator[tuple[str, Sample | None, list[str]]]:
    """Every sample beside a profile, with its address: itself, or else what is off in it. Raises ProfileError."""
    beside = beside_of(file)
    if not beside.exists():
        return
    raw = document(beside)
    for key in raw.keys() - {"sample"}:
        raise ProfileError(f"{beside.name}: {key}: nothing of that name; every sample begins with [[sample]]")
    samples = raw.get("sample", [])
    if not isinstance(samples, list):
        raise ProfileError(f"{beside.name}: sample: must be a list of tables: every sample begins with [[sample]]")
    for number, each in enumerate(samples, 1):
        address = (
            f"sample {number} {each['title']!r}" if isinstance(each, dict) and each.get("title") else f"sample {number}"
        )
        complaints = list(_off(each))
        yield address, None if complaints else msgspec.convert(each, Sample), complaints


def document(file: Path) -> dict[str, Any]:
    try:
        return _parsed(text_of(file))
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{file.name}: not TOML: {error}") from None


@lru_cache(maxsize=256)
def _parsed(text: str) -> dict[str, Any]:
    return tomllib.loads(text)  # slow, and check asks twice


def _off(raw: Any) -> Iterator[str]:
    """All that is off in a sample as its file has it."""
    if not isinstance(raw, dict):
        yield f"expected `object`, got `{type(raw).__name__}`"
        return
    if "title" not in raw:
        yield "object missing required field `title`"
    for key, value in raw.items():
        try:
            msgspec.convert({"title": "", key: value}, Sample)
        except msgspec.ValidationError as error:
            complaint, _, place = str(error).partition(" - at `$.")
            unknown = f"{key}: no such key{nearest(key, Sample.__struct_fields__)}"
            yield f"{place.rstrip('`')}: {complaint[:1].lower()}{complaint[1:]}" if place else unknown
    try:
        str(raw.get("body", "")).encode(str(raw.get("encoding", "utf-8")))
    except (LookupError, UnicodeError) as error:
        yield f"encoding: {error}"
    expect = raw.get("expect", {})
    for key in expect if isinstance(expect, dict) else ():
        if key not in EXPECTED:
            yield f"expect.{key}: nothing of that name{nearest(key, EXPECTED)}"
    if not expect and "failed" not in raw:
        yield "says nothing of what must be read: give it an `expect`, or `failed`"


def beside_of(file: Path) -> Path:
    return file.with_name(file.name.removesuffix(".toml") + ".samples.toml")


def text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProfileError(f"{file.name}: not TOML, which is UTF-8: {error.reason} at byte {error.start}") from None


def _shown(value: Any) -> str:
    return "nothing" if value in (None, "") else repr(str(value)) if isinstance(value, str) else repr(value)
