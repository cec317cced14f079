"""The worst of 64 KiB: bodies and headers made to be slow or large. `python benchmarks/worst.py` lists them all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

sys.path.append(str(Path(__file__).resolve().parent.parent))

import orjson
from lxml import etree
from measuring import quiet
from process import peak, resident
from spending import sampled
from table import Line

import errnorm

if TYPE_CHECKING:
    from spending import Spent

CAP = 65_536
GOAL_MS, GOAL_MIB = 5, 4
ENOUGH_S = 0.03  # for one case, or as many runs as follow
MOST = 7
VENDORS = (None, "lionbridge", "phase")


class Case(NamedTuple):
    """A response, and a word for what is bad about it."""

    name: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    vendor: str | None = None


def _filled(start: str, unit: str, end: str = "") -> bytes:
    """As many units as fit, between a start and an end."""
    room = CAP - len((start + end).encode())
    return (start + unit * (room // len(unit.encode())) + end).encode()


def _numbered(start: str, unit: Callable[[int], str], end: str = "") -> bytes:
    """The same, of units that differ."""
    units: list[str] = []
    room = CAP - len(start + end)
    while room >= len(one := unit(len(units))):
        units.append(one)
        room -= len(one)
    return (start + "".join(units) + end).encode()


_DEPTH = 31  # just what is allowed
_WORDS = {
    "letters": "a", "blanks": "a ", "pairs": "a=", "names": "password=", "named": "token: x ", "quoted": 'secret="\\"',
    "mails": "a@b.c", "ats": "@", "dots": "a.", "urls": "://a:b@", "percent": "%25", "mails, encoded": "a%40",
    "private keys": "-----BEGIN PRIVATE KEY", "bearers": "Bearer ", "jwt": "eyJ.", "digests": 'digest a="',
    "runs": "aB3dE5gH7jK9", "cookies": "cookie: a=b; ", "webhooks": "/api/webhooks/1/a", "marks": "[secret]",
    "brackets": "key=[", "controls": "\x1b[", "wide": "é", "surrogates": "İ",
}  # fmt: skip
_JSON = {
    "an array": _filled("[", "0,", "0]"),
    "arrays, too deep": _filled("", "["),
    "arrays in arrays": _filled("[" * _DEPTH, "0,", "0" + "]" * _DEPTH),
    "objects in objects": _filled('{"error":' * _DEPTH, " ", '"x"' + "}" * _DEPTH),
    "pairs of brackets": _filled("[", "[],", "[]]"),
    "objects": _filled('{"errors":[', "{},", "{}]}"),
    "errors": _numbered('{"errors":[', lambda n: f'{{"code":"c{n}","message":"m{n}"}},', "{}]}"),
    "fields": _numbered('{"errors":{', lambda n: f'"f{n}":["m{n}"],', '"z":[]}}'),
    "a map": _numbered("{", lambda n: f'"f{n}":["m{n}"],', '"z":[]}'),
    "lists under one name": _filled('{"error":[', '["a"],', '"a"]}'),
    "numbers": _filled('{"error":', "9", "}"),
    "escapes": _filled('{"error":"', "\\n", '"}'),
    "unicode escapes": _filled('{"error":"', "\\u0130", '"}'),
    "broken at the end": _filled('{"error":"', "a", ""),
    "names": _numbered("{", lambda n: f'"k{n}":{n},', '"error":1}'),
    "a guarded one": _filled(")]}',\n[", "1,", "1]"),
}
_XML = {
    "elements": _filled("<Quote>", "<Error/>", "</Quote>"),
    "errors": _filled("<Q>", "<Error><ReasonCode>1</ReasonCode></Error>", "</Q>"),
    "deep": _filled("", "<a>"),
    "deep, closed": b"<a>" * 250 + b"<Error/>" * 7000 + b"</a>" * 250,
    "children": _numbered("<Error>", lambda n: f"<c{n}/>", "</Error>"),
    "attributes": _numbered("<Error ", lambda n: f'a{n}="" ', "/>"),
    "prefixes": _numbered("<Error ", lambda n: f'xmlns:a{n}="u" ', "/>"),
    "one attribute": _filled('<Error a="', "&lt;", '"/>'),
    "entities": _filled("<Error>", "&amp;", "</Error>"),
    "unknown entities": _filled("<Error>", "&x;", "</Error>"),
    "comments": _filled("<Error>", "<!---->", "</Error>"),
    "instructions": _filled("<Error>", "<?a?>", "</Error>"),
    "ends": _filled("<Error>", "</a>"),
    "broken": _filled("<Error>", "<a b=c>"),
    "a DTD": _filled("<!DOCTYPE a [", '<!ENTITY a "b">', "]><a/>"),
    "a prologue": _filled("", "<!-- -->", "<Error/>"),
    "blanks": _filled("<Error><SimpleMessage>", " \n", "</SimpleMessage></Error>"),
}
_HTML = {
    "titles": _filled("<html>", "<title>"),
    "headings": _filled("<html>", "<h1>"),
    "tags": _filled("<html><h1>", "<b>", "</h1>"),
    "angles": _filled("<html><h1>", "<", "</h1>"),
    "comments": _filled("", "<!-- -->", "<html>"),
    "entities": _filled("<html><title>", "&amp;", "</title>"),
}
_HEADERS = {
    "many": tuple((f"X-{number}", "v" * 50) for number in range(1_000)),
    "one, often": (("Retry-After", "1" * 60),) * 1_000,
    "a long wait": (("Retry-After", "1" * 60_000),),
    "a long challenge": (("WWW-Authenticate", 'error="' * 9_000),),
    "a long id": (("X-Request-Id", "a@b." * 15_000),),
}


def cases() -> Iterator[Case]:
    """Everything, for whoever may have sent it."""
    for vendor in VENDORS:
        by = vendor or "unknown vendor"
        for kind, bodies in (("JSON", _JSON), ("XML", _XML), ("HTML", _HTML)):
            for name, body in bodies.items():
                yield Case(f"{kind}, {name}, {by}", body, (), vendor)
    for name, word in _WORDS.items():
        yield Case(f"text, {name}", _filled("", word))
        escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\x1b", "\\u001b")
        yield Case(f"JSON, a sentence of {name}", _filled('{"error":"', escaped, '"}'), (), "phase")
        fields = _filled('{"errors":[', f'{{"message":"{escaped * 8}","field":"{escaped * 8}"}},', "{}]}")
        yield Case(f"JSON, fields of {name}", fields)
    for name, headers in _HEADERS.items():
        yield Case(f"headers, {name}", b'{"error":"x"}', headers)
    for encoding in ("utf-16", "utf-32", "latin-1"):
        yield Case(f"text in {encoding}", ("ä" * (CAP // len("ä".encode(encoding)) - 2)).encode(encoding))
    yield Case("over the cap", b"[" * 100 * CAP)


def bodies() -> Iterator[Line]:
    """The slowest, and the largest in memory."""
    every = {case.name: case for case in cases()}
    with quiet():
        timed = {name: milliseconds(case) for name, case in every.items()}
    slowest = max(timed, key=timed.__getitem__)
    line = Line(f"worst 64 KiB of {len(timed)}: {slowest}", "", "", timed[slowest], None, GOAL_MS, "ms")
    yield line if line.met else line._replace(spent=sampled(partial(_run, every[slowest])))
    grown = mebibytes()
    largest = max(grown, key=grown.__getitem__)
    line = Line(f"worst 64 KiB of {len(grown)}: {largest}", "", "", grown[largest], None, GOAL_MIB, "MiB")
    yield line if line.met else line._replace(spent=_held(grown[largest], largest))


def _run(case: Case, count: int) -> float:
    return sum(_timed(case) for _ in range(count))


def _held(grown: float, name: str) -> Spent:
    """What the parser takes by itself, and what is ours."""
    share = min(mebibytes("--parser-alone")[name] / grown, 1.0)
    return [(share, "the tree of lxml or orjson, by itself"), (1 - share, "errnorm")]


def milliseconds(case: Case) -> float:
    """The best of a few runs, or of one that is slow enough."""
    _parsed(case)  # reads the profile, once
    taken = [_timed(case)]
    while sum(taken) < ENOUGH_S and len(taken) < MOST:
        taken.append(_timed(case))
    return 1e3 * min(taken)


def _timed(case: Case) -> float:
    start = perf_counter()
    _parsed(case)
    return perf_counter() - start


def _parsed(case: Case) -> Any:
    return errnorm.parse(case.body, status=422, headers=case.headers, vendor=case.vendor)


def mebibytes(*how: str) -> dict[str, float]:
    """What the process grew by at the most, each in a process of its own, with what lxml takes."""
    ran = subprocess.run([sys.executable, __file__, "--memory", *how], capture_output=True, check=True, text=True)
    return {name: float(grown) for name, _, grown in (line.rpartition("\t") for line in ran.stdout.splitlines())}


def _print_memory(read: Callable[[Case], Any]) -> None:
    """From small and fresh processes: those that are forked off this one."""
    import multiprocessing

    for small in (b'{"error": "a@b.example"}', b"<Error>a</Error>", b"<Error>&x;", b"<html><title>a</title>", b"a"):
        for vendor in VENDORS:
            read(Case("", small, (("Retry-After", "1"),), vendor))
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        for number, case in enumerate(cases()):
            print(case.name, pool.apply(_grown, (number, read)), sep="\t")


def _grown(number: int, read: Callable[[Case], Any]) -> float:
    case = next(case for place, case in enumerate(cases()) if place == number)
    before = resident()
    read(case)
    return (peak() - before) / 2**20


def _alone(case: Case) -> Any:
    """Nothing but a tree, of what is JSON or XML."""
    if case.body.startswith(b"<"):
        return etree.fromstring(case.body, etree.XMLParser(resolve_entities=False, no_network=True, recover=True))
    with suppress(ValueError):
        return orjson.loads(case.body)
    return None


if __name__ == "__main__":
    if "--memory" in sys.argv:
        _print_memory(_alone if "--parser-alone" in sys.argv else _parsed)
    else:
        memory = mebibytes()
        for taken, name in sorted(((milliseconds(case), case.name) for case in cases()), reverse=True):
            print(f"{taken:8.2f} ms {memory[name]:8.2f} MiB  {name}")
