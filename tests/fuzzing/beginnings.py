"""What each fuzzing target begins with, and the words that its mutants may use."""

from __future__ import annotations

from collections.abc import Iterator

from errnorm.samples import built_in_files
from errnorm.telling.negotiation import MediaType
from tests.fuzzing import exchanges
from tests.fuzzing.accepting import OFFERED, PLAIN


def body_seeds() -> Iterator[bytes]:
    yield from exchanges.samples()
    yield from exchanges.crowds()


def body_words() -> Iterator[str]:
    yield from (
        '{"',
        '":',
        "<![CDATA[",
        "]]>",
        "<!DOCTYPE",
        "<html>",
        "<title>",
        "\\u0041",
        "\\ud800",
        "&#65;",
        "&amp;",
    )
    yield from (
        "null",
        "true",
        "1e999",
        "\n\n",
        "\ufeff",
        "data: {",
        "event: error\n",
        ")]}'",
    )
    for name in built_in_files():
        yield from exchanges.words_of(name)


TIMES = (
    *(
        "Fri, 02 Jan 2026 03:04:05 GMT",
        "Friday, 02-Jan-26 03:05:05 GMT",
        "Fri Jan  2 03:05:05 2026",
        "2026-01-02T03:05:05Z",
    ),
    *(
        "1767323105",
        "1767323105000",
        "12.5s",
        "6m0s",
        "20ms",
        "-5",
        "0",
        "1e3",
        "9999999999999",
        "P1D",
        "+0100",
        "60, 120",
    ),
)
NAMES_OF_HEADERS = (
    *("Retry-After", "Date", "retry-after-ms", "X-Retry-After", "RateLimit", "RateLimit-Reset", "RateLimit-Policy"),
    *("X-RateLimit-Reset", "X-RateLimit-Remaining", "X-Rate-Limit-Reset", "X-RateLimit-Reset-Requests", "Content-Type"),
    *(
        "WWW-Authenticate",
        "Link",
        "X-Request-Id",
        "X-Should-Retry",
        "X-Amzn-ErrorType",
        "Server",
        "CF-RAY",
        "traceparent",
    ),
)
VALUES_OF_HEADERS = (
    *('"default";r=0;t=60', '"default";q=100;w=60', "limit=100, remaining=0, reset=60", "true", "false"),
    *('Bearer realm="x", error="invalid_token", error_description="It is \\"over\\""', "Basic realm=x", "Negotiate"),
    *("text/html; charset=iso-8859-1", 'application/json; charset="utf-16"', "application/x-www-form-urlencoded"),
    *('<https://docs.example/e>; rel="help"', "urn:uuid:01234567-89ab-4def-8123-456789abcdef", "charset=utf-7"),
)


def header_words() -> Iterator[str]:
    yield from (*TIMES, *NAMES_OF_HEADERS, *VALUES_OF_HEADERS, "\n\n", ": ", ", ", ";q=", "\u00b5s", "\u0663")
    for name in built_in_files():
        yield from (word for word in exchanges.words_of(name) if "-" in word and not word.islower())


def header_seeds() -> Iterator[bytes]:
    """Every header that we know with everything that may stand in one, and what samples hold."""
    for status in (429, 503, 401, 200):
        for name in NAMES_OF_HEADERS:
            for value in (*TIMES, *VALUES_OF_HEADERS):
                yield exchanges.packed(None, status, [(name, value), ("Date", TIMES[0])], "GET", b"")
    for sample in exchanges.samples():
        head, found, _ = sample[exchanges.HEAD :].partition(b"\n\n")
        if found:
            yield sample[: exchanges.HEAD] + head + b"\n\n{}"


ACCEPTS = (
    *("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "*/*", "application/json, text/plain, */*"),
    *("text/html;q=0, */*", "*/*;q=0", "application/problem+xml;q=0.5,text/plain;q=0.4", "text/*;q=0.3, text/html;q=0"),
    *(
        "application/vnd.api+json",
        "image/svg+xml",
        "*; q=.2",
        "text/html;level=1;q=1.0",
        '"text/html"',
        "text/html;q=2",
    ),
)
TONGUES = ("de-AT,de;q=0.9,en;q=0.8", "zh-Hant-TW", "pt-BR", "*", "en;q=0, *;q=0.1", "x-ours-y", "i-klingon", "de_AT")
IDS = ("01234567-89ab-4def-8123-456789abcdef", "a b", "id\r\nSet-Cookie: a=b", "x" * 128, "x" * 129, "\u0661", "")


def accept_seeds() -> Iterator[bytes]:
    for number, wanted in enumerate(ACCEPTS):
        for tongue in TONGUES:
            yield b"%c%s" % (0x30 + number % 4, f"\n{wanted}\n{tongue}\n{IDS[number % len(IDS)]}".encode())


def accept_words() -> Iterator[str]:
    yield from (
        *MediaType,
        *PLAIN,
        *OFFERED,
        ";q=",
        ";q=0",
        "q=0.001",
        ",",
        "+json",
        "+xml",
        "-",
        "*",
        "\n",
        "\r",
        "\x85",
    )
