"""Whose exchange it is, then what it says: the two ways in, a body with its facts, or a client's own object."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from errnorm.families import FAMILIES, LOG_LEVELS, response_status_of, transport_fault, verdict_of
from errnorm.model import CanonicalError, RetryAdvice, VendorError
from errnorm.reading.bodies import Body, decode
from errnorm.reading.breakers import open_circuit_of
from errnorm.reading.clients import Response, Transport, response_of, transport_of
from errnorm.reading.fields import SHORT
from errnorm.reading.headers import NO_HEADERS, Headers, RawHeaders
from errnorm.reading.paths import Exchange
from errnorm.reading.responses import OTHERS, failed, fitting, keys_of, read
from errnorm.redaction import clean
from errnorm.vendors import registry
from errnorm.vendors.profile import Profile

SHAPED = 16_384  # bytes of a body whose shape is looked at; who writes more is asked by name
Recognise = Callable[[object], CanonicalError | None]


class Reader(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """How an app reads: `cap` bytes of a body at most, `hosts` of its own by vendor, exceptions that it alone knows."""

    cap: int = 65_536
    hosts: Mapping[str, str] = {}
    recognise: Recognise | None = None

    def parse(
        self,
        body: bytes | str,
        *,
        status: int | None = None,
        headers: RawHeaders = (),
        vendor: str | None = None,
        method: str | None = None,
        url: str | None = None,
        operation: str | None = None,
    ) -> CanonicalError:
        """The failure that a response tells of; it is taken that there was one.

        Never raises on anything a vendor can send. Raises UnknownVendorError where no profile bears the name.
        """
        folded = Headers(headers) if headers else NO_HEADERS
        decoded = decode(body, folded, self.cap)
        exchange = Exchange(
            _status(status), folded, method and clean(method, 20).upper(), operation and clean(operation, SHORT)
        )
        profile = registry.get(vendor) if vendor is not None else self._profile(None, url, decoded, exchange, len(body))
        if operation is None and url and profile.operations:
            exchange = msgspec.structs.replace(exchange, operation=operation_of(profile, method, url))
        return read(decoded, exchange, profile)

    def normalize(
        self, source: object, *, vendor: str | None = None, operation: str | None = None
    ) -> CanonicalError | None:
        """The failure that a client's response or exception tells of; None where it tells of none, or is neither."""
        if isinstance(source, VendorError):
            return source.error
        if isinstance(source, Transport):
            return self._of_transport(source, vendor, operation)
        if isinstance(source, BaseExceptionGroup):
            return self._of_group(source, vendor, operation)
        if self.recognise is not None and (error := self.recognise(source)) is not None:
            return error
        if (response := response_of(source)) is not None:
            return self._of_response(response, vendor, operation)
        transport = transport_of(source) if isinstance(source, BaseException) else None
        return (
            open_circuit_of(source, vendor, operation)
            if transport is None
            else self._of_transport(transport, vendor, operation)
        )

    def judge(self, response: object, *, vendor: str | None, operation: str | None) -> CanonicalError | None:
        """As `normalize`, of what must be a response: TypeError where it is a body, say, or nobody has awaited it."""
        error = self.normalize(response, vendor=vendor, operation=operation)
        if error is None:
            kind = type(response)
            if hasattr(kind, "__await__") and response_of(response) is None:
                raise TypeError(f"a client's response is wanted, not {kind.__name__}: await it first")
            if kind.__module__ == "builtins":
                raise TypeError(f"a client's response is wanted, not {kind.__name__}: it tells no status")
        return error

    def hides(self, vendor: str | None, url: str | None) -> bool:
        """Whether a vendor's failures may hide under a status below 400, so that such bodies have to be looked at."""
        return any(registry.get(name).hides for name in self._names(vendor, url))

    def profile_of(self, vendor: str | None, url: str | None) -> Profile | None:
        """The one profile in question before a body is seen; None where there is none, or more than one."""
        names = self._names(vendor, url)
        return registry.get(names[0]) if len(names) == 1 else None

    def _of_response(self, response: Response, vendor: str | None, operation: str | None) -> CanonicalError | None:
        status, headers, body, method, url = response
        if status is not None and status < 400 and not self._tells_failure(response, vendor, operation):
            return None
        return self.parse(
            body, status=status, headers=headers, vendor=vendor, method=method, url=url, operation=operation
        )

    def _tells_failure(self, response: Response, vendor: str | None, operation: str | None) -> bool:
        """Whether a body under a status that tells of none is a failure by its profile's own word."""
        if not response.body or not self.hides(vendor, response.url):
            return False
        folded = Headers(response.headers)
        decoded = decode(response.body, folded, self.cap)
        exchange = Exchange(response.status, folded, response.method, operation)
        profile = self._profile(vendor, response.url, decoded, exchange, len(response.body))
        if operation is None:
            exchange = msgspec.structs.replace(exchange, operation=operation_of(profile, *response[-2:]))
        return failed(decoded, exchange, profile)

    def _of_transport(self, transport: Transport, vendor: str | None, operation: str | None) -> CanonicalError:
        family, reason, sent, method, url = transport
        profile = self.profile_of(vendor, url)
        method = method.upper() if method else None
        fault, action = transport_fault(family), FAMILIES[family].action
        return CanonicalError(
            vendor=profile.name if profile else None,
            operation=operation or (operation_of(profile, method, url) if profile else None),
            method=method,
            family=family,
            reason=reason,
            fault=fault,
            action=action,
            retry=RetryAdvice(verdict_of(family, None, method, sent)),
            sent=sent,
            response_status=response_status_of(family, fault, action),
        )

    def _of_group(
        self, group: BaseExceptionGroup[BaseException], vendor: str | None, operation: str | None
    ) -> CanonicalError | None:
        """Of a group only if every leaf is a vendor's, for a bug must not hide behind one; the gravest leads."""
        errors: list[CanonicalError] = []
        for leaf in group.exceptions:
            error = self.normalize(leaf, vendor=vendor, operation=operation)
            if error is None:
                return None
            errors.extend((error.replace(others=()), *error.others))
        first, *others = sorted(errors, key=_gravity, reverse=True)
        return first.replace(others=tuple(others[:OTHERS]))

    def _names(self, vendor: str | None, url: str | None) -> list[str]:
        """The profiles in question: the one that is named, else those that answer at the url's host."""
        if vendor is not None:
            return [vendor]
        host = _host(url)
        if host in self.hosts:
            return [self.hosts[host]]
        return registry.default.at(host) if host else []

    def _profile(self, vendor: str | None, url: str | None, body: Body, exchange: Exchange, size: int) -> Profile:
        """The profile that is named, else the one at the host, else the first whose shape a body of this size has."""
        if vendor is not None:
            return registry.get(vendor)
        names = self._names(vendor, url)
        if len(names) == 1:
            return registry.get(names[0])
        if size <= SHAPED and (body.tree is not None or body.text):
            known = registry.default
            entries = [(name, known.entry(name)) for name in names] if names else known.shaped(keys_of(body, exchange))
            if (name := next(fitting(body, exchange, entries), None)) is not None:
                return registry.get(name)
        return registry.get(registry.GENERIC)


