"""Whatever else calls a vendor, an SDK or a socket: it waits its turn, and what it raises becomes a VendorError."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from types import TracebackType
from typing import Any, NoReturn, Self

from errnorm import backoff, listening
from errnorm.answering import Normalizer, chosen
from errnorm.calling.driving import drive, drive_async
from errnorm.calling.queueing import held, pause_of, turned_away
from errnorm.calling.steps import Leave, Settle, Step
from errnorm.model import CanonicalError, VendorError
from errnorm.reading.clients import Response, Transport, transport_within
from errnorm.throttle import MEMORY, Throttle
from errnorm.vendors import registry

_LINKS = 24  # how many causes are looked at
# Where the exceptions of vendors' own SDKs keep what came back.
_STATUS = ("status_code", "http_status", "http_status_code", "status", "code")
_BODY = ("body", "http_body", "content", "data")


class guard:  # noqa: N801 - it reads as a word of the language: `with guard("acme"):`
    """A block, or an `async with`, in which a vendor is called by whatever means; made anew for each call.

    An exception that rises in it becomes a VendorError of this vendor, the original its cause; bugs (what Python
    itself raises but for the network: TypeError, KeyError and their like) rise as they are. Keep the block to the call.
    The vendor's limits are kept as in the clients; where a client within does that already, say `throttle=None`.
    Raises UnknownVendorError.
    """

    def __init__(
        self,
        vendor: str,
        *,
        operation: str | None = None,
        account: str | None = None,
        throttle: Throttle | None = MEMORY,
        normalizer: Normalizer | None = None,
    ) -> None:
        self._profile = registry.get(vendor)
        self._operation = operation
        self._normalizer = chosen(normalizer)
        self._watch: listening.Watch | None = None
        self._turn = None if throttle is None else throttle.turn(self._profile, operation, account or "")

    def __enter__(self) -> Self:
        drive(self._entering(), _no_client)
        return self

    def __exit__(self, kind: object, raised: BaseException | None, trace: TracebackType | None) -> None:
        failure = self._failure(raised)
        drive(self._leaving(raised, failure), _no_client)
        if failure is not None:
            raise failure from raised

    async def __aenter__(self) -> Self:
        await drive_async(self._entering(), _no_client)
        return self

    async def __aexit__(self, kind: object, raised: BaseException | None, trace: TracebackType | None) -> None:
        failure = self._failure(raised)
        await drive_async(self._leaving(raised, failure), _no_client)
        if failure is not None:
            raise failure from raised

    def _entering(self) -> Generator[Step, Any, None]:
        if self._turn is not None:
            away = turned_away(self._turn, self._profile.name, self._operation)
            if (failure := (yield from held(self._turn, away))) is not None:
                raise failure
        if listening.listeners:
            self._watch = listening.begin(listening.Asked(self._profile, self._operation))

    def _leaving(self, raised: BaseException | None, failure: VendorError | None) -> Generator[Step, Any, None]:
        came = raised if isinstance(raised, VendorError) else failure
        if self._watch is not None:
            self._watch.counted &= failure is None  # what no door within has told of
            self._watch.end(came, cut=came is None and raised is not None)
        if self._turn is None:
            return
        if raised is None or isinstance(raised, Exception):
            ours = came is not None and came.error.vendor == self._profile.name
            yield Settle(self._turn, pause_of(came) if ours else None, ())
        else:  # cancelled
            yield Leave(self._turn)

    def _failure(self, raised: BaseException | None) -> VendorError | None:
        """What to raise instead; None where what was raised shall rise as it is, or nothing was."""
        if isinstance(raised, VendorError) or not (raised is None or isinstance(raised, Exception)):
            return None
        error = None if raised is None else self._told(raised)
        if raised is None or error is not None:
            backoff.note(self._profile.name, error, repeatable=False)
        return None if error is None else VendorError(error)

    def _told(self, raised: Exception) -> CanonicalError | None:
        """The failure that an exception tells of, itself or by what caused it, as finely as anybody knows."""
        for source in _sources(raised):
            error = self._normalizer.normalize(source, vendor=self._profile.name, operation=self._operation)
            if error is not None:
                return error
        if type(raised).__module__ == "builtins":
            return None  # a bug
        return CanonicalError(vendor=self._profile.name, operation=self._operation)


def _sources(raised: Exception) -> Iterator[BaseException | Response | Transport | None]:
    """Where to look for what happened: the exception and what it was raised from, and what those carry."""
    link: BaseException | None = raised
    for _ in range(_LINKS):
        if link is not None:
            yield link
            yield _response_of(link)
            link = link.__cause__
    yield transport_within(raised)


def _response_of(link: BaseException) -> Response | None:
    """The answer that an SDK's own exception tells of."""
    status = next(
        (value for name in _STATUS if isinstance(value := _at(link, name), int) and 400 <= value <= 599), None
    )
    if status is None:
        return None
    body = next((value for name in _BODY if isinstance(value := _at(link, name), bytes | str | dict)), b"")
    headers = _at(link, "headers")
    if isinstance(body, dict):
        body = json.dumps(body, default=str)
    return Response(int(status), headers if isinstance(headers, Mapping) else (), body, None, None)


def _at(link: BaseException, name: str) -> Any:
    try:
        return getattr(link, name, None)
    except Exception:  # noqa: BLE001 - properties of other people's classes
        return None


def _no_client(step: Step) -> NoReturn:
    raise AssertionError(f"no client is there for {step}")
