"""What holds of everything that is read, negotiated and told, whatever a stranger sent: each broken one raises."""

from __future__ import annotations

import json
import logging
import math
import pickle
import re
from html.parser import HTMLParser
from typing import Any

import msgspec
from lxml import etree

from errnorm import correlation
from errnorm.answering import Normalizer
from errnorm.families import Action, Family, Fault, Verdict, WaitSource
from errnorm.model import CanonicalError, FieldError, Rendered, RetryAdvice, VendorError
from errnorm.reading.waits import LONGEST
from errnorm.telling.negotiation import MediaType, media_type

SHORT, LONG = 200, 2_000  # characters of a name, a code or an id; of a sentence
CAPS = {
    "vendor_code": SHORT,
    "vendor_message": LONG,
    "vendor_detail": LONG,
    "vendor_user_message": LONG,
    "vendor_request_id": SHORT,
}
KINDS = (("family", Family), ("fault", Fault), ("action", Action), ("retry", RetryAdvice), ("mapped", bool))
SILENT: dict[str, Any] = {**dict.fromkeys(CAPS), "fields": (), "others": ()}
OCCURRENCE = "01234567-89ab-4def-8123-456789abcdef"
ACCEPTS = (None, "text/html", "application/xml", "text/plain")
_REASON = re.compile(r"[A-Z][A-Z0-9_]{0,62}")
_HEADER = re.compile(r"[\x20-\x7e]+")
_INBOUND = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
_normalizer = Normalizer()


