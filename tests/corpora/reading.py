"""Every file of a corpus, every line and block of its lists, as a body: read and answered in sight of the canaries."""

from __future__ import annotations

import codecs
import encodings
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from pkgutil import iter_modules
from time import perf_counter
from typing import Any, NamedTuple

from lxml import etree

from errnorm.answering import Normalizer
from errnorm.model import CanonicalError, VendorError
from errnorm.samples import built_in_files
from tests.corpora.canaries import SONG, Canaries, careless, watched

CAP = 65_536
SMALL = 1_000  # a corpus of fewer bodies is read as every vendor's
FEW = (None, "lionbridge", "phase")
ACCEPTS = ("text/html", "application/problem+json", "application/problem+xml", "text/plain")
EXCHANGES: tuple[dict[str, Any], ...] = (
    {"status": 500, "headers": {"Content-Type": "text/xml; charset=utf-8"}},
    {"status": 429, "headers": {"Content-Type": "application/json", "Retry-After": "7"}, "method": "POST"},
    {"status": 409, "headers": [("content-type", "text/html; charset=latin-1")], "url": "https://api.example/v1"},
    {"status": None},
)
HEAVY = 0.001  # seconds: what takes longer is timed again, and the more often the longer, for others may be at work too
BAITS = 100
LONGEST = 32_768  # bytes of an answer
NORMALIZER = Normalizer()

_LISTS = {".txt", ".md"}
_BLOCKS = re.compile(r"\n\s*\n|^```\w*$", re.MULTILINE)
_QUOTED = re.compile(r'"(.+)"', re.DOTALL)
_LITERAL = re.compile(
    r"""((?:SYSTEM|PUBLIC\s+(?:"[^"]*"|'[^']*'))\s+|(?:href|src|schemaLocation)\s*=\s*)(["'])[^"'<>]*\2""",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"""\b(?!http://www\.w3\.org)[a-z][a-z.+-]+:/{1,4}[^\s"'<>]+""", re.IGNORECASE)


class Figures(NamedTuple):
    """What came of a corpus."""

    name: str
    bodies: int
    readings: int
    exceptions: list[str]
    opened: list[str]
    slowest: tuple[float, str]  # milliseconds
    bitten: tuple[int, int]  # of so many that name a canary, so many are opened by a careless parser


def bodies_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """By a name: each file, what of it is within the cap, and what each entry of a list says."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data, name = path.read_bytes(), str(path.relative_to(folder))
        yield name, data
        if len(data) > CAP:
            yield f"{name}, cut", data[:CAP]
        if path.suffix in _LISTS:
            text = data.decode("utf-8", "replace")
            for number, entry in enumerate(dict.fromkeys([*text.splitlines(), *_BLOCKS.split(text)])):
                if "<" in entry:
                    quoted = _QUOTED.fullmatch(entry.strip())
                    yield f"{name} #{number}", (quoted[1].replace('""', '"') if quoted else entry.strip()).encode()


def armed(body: bytes, canaries: Canaries) -> Iterator[bytes]:
    """The same with all that it names pointing at a canary."""
    text = body[:CAP].decode("utf-8", "surrogateescape")
    for it in (canaries.fifo.as_uri(), str(canaries.fifo), f"http://{canaries.host}/x"):
        aimed = _ADDRESS.sub(it, _LITERAL.sub(rf"\1\g<2>{it}\2", text))
        if aimed != text:
            yield aimed.encode("utf-8", "surrogateescape")


def read(folder: Path, canaries: Canaries) -> Figures:
    """Everything in a folder, for a few vendors, or for each and in every dialect where there is little."""
    every = dict(bodies_of(folder))
    vendors = (None, *built_in_files()) if len(every) < SMALL else FEW
    warm(vendors)
    seen: list[str] = []
    exceptions: list[str] = []
    times: dict[str, float] = {}
    readings = 0
    bitten = _bitten(every.values(), canaries)
    before = len(canaries.heard)
    for number, (name, body) in enumerate(every.items()):
        for vendor, one in chain(((v, body) for v in vendors), ((v, a) for v in FEW for a in armed(body, canaries))):
            exchange = EXCHANGES[readings % len(EXCHANGES)]
            readings += 1
            label = f"{name} ({vendor})"
            try:
                with watched() as opened:
                    times[label] = max(times.get(label, 0.0), _follow(one, vendor, exchange, ACCEPTS[number % 4]))
                seen += [f"{label}: {event}" for event in opened]
            except Exception as raised:  # noqa: BLE001 - that there is none is what is to be shown
                exceptions.append(f"{label}: {raised!r:.200}")
    heard = [f"{sung} was opened" for sung in canaries.heard[before:]]
    slowest = max(times, key=times.__getitem__)
    return Figures(folder.name, len(every), readings, exceptions, seen + heard, (1e3 * times[slowest], slowest), bitten)


def _bitten(bodies: Iterable[bytes], canaries: Canaries) -> tuple[int, int]:
    """How many of the first that name the FIFO there are, and how many of them a careless parser follows."""
    baits = list(islice((each for body in bodies for each in islice(armed(body, canaries), 1)), BAITS))
    followed = 0
    for bait in baits:
        before = len(canaries.heard)
        careless(bait)
        followed += len(canaries.heard) > before
    return len(baits), followed


def warm(vendors: tuple[str | None, ...]) -> None:
    """Imports and profiles that are loaded when first needed must not count as files that a body made us open."""
    odd = [b"<a>\xe9</a>", b"<a><b></a>", b'{"a":1,}', b"<html><title>a&amp;b", b"data: {}", b"\xff\xfea\0", b"a=b"]
    odd += [b"x" * 70_000, b'{"error":"jo@acme.example"}']
    form = {"status": 400, "headers": {"Content-Type": "application/x-www-form-urlencoded"}}
    for module in iter_modules(encodings.__path__):
        with suppress(LookupError):
            codecs.lookup(module.name)
    for vendor in vendors:
        for body in odd:
            for exchange in (*EXCHANGES, form):
                for accept in ACCEPTS:
                    _follow(body, vendor, exchange, accept)


def _follow(body: bytes, vendor: str | None, exchange: dict[str, Any], accept: str) -> float:
    """The seconds that the reading took, at best."""

    def parse() -> CanonicalError:
        return NORMALIZER.parse(body, vendor=vendor, **exchange)

    seconds, error = _timed(parse)
    for _ in range(min(20, int(2 * seconds / HEAVY))):
        seconds = min(seconds, _timed(parse)[0])
    assert type(error) is CanonicalError
    assert SONG.decode() not in str(error.to_dict())
    assert CanonicalError.from_dict(json.loads(json.dumps(error.to_dict()))) == error
    answer = NORMALIZER.answer(VendorError(error), accept, "de, en;q=0.5")
    assert len(answer.body) < LONGEST
    well_formed(answer.body, accept)
    return seconds


def well_formed(body: bytes, media_type: str) -> None:
    """Raises where an answer is not what it says."""
    text = body.decode("utf-8")
    if media_type.endswith("json"):
        json.loads(text)
    elif media_type.endswith("xml"):
        etree.fromstring(body, etree.XMLParser(resolve_entities=False))
    elif media_type == "text/html":
        etree.fromstring(text, etree.HTMLParser())


def _timed(call: Callable[[], CanonicalError]) -> tuple[float, CanonicalError]:
    start = perf_counter()
    error = call()
    return perf_counter() - start, error
