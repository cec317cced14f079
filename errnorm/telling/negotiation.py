"""A client says what it can read: its Accept headers become one media type and one language."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

LONGEST = 1024  # characters of a header that are looked at
MOST = 20  # and entries


class MediaType(StrEnum):
    """What an answer can be written in, our first choice first."""

    PROBLEM_JSON = "application/problem+json"
    HTML = "text/html"
    PROBLEM_XML = "application/problem+xml"
    TEXT = "text/plain"


# How narrowly an entry may mean one of ours.
_ANYTHING, _TYPE, _ALIAS, _OWN_NAME = range(4)
_JSON = ((MediaType.PROBLEM_JSON, _ALIAS),)  # nobody asks for problem details by their own name
_XML = ((MediaType.PROBLEM_XML, _ALIAS),)
_MEANT = {
    **{media.value: ((media, _OWN_NAME),) for media in MediaType},
    **dict.fromkeys(("application/json", "text/json"), _JSON),
    **dict.fromkeys(("application/xml", "text/xml"), _XML),
    "application/xhtml+xml": ((MediaType.HTML, _OWN_NAME),),  # to a browser the same
    "application/*": ((MediaType.PROBLEM_JSON, _TYPE), (MediaType.PROBLEM_XML, _TYPE)),
    "text/*": ((MediaType.HTML, _TYPE), (MediaType.TEXT, _TYPE)),
    # the second is what Java's HttpURLConnection sends
    **dict.fromkeys(("*/*", "*"), tuple((media, _ANYTHING) for media in MediaType)),
}

_TAG = re.compile(r"[a-z]{1,8}(?:-[a-z0-9]{1,8})*", re.ASCII)
_QUALITY = re.compile(r";\s*q\s*=\s*(\d(?:\.\d{0,9})?|\.\d{1,9})\s*(?:;|$)", re.ASCII)


def media_type(accept: str | None) -> MediaType:
    """The media type to answer in; problem+json where the header is missing, unreadable, or asks for none of ours.

    The highest q-value wins, and for each of ours the narrowest entry that means it counts (RFC 9110, 12.5.1). Equal
    q-values leave the choice to us: a type that is named comes before one that only a wildcard covers (`text/html,
    */*` is a page's script asking for HTML; `application/json, text/plain, */*` is axios), then our own order decides:
    `text/*` is HTML, for only browsers and people ask for text so vaguely.
    """
    return _media_type(_capped(accept)) if accept else MediaType.PROBLEM_JSON


def languages(accept_language: str | None) -> tuple[str, ...]:
    """The language ranges that a client asks for, its favourite first, spelled as in RFC 5646 (`zh-Hant-TW`)."""
    return _languages(_capped(accept_language)) if accept_language else ()


def lookup(ranges: Collection[str], available: Collection[str], default: str) -> str:
    """The first of `ranges` that is available, whole or shortened from its end (RFC 4647, 3.4), else `default`.

    The tag comes back as `available` spells it, be it `pt-BR` or `pt_BR`; `*` is no help in finding one.
    """
    spelled = {tag.replace("_", "-").lower(): tag for tag in available}
    for wanted in ranges:
        subtags = wanted.replace("_", "-").lower().split("-")
        while subtags:
            if found := spelled.get("-".join(subtags)):
                return found
            subtags.pop()
            if subtags and len(subtags[-1]) == 1:  # "x" and the like only introduce what follows them
                subtags.pop()
    return default


@lru_cache(maxsize=256)
def _media_type(accept: str) -> MediaType:
    best: dict[MediaType, tuple[int, float]] = {}  # how narrowly, and how much, each of ours is asked for
    for name, quality in _entries(accept):
        for media, narrowness in _meant(name):
            best[media] = max(best.get(media, (narrowness, quality)), (narrowness, quality))
    wanted = [media for media in MediaType if best.get(media, (0, 0.0))[1]]  # max() keeps the first of equals
    return max(wanted, key=lambda m: (best[m][1], best[m][0] >= _ALIAS), default=MediaType.PROBLEM_JSON)


def _meant(name: str) -> tuple[tuple[MediaType, int], ...]:
    if name.endswith("+json"):
        return _MEANT.get(name, _JSON)
    # image/svg+xml is a browser that wants a picture
    return _MEANT.get(name, _XML if name.endswith("+xml") and name.startswith("application/") else ())


@lru_cache(maxsize=256)
def _languages(accept_language: str) -> tuple[str, ...]:
    entries = [(name, quality) for name, quality in _entries(accept_language) if quality > 0]
    entries.sort(key=lambda entry: -entry[1])
    return tuple(dict.fromkeys(_spelled(name) for name, _ in entries if name == "*" or _TAG.fullmatch(name)))


def _spelled(tag: str) -> str:
    subtags = tag.split("-")
    cased = {2: str.upper, 4: str.title}  # regions and scripts, but not what a single letter introduces
    others = (cased.get(len(own), str)(own) if len(before) > 1 else own for before, own in pairwise(subtags))
    return "-".join((subtags[0], *others))


def _entries(header: str) -> Iterator[tuple[str, float]]:
    """The names of a header, in lower case, with their q-values; one that cannot be read counts as 1."""
    for entry in header.lower().split(",", MOST)[:MOST]:
        quality = _QUALITY.search(entry)
        yield entry.partition(";")[0].strip(), min(float(quality[1]), 1.0) if quality else 1.0


def _capped(header: str) -> str:
    """The header up to the last whole entry within bounds, so that long ones cost little, in the cache too."""
    return header if len(header) <= LONGEST else header[: max(header.rfind(",", 0, LONGEST + 1), 0)]
