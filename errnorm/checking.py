"""Profiles held to account: the format, every sample read as it says, and what `linting` finds in the rows."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache, lru_cache
from itertools import takewhile
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from errnorm import _json
from errnorm.linting import File, Lying, lint, shared_shapes, twice
from errnorm.model import CanonicalError
from errnorm.reading.bodies import Body, decode
from errnorm.reading.headers import Headers
from errnorm.reading.parsing import Reader
from errnorm.reading.paths import Exchange
from errnorm.reading.plans import plan_of
from errnorm.reading.responses import failed, fitting
from errnorm.vendors import registry
from errnorm.vendors.alerts import alert_of
from errnorm.vendors.loading import load
from errnorm.vendors.profile import Profile, ProfileError, nearest
from errnorm.vendors.schema import deviations


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
        return failed(*self.decoded(), registry.get(vendor))

    def decoded(self) -> tuple[Body, Exchange]:
        """What the shapes of profiles are held to."""
        headers = Headers(self.headers)
        return decode(self.content, headers), Exchange(self.status, headers, self.method, self.operation)


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
    "alert": alert_of,
}
EXPECTED = tuple(_READ)
_READER = Reader()


@cache
def built_in_files() -> dict[str, Path]:
    """Where the built-in profiles lie, by name."""
    return {name: registry.HERE / entry["file"] for name, entry in _json.loads(registry.INDEX.read_bytes()).items()}


def take(file: Path) -> Profile:
    """The profile that a file holds, joined with the one that it extends; from now on `vendor=` takes its name.

    Raises ProfileError.
    """
    return file_of(file).profile


def file_of(file: Path) -> File:
    """The same with the file's own part of it. Raises ProfileError."""
    own = load(_text(file), file.name)
    if not file.resolve().is_relative_to(registry.HERE.resolve()):
        registry.default.add(file)
    elif own.name not in built_in_files():
        raise ProfileError(f"{file.name}: name: not in {registry.INDEX.name}, which python -m errnorm.vendors writes")
    profile = registry.get(own.name)
    plan_of(profile)
    files = registry.default.files(own.name)
    before = takewhile(lambda each: not each.samefile(file), files)
    rules = sum(len(load(_text(each), each.name).rules) for each in before)
    return File(own, profile, rules, extends=not files[-1].samefile(file))


def check(file: Path) -> Checked:
    """Looks at a profile and at the samples beside it."""
    shown, beside = shown_path(file), shown_path(_beside(file))
    try:
        wrong = list(deviations(_document(file)))
        taken = None if wrong else file_of(file)
    except ProfileError as error:
        wrong, taken = [str(error).partition(": ")[2]], None  # what comes before is the file's name, or the profile's
    if taken is None:
        return Checked(0, [Finding(shown, complaint) for complaint in wrong])
    try:
        samples = list(_samples(file))
    except ProfileError as error:
        return Checked(0, [Finding(beside, str(error).removeprefix(f"{_beside(file).name}: "))])
    findings = [
        Finding(f"{beside}: {address}", complaint)
        for address, sample, complaints in samples
        for complaint in (complaints if sample is None else misread(sample, taken.own.name))
    ]
    whole = [sample for _, sample, _ in samples if sample is not None]
    doubled = twice(sample.title for sample in whole)
    findings += [Finding(beside, f"{title!r}: a title that occurs twice") for title in doubled]
    if not samples:
        findings.append(Finding(shown, f"no samples: {_beside(file).name} would hold them"))
    findings += [Finding(shown, complaint) for complaint in _of_all(taken, whole, len(whole) == len(samples) > 0)]
    return Checked(len(samples), findings)


def _of_all(file: File, samples: list[Sample], complete: bool) -> Iterator[str]:
    """What is seen of a profile with all of its samples; what none of them shows, only if they are `complete`."""
    name = file.own.name
    errors = [sample.read(_READER.parse, name) for sample in samples] if complete else None
    for address, complaint in lint(file, errors):
        yield f"{address}: {complaint}"
    if complete and file.own.shape and not any(_has_shape(sample, name) for sample in samples):
        yield "shape: no sample has it"


def check_shapes(files: Iterable[Path]) -> list[Finding]:
    """Looks for bodies that two shapes share, among the samples of all profiles; of those that concern these files.

    The generic profile, which takes what no other does, is left out.
    """
    asked = {file.resolve() for file in files}
    known = registry.default
    shaped = {name: entry for name, entry in known.shaped() if name != registry.GENERIC}
    concerned: set[str] = set()
    lying: list[Lying] = []
    for name in known.names():
        for file in known.files(name) if name != registry.GENERIC else ():
            if file.resolve() in asked:
                concerned.add(name)
            with suppress(ProfileError):  # what is off in it, `check` says
                found = [sample for _, sample, _ in _samples(file) if sample is not None]
                lying += [Lying(shown_path(_beside(file)), each.title, name, *each.decoded()) for each in found]
    return [Finding(place, complaint) for place, complaint in shared_shapes(lying, shaped, concerned)]


def _has_shape(sample: Sample, name: str) -> bool:
    return any(fitting(*sample.decoded(), [(name, registry.default.entry(name))]))


def samples_of(file: Path) -> list[Sample]:
    """The samples beside a profile; [] where there are none. Raises ProfileError."""
    samples: list[Sample] = []
    for address, sample, complaints in _samples(file):
        if sample is None:
            raise ProfileError(f"{_beside(file).name}: {address}: {complaints[0]}")
        samples.append(sample)
    return samples


def misread(sample: Sample, vendor: str) -> Iterator[str]:
    """What is read otherwise than a sample says."""
    told = sample.tells_failure(vendor)
    if sample.failed is not None and told is not sample.failed:
        yield f"failed is {str(told).lower()}, not {str(sample.failed).lower()}"
    error = sample.read(_READER.parse, vendor)
    for name, wanted in sample.expect.items():
        got = _READ[name](error)
        if got != (None if wanted == "" else wanted):
            yield f"{name} is {_shown(got)}, not {_shown(wanted)}"


def _samples(file: Path) -> Iterator[tuple[str, Sample | None, list[str]]]:
    """Every sample beside a profile, with its address: itself, or else what is off in it. Raises ProfileError."""
    beside = _beside(file)
    if not beside.exists():
        return
    raw = _document(beside)
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


def _document(file: Path) -> dict[str, Any]:
    try:
        return _parsed(_text(file))
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


def _beside(file: Path) -> Path:
    return file.with_name(file.name.removesuffix(".toml") + ".samples.toml")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProfileError(f"{file.name}: not TOML, which is UTF-8: {error.reason} at byte {error.start}") from None


def shown_path(file: Path) -> str:
    """A file as findings name it."""
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)


def _shown(value: Any) -> str:
    return "nothing" if value in (None, "") else repr(str(value)) if isinstance(value, str) else repr(value)
