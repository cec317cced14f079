"""Responses and failures of any HTTP client, told by the names of their classes; none is imported, nothing is read.

Names, not isinstance: httpx2 may stand in for httpx, niquests brings its own urllib3, and a subclass of an app's own is
still found along its MRO. A class is written `client.Class`, whatever module of the client it is defined in.
"""

from __future__ import annotations

from collections import deque
from errno import errorcode
from typing import TYPE_CHECKING, Any, NamedTuple

from errnorm.reading.outcomes import CLIENTS, OUTCOMES, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from errnorm.families import Family

_LINKS = 24  # how many causes are looked at; the longest chain seen in the wild has six


class Response(NamedTuple):
    """What a vendor answered, as far as it is already read; `headers` is a mapping or pairs."""

    status: int | None
    headers: Any
    body: bytes | str
    method: str | None
    url: str | None


class Transport(NamedTuple):
    """How a call failed on its way; `sent` says whether the request reached the vendor, None where nobody can know.

    `url` may be no more than the host, as `//host`, where the client says no more.
    """

    family: Family
    reason: str
    sent: bool | None
    method: str | None
    url: str | None


class _Shape(NamedTuple):
    """Where a class keeps what we look for: attributes, dotted."""

    status: str
    headers: str
    body: str
    method: str
    url: str


# `body` names what is set once the body is read: the public attributes of requests, aiohttp and urllib3 would read it.
_SHAPES = {
    "httpx.Response": _Shape("status_code", "headers", "content", "request.method", "request.url"),
    "requests.Response": _Shape("status_code", "headers", "_content", "request.method", "url"),
    "aiohttp.ClientResponse": _Shape("status", "headers", "_body", "method", "url"),
    "aiohttp.ClientResponseError": _Shape("status", "headers", "", "request_info.method", "request_info.real_url"),
    "urllib3.BaseHTTPResponse": _Shape("status", "headers", "_body", "", "_request_url"),
    "urllib3.HTTPResponse": _Shape("status", "headers", "_body", "", "_request_url"),
    "urllib.HTTPError": _Shape("code", "headers", "", "", "url"),
}


def response_of(source: object) -> Response | None:
    """The vendor's answer in a client's response, or in an exception that carries one; None where there is none.

    The body only where it is already read, else empty.
    """
    if isinstance(source, Response):
        return source
    if isinstance(source, BaseException):
        if transport_of(source):
            return None
        carried = _at(source, "response")
        source = source if carried is None else carried  # `or` would not do: a bad response of requests is false
    shape = next((_SHAPES[word] for word in _names(source) if word in _SHAPES), None)
    if shape is None or _at(source, "lazy") is True:  # niquests: to ask a lazy response anything is to wait for it
        return None
    status, body = _at(source, shape.status), _at(source, shape.body)
    if not isinstance(status, int) or isinstance(status, bool) or not status:
        return None
    return Response(
        int(status),
        _at(source, shape.headers) or (),
        body if isinstance(body, bytes | str) else b"",
        _text(_at(source, shape.method)),
        _text(_at(source, shape.url)),
    )


def transport_of(source: BaseException) -> Transport | None:
    """The transport failure that a client's exception tells of; None where it is no client's, or tells of none."""
    return transport_within(source) if _of_a_client(source) else None


def transport_within(source: BaseException) -> Transport | None:
    """The same of an exception that is known to come of a call: the network's, whoever raised it."""
    found = [outcome for link in _causes(source) if (outcome := _outcome_of(link))]
    if not found or not (finest := min(found)).reason:
        return None
    return Transport(
        finest.family,
        finest.reason,
        False if any(outcome.sent is False for outcome in found) else finest.sent,
        _text(_at(source, "request.method") or _at(source, "request_info.method")),
        _url_of(source),
    )


def _outcome_of(link: BaseException) -> Outcome | None:
    """What this one exception says: its most derived class that has a word."""
    words = [*_circumstances(link), *_names(link)]
    return next((OUTCOMES[word] for word in words if word in OUTCOMES), None)


def _circumstances(link: BaseException) -> Iterator[str]:
    """What an exception tells beside its class."""
    if isinstance(link, OSError):
        yield f"errno.{errorcode.get(link.errno or 0)}"
        if any(frame.f_code.co_name == "do_handshake" for frame in _frames(link)):
            yield from (f"handshake.{cls.__name__}" for cls in type(link).__mro__)
    elif link.args == ("too many redirects",):  # urllib3 has no class for it
        yield from (f"{word}:redirects" for word in _names(link))


def _names(source: object) -> list[str]:
    """`client.Class` along the MRO; classes of no client keep the first part of their own module's name."""
    found: list[str] = []
    for cls in type(source).__mro__:
        root = str(cls.__module__).partition(".")[0]
        found.append(f"{CLIENTS.get(root, root)}.{cls.__name__}")
    return found


def _causes(source: BaseException) -> list[BaseException]:
    """The exception and what it says was its cause, wherever its client keeps that.

    Not `__context__`: that may be an earlier call that failed otherwise, and was sent or not sent otherwise.
    """
    found: list[BaseException] = []
    waiting: deque[object] = deque([source])
    while waiting and len(found) < _LINKS:
        link = waiting.popleft()
        if isinstance(link, BaseException) and not any(link is known for known in found):
            found.append(link)
            waiting.extend((link.__cause__, *link.args, _at(link, "reason"), _at(link, "os_error")))
            if isinstance(link, BaseExceptionGroup):
                waiting.extend(link.exceptions[:_LINKS])
    return found


def _of_a_client(source: BaseException) -> bool:
    """A bare TimeoutError may come from anywhere in the app; aiohttp raises one when a call's total time is up."""
    if type(source) is TimeoutError:
        frames = _frames(source)
        return bool(frames) and str(frames[-1].f_globals.get("__name__")).startswith("aiohttp.")
    return any(name.partition(".")[0] in CLIENTS for name in _names(source))


def _frames(link: BaseException) -> list[FrameType]:
    """The frames that an exception rose through, the one that raised it last."""
    found: list[FrameType] = []
    trace = link.__traceback__
    while trace is not None:
        found.append(trace.tb_frame)
        trace = trace.tb_next
    return found


def _url_of(source: BaseException) -> str | None:
    url = _at(source, "request.url") or _at(source, "request_info.real_url")
    host = _at(source, "host") or _at(source, "conn.host") or _at(source, "pool.host")
    return _text(url) or (f"//{host}" if isinstance(host, str) else None)


def _at(source: Any, path: str) -> Any:
    """The attribute at a dotted path, None where there is none: a half-made object may raise anything."""
    try:
        for name in path.split("."):
            source = getattr(source, name)
    except Exception:  # noqa: BLE001 - properties of other people's classes
        return None
    return source


def _text(value: object) -> str | None:
    try:
        return str(value) if value else None
    except Exception:  # noqa: BLE001 - likewise
        return None
