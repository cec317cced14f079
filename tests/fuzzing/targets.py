"""The three readers of strangers' input, each with what it is fed, how it begins, and what is asked of it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

from errnorm import correlation
from errnorm.answering import Normalizer
from errnorm.families import Action, Family, Fault, Verdict, WaitSource
from errnorm.model import CanonicalError, RetryAdvice
from errnorm.reading.waits import LONGEST, seconds
from errnorm.telling.negotiation import MOST, MediaType, languages, lookup, media_type
from errnorm.telling.problem import told_apart
from tests.fuzzing import beginnings, promises
from tests.fuzzing.accepting import OFFERED, asked, honoured, refused
from tests.fuzzing.exchanges import Exchange, unpacked
from tests.fuzzing.mutating import entries_mutant, exchange_mutant, line_mutant
from tests.fuzzing.promises import alike

THOROUGH = 256  # of as many inputs one is asked everything, chosen by its bytes so that it is asked again
SECRET = b"sk_" + b"live_51Zebrafinch726123quokka"
_PLACE = re.compile(rb"""(?<=[\s"'>(])[A-Za-z]{3,20}(?=[\s"'<)])""")  # a word of its own, which may as well be a secret


class Target(NamedTuple):
    """`longest` bytes make an input; `mutant` goes by (bytes, most, random), None where it knows no better way."""

    holds: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    words: Callable[[], Iterable[str]]
    mutant: Callable[..., bytes | None]
    longest: int


def body(data: bytes) -> None:
    """Whatever a body holds, it is read within bounds, always alike, and tells no secret."""
    exchange = unpacked(data)
    error = exchange.read()
    promises.bounded(error)
    number = zlib.crc32(data)
    if number % THOROUGH == 0:
        thoroughly(exchange, error, number // THOROUGH)
    elif number % 32 == 0 and told_apart(error):
        promises.told_safely(error)


def thoroughly(exchange: Exchange, error: CanonicalError, number: int = 0) -> None:
    """All that can be asked of one exchange."""
    promises.survives(error)
    promises.told_safely(error, promises.ACCEPTS[number % 4], "de")
    assert alike(exchange.read(), error)
    content = exchange.body
    if not isinstance(content, str) or content.isascii():
        content = content.encode() if isinstance(content, str) else content
        same = [content, bytearray(content), memoryview(content), *([content.decode()] if content.isascii() else [])]
        for each in same:
            assert alike(exchange.read(body=each), error), type(each)
        if places := list(_PLACE.finditer(content)):
            start, end = places[number % len(places)].span()
            told = exchange.read(body=content[:start] + SECRET + content[end:])
            promises.bounded(told)
            assert SECRET[-12:].decode() not in repr(told), "a secret is kept"
    # the operation is given, for a profile may name it by the method
    get, post = (exchange.read(method=method, operation="fuzz it").retry for method in ("GET", "POST"))
    verdicts = (get.verdict, post.verdict)
    assert verdicts == (Verdict.SAFE, Verdict.IF_IDEMPOTENT) or get.verdict is post.verdict, verdicts


def headers(data: bytes) -> None:
    """Whatever headers hold, in whatever shape they come, they are read within bounds and always alike."""
    exchange = unpacked(data)
    error = exchange.read()
    promises.bounded(error)
    pairs = exchange.headers
    date = next((value for name, value in pairs if name.lower() == "date"), None)
    for name, value in pairs[:4]:
        wait = seconds(value, unit=name, date=date)
        assert wait is None or (type(wait) is float and 0.0 <= wait <= LONGEST), (value, wait)
    number = zlib.crc32(data)
    if number % THOROUGH:
        return
    thoroughly(exchange, error, number // THOROUGH)
    same: list[object] = [iter(pairs), tuple(map(list, pairs))]
    if all(name.isascii() and value.isascii() for name, value in pairs):
        same.append([(name.upper().encode(), value.encode()) for name, value in pairs])
        if len({name.lower() for name, _ in pairs}) == len(pairs):
            same.append(dict(pairs))
    for each in same:
        assert alike(exchange.read(headers=each), error), type(each)


def accept(data: bytes) -> None:
    """Whatever a client says it can read, and whatever it calls its request, it gets one whole answer."""
    which, *lines = (*data.split(b"\n", 3), b"", b"", b"", b"")[:4]
    wanted, tongues, inbound = (line.decode("utf-8", "surrogateescape") or None for line in lines)
    media = media_type(wanted)
    assert media in MediaType
    honoured(wanted, media)
    ranges = languages(tongues)
    assert len(ranges) <= MOST
    assert all(map(_RANGE.fullmatch, ranges)), ranges
    assert languages(",".join(ranges)) == ranges
    assert not (refused(tongues) & {tag.lower() for tag in ranges}), (tongues, ranges)
    found = lookup(ranges, OFFERED, "none")
    assert found == "none" or (found in OFFERED and any(asked(found, each) for each in ranges)), (found, ranges)
    settled = correlation.accept(inbound)
    assert (settled == inbound) is bool(inbound and _REPEATABLE.fullmatch(inbound)), settled
    if zlib.crc32(data) % 8 == 0:
        failure = FAILURES[which[0] % len(FAILURES) if which else 0]
        bound = correlation.bind(correlation.Inbound(str.__str__, inbound) if inbound else correlation.accept(None))
        try:
            rendered = promises.answered(NORMALIZER, failure, wanted, tongues)
        finally:
            correlation.unbind(bound)
        promises.whole(rendered, wanted)
        promises.correlated(inbound, rendered)


_RANGE = re.compile(r"\*|[a-z]{1,8}(?:-[A-Za-z0-9]{1,8})*", re.ASCII)
_REPEATABLE = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
NORMALIZER = Normalizer(
    messages={
        "conflict": {"en": "Twice.", "de": "Zweimal \u2013 <b>&amp;", "pt-BR": "Duas"},
        "rate_limit": {"de-AT": "Sp\u00e4ter"},
    },
    support_url="https://help.example/?a=1&b=2",
    type_base="https://errors.example/",
)
FAILURES = (
    CanonicalError(),
    CanonicalError(family=Family.CONFLICT, fault=Fault.USER, response_status=409, reason="CONFLICT"),
    CanonicalError(
        family=Family.RATE_LIMIT,
        fault=Fault.USER,
        action=Action.WAIT,
        response_status=429,
        reason="RATE_LIMIT",
        retry=RetryAdvice(Verdict.SAFE, 90.5, WaitSource.HEADER),
    ),
    CanonicalError(family=Family.AUTHENTICATION, action=Action.RECONNECT, response_status=409),
)
TARGETS = {
    "body": Target(body, beginnings.body_seeds, beginnings.body_words, exchange_mutant, 4_096),
    "headers": Target(headers, beginnings.header_seeds, beginnings.header_words, line_mutant, 512),
    "accept": Target(accept, beginnings.accept_seeds, beginnings.accept_words, entries_mutant, 256),
}
