"""The failures that every door must answer alike: several vendors, codes, statuses, transports, proxies, groups.

Nothing here imports a client: exceptions are told by the names of their classes, and those can be made.
"""

from __future__ import annotations

from typing import NamedTuple

import errnorm
from errnorm import CanonicalError

OCCURRENCE = "3f0c2a52-7d1e-4b58-9c55-0d3a8e6f1b27"
HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
VENDOR_HEADERS = {
    "Content-Type": "text/xml",
    "Retry-After": "17.2",
    "WWW-Authenticate": "Basic realm=vendor",
    "Set-Cookie": "vendor=1",
    "X-Vendor": "theirs",
    "ETag": '"theirs"',
    "X-Request-ID": "the-vendors-own",
}


def raised(client: str, name: str, *args: object) -> Exception:
    """An exception of a client's class, without the client."""
    return type(name, (Exception,), {"__module__": client})(*args)


def transport(client: str, name: str) -> CanonicalError:
    error = errnorm.normalize(raised(client, name, "it did not work"))
    assert error is not None
    return error


def lionbridge(code: int, status: int = 409) -> CanonicalError:
    body = f"<Quote><Error><ReasonCode>{code}</ReasonCode><SimpleMessage>Their words.</SimpleMessage></Error></Quote>"
    return errnorm.parse(body, status=status, headers=VENDOR_HEADERS, vendor="lionbridge", method="POST")


def bare(
    status: int | None, vendor: str | None = None, headers: object = VENDOR_HEADERS, body: bytes = b""
) -> CanonicalError:
    return errnorm.parse(body, status=status, headers=headers, vendor=vendor, method="GET")  # type: ignore[arg-type]


class Failure(NamedTuple):
    """An error and, by the contract's rules, the status and the code of our answer."""

    title: str
    error: CanonicalError
    status: int
    code: str
    retry_after: str | None = None


def _group() -> CanonicalError:
    errors = [errnorm.VendorError(lionbridge(304)), errnorm.VendorError(bare(401)), errnorm.VendorError(bare(503))]
    error = errnorm.normalize(ExceptionGroup("several", errors))
    assert error is not None
    return error


FAILURES = [
    # the user's doing: the family's own status, told apart
    Failure("user conflict", lionbridge(304), 409, "language_pair_not_offered"),
    Failure("user validation", lionbridge(205), 422, "wrong_source_language"),
    Failure("user payload", lionbridge(202), 415, "content_not_supported"),
    Failure("user not found", bare(410, "lionbridge", ()), 410, "file_past_retention"),
    Failure("user payment", lionbridge(308), 402, "purchase_order_invalid"),  # the profile's own status
    Failure(
        "user rate limit",
        errnorm.parse(b"{}", status=429, headers={"Retry-After": "7"}, vendor="risumail", operation="verify-otp"),
        429,
        "too_many_attempts",
        "7",
    ),
    # marked public
    Failure("public", lionbridge(306), 503, "quote_not_priced_yet", "18"),
    # our own doing is a 500
    Failure("our document", lionbridge(401), 500, "service_error"),
    Failure("our key", bare(401), 500, "service_error"),
    Failure("our scope", bare(403, "phrase-tms"), 500, "service_error"),
    Failure("our path", bare(404), 500, "service_error"),
    Failure("our request", bare(400), 500, "service_error"),
    Failure("our method", bare(405), 500, "service_error"),
    Failure("our url", transport("httpx", "InvalidURL"), 500, "service_error"),
    # the vendor's, the network's, nobody knows
    Failure("rate limit", bare(429), 503, "service_unavailable", "18"),
    Failure("rate limit, silent", bare(429, headers=()), 503, "service_unavailable", "60"),
    Failure("long wait", bare(503, headers={"Retry-After": "999999"}), 503, "service_unavailable", "3600"),
    Failure("no wait", bare(503, headers={"Retry-After": "0"}), 503, "service_unavailable", "1"),
    Failure("unavailable", bare(503, headers=()), 503, "service_unavailable", "30"),
    Failure("locked", bare(423, headers=()), 503, "service_unavailable", "300"),
    Failure("timeout", bare(504, headers=()), 504, "service_unavailable"),
    Failure("server", bare(500, headers=()), 502, "service_unavailable"),
    Failure("odd status", bare(599, headers=()), 502, "service_unavailable"),
    Failure("proxy", bare(502, "lionbridge", {"Content-Type": "text/html"}, HTML), 502, "service_unavailable"),
    Failure("account", bare(402, headers=()), 502, "service_error"),
    Failure("conflict", bare(409, headers=()), 502, "service_error"),
    Failure("unknown vendor", bare(418, headers=(), body=b'{"error":{"code":"teapot"}}'), 502, "service_error"),
    Failure("no status", bare(None, headers=(), body=b'{"odd": true}'), 502, "service_error"),
    Failure("refused", transport("httpx", "ConnectError"), 502, "service_unavailable"),
    Failure("read timeout", transport("requests", "ReadTimeout"), 504, "service_unavailable"),
    Failure("pool timeout", transport("httpx2", "PoolTimeout"), 504, "service_unavailable"),
    Failure("disconnected", transport("aiohttp", "ServerDisconnectedError"), 502, "service_unavailable"),
    # several at once: the gravest leads
    Failure("group", _group(), 500, "service_error"),
]
