"""A server on loopback that answers, and misbehaves, as it is told: over real HTTP, for any client."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

from errnorm.redaction import redact_url

TICKET = "errnorm-answer"  # the header that says which answer a request is to get


class Trouble(StrEnum):
    """What can go wrong that is no answer of a vendor's."""

    STALL = "stall"  # no answer ever comes
    RESET = "reset"  # the connection breaks off
    REFUSE = "refuse"  # nobody listens
    TRUNCATE = "truncate"  # half of an answer comes
    HTML = "html"  # somebody between here and there answers, with a page


class Asked(NamedTuple):
    """A request as it came; the names of headers in lower case, the path with its query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:  # without what it holds, keys for instance
        return f"Asked({self.method} {redact_url(self.path)}, {len(self.headers)} headers, {len(self.body)} bytes)"


class Answer(NamedTuple):
    """What a request gets; `failing` where it is a vendor's failure, `delay` in seconds."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""
    trouble: Trouble | None = None
    failing: bool = False
    delay: float = 0.0

    def __repr__(self) -> str:
        return f"Answer({self.status if self.trouble is None else self.trouble}, {len(self.body)} bytes)"


class Server(ThreadingHTTPServer):
    """Listens at an address from the beginning, serves as a context manager; a connection carries one exchange."""

    def __init__(self, answer: Callable[[Asked], Answer], host: str = "127.0.0.1", port: int = 0) -> None:
        host = host.strip("[]")
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Exchange)
        self.answer = answer
        self.closing = threading.Event()
        self.url = f"http://[{host}]:{self.server_port}" if ":" in host else f"http://{host}:{self.server_port}"
        self._threads_of_ours: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._start(self.serve_forever, 0.02)
        return self

    def __exit__(self, *raised: object) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()
        for thread in self._threads_of_ours:
            thread.join(5)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._start(self.process_request_thread, request, client_address)

    def _start(self, target: Callable[..., object], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads_of_ours = [each for each in self._threads_of_ours if each.is_alive()]
        self._threads_of_ours.append(thread)
        thread.start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is none of our business."""

    def server_bind(self) -> None:
        """Without the look-up of a name, which is slow where there is none."""
        self.allow_reuse_address = True
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", self.server_address[1]


class _Exchange(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"
    timeout = 5

    def _exchange(self) -> None:
        self.close_connection = True
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, _path(self.path), headers, self._body())
        answer = self.server.answer(asked)
        self.server.closing.wait(answer.delay)
        match answer.trouble:
            case Trouble.STALL:
                self.server.closing.wait(60)
            case Trouble.RESET | Trouble.REFUSE:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            case Trouble.TRUNCATE:
                self._send(answer, cut=True)
            case _:
                self._send(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _exchange  # noqa: N815

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = bytearray()
        while size := int(self.rfile.readline().partition(b";")[0] or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return bytes(body)

    def _send(self, answer: Answer, *, cut: bool = False) -> None:
        bodiless = self.command == "HEAD" or answer.status in {204, 304} or answer.status < 200
        self.send_response_only(answer.status, responses.get(answer.status, "Odd"))  # no Date: that is the sample's
        own = {"connection", "content-length", "transfer-encoding"}
        for name, value in answer.headers.items():
            if name.lower() not in own:
                self.send_header(name, value)
        if answer.status not in {204, 304}:
            self.send_header("Content-Length", str(len(answer.body) + 100 * cut))
        self.send_header("Connection", "close")
        self.end_headers()
        if not bodiless:
            self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Quiet: what was asked is kept by whoever answers."""


def _path(target: str) -> str:
    """The path and query of a request's target, which a client behind a proxy writes as a whole url."""
    if target.startswith("/"):
        return target
    with suppress(ValueError):
        return "/" + target.split("/", 3)[3]
    return "/"
