"""Saved exchanges to the draft of a profile: both its files, with a comment wherever something was guessed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from errnorm.cli.arguments import UsageError, counted
from errnorm.cli.exchanges import saved_in
from errnorm.cli.guessing import Layout, Place, Seen, guess, is_id_header
from errnorm.cli.hiding import Answer, Apart, tell_apart
from errnorm.cli.writing import write_all
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

_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")
WELL = 3  # of the answers that nobody but the draft takes for well, so many are written: `failed` is held to them
_HOST = re.compile(r"\Ahttps?://([\w.-]+)(?=[:/?]|\Z)")


class Draft(NamedTuple):
    """A drafted profile and its samples, as the texts of their files."""

    name: str
    profile: str
    samples: str

    def write(self, folder: Path) -> list[Path]:
        """Writes both files and returns where they are. Raises UsageError rather than overwrite one."""
        texts = {f"{self.name}.toml": self.profile, f"{self.name}.samples.toml": self.samples}
        for name in texts:
            if (folder / name).exists():
                raise UsageError(f"{folder / name}: is there already; move it away, or take another --name")
        return list(write_all(folder, texts))


def draft(paths: Sequence[str], name: str | None = None) -> Draft:
    """Drafts a profile from the exchanges in files and folders. Raises UsageError, ProfileError and OSError."""
    exchanges = [_redacted(sample) for path in paths for sample in saved_in(path)]
    apart = tell_apart([Answer(each.status, _body(each), each.failed) for each in exchanges])
    failures = [each for each, failed in zip(exchanges, apart.failed, strict=True) if failed]
    if not failures:
        raise UsageError(
            f"nothing to draft from: no failure in {', '.join(paths)}, "
            f"but {counted(len(exchanges), 'answer')} below 400 in which nothing tells of one"
        )
    name = _name(paths) if name is None else name
    if name in built_in_files():
        raise UsageError(f"{name!r} is a built-in vendor's name; give another with --name")
    bodies = [_body(each) for each in failures]
    layout = guess([Seen(each.status, each.headers, body.tree) for each, body in zip(failures, bodies, strict=True)])
    titled = [
        msgspec.structs.replace(each, title=title) for each, title in zip(exchanges, _titles(exchanges), strict=True)
    ]
    top = (*_head(name, failures, bodies), *_failed(titled, apart), *_layout(layout, len(failures)), "")
    head = "\n".join(top)
    profile = "\n".join([head, *_codes(failures, load(head, name))])
    loaded = load(profile, name)
    shown = ["# What is expected is what the draft reads now. Look at it, and write sentences in words of your own."]
    for each, failed in _written(titled, apart):
        shown += ["", *_shown(each, failed), *(_expected(_read(each, loaded)) if failed else ())]
    return Draft(name, profile, "\n".join([*shown, ""]))


def _written(exchanges: Sequence[Sample], apart: Apart) -> Iterator[tuple[Sample, bool]]:
    """The samples, and whether they failed: of those that went well all that somebody said so of, and a few others."""
    others = 0
    for each, failed in zip(exchanges, apart.failed, strict=True):
        others += not failed and each.failed is None
        if failed or each.failed is False or others <= WELL:
            yield each, failed


def _failed(exchanges: Sequence[Sample], apart: Apart) -> Iterator[str]:
    """How failures below 400 are told from answers that went well."""
    doubtful = [
        (each.title, failed) for each, failed, sure in zip(exchanges, apart.failed, apart.sure, strict=True) if not sure
    ]
    if apart.conditions:
        yield "failed = [  # a guess at what tells a failure below 400 from what went well"
        yield from (f"    {_table(each)}," for each in apart.conditions)
        yield "]"
    if failures := [title for title, failed in doubtful if failed]:
        yield f"# `failed` wants a condition more: nothing tells of {_named(failures)} that it failed."
    if well := [title for title, failed in doubtful if not failed]:
        yield f"# Nothing tells of {_named(well)} that it failed; if it did, `failed` has to say by what."


def _named(titles: Sequence[str]) -> str:
    more = f" and {len(titles) - WELL} more" if len(titles) > WELL else ""
    return f"{', '.join(repr(title) for title in titles[:WELL])}{more}"


def _codes(exchanges: Sequence[Sample], unmapped: Profile) -> Iterator[str]:
    """The table of the codes that a profile without one reads."""
    ledger = Ledger()
    for each in exchanges:
        error = _read(each, unmapped)
        for one in (error, *error.others):
            ledger.note(one, 0)
    if rows := ledger.rows(unmapped.name):
        yield from ("# The families are guesses by the statuses that the codes came with.", "[codes]", *rows, "")


def _name(paths: Sequence[str]) -> str:
    """A name that the one folder or file of samples suggests."""
    place = Path(paths[0]).resolve()
    if len(paths) > 1 or not (place.is_dir() or place.name.endswith(".samples.toml")):
        return "draft"
    name = re.sub(r"[^a-z0-9]+", "-", place.name.removesuffix(".samples.toml").lower()).strip("-")[:50] or "draft"
    return f"{name}-draft" if name in built_in_files() else name


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
        failed=sample.failed,
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
    yield f"# Drafted from {counted(len(exchanges), 'failure')}. What is said to be a guess wants to be looked at."
    yield f"name = {quoted(name)}"
    yield 'docs = ""  # the page that documents the errors'
    hosts = dict.fromkeys(host.lower() for each in exchanges for host in _HOST.findall(each.url or ""))
    yield f"hosts = {_list(hosts)}" + ("" if hosts else "  # where it answers")
    if kinds := dict.fromkeys(body.kind for body in bodies if body.tree is not None):
        yield f"speaks = {_list(kinds)}  # a body of any other kind came from a proxy"
    if shapeless := sum(body.tree is None and body.kind not in ("html", "empty") for body in bodies):
        yield f"# Neither JSON, XML nor a page, so that no place in it has a name: {shapeless} of {len(bodies)}."
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


def _shown(sample: Sample, failed: bool) -> Iterator[str]:
    """A sample as TOML, without what is expected of it."""
    yield "[[sample]]"
    yield f"title = {quoted(sample.title)}"
    for name in ("status", "method", "url", "operation"):
        if (value := getattr(sample, name)) is not None:
            yield f"{name} = {quoted(value) if isinstance(value, str) else value}"
    if sample.headers:
        yield f"headers = {_table(sample.headers)}"
    literal = "'" not in sample.body and sample.body.isprintable()
    yield f"body = '{sample.body}'" if literal else f"body = {quoted(sample.body)}"
    if sample.failed is not None or (sample.status is not None and sample.status < 400):
        yield f"failed = {str(failed).lower()}"


def _expected(error: CanonicalError) -> Iterator[str]:
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
    pairs = (f"{name if _BARE.match(name) else quoted(name)} = {_value(each)}" for name, each in values.items())
    return f"{{ {', '.join(pairs)} }}"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return _table(value)
    return quoted(value) if isinstance(value, str) else _list(value)


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, texts))}]"
