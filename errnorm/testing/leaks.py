"""Nothing that a vendor said, or was sent, may be in an answer to a user: the assertion that looks for it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from http.client import responses
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from errnorm.model import Problem, Rendered
from errnorm.reading.outcomes import OUTCOMES
from errnorm.redaction import clean, redact
from errnorm.testing import leading
from errnorm.testing.telltales import How, Telltale, flat, leaves, said, sent_to
from errnorm.testing.vendor import FakeVendor

_SHOWN = 10  # leaks in one complaint
_TRACES = re.compile(
    r"Traceback \(most recent call last\)|site-packages"
    r"|File \"[^\"\n]+\", line \d+|\bat [\w$.]+\([\w$]+\.\w+:\d+\)|\.py:\d+\b"
)
_CLASSES = sorted({word.partition(".")[2].partition(":")[0] for word in OUTCOMES} - {""})
_EXCEPTIONS = re.compile(
    rf"\b(?:(?:[a-z_]\w*\.)+[A-Z]\w*(?:Error|Exception|Timeout|Warning)"
    rf"|VendorError|CanonicalError|{'|'.join(name for name in _CLASSES if re.fullmatch(r'(?:[A-Z][a-z]+){2,}', name))}"
    r"|(?:[A-Z][a-z]+)+(?:Error|Exception))\b"
)
_MARK = re.compile(r"\[(?:secret|key|token|jwt|credentials|private key)\]")
_TOKENS_OF_FORMS = re.compile(r"<(?:input|meta)\b[^>]*csrf[^>]*>", re.IGNORECASE)
_UNSEEN = re.compile(r"<(style|script)\b.*?</\1>", re.DOTALL)
# What an answer's own numbers are: its status, its wait.
_MEASURES = re.compile(
    r'(?i:status line: |header retry-after: |member status: |member retry_after: |"status": ?|"retry_after": ?)(\d+)'
)
# Headers that say what they say by chance: none of them is told by a vendor, and no key is in them that is not meant.
_OURS = (
    *("cache-control", "content-language", "content-length", "content-security-policy", "content-type", "date"),
    *("etag", "set-cookie", "vary"),
)


class Place(NamedTuple):
    """A part of an answer: its name, and its text in every coat, without JSON's escapes and markup's entities."""

    name: str
    text: str
    values: tuple[str, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether it is a header that we set ourselves."""
        return self.name.partition(" ")[2].lower() in _OURS


def _place(name: str, text: str) -> Place:
    values = tuple(value for _, value in leaves(text))
    coats = (text, html.unescape(text), *values) if "\\" in text or "&" in text else (text,)
    return Place(name, "\n".join(coats), values)


class Leak(NamedTuple):
    """What was found, and where; its text is fit to be printed."""

    place: str
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}: {self.text!r}"


def assert_no_leak(answer: object, *told: FakeVendor | str | bytes) -> None:
    """Raises AssertionError where an answer holds what no user may see.

    That is: what a vendor said (unless it is written for users, and it is their doing), its host, the secrets that it
    was sent, traces of exceptions, and whatever looks like a key. The vendors are those that stand in just now, and
    those that are `told`; so may be texts that must not be there either.

    `answer`: a response of a test client (Django, Starlette, Flask) or of httpx, requests or aiohttp, whose body is
    read; a Problem, a Rendered, a text or bytes. For end users' answers: integrators may see more.
    """
    __tracebackhide__ = True
    places = list(places_of(answer))
    fakes = {each for each in (*leading.under_way(), *told) if isinstance(each, FakeVendor)}
    texts = [each.decode(errors="replace") if isinstance(each, bytes) else each for each in told if each not in fakes]
    telltales = [Telltale("a text that must not be there", text, "anywhere", True) for text in map(str, texts)]
    for fake in fakes:
        telltales += _of_fake(fake)
    leaks = list(dict.fromkeys((*_told(places, telltales), *_traces(places), *_keys(places))))
    if leaks:
        more = [f"and {len(leaks) - _SHOWN} more"] if len(leaks) > _SHOWN else []
        raise AssertionError("\n  ".join(("the answer tells what no user may see:", *map(str, leaks[:_SHOWN]), *more)))


def _of_fake(fake: FakeVendor) -> Iterator[Telltale]:
    asked = fake.requests
    yield from said(fake.given, fake.profile, asked)
    for each in asked:
        yield from sent_to(each)
    yield Telltale("the vendor's host", urlsplit(fake.url).netloc)
    for host in fake.profile.hosts if fake.hosts is None else fake.hosts:
        if "*" not in host:
            yield Telltale("the vendor's host", host.lstrip("."))


