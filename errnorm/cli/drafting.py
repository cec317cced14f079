"""Saved exchanges to the draft of a profile: both its files, with a comment wherever something was guessed."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from errnorm.cli.guessing import Layout, Place, Seen, guess, is_id_header
from errnorm.coverage import Ledger, quoted
from errnorm.model import CanonicalError
from errnorm.reading.bodies import EXCERPT, Body, decode
from errnorm.reading.headers import Headers
from errnorm.reading.paths import Exchange
from errnorm.reading.responses import read
from errnorm.redaction import clean, kept_headers, redact, redact_url
from errnorm.samples import Sample, built_in_files
from errnorm.vendors.loading import load
from errnorm.vendors.profile import Profile

MOST = 1_048_576  # bytes of a file that are read
_HEAD = re.compile(rb"HTTP/[\d.]+ (\d{3})[^\n]*\n((?:[^\r\n]+\r?\n)*)(?:\r?\n|\Z)")
_HOST = re.compile(r"\Ahttps?://([\w.-]+)(?=[:/?]|\Z)")


class DraftError(ValueError):
    """Nothing that a profile could be drafted from, or nowhere to write it: one line that says why."""


class Draft(NamedTuple):
    """A drafted profile and its samples, as the texts of their files."""

    name: str
    profile: str
    samples: str

    def write(self, folder: Path) -> list[Path]:
        """Writes both files and returns where they are. Raises DraftError rather than overwrite one."""
        texts = {folder / f"{self.name}.toml": self.profile, folder / f"{self.name}.samples.toml": self.samples}
        for file in texts:
            if file.exists():
                raise DraftError(f"{file}: is there already; move it away, or take another --name")
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            file.write_text(text, encoding="utf-8", newline="\n")
        return list(texts)


def draft(paths: Sequence[str], name: str | None = None) -> Draft:
    """Drafts a profile from the exchanges in files and folders. Raises DraftError, ProfileError and OSError."""
    saved = [sample for path in paths for file in _files(Path(path)) for sample in _saved(file)]
    exchanges = [_redacted(sample) for sample in saved if sample.failed is not False]
    if not exchanges:
        raise DraftError(f"nothing to draft from: no exchange that failed in {', '.join(paths)}")
    name = _name(paths) if name is None else name
    if name in built_in_files():
        raise DraftError(f"{name!r} is a built-in vendor's name; give another with --name")
    bodies = [_body(each) for each in exchanges]
    layout = guess([Seen(each.status, each.headers, body.tree) for each, body in zip(exchanges, bodies, strict=True)])
    head = "\n".join([*_head(name, exchanges, bodies), *_layout(layout, len(exchanges)), ""])
    profile = "\n".join([head, *_codes(exchanges, load(head, name))])
    loaded = load(profile, name)
    shown = ["# What is expected is what the draft reads now. Look at it, and write sentences in words of your own."]
    for title, each in zip(_titles(exchanges), exchanges, strict=True):
        shown += ["", *_shown(each, title, _read(each, loaded))]
    return Draft(name, profile, "\n".join([*shown, ""]))


def _codes(exchanges: Sequence[Sample], unmapped: Profile) -> Iterator[str]:
    """The table of the codes that a profile without one reads."""
    ledger = Ledger()
    for each in exchanges:
        error = _read(each, unmapped)
        for one in (error, *error.others):
            ledger.note(one, 0)
    if rows := ledger.rows(unmapped.name):
        yield from ("# The families are guesses by the statuses that the codes came with.", "[codes]", *rows, "")


def _files(place: Path) -> list[Path]:
    """The file that a path is, or those of a folder but for profiles and what is hidden."""
    if not place.is_dir():
        return [place]
    files = sorted(file for file in place.iterdir() if file.is_file() and not file.name.startswith("."))
    return [file for file in files if file.suffix != ".toml" or file.name.endswith(".samples.toml")]


def _name(paths: Sequence[str]) -> str:
    """A name that the one folder or file of samples suggests."""
    place = Path(paths[0]).resolve()
    if len(paths) > 1 or not (place.is_dir() or place.name.endswith(".samples.toml")):
        return "draft"
    name = re.sub(r"[^a-z0-9]+", "-", place.name.removesuffix(".samples.toml").lower()).strip("-")[:50] or "draft"
    return f"{name}-draft" if name in built_in_files() else name


def _saved(file: Path) -> Iterator[Sample]:
    """The exchanges of a file: samples as a profile has them, a raw response from its status line on, or a body."""
    with file.open("rb") as stream:
        data = stream.read(MOST)
    if file.name.endswith(".samples.toml"):
        yield from _samples(file, data)
        return
    if file.suffix == ".toml":
        raise DraftError(f"{file}: a profile; name the samples beside it")
    status, headers = None, {}
    while match := _HEAD.match(data):  # of several, such as after a 100 or a redirect, the last is the answer
        status, data = int(match[1]), data[match.end() :]
        lines = (line.partition(":") for line in match[2].decode("latin-1").splitlines())
        headers = {name.strip(): value.strip() for name, _, value in lines}
    try:
        yield Sample(file.stem, data.decode(), status=status, headers=headers)
    except UnicodeDecodeError:
        yield Sample(file.stem, data.decode("latin-1"), "latin-1", status, headers)


def _samples(file: Path, data: bytes) -> Iterator[Sample]:
    """As `checking` reads them, but what they expect is no matter here, and may be missing."""
    number = 0
    try:
        for number, raw in enumerate(tomllib.loads(data.decode())["sample"], 1):  # noqa: B007 - told below
            sample = msgspec.convert(raw, Sample)
            sample.content  # noqa: B018 - an encoding may be unknown
            yield sample
    except (KeyError, TypeError, ValueError, LookupError, msgspec.ValidationError) as error:  # TOML's is a ValueError
        place = f"sample {number}: " if number else ""
        complaint = "no samples in it" if isinstance(error, KeyError) else str(error)
        raise DraftError(f"{file}: {place}{complaint}") from None


def _redacted(sample: Sample) -> Sample:
    """An exchange without its secrets; of its headers only those that help support are kept."""
    body, text = _body(sample), redact(sample.body[:EXCERPT])
    if body.kind == "json" and body.tree is not None:
        text = json.dumps(_without_secrets(body.tree), ensure_ascii=False)
    elif body.tree is not None:
        with suppress(ValueError):  # not well-formed, and read all the same: then its text has to do
            text = _element(body.tree)
    headers = {name: clean(value) for name, value in sample.headers.items() if is_id_header(name)}
    return Sample(
        clean(sample.title, 120),
        text,
        status=sample.status,
        headers=kept_headers(sample.headers.items()) | {name.lower(): value for name, value in headers.items()},
        method=sample.method,
        url=sample.url and redact_url(sample.url),
        operation=sample.operation,
    )


def _without_secrets(node: Any, name: str = "") -> Any:
    if isinstance(node, dict):
        return {redact(key): _without_secrets(value, key) for key, value in node.items()}
    if isinstance(node, list):
        return [_without_secrets(item, name) for item in node]
    if node is None or isinstance(node, bool):
        return node
    text = _leaf(name, str(node))
    return node if text == str(node) else text


def _leaf(name: str, text: str) -> str:
    """A text redacted as what stands under its name."""
    prefix = f"{name}: "
    together = redact(prefix + text)
    return together.removeprefix(prefix) if together.startswith(prefix) else redact(text)


def _element(root: Any) -> str:
    from lxml import etree

    for element in root.iter("*"):
        if element.text:
            element.text = _leaf(element.tag.rpartition("}")[2], element.text)
        if element.tail:
            element.tail = redact(element.tail)
        for name, value in element.attrib.items():
            element.set(name, _leaf(name.rpartition("}")[2], value))
    return etree.tostring(root, encoding="unicode")


def _body(sample: Sample) -> Body:
    return decode(sample.content, Headers(sample.headers))


def _read(sample: Sample, profile: Profile) -> CanonicalError:
    return read(_body(sample), Exchange(sample.status, Headers(sample.headers), None, sample.operation), profile)


def _head(name: str, exchanges: Sequence[Sample], bodies: Sequence[Body]) -> Iterator[str]:
    yield f"# Drafted from {len(exchanges)} exchanges. What is said to be a guess wants to be looked at."
    yield f"name = {quoted(name)}"
    yield 'docs = ""  # the page that documents the errors'
    hosts = dict.fromkeys(host.lower() for each in exchanges for host in _HOST.findall(each.url or ""))
    yield f"hosts = {_list(hosts)}" + ("" if hosts else "  # where it answers")
    if kinds := dict.fromkeys(body.kind for body in bodies if body.tree is not None):
        yield f"speaks = {_list(kinds)}  # a body of any other kind came from a proxy"
    statuses = sorted(Counter(each.status for each in exchanges if each.status is not None).items())
    came = ", ".join(f"{status} ({times})" for status, times in statuses)
    yield f"# Statuses that came, and how often: {came or 'none'}."


def _layout(layout: Layout, exchanges: int) -> Iterator[str]:
    yield from ("", "[read]")
    for fact in ("error", "code", "message", "detail", "request_id", "field"):
        paths, places = layout.read.get(fact, []), layout.found.get(fact, [])
        if paths or fact in ("code", "message"):
            yield f"{fact} = {_list(paths)}  # {_grounds(places, exchanges) if paths else 'nothing looks like one'}"
    for fields in layout.fields:
        yield from ("", "[[read.fields]]  # a guess")
        yield from (
            f"{key} = {_list(value) if isinstance(value, list) else quoted(value)}"
            for key, value in fields.items()
            if value
        )


def _grounds(places: Sequence[Place], exchanges: int) -> str:
    """Why a fact is guessed to lie there."""
    texts = {number: text for place in reversed(places) for number, text in place.texts.items()}
    if not texts:
        return "a guess"
    return f"a guess: in {len(texts)} of {exchanges}, such as {clean(next(iter(texts.values())), 60)}"


def _titles(exchanges: Sequence[Sample]) -> Iterator[str]:
    """A title for each that no other has."""
    taken: set[str] = set()
    for number, each in enumerate(exchanges, 1):
        title = each.title if each.title not in taken else f"{each.title} ({number})"
        taken.add(title)
        yield title


def _shown(sample: Sample, title: str, error: CanonicalError) -> Iterator[str]:
    """A sample as TOML, which expects what is read of it."""
    yield "[[sample]]"
    yield f"title = {quoted(title)}"
    for name in ("status", "method", "url", "operation"):
        if (value := getattr(sample, name)) is not None:
            yield f"{name} = {quoted(value) if isinstance(value, str) else value}"
    if sample.headers:
        yield f"headers = {_table(sample.headers)}"
    literal = "'" not in sample.body and sample.body.isprintable()
    yield f"body = '{sample.body}'" if literal else f"body = {quoted(sample.body)}"
    fields = ["|".join((field.path, field.vendor_code or "", field.vendor_message or "")) for field in error.fields]
    expect = {
        "family": error.family.value,
        "code": error.vendor_code or "",
        "message": error.vendor_message or "",
        "detail": error.vendor_detail,
        "request_id": error.vendor_request_id,
        "fields": fields,
        "others": [other.vendor_code or "" for other in error.others],
    }
    always = ("code", "message")
    yield f"expect = {_table({name: value for name, value in expect.items() if value or name in always})}"


def _table(values: Mapping[str, Any]) -> str:
    pairs = (f"{quoted(name) if not name.isidentifier() else name} = {_value(each)}" for name, each in values.items())
    return f"{{ {', '.join(pairs)} }}"


def _value(value: Any) -> str:
    return quoted(value) if isinstance(value, str) else _list(value)


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, texts))}]"
