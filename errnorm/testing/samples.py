"""The samples of a profile, found by whatever one calls them: a title, a code, a reason, a status."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from errnorm.checking import take
from errnorm.families import Family
from errnorm.model import CanonicalError
from errnorm.reading.parsing import Reader
from errnorm.samples import Sample, samples_of
from errnorm.vendors import registry
from errnorm.vendors.profile import Profile, nearest


class UnknownSampleError(LookupError):
    """What no sample of the vendor's bears: one line that names the nearest."""


class Known(NamedTuple):
    """A sample, and what is read from it."""

    sample: Sample
    error: CanonicalError


class Samples:
    """The saved exchanges of one vendor; `vendor` is a profile's name, or the file of one's own."""

    def __init__(self, vendor: str | Path) -> None:
        is_file = isinstance(vendor, Path) or vendor.endswith(".toml")
        self.profile: Profile = take(Path(vendor)) if is_file else registry.get(str(vendor))
        self.all = [each for file in registry.default.files(self.profile.name) for each in samples_of(file)]

    def find(self, wanted: str | int) -> Sample:
        """The first sample of that title, code, reason or status, in this order; an int is a status.

        Raises UnknownSampleError.
        """
        name = self.profile.name
        if isinstance(wanted, int):
            if found := self._first(lambda known: known.sample.status == wanted):
                return found
            statuses = {str(known.sample.status) for known in self._failures if known.sample.status}
            coded = any(known.error.vendor_code == str(wanted) for known in self._failures)
            near = f"; the code is '{wanted}', as text" if coded else nearest(str(wanted), statuses)
            raise UnknownSampleError(f"{name} has no sample with the status {wanted}{near}")
        if found := self._named(wanted):
            return found
        names = [slug(sample.title) for sample in self.all]
        near = nearest(wanted, (*self._words(), *names)) or f"; `errnorm play --vendor {name}` lists them"
        raise UnknownSampleError(f"{name} has no sample {wanted!r}{near}")

    def throttled(self) -> Sample:
        """How this vendor says that there were too many requests; a bare 429 where no sample shows it."""
        throttled = [known for known in self._failures if known.error.family is Family.RATE_LIMIT]
        throttled.sort(key=lambda known: known.sample.status != 429)
        return throttled[0].sample if throttled else Sample(title="throttled", status=429)

    def _named(self, wanted: str) -> Sample | None:
        if titled := next((each for each in self.all if wanted in (each.title, slug(each.title))), None):
            return titled
        tests: Iterable[Callable[[Known], bool]] = (
            lambda known: known.error.vendor_code == wanted,
            lambda known: slug(known.error.reason) == slug(wanted),
            lambda known: str(known.sample.status) == wanted,
        )
        return next(filter(None, map(self._first, tests)), None)

    def _first(self, test: Callable[[Known], bool]) -> Sample | None:
        return next((known.sample for known in self._failures if test(known)), None)

    def _words(self) -> set[str]:
        found = {word for known in self._failures for word in (known.error.vendor_code, known.error.reason)}
        return {word for word in found if word}

    @cached_property
    def _failures(self) -> list[Known]:
        parse, name = Reader().parse, self.profile.name
        return [Known(each, each.read(parse, name)) for each in self.all if each.tells_failure(name)]


def slug(title: str) -> str:
    """A title as it stands in a path: `reason code 304 under Quote` is `reason-code-304-under-quote`."""
    return re.sub(r"[\W_]+", "-", title.lower()).strip("-")
