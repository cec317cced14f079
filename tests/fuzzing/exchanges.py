"""A vendor's exchange packed into bytes, so that a fuzzer can begin with our samples and turn them inside out.

Two bytes choose the profile, two the status, one the method and how all is handed over; then header lines, an empty
line, and the body. Any bytes are an exchange.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from errnorm.model import CanonicalError
from errnorm.reading.parsing import Reader
from errnorm.reading.plans import plan_of, shape_of
from errnorm.samples import built_in_files, samples_of
from errnorm.vendors import registry

NAMES = (None, *sorted(built_in_files()))
METHODS = (None, "GET", "POST", "delete", "", "P\u00d6ST\n", "M" * 40, "\ud800")
STATUSES = (None, -1, 0, 99, 1_000, 10**30, True)  # what a client may give beside 1 to 999
READERS = (Reader(), Reader(cap=256))  # the second meets bodies over its cap
HEAD = 5
MOST_WORDS = 400  # of one profile


class Exchange(NamedTuple):
    """What `parse` is asked, and whom."""

    reader: Reader
    body: bytes | str
    status: int | None
    headers: Any
    vendor: str | None
    method: str | None
    url: str | None
    operation: str | None

    def read(self, **changes: Any) -> CanonicalError:
        """What is read of it, with some of it put another way."""
        reader, body, status, headers, vendor, method, url, operation = self._replace(**changes) if changes else self
        return reader.parse(
            body, status=status, headers=headers, vendor=vendor, method=method, url=url, operation=operation
        )


def unpacked(data: bytes) -> Exchange:
    """The exchange that bytes stand for."""
    head = data[:HEAD].ljust(HEAD, b"\0")
    name = NAMES[int.from_bytes(head[:2]) % len(NAMES)]
    number, how = int.from_bytes(head[2:4]), head[4]
    lines, found, body = data[HEAD:].partition(b"\n\n")
    if not found:
        lines, body = b"", data[HEAD:]
    by_host = how & 16 and name is not None
    return Exchange(
        reader=READERS[how >> 6 & 1],
        body=body.decode("utf-8", "surrogateescape") if how & 8 else body,
        status=number if 0 < number < 1_000 else STATUSES[number % len(STATUSES)],
        headers=[_header(line) for line in lines.split(b"\n")] if lines else [],
        vendor=None if by_host else name,
        method=METHODS[how & 7],
        url=f"https://u:p@{_host(name)}/v1/x" if by_host else None,
        operation="fuzz it" if how & 32 else None,
    )


def packed(
    vendor: str | None, status: int | None, headers: Iterable[tuple[str, str]], method: str, body: bytes
) -> bytes:
    """The bytes that stand for an exchange."""
    lines = "\n".join(f"{name}: {value}" for name, value in headers)
    head = NAMES.index(vendor).to_bytes(2) + (status or 0).to_bytes(2) + bytes([METHODS.index(method)])
    return head + (f"{lines}\n\n".encode() if lines or b"\n\n" in body else b"") + body


def warm() -> None:
    """Compiles all profiles, which otherwise happens when the first body comes."""
    for name in built_in_files():
        plan_of(registry.get(name))
        shape_of(registry.default.entry(name))


def samples() -> Iterator[bytes]:
    """Every built-in profile's samples, each with its profile named, and every fifth by its shape alone."""
    number = 0
    for name, file in built_in_files().items():
        for sample in samples_of(file):
            number += 1
            method = sample.method if sample.method in METHODS else "POST"
            for vendor in (name, None)[: 2 if number % 5 == 0 else 1]:
                yield packed(vendor, sample.status, sample.headers.items(), method, sample.content)


def crowds() -> Iterator[bytes]:
    """What has to be cut: too many errors, fields and words, too deep, too long, for profiles of each kind."""
    few = {"code": "c", "message": "m"}
    bodies = [
        json.dumps(tree)
        for tree in (
            {"errors": [few] * 40},
            {"errors": {f"field{number}": ["m"] for number in range(130)}},
            {"error": few, "details": [{"field": f"f{number}", "message": "m"} for number in range(130)]},
            {"message": "a b " * 800, "code": "c" * 300, "detail": "word " * 600, "request_id": "r" * 300},
        )
    ]
    bodies += [
        f"<Errors>{'<Error><Code>c</Code><Message>m</Message></Error>' * 40}</Errors>",
        '{"error":' * 40,
        "<a>" * 40,
    ]
    for name in ("generic", "lionbridge", "phase", "risumail", "shopify", "google-rpc", "soap", None):
        for body in bodies:
            yield packed(name, 422, (), "POST", body.encode())


@cache
def words_of(name: str | None) -> tuple[str, ...]:
    """The names, codes and headers that a profile asks for; for None, those of the most widely spoken dialects."""
    if name is None:
        return tuple(word for each in ("generic", "google-rpc", "soap") for word in words_of(each))
    profile = tomllib.loads(built_in_files()[name].read_text(encoding="utf-8"))
    told = [profile.get(key) for key in ("read", "shape", "failed", "rules")]
    words = {word for text in _texts(told) for word in text.replace(":", "/").replace("@", "").split("/")}
    words |= {*profile.get("codes", {}), *map(str, profile.get("statuses", {}))}
    return tuple(sorted(word for word in words if 0 < len(word) <= 60))[:MOST_WORDS]


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for name, value in node.items():
            yield name
            yield from _texts(value)
    elif isinstance(node, list):
        for each in node:
            yield from _texts(each)


def _header(line: bytes) -> tuple[str, str]:
    """As clients decode it: what is no UTF-8 becomes halves of surrogate pairs, as in aiohttp."""
    name, _, value = line.decode("utf-8", "surrogateescape").partition(":")
    return name, value.lstrip(" ")


@cache
def _host(name: str) -> str:
    return next((host.lstrip(".") for host in registry.get(name).hosts), "nowhere.example")