def places_of(answer: object) -> Iterator[Place]:
    """An answer in parts, each as text. Raises TypeError for what is none, or has not been read."""
    if isinstance(answer, str | bytes | bytearray):
        yield _place("body", answer if isinstance(answer, str) else bytes(answer).decode(errors="replace"))
        return
    if isinstance(answer, Problem):
        yield from (_place(f"member {name}", str(value)) for name, value in answer.to_dict().items())
        return
    status, headers = _first(answer, "status_code", "status"), _first(answer, "headers")
    if status is None or headers is None:
        raise TypeError(f"a response, a Problem, a Rendered, a text or bytes is wanted, not {type(answer).__name__}")
    reason = _first(answer, "reason_phrase", "reason") or ""
    yield _place("status line", f"{status} {'' if reason == responses.get(status) else reason}")
    pairs = headers if isinstance(answer, Rendered) else headers.items()
    yield from (_place(f"header {name}", f"{value}") for name, value in pairs)
    yield _place("body", _body(answer).decode(errors="replace"))


def _body(answer: Any) -> bytes:
    if getattr(answer, "streaming", False) is True:  # Django's, which can be read once
        answer.streaming_content = [content := bytes(answer.getvalue())]
        return content
    for name in ("_body", "content", "data", "body"):  # aiohttp's first: its `content` is a stream
        if isinstance(body := getattr(answer, name, None), bytes | bytearray | memoryview):
            return bytes(body)
    raise TypeError(f"the body of this {type(answer).__name__} has not been read: read it first")


def _first(answer: object, *names: str) -> Any:
    return next((value for name in names if (value := getattr(answer, name, None)) is not None), None)


def _told(places: list[Place], telltales: Iterable[Telltale]) -> Iterator[Leak]:
    """What is in an answer word by word; of several runs of one sentence the first, which is the whole where it can."""
    wanted: dict[tuple[str, How], Telltale] = {}
    for each in telltales:
        if text := flat(each.text):
            wanted.setdefault((text, each.how), each)
    measures = {measure for place in places for measure in _MEASURES.findall(f"{place.name}: {place.text}")}
    for place in places:
        there = _There(place, measures)
        found: dict[str, Telltale] = {}
        for (text, how), telltale in wanted.items():
            if telltale.what not in found and there.holds(text, how):
                found[telltale.what] = telltale
        for what, telltale in found.items():
            yield Leak(place.name, what, _fit(telltale))


class _There:
    """A place as it is searched."""

    def __init__(self, place: Place, measures: set[str]) -> None:
        self._place, self._measures = place, measures
        self._text = flat(place.text)
        self._shown = flat(_UNSEEN.sub(" ", place.text)) if "<" in place.text else self._text
        self._values = {flat(part) for value in place.values for part in (value, value.rpartition(": ")[2])}

    def holds(self, text: str, how: How) -> bool:
        """Whether a text stands there; a number or a short word is looked for in what is shown only."""
        if how == "anywhere":
            return text in self._text
        if text.isdecimal() and (self._place.is_ours or text in self._measures):
            return False
        if text in self._values and not self._place.is_ours:
            return True
        shown = self._shown if text.isdecimal() or len(text) < 6 else self._text
        return how == "word" and text in shown and _is_word(text, shown)


def _is_word(text: str, place: str) -> bool:
    return re.search(rf"(?<![\w#.-]){re.escape(text)}(?![\w-])", place) is not None


def _fit(telltale: Telltale) -> str:
    """A secret is named by its beginning and its length; what else is found, redacted."""
    if telltale.secret:
        return f"{telltale.text[:3]}… ({len(telltale.text)} characters)"
    return clean(telltale.text, 60)


def _traces(places: Iterable[Place]) -> Iterator[Leak]:
    for place in places:
        for what, pattern in (("a stack trace", _TRACES), ("the name of an exception", _EXCEPTIONS)):
            if match := pattern.search(place.text):
                yield Leak(place.name, what, clean(match[0], 60))


def _keys(places: Iterable[Place]) -> Iterator[Leak]:
    """What looks like a key, whoever's it is."""
    for place in places:
        if place.is_ours:
            continue
        text = _TOKENS_OF_FORMS.sub("", place.text)
        marks = _MARK.findall(redact(text)) if text else []
        for mark in dict.fromkeys(each for each in marks if each not in text):
            yield Leak(place.name, "what looks like a secret", mark)
