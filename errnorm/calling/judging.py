"""What a call was answered, or what its client raised: whether it is a failure; no more is read than that needs."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from errnorm.answering import Normalizer
from errnorm.calling.steps import Answer, Body, Read, Request, header
from errnorm.model import CanonicalError
from errnorm.reading.clients import Response, Transport, transport_of
from errnorm.vendors import registry

# Bodies without an end in sight: to look into one would hold up whoever waits for its first line.
_ENDLESS = ("event-stream", "ndjson", "jsonl", "json-seq", "stream+json", "multipart")


class Judge:
    """How one vendor's answers are judged, or those of whoever answers at the url where none is named.

    Raises UnknownVendorError where no profile bears the name.
    """

    def __init__(self, normalizer: Normalizer, vendor: str | None, operation: str | None) -> None:
        kinds = registry.get(vendor).speaks if vendor is not None else ()
        self._kinds = ("text", *(kinds or ("json", "xml")))  # text: much JSON goes by that name
        self._normalizer = normalizer
        self._vendor = vendor
        self._operation = operation

    def raised(self, request: Request, exception: Exception) -> CanonicalError | None:
        """The failure that a client's exception tells of; None where it tells of none, but of a bug, say."""
        error = self._normalize(exception)
        if error is None or (transport := transport_of(exception)) is None:
            return error
        if error != self._normalize(transport):
            return error  # the app's own word
        # A client tells of the request that failed, if of any. Where it was led elsewhere, ours had been answered.
        sent = True if _elsewhere(transport, request) else transport.sent
        return self._normalize(
            transport._replace(method=request.method, url=transport.url or request.url, sent=sent),
        )

    def answered(self, request: Request, answer: Answer) -> Generator[Read, Any, CanonicalError | None]:
        """The failure that an answer tells of."""
        failed = answer.status >= 400
        if not failed and not self._may_hide(request, answer):
            return None
        body = Body(b"", True)
        try:
            body = yield Read(self._normalizer.cap)
        except Exception:
            if not failed:
                raise
            # the status says enough: a broken body must not make a network failure of a vendor's
        if not failed and not body.whole:
            return None  # far too long for an error
        response = Response(answer.status, answer.headers, body.content, request.method, request.url)
        return self._normalize(response)

    def _normalize(self, source: object) -> CanonicalError | None:
        return self._normalizer.normalize(source, vendor=self._vendor, operation=self._operation)

    def _may_hide(self, request: Request, answer: Answer) -> bool:
        """Whether an answer that looks well has to be looked into.

        This vendor's failures may hide in one, this one is of a kind that it speaks, and short enough.
        """
        if not 200 <= answer.status < 300 or not self._normalizer.reader.hides(self._vendor, request.url):
            return False
        kind, length = (header(answer.headers, name).lower() for name in ("content-type", "content-length"))
        if any(word in kind for word in _ENDLESS) or (length.isdecimal() and int(length) > self._normalizer.cap):
            return False
        return not kind or any(word in kind for word in self._kinds)


def _elsewhere(transport: Transport, request: Request) -> bool:
    """Whether it is another request that failed, after a redirect: of another method, or at another url."""
    if transport.method is not None and transport.method.upper() != request.method.upper():
        return True
    if transport.url is None or transport.url.startswith("//"):  # the host alone, which may be a proxy's
        return False
    return transport.url.partition("#")[0] != request.url.partition("#")[0]
