"""All that a fake vendor can answer: its samples as they are, its way to throttle, and what goes wrong on the way."""

from __future__ import annotations

import re
from pathlib import Path

from errnorm.samples import Sample, samples_of
from errnorm.testing.samples import Samples, UnknownSampleError, slug
from errnorm.testing.server import Answer, Trouble
from errnorm.vendors import registry

SLOW = 3.0  # seconds
WELL = Answer(200, {"Content-Type": "text/plain"}, b"ok\n")
_KEPT = frozenset({"content-type"})  # of a throttled sample's headers: the others may speak of another wait


class Repertoire:
    """What a vendor can answer; `vendor` is a profile's name, or the file of one's own."""

    def __init__(self, vendor: str | Path) -> None:
        self.samples = Samples(vendor)
        self.profile = self.samples.profile

    def failing(self, what: str | int | Trouble) -> Answer:
        """The failure that is meant. Raises UnknownSampleError."""
        if not isinstance(what, Trouble):
            return replay(self.samples.find(what))
        return _page()._replace(trouble=None) if what is Trouble.HTML else _page()._replace(trouble=what)

    def throttled(self, after: float) -> Answer:
        """What the vendor says to too many requests, with a Retry-After of so many seconds."""
        answer = replay(self.samples.throttled())
        kept = {name: value for name, value in answer.headers.items() if name.lower() in _KEPT}
        return answer._replace(headers={**kept, "Retry-After": f"{after:g}"})

    def asked_for(self, path: str, wanted: str = "") -> Answer:
        """What a path asks for, by its first part that is a sample's title with hyphens, its code, reason or status, or
        one of WORDS; `wanted` stands in for the path. Else a list of what there is, as a 404.
        """
        words = [wanted] if wanted else path.partition("?")[0].split("/")
        delay = SLOW if "slow" in words else 0.0
        found = next(filter(None, map(self._of_word, words)), WELL if delay else None)
        if found is None:
            return Answer(404, {"Content-Type": "text/plain; charset=utf-8"}, self.listing().encode())
        return found._replace(delay=delay)

    def listing(self) -> str:
        """What a path can ask for, a line each."""
        words = ("ok", "slow", "throttle-30", *(each.value for each in Trouble if each is not Trouble.REFUSE))
        return "".join(f"/{each}\n" for each in (*words, *(slug(sample.title) for sample in self.samples.all)))

    def _of_word(self, word: str) -> Answer | None:
        if not word or word == "slow":
            return None
        try:
            return replay(self.samples.find(word))
        except UnknownSampleError:
            pass
        if match := re.fullmatch(r"throttle(?:-(\d{1,6}))?", word):
            return self.throttled(int(match[1] or 1))
        if word == "ok":
            return WELL
        return self.failing(Trouble(word)) if word in list(Trouble) else None


def replay(sample: Sample) -> Answer:
    """A sample as it came over the wire; one that came otherwise, a webhook say, comes under a 200."""
    return Answer(sample.status or 200, sample.headers, sample.content, failing=True)


def _page() -> Answer:
    """What somebody between here and there answers: the first page of the profile for such pages, as a 502."""
    pages = [each for file in registry.default.files(registry.PROXY) for each in samples_of(file)]
    return replay(next(each for each in pages if each.status == 502))
