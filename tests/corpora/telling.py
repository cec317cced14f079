"""Naughty strings, header fields and made-up secrets, planted wherever a vendor or a client can say something."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from xml.sax.saxutils import escape

from errnorm import correlation
from errnorm.answering import Normalizer
from errnorm.logging import ConsoleFormatter, JSONFormatter
from errnorm.model import CanonicalError, VendorError
from errnorm.redaction import redact
from errnorm.samples import built_in_files, samples_of
from tests.corpora.leaks import PLACES, secrets
from tests.corpora.reading import ACCEPTS, NORMALIZER, well_formed

RESPONSE_HEADERS = ("Retry-After", "X-Request-Id", "WWW-Authenticate", "Content-Type", "Date", "RateLimit", "Server")
STRUCTURED = ("RateLimit", "RateLimit-Policy", "Retry-After", "Proxy-Status", "Cache-Status")
MEANT = ("@", "?token=", "sk-")  # what our samples have in them to be redacted


class Told(NamedTuple):
    """All that comes of a failure: for programs, for logs, for people."""

    error: CanonicalError
    log: list[str]
    answers: list[bytes]

    @property
    def text(self) -> str:
        return "\n".join([json.dumps(self.error.to_dict(), ensure_ascii=False), *self.log, *map(_text, self.answers)])


FORMATTERS = (JSONFormatter(), ConsoleFormatter())


class _Kept(logging.Handler):
    """The line that a record becomes, and its keys."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.keys: list[dict[str, Any]] = []
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
        self.keys.append({key: value for key, value in vars(record).items() if key.startswith("errnorm_")})
        self.written += [formatter.format(record) for formatter in FORMATTERS]


class _Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attributes)))


def tell(error: CanonicalError, language: str = "en", accept: str = "", normalizer: Normalizer = NORMALIZER) -> Told:
    """Answers in every media type and, if there is one, as `accept` asks; what was logged is one line each."""
    kept, logger = _Kept(), logging.getLogger("errnorm")
    logger.addHandler(kept)
    logger.setLevel(logging.DEBUG)
    try:
        answers = [normalizer.answer(VendorError(error), asked, language) for asked in (*ACCEPTS, accept or "*/*")]
    finally:
        logger.removeHandler(kept)
    for asked, answer in zip(ACCEPTS, answers, strict=False):
        well_formed(answer.body, asked)
    assert all(name.isascii() and value.isprintable() and value.isascii() for a in answers for name, value in a.headers)
    keys = [json.dumps(each, ensure_ascii=False) for each in kept.keys]
    assert len(kept.lines) == len(answers)
    assert all(len(line.splitlines()) == 1 for line in (*kept.lines, *keys, *kept.written))
    assert all(len(value.splitlines()) < 2 for each in kept.keys for value in each.values() if isinstance(value, str))
    return Told(error, [*kept.lines, *keys], [answer.body for answer in answers])


def planted(word: str, **more: str) -> Iterator[CanonicalError]:
    """Failures in which a word stands wherever the vendor has one of its own."""
    headers = dict.fromkeys(RESPONSE_HEADERS, word)
    many = {
        "error": {"code": word, "message": word, "detail": word, "request_id": word},
        "errors": [{"field": word, "message": word, "code": word}],
        word: [word],
    }
    said = escape("".join(char if char.isprintable() else " " for char in word), {'"': "&quot;"})
    xml = (
        f'<Error a="{said}"><ReasonCode>{said}</ReasonCode><SimpleMessage>{said}</SimpleMessage><Id>{said}</Id></Error>'
    )
    url = f"https://api.example/v1/{quote(word, safe='')}?q={quote(word, safe='')}"
    for vendor in (None, "phase"):
        yield NORMALIZER.parse(json.dumps(many), status=400, headers=headers, vendor=vendor, url=url, **more)
    yield NORMALIZER.parse(xml, status=409, headers=headers, vendor="lionbridge", url=word)
    yield NORMALIZER.parse(word, status=502, headers=list(headers.items()), url=url)
    yield NORMALIZER.parse(f"<html><title>{word}</title><h1>{word}</h1>", status=503)


def naughty(words: list[str]) -> list[str]:
    """What went wrong with which word; nothing should."""
    wrong: list[str] = []
    tags = _Tags(_own("word")).found
    for word in words:
        token = correlation.bind(correlation.accept(word))
        try:
            for error in planted(word, method=word):
                tell(error, word, word)
            assert _Tags(_own(word)).found == tags
        except Exception as raised:  # noqa: BLE001 - that there is none is what is to be shown
            wrong.append(f"{word!r:.80}: {raised!r:.200}")
        finally:
            correlation.unbind(token)
    return wrong


def _own(word: str) -> str:
    """A page with an app's own text."""
    normalizer = Normalizer(
        messages={"conflict": {"en": word or "word"}}, support_url="https://help.example/?q=" + quote(word)
    )
    error = NORMALIZER.parse(b"{}", status=409).replace(fault="user")
    return normalizer.answer(error, "text/html", "en").body.decode()


def fields(folder: Path) -> tuple[int, list[str]]:
    """How many cases of structured fields there are, and which of them made an exception."""
    wrong: list[str] = []
    cases = [case for path in sorted(folder.glob("*.json")) for case in json.loads(path.read_text(encoding="utf-8"))]
    for case in cases:
        for name in STRUCTURED:
            headers = [(name, line) for line in case.get("raw", ())]
            try:
                tell(NORMALIZER.parse(b"{}", status=429, headers=headers))
            except Exception as raised:  # noqa: BLE001 - likewise
                wrong.append(f"{case['name']}, {name}: {raised!r:.200}")
    return len(cases), wrong


def leaked(rules: Path) -> tuple[int, dict[str, set[str]]]:
    """How many rules there are, and by place those of which a secret survived, in a text or in what is told of it."""
    names: set[str] = set()
    lost: dict[str, set[str]] = {place: set() for place in PLACES}
    for secret in secrets(rules):
        names.add(secret.rule)
        for place, phrase in PLACES.items():
            text = phrase(secret)
            told = [redact(text), *_told(text)]
            if any(map(secret.survives_in, told)):
                lost[place].add(secret.rule)
    return len(names), lost


def _told(text: str) -> Iterator[str]:
    for error in planted(text):
        yield tell(error).text


def harmed() -> tuple[int, list[str]]:
    """How many texts our own samples have, and which of them are redacted that should not be."""
    texts = {
        text for file in built_in_files().values() for sample in samples_of(file) for text in _texts(sample.content)
    }
    return len(texts), [text for text in texts if redact(text) != text and not any(piece in text for piece in MEANT)]


def _texts(content: bytes) -> Iterator[str]:
    try:
        yield from _leaves(json.loads(content))
    except ValueError:
        yield from filter(str.strip, content.decode("utf-8", "replace").replace(">", "<").split("<"))


def _leaves(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield key
            yield from _leaves(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _leaves(value)
    elif isinstance(tree, str):
        yield tree


def _text(body: bytes) -> str:
    return body.decode("utf-8")
