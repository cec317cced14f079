"""A local site on which every sample of every vendor can be provoked, and seen as user, program and log see it."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from errnorm import correlation
from errnorm.answering import default
from errnorm.cli.listing import about, overview
from errnorm.cli.pages import (
    Pasted,
    element,
    form,
    page,
    page_headers,
    sample_page,
    told,
    vendor_list,
    vendor_page,
)
from errnorm.cli.printing import mention
from errnorm.model import CanonicalError, Rendered, UnknownVendorError, VendorError
from errnorm.samples import Sample, samples_of
from errnorm.vendors import registry

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
LONGEST_FORM = 1_048_576  # bytes
OWN_BODY = "A body of your own"
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::\d{1,5})?")


def serve(host: str, port: int) -> None:
    """Serves the site until it is interrupted, and says where. Raises OSError where it cannot listen there."""
    with listen(host, port) as listener:
        mention(f"The playground listens on {address_of(listener)} (Ctrl-C ends it).")
        server(host).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens already, so that the address works as soon as it is printed."""
    host = host.strip("[]")
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def address_of(listener: socket.socket) -> str:
    """The URL under which a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - somebody asked for it
        host = "localhost"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def server(host: str) -> uvicorn.Server:
    """A server of the site; beside this machine's own names it answers to the host that it was asked to listen on."""
    own = f"[{host}]" if ":" in host and not host.startswith("[") else host
    app = OwnNamesOnly(site(), (*LOOPBACK, own))
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none", server_header=False))


def site() -> Starlette:
    """The site by itself, for whoever asks."""
    routes = [
        Route("/", _index),
        Route("/vendors/{name}", _vendor),
        Route("/vendors/{name}/{number}", _sample),
        Route("/provoke/{name}/{number}", _provoke),
        Route("/try", _try, methods=["GET", "POST"]),
        Route("/provoke", _provoke_pasted, methods=["POST"]),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _refused})


class OwnNamesOnly:
    """Refuses what is asked for under a foreign name, or any website could read this one by pointing its own here."""

    def __init__(self, app: ASGIApp, names: Iterable[str] = LOOPBACK) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http":
            hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
            match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
            if match is None or match[1].lower() not in self._names:
                app = PlainTextResponse("This site answers to localhost alone.\n", 421)
        await app(scope, receive, send)


async def _index(_request: Request) -> Response:
    return _html(page("Vendors", vendor_list(overview())))


async def _vendor(request: Request) -> Response:
    name = _named(request)
    return _html(vendor_page(about(registry.get(name)), _samples(name)))


async def _sample(request: Request) -> Response:
    name, number = _numbered(request)
    return _html(sample_page(name, number, _samples(name), default()))


async def _provoke(request: Request) -> Response:
    name, number = _numbered(request)
    return _answer(request, _samples(name)[number - 1].read(default().parse, name))


async def _try(request: Request) -> Response:
    vendors = registry.default.names()
    if request.method != "POST":
        return _html(page(OWN_BODY, form(Pasted(), vendors)))
    pasted = await _pasted(request)
    try:
        failure = VendorError(_read(pasted))
    except ValueError as wrong:
        return _html(page(OWN_BODY, element("p", wrong, role="alert"), form(pasted, vendors)), 422)
    return _html(page(OWN_BODY, *told(failure, default()), element("h2", "Again"), form(pasted, vendors)))


async def _provoke_pasted(request: Request) -> Response:
    pasted = await _pasted(request)
    try:
        return _answer(request, _read(pasted))
    except ValueError as wrong:
        raise HTTPException(422, str(wrong)) from None


async def _refused(_request: Request, error: Exception) -> Response:
    status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "")
    return _html(page(f"{status}", element("p", detail)), status)


def _html(content: bytes, status: int = 200) -> Response:
    return HTMLResponse(content, status, page_headers())


def _named(request: Request) -> str:
    try:
        return registry.get(request.path_params["name"]).name
    except UnknownVendorError as error:
        raise HTTPException(404, str(error)) from None


@cache
def _samples(name: str) -> list[Sample]:
    return [sample for file in registry.default.files(name) for sample in samples_of(file)]


def _numbered(request: Request) -> tuple[str, int]:
    name, text = _named(request), request.path_params["number"]
    if re.fullmatch(r"[1-9][0-9]{0,5}", text) and int(text) <= len(_samples(name)):
        return name, int(text)
    raise HTTPException(404, f"{name} has {len(_samples(name))} samples, and no number {text!r}.")


def _answer(request: Request, error: CanonicalError) -> Response:
    """What an app answers to this failure, as it is; `accept` and `language` stand in for the headers, which a link
    cannot set, and `framed` allows it to be shown within a page of ours.
    """
    query, headers = request.query_params, request.headers
    token = correlation.bind(correlation.accept(headers.get(default().correlation_header)))
    try:
        rendered = default().answer(
            VendorError(error),
            query.get("accept") or headers.get("accept"),
            query.get("language") or headers.get("accept-language"),
        )
    finally:
        correlation.unbind(token)
    return _as_it_is(rendered, framed="framed" in query)


def _as_it_is(rendered: Rendered, *, framed: bool) -> Response:
    response = Response(rendered.body, rendered.status)
    pairs = rendered.headers
    if framed:
        closed, opened = "frame-ancestors 'none'", "frame-ancestors 'self'"
        pairs = tuple((name, value.replace(closed, opened)) for name, value in pairs)
    response.raw_headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
    return response


async def _pasted(request: Request) -> Pasted:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > LONGEST_FORM:
            raise HTTPException(413, f"At most {LONGEST_FORM} bytes, please.")
    try:
        fields = parse_qs(content.decode("utf-8", "replace"), max_num_fields=50)
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
    return Pasted(**{name: fields[name][0] for name in Pasted._fields if name in fields})


def _read(pasted: Pasted) -> CanonicalError:
    """What is read from a form. Raises ValueError with a sentence for whoever filled it in."""
    status, lines = pasted.status.strip(), [line for line in pasted.headers.splitlines() if line.strip()]
    if status and not re.fullmatch(r"[1-9][0-9]{2}", status):
        raise ValueError(f"The status must be three digits, such as 409, not {status!r}.")
    if wrong := next((line for line in lines if ":" not in line), None):
        raise ValueError(f"A header is a name, a colon and a value, such as Retry-After: 30, not {wrong!r}.")
    pairs = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    try:
        return default().parse(
            pasted.body,
            status=int(status) if status else None,
            headers=pairs,
            vendor=pasted.vendor or None,
            method=pasted.method.strip() or None,
            url=pasted.url.strip() or None,
        )
    except UnknownVendorError as error:
        raise ValueError(str(error)) from None
