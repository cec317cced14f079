"""Profiles held to account: the format, every sample read as it says, and what `linting` finds in the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from errnorm.linting import File, Lying, lint, shared_shapes, twice
from errnorm.reading.plans import plan_of
from errnorm.reading.responses import fitting
from errnorm.samples import READER, Sample, beside_of, built_in_files, document, each_sample, misread, text_of
from errnorm.vendors import registry
from errnorm.vendors.loading import load
from errnorm.vendors.profile import Profile, ProfileError
from errnorm.vendors.schema import deviations


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


def take(file: Path) -> Profile:
    """The profile that a file holds, joined with the one that it extends; from now on `vendor=` takes its name.

    Raises ProfileError.
    """
    return file_of(file).profile


def file_of(file: Path) -> File:
    """The same with the file's own part of it. Raises ProfileError."""
    own = load(text_of(file), file.name)
    if not file.resolve().is_relative_to(registry.HERE.resolve()):
        registry.default.add(file)
    elif own.name not in built_in_files():
        raise ProfileError(f"{file.name}: name: not in {registry.INDEX.name}, which python -m errnorm.vendors writes")
    profile = registry.get(own.name)
    plan_of(profile)
    files = registry.default.files(own.name)
    before = takewhile(lambda each: not each.samefile(file), files)
    rules = sum(len(load(text_of(each), each.name).rules) for each in before)
    return File(own, profile, rules, extends=not files[-1].samefile(file))


def check(file: Path) -> Checked:
    """Looks at a profile and at the samples beside it."""
    shown, beside = shown_path(file), shown_path(beside_of(file))
    try:
        wrong = list(deviations(document(file)))
        taken = None if wrong else file_of(file)
    except ProfileError as error:
        wrong, taken = [str(error).partition(": ")[2]], None  # what comes before is the file's name, or the profile's
    if taken is None:
        return Checked(0, [Finding(shown, complaint) for complaint in wrong])
    try:
        samples = list(each_sample(file))
    except ProfileError as error:
        return Checked(0, [Finding(beside, str(error).removeprefix(f"{beside_of(file).name}: "))])
    findings = [
        Finding(f"{beside}: {address}", complaint)
        for address, sample, complaints in samples
        for complaint in (complaints if sample is None else misread(sample, taken.own.name))
    ]
    whole = [sample for _, sample, _ in samples if sample is not None]
    doubled = twice(sample.title for sample in whole)
    findings += [Finding(beside, f"{title!r}: a title that occurs twice") for title in doubled]
    if not samples:
        findings.append(Finding(shown, f"no samples: {beside_of(file).name} would hold them"))
    findings += [Finding(shown, complaint) for complaint in _of_all(taken, whole, len(whole) == len(samples) > 0)]
    return Checked(len(samples), findings)


def _of_all(file: File, samples: list[Sample], complete: bool) -> Iterator[str]:
    """What is seen of a profile with all of its samples; what none of them shows, only if they are `complete`."""
    name = file.own.name
    errors = [sample.read(READER.parse, name) for sample in samples] if complete else None
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
                found = [sample for _, sample, _ in each_sample(file) if sample is not None]
                lying += [Lying(shown_path(beside_of(file)), each.title, name, *each.decoded()) for each in found]
    return [Finding(place, complaint) for place, complaint in shared_shapes(lying, shaped, concerned)]


def _has_shape(sample: Sample, name: str) -> bool:
    return any(fitting(*sample.decoded(), [(name, registry.default.entry(name))]))


def shown_path(file: Path) -> str:
    """A file as findings name it."""
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)