class Complaints(logging.Handler):
    """errnorm's own faults while it answers, which it swallows and logs: here they are findings."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not hasattr(record, "errnorm_family") or not record.getMessage().isprintable():
            self.heard.append(self.format(record))


_complaints = Complaints()
_logger = logging.getLogger("errnorm")


def answered(normalizer: Normalizer, error: CanonicalError, accept: str | None, language: str | None) -> Rendered:
    """The whole answer to an error, of which nobody complains."""
    _logger.addHandler(_complaints)
    _complaints.heard.clear()
    try:
        rendered = normalizer.answer(VendorError(error, occurrence_id=OCCURRENCE), accept, language)
    finally:
        _logger.removeHandler(_complaints)
    assert not _complaints.heard, _complaints.heard
    return rendered


def bounded(error: CanonicalError, *, other: bool = False) -> None:
    """A record of the right types, within its bounds."""
    assert type(error) is CanonicalError
    for name, kind in KINDS:
        assert type(getattr(error, name)) is kind, name
    for name, cap in CAPS.items():
        text = getattr(error, name)
        assert text is None or said(text, cap), (name, text)
    assert error.vendor_status is None or 100 <= error.vendor_status <= 999
    assert type(error.response_status) is int
    assert 400 <= error.response_status <= 599
    assert _REASON.fullmatch(error.reason), error.reason
    assert error.mapped or error.vendor_code is not None
    assert error.method is None or len(error.method) <= 20
    assert len(error.fields) <= 100
    for field in error.fields:
        assert type(field) is FieldError
        assert said(field.path, SHORT) or (field.path == "" and field.vendor_message), field
        assert field.vendor_code is None or said(field.vendor_code, SHORT), field
        assert field.vendor_message is None or said(field.vendor_message, LONG), field
    assert len(error.others) <= (0 if other else 16)
    for each in error.others:
        bounded(each, other=True)
    advised(error)


def said(text: object, cap: int) -> bool:
    """Something in one line of printable characters."""
    return type(text) is str and 0 < len(text) <= cap and text.isprintable() and text == text.strip()


def advised(error: CanonicalError) -> None:
    """Advice that fits what is known of the call."""
    retry = error.retry
    assert type(retry.verdict) is Verdict
    assert retry.retryable is (retry.verdict in (Verdict.SAFE, Verdict.IF_IDEMPOTENT))
    assert (retry.after_s is None) is (retry.source is WaitSource.DEFAULT), retry
    if retry.after_s is not None:
        assert type(retry.after_s) is float, retry
        assert math.isfinite(retry.after_s)
        assert 0.0 <= retry.after_s <= LONGEST, retry
    # where the vendor answered, the request had reached it; a body may tell so too, without a status of its own
    assert error.sent is None or (error.sent and error.from_vendor), error
    assert error.sent or not error.from_vendor or error.vendor_status is None, error


def alike(one: CanonicalError, other: CanonicalError) -> bool:
    """Equal, but for waits until a time of day, which our own clock may have shortened meanwhile."""
    return one == other or (
        all(map(_near, (one, *one.others), (other, *other.others))) and _timeless(one) == _timeless(other)
    )


def _near(one: CanonicalError, other: CanonicalError) -> bool:
    return abs((one.retry.after_s or 0.0) - (other.retry.after_s or 0.0)) < 5.0


def _timeless(error: CanonicalError) -> CanonicalError:
    retry = msgspec.structs.replace(error.retry, after_s=None)
    return error.replace(retry=retry, others=tuple(map(_timeless, error.others)))


def survives(error: CanonicalError) -> None:
    """JSON, pickles and hashing do it no harm."""
    plain = error.to_dict()
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False)
    text.encode()
    again = CanonicalError.from_dict(json.loads(text))
    assert again == error
    assert hash(again) == hash(error)
    assert pickle.loads(pickle.dumps(error)) == error
    raised = pickle.loads(pickle.dumps(VendorError(error, occurrence_id=OCCURRENCE)))
    assert (raised.error, raised.occurrence_id) == (error, OCCURRENCE)
    assert str(error).isprintable(), error


def told_safely(error: CanonicalError, accept: str | None = None, language: str | None = None) -> None:
    """The user's answer is whole, and the same whatever the vendor said, but for what it wrote for users.

    Asked too as if it were the user's doing, or theirs to mend, and no profile had a text for it.
    """
    for judged in (
        error,
        error.replace(fault=Fault.USER, reason="NOBODY_S"),
        error.replace(fault=Fault.ACCOUNT, action=Action.RECONNECT, reason="NOBODY_S"),
    ):
        rendered = answered(_normalizer, judged, accept, language)
        whole(rendered, accept)
        silent = judged.replace(**SILENT)
        if judged.fault is Fault.USER and judged.from_vendor:
            silent = silent.replace(vendor_user_message=judged.vendor_user_message)
        assert answered(_normalizer, silent, accept, language) == rendered, "a vendor's words reach the user"


def whole(rendered: Rendered, accept: str | None) -> None:
    """An answer in the negotiated media type, which whoever asked for it can read."""
    headers = dict(rendered.headers)
    assert len(headers) == len(rendered.headers)
    for name, value in rendered.headers:
        assert _HEADER.fullmatch(name), name
        assert _HEADER.fullmatch(value), value
    media = media_type(accept)
    assert headers["Content-Type"].partition(";")[0] == media.value
    assert headers["Content-Length"] == str(len(rendered.body))
    assert 1 <= int(headers.get("Retry-After", "1")) <= 3_600
    READERS[media](rendered.body, rendered.status)


def _json(body: bytes, status: int) -> None:
    problem = json.loads(body)
    assert problem["status"] == status
    assert problem["detail"]


def _xml(body: bytes, status: int) -> None:
    root = etree.fromstring(body)
    assert root.findtext("{urn:ietf:rfc:7807}status") == str(status)


def _html(body: bytes, status: int) -> None:
    page = HTMLParser()
    page.feed(body.decode())
    page.close()
    assert b"<h1" in body


def _text(body: bytes, status: int) -> None:
    text = body.decode().replace("\u202f", " ")  # which French has before its marks
    assert all(line.isprintable() for line in text.split("\n"))


READERS = {MediaType.PROBLEM_JSON: _json, MediaType.PROBLEM_XML: _xml, MediaType.HTML: _html, MediaType.TEXT: _text}


def correlated(inbound: str | None, rendered: Rendered) -> None:
    """An id that is safe to repeat comes back, any other is replaced."""
    settled = dict(rendered.headers)["X-Request-ID"]
    assert _INBOUND.fullmatch(settled), settled
    assert (settled == inbound) is bool(inbound and _INBOUND.fullmatch(inbound))
    assert correlation.current() is None