def operation_of(profile: Profile, method: str | None, url: str | None) -> str | None:
    """The profile's name for a call, by its method and the path of its url."""
    if not profile.operations or not method or not url:
        return None
    segments = _path(url).strip("/").split("/")
    for name, template in profile.operations.items():
        verb, _, path = template.partition(" ")
        wanted = path.strip().strip("/").split("/")
        if (
            verb.upper() == method.upper()
            and len(wanted) == len(segments)
            and all(want in ("*", segment) for want, segment in zip(wanted, segments, strict=True))
        ):
            return name
    return None


def _gravity(error: CanonicalError) -> tuple[int, int]:
    return LOG_LEVELS[error.fault], error.response_status


def _status(status: int | None) -> int | None:
    """An HTTP status has three digits; what else a client gives as one tells of none."""
    if status is None or (type(status) is int and 100 <= status <= 999):
        return status
    if not isinstance(status, int):
        raise TypeError(f"status must be an int or None, not {type(status).__name__}")
    return int(status) if 100 <= status <= 999 else None


def _host(url: str | None) -> str:
    return _parts(url)[0] if url else ""


def _path(url: str) -> str:
    return _parts(url)[1]


def _parts(url: str) -> tuple[str, str]:
    """Host and path; empty where the url is none."""
    from urllib.parse import urlsplit  # slow to import

    try:
        split = urlsplit(url)
        return split.hostname or "", split.path
    except ValueError:
        return "", ""
