"""What a plain reader of Accept and Accept-Language understands, to hold ours to."""

from __future__ import annotations

import re

from errnorm.telling.negotiation import MOST, MediaType

OFFERED = ("en", "de-AT", "de", "pt_BR", "zh-Hant", "x-ours")
# What a plainly written entry means: how narrowly, and which of ours.
PLAIN = {
    **{media.value: (2, (media,)) for media in MediaType},
    "application/json": (2, (MediaType.PROBLEM_JSON,)),
    "application/xml": (2, (MediaType.PROBLEM_XML,)),
    "text/*": (1, (MediaType.HTML, MediaType.TEXT)),
    "application/*": (1, (MediaType.PROBLEM_JSON, MediaType.PROBLEM_XML)),
    "*/*": (0, tuple(MediaType)),
}
_TONGUE = re.compile(r" ?([A-Za-z0-9*-]+)(?:; ?q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?", re.ASCII)
_ENTRY = re.compile(r" ?([a-z*]+/[a-z*+]+)(?:; ?q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?")


def honoured(wanted: str | None, media: MediaType) -> None:
    """Of a header that a plain reader understands too: nothing is given that is refused while something else is not."""
    entries = [_ENTRY.fullmatch(entry) for entry in wanted.split(",")] if wanted and len(wanted) < 500 else []
    if not 0 < len(entries) <= MOST or not all(entry and entry[1] in PLAIN for entry in entries):
        return
    weights: dict[MediaType, tuple[int, float]] = {}
    own = {entry[1] for entry in entries if entry}
    if "application/json" in own and "application/problem+json" in own:
        return  # then it depends on which is meant
    if "application/xml" in own and "application/problem+xml" in own:
        return
    for entry in filter(None, entries):
        narrowness, meant = PLAIN[entry[1]]
        for each in meant:
            weights[each] = max(weights.get(each, (0, 0.0)), (narrowness, float(entry[2] or 1)))
    best = max((quality for _, quality in weights.values()), default=0.0)
    assert weights.get(media, (0, 0.0))[1] == best or (best == 0.0 and media is MediaType.PROBLEM_JSON), (wanted, media)


def refused(tongues: str | None) -> set[str]:
    """The languages that a header plainly refuses, and does not ask for elsewhere."""
    entries = [_TONGUE.fullmatch(entry) for entry in (tongues or "")[:500].split(",")[:MOST]]
    weights: dict[str, float] = {}
    for entry in filter(None, entries):
        tag = entry[1].lower()
        weights[tag] = max(weights.get(tag, 0.0), float(entry[2] or 1))
    return {tag for tag, weight in weights.items() if weight == 0.0} if all(entries) else set()


def asked(found: str, wanted: str) -> bool:
    return f"{wanted.lower()}-".startswith(f"{found.replace('_', '-').lower()}-")
