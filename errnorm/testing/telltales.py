"""What must not be in an answer: what a vendor said, where it is to be asked, and the secrets that it was sent."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from errnorm import _json
from errnorm.answering import default
from errnorm.families import Action
from errnorm.model import CanonicalError
from errnorm.redaction import redact
from errnorm.telling import words
from errnorm.telling.problem import told_apart
from errnorm.telling.texts import texts_of
from errnorm.testing.server import Answer, Asked
from errnorm.vendors.profile import Profile

RUN = 5  # so many words of the vendor's in a row are its sentence, not chance
How = Literal["anywhere", "word", "value"]  # as a part of a word too, as words, or as a whole member, cell or line
_ID = re.compile(r"(?=.*[A-Za-z])(?=.*(?:\d|[_:/@]|[a-z][A-Z]))\S+")  # nobody says such a word by chance
_KEY = re.compile(r"auth|cookie|key|token|secret|signature|password|credential")
_IDS = re.compile(r"\bid\b|-id|requestid|ray|trace|x-")


class Telltale(NamedTuple):
    """A text that tells something: what it is, and how it has to stand there to be it and no chance."""

    what: str
    text: str
    how: How = "word"
    secret: bool = False


def said(answers: Iterable[Answer], profile: Profile, sent: Iterable[Asked]) -> Iterator[Telltale]:
    """What the vendor's failures said, but for what a user may read; ids of the app's own that it echoed are none."""
    own = {value for asked in sent for value in asked.headers.values()}
    for answer in answers:
        if answer.failing:
            error = default().parse(answer.body, status=answer.status, headers=answer.headers, vendor=profile.name)
            allowed = _ours(profile), *map(flat, _allowed(error))
            for telltale in _of_answer(answer, error):
                if telltale.text not in own and not _is_allowed(flat(telltale.text), telltale.how, allowed):
                    yield telltale


def _is_allowed(text: str, how: How, allowed: Iterable[str]) -> bool:
    """What is read as a value must be one of ours, and not only a word of it."""
    part = f"\n{text}\n" if how == "value" else text
    return any(part in f"\n{each}\n" for each in allowed)


def _of_answer(answer: Answer, error: CanonicalError) -> Iterator[Telltale]:
    for each in (error, *error.others):
        yield from _codes(each)
        for text in (each.vendor_message, each.vendor_detail, each.vendor_user_message):
            yield from _prose("the vendor's message", text)
        yield from _name("the vendor's request id", each.vendor_request_id, 3)
        for field in each.fields:
            yield from _prose("the vendor's message about a field", field.vendor_message)
            yield from _name("the vendor's code of a field", field.vendor_code, 3)
    for _, text in leaves(answer.body.decode(errors="replace")):
        yield from _prose("the vendor's body", text)
    for name, value in answer.headers.items():
        if _IDS.search(name.lower()):
            yield from _name(f"the vendor's header {name}", value, 3)


def _codes(error: CanonicalError) -> Iterator[Telltale]:
    yield from _name("the vendor's code", error.vendor_code, 3)
    if "_" in error.reason:
        yield Telltale("the reason", error.reason)


def _prose(what: str, text: str | None) -> Iterator[Telltale]:
    """A sentence as a whole, and in runs of words, so that half of it is found too."""
    found = (text or "").split()
    if len(found) == 1:
        yield from _name(what, text, 6)
    elif found:
        yield Telltale(what, " ".join(found), "value")
        for start in range(max(len(found) - RUN, 0) + 1):
            if len(run := " ".join(found[start : start + RUN])) > 8:
                yield Telltale(what, run)


def _name(what: str, text: str | None, least: int) -> Iterator[Telltale]:
    """A code or an id: by itself, if nobody would say it otherwise; a plain word or number, only as a value."""
    if text and (text := text.strip()):
        telling = len(text) >= least and (_ID.fullmatch(text) or text.isdecimal())
        yield Telltale(what, text, "word" if telling else "value")


def _allowed(error: CanonicalError) -> Iterator[str]:
    """What a user may read of it: see `problem_of`. Whose credential it was, only the app knows."""
    judged = [default().judged(error, whose) for whose in ("app", "user")]
    if any(map(told_apart, judged)):
        yield error.reason
    if any(each.fault == "user" for each in judged) and error.from_vendor and error.vendor_user_message:
        yield error.vendor_user_message


@cache
def _ours(profile: Profile) -> str:
    """Whatever we say by ourselves, line by line: that a vendor says it too is chance."""
    fixed = ("about:blank", "service_unavailable", "service_error", "application/problem+json", *Action)
    return "\n".join(map(flat, (*_strings(vars(words)), *_strings([texts_of(profile)]), *fixed)))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            if not str(name).startswith("__"):
                yield from _strings(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _strings(each)


def sent_to(asked: Asked) -> Iterator[Telltale]:
    """Where the vendor was asked, and the secrets that it was sent."""
    split = urlsplit(asked.path)
    if host := asked.headers.get("host"):
        yield Telltale("the vendor's host", host)
    if split.path.count("/") > 2:
        yield Telltale("the path that the vendor was asked for", split.path)
    pairs = (*parse_qsl(split.query), *_named(asked.body.decode(errors="replace")))
    for name, value in (*((name, value) for name, value in asked.headers.items() if _KEY.search(name)), *pairs):
        if _is_secret(name, value):
            yield from (Telltale(f"a secret that was sent ({name})", each, "anywhere", True) for each in _pieces(value))


def _is_secret(name: str, value: str) -> bool:
    plain = f"{name}: {value}"
    return len(value) > 5 and (name in _CREDENTIALS or redact(plain) != plain)


_CREDENTIALS = ("authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "proxy-authorization")


def _pieces(value: str) -> Iterator[str]:
    """A credential, what of it comes after its scheme, and a password in it."""
    yield value
    scheme, _, key = value.rpartition(" ")
    if scheme and len(key) > 5:
        yield key
    if scheme.lower() == "basic":
        try:
            password = base64.b64decode(key).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return
        if len(password) > 5:
            yield password


def _named(text: str) -> Iterator[tuple[str, str]]:
    yield from leaves(text)
    if "=" in text and not text.lstrip().startswith(("{", "[", "<")):
        yield from parse_qsl(text)


def leaves(text: str) -> Iterator[tuple[str, str]]:
    """The values in a body of JSON or of elements, each with the name that it goes by; else the lines of it."""
    try:
        yield from _leaves("", _json.loads(text.encode()))
    except (ValueError, RecursionError):
        if "<" in text:
            yield from re.findall(r"<([\w:.-]*)[^<>]*>([^<>]*[^<>\s][^<>]*)", text)
        else:
            yield from (("", line) for line in text.splitlines())


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(str(key), each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(name, each)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield name, str(value)


def flat(text: str) -> str:
    """Without what a renderer may change: capitals and blanks."""
    return " ".join(text.casefold().split())
