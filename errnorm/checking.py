"""Profiles held to account: the format, and every sample read as it says."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from errnorm import _json
from errnorm.model import CanonicalError
from errnorm.reading.bodies import decode
from errnorm.reading.headers import Headers
from errnorm.reading.parsing import Reader
from errnorm.reading.paths import Exchange
from errnorm.reading.plans import plan_of
from errnorm.reading.responses import failed
from errnorm.vendors import registry
from errnorm.vendors.profile import Profile, ProfileError, load, nearest


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A saved exchange and what must be read from it.

    `failed` is what must be said of a status below 400; `expect` goes by the names of EXPECTED, "" meaning None.
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
        headers = Headers(self.headers)
        exchange = Exchange(self.status, headers, self.method, self.operation)
        return failed(decode(self.content, headers), exchange, registry.get(vendor))


class Finding(NamedTuple):
    """What is wrong with a profile: where, and what."""

    place: str
    complaint: str

    def __str__(self) -> str:
        return f"{self.place}: {self.complaint}"


class Checked(NamedTuple):
    """What came of looking at one profile."""

    samples: int
    findings: list[Finding]


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
}
EXPECTED = tuple(_READ)
# What a file that extends a built-in profile may hold; the rest of it would be passed over.
_EXTENDING = ("name", "hosts", "rules", "codes", "statuses", "operations", "limits")


@cache
def built_in_files() -> dict[str, Path]:
    """Where the built-in profiles lie, by name."""
    return {name: registry.HERE / entry["file"] for name, entry in _json.loads(registry.INDEX.read_bytes()).items()}


def take(file: Path) -> Profile:
    """The profile that a file holds, joined with the one that it extends; from now on `vendor=` takes its name.

    Raises ProfileError.
    """
    own = load(_text(file), file.name)
    if not file.resolve().is_relative_to(registry.HERE.resolve()):
        registry.default.add(file)
    elif own.name not in built_in_files():
        raise ProfileError(f"{file.name}: name: not in {registry.INDEX.name}, which python -m errnorm.vendors writes")
    profile = registry.get(own.name)
    plan_of(profile)
    return profile


def check(file: Path) -> Checked:
    """Looks at a profile and at the samples beside it."""
    shown = _shown_path(file)
    try:
        profile = take(file)
    except ProfileError as error:
        complaint = str(error).partition(": ")[2]  # what comes before is the file's name, or the profile's
        return Checked(0, [Finding(shown, complaint)])
    beside = _shown_path(_beside(file))
    findings = [Finding(shown, complaint) for complaint in _passed_over(file, profile)]
    samples = 0
    try:
        for number, raw in enumerate(_raw_samples(file), 1):
            samples += 1
            place = f"{beside}: {_address(number, raw)}"
            findings += [Finding(place, complaint) for complaint in _complaints(raw, profile.name)]
    except ProfileError as error:
        findings.append(Finding(beside, str(error).removeprefix(f"{_beside(file).name}: ")))
    else:
        if not samples:
            findings.append(Finding(shown, f"no samples: {_beside(file).name} would hold them"))
    return Checked(samples, findings)


def samples_of(file: Path) -> list[Sample]:
    """The samples beside a profile; [] where there are none. Raises ProfileError."""
    samples: list[Sample] = []
    for number, raw in enumerate(_raw_samples(file), 1):
        try:
            samples.append(_sample(raw))
        except ProfileError as error:
            raise ProfileError(f"{_beside(file).name}: {_address(number, raw)}: {error}") from None
    return samples


def misread(sample: Sample, vendor: str) -> Iterator[str]:
    """What is read otherwise than a sample says."""
    told = sample.tells_failure(vendor)
    if sample.failed is not None and told is not sample.failed:
        yield f"failed is {str(told).lower()}, not {str(sample.failed).lower()}"
    error = sample.read(Reader().parse, vendor)
    for name, wanted in sample.expect.items():
        got = _READ[name](error)
        if got != (None if wanted == "" else wanted):
            yield f"{name} is {_shown(got)}, not {_shown(wanted)}"


def _complaints(raw: Any, vendor: str) -> Iterable[str]:
    try:
        return misread(_sample(raw), vendor)
    except ProfileError as error:
        return [str(error)]


def _raw_samples(file: Path) -> list[Any]:
    beside = _beside(file)
    if not beside.exists():
        return []
    try:
        raw = tomllib.loads(_text(beside))
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{beside.name}: not TOML: {error}") from None
    for key in raw.keys() - {"sample"}:
        raise ProfileError(f"{beside.name}: {key}: nothing of that name; every sample begins with [[sample]]")
    samples = raw.get("sample", [])
    if not isinstance(samples, list):
        raise ProfileError(f"{beside.name}: sample: must be a list of tables: every sample begins with [[sample]]")
    return samples


def _sample(raw: Any) -> Sample:
    """A sample as its file has it, or a ProfileError that says what is off in it."""
    try:
        sample = msgspec.convert(raw, Sample)
        sample.content  # noqa: B018 - an encoding may be unknown
    except msgspec.ValidationError as error:
        complaint, _, place = str(error).partition(" - at `$.")
        if complaint.startswith("Object contains unknown field"):
            key = complaint.split("`")[1]
            raise ProfileError(f"{key}: no such key{nearest(key, Sample.__struct_fields__)}") from None
        complaint = complaint[:1].lower() + complaint[1:]
        raise ProfileError(f"{place.rstrip('`')}: {complaint}" if place else complaint) from None
    except (LookupError, UnicodeError) as error:
        raise ProfileError(f"encoding: {error}") from None
    for key in sample.expect:
        if key not in EXPECTED:
            raise ProfileError(f"expect.{key}: nothing of that name{nearest(key, EXPECTED)}")
    if not sample.expect and sample.failed is None:
        raise ProfileError("says nothing of what must be read: give it an `expect`, or `failed`")
    return sample


def _passed_over(file: Path, profile: Profile) -> Iterator[str]:
    """What a file that extends a built-in profile holds in vain."""
    built_in = built_in_files().get(profile.name)
    if built_in is not None and not file.samefile(built_in):
        for key in tomllib.loads(_text(file)):
            if key not in _EXTENDING:
                yield f"{key}: passed over: what extends {profile.name!r} may hold {', '.join(_EXTENDING[1:])}"


def _beside(file: Path) -> Path:
    return file.with_name(file.name.removesuffix(".toml") + ".samples.toml")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProfileError(f"{file.name}: not TOML, which is UTF-8: {error.reason} at byte {error.start}") from None


def _address(number: int, raw: Any) -> str:
    title = raw.get("title") if isinstance(raw, dict) else None
    return f"sample {number} {title!r}" if title else f"sample {number}"


def _shown_path(file: Path) -> str:
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)


def _shown(value: Any) -> str:
    return "nothing" if value in (None, "") else repr(str(value)) if isinstance(value, str) else repr(value)
