"""A vendor on 127.0.0.1 that answers, and misbehaves, exactly as a test asks: over real sockets, for any client.

    with Vendor(Reply(409, {"Content-Type": "text/xml"}, b"<error/>")) as vendor:
        httpx.get(vendor.url)
        assert vendor.requests[-1].headers["x-request-id"]

The last reply is given again and again; those before it once each. A reply may be a function of the request.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from enum import Enum
from functools import cache
from http.client import responses
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, Self

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping


class Trouble(Enum):
    """What goes wrong on the wire."""

    RESET = "a RST instead of an answer"
    DISCONNECT = "the connection is closed instead of an answer"
    STALL = "no answer ever comes"
    STALL_BODY = "the headers come, and half of the body"
    TRUNCATE = "half of the body comes, then the connection is closed"
    GARBAGE = "something that is not HTTP comes"


class Reply(NamedTuple):
    """What is answered; Content-Length and Connection are added to the headers where they are missing."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""
    trouble: Trouble | None = None
    times: int = 1  # the body is sent so often, so that a gigabyte need not lie in memory


class Request(NamedTuple):
    """What was asked; the names of headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Vendor:
    """A server on a port of its own, in a thread of its own; a connection carries one exchange.

    `tls` speaks TLS with a certificate that nobody trusts but those who are given `Vendor.certificate()`.
    """

    def __init__(self, *replies: Reply | Callable[[Request], Reply], tls: bool = False) -> None:
        self.replies = list(replies or (Reply(),))
        self.requests: list[Request] = []
        self.written = 0  # bytes of bodies that the systems in between have taken
        self._tls = _server_context() if tls else None
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.02)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}/v1/things"

    def __enter__(self) -> Self:
        self._start(self._listen)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    @staticmethod
    def certificate() -> str:
        """The file of the certificate, for clients that shall trust it."""
        return str(_certificate() / "cert.pem")

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            if request := _read(connection):
                chosen = self.replies[min(len(self.requests), len(self.replies) - 1)]
                reply = chosen if isinstance(chosen, Reply) else chosen(request)
                self.requests.append(request)
                self._answer(connection, request, reply)
        except OSError:
            pass  # the client went away: what it makes of that is what the test is about
        finally:
            connection.close()

    def _answer(self, connection: socket.socket, request: Request, reply: Reply) -> None:
        half = reply.body[: len(reply.body) // 2]
        match reply.trouble:
            case None:
                connection.sendall(_head(reply))
                for _ in range(0 if request.method == "HEAD" else reply.times):
                    connection.sendall(reply.body)
                    self.written += len(reply.body)
            case Trouble.TRUNCATE:
                connection.sendall(_head(reply) + half)
            case Trouble.RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            case Trouble.GARBAGE:
                connection.sendall(b"\x00\x01 this is not HTTP\r\n\r\n")
            case Trouble.STALL:
                self._closing.wait(5)
            case Trouble.STALL_BODY:
                connection.sendall(_head(reply) + half)
                self._closing.wait(5)
            case Trouble.DISCONNECT:
                pass


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def deaf_port() -> Generator[int]:
    """A port that lets nobody in any more: whoever connects waits for ever."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, contextlib.ExitStack() as stack:
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


def _read(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        if data[:1] == b"\x16":  # somebody speaks TLS to a server that does not
            return Request("CONNECT", "", {}, data)
        part = connection.recv(65536)
        if not part:
            return None
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    method, path, _ = first.split(" ", 2)
    return Request(method, path, headers, body)


def _head(reply: Reply) -> bytes:
    headers = {"Connection": "close", **reply.headers}
    if not {"content-length", "transfer-encoding"} & {name.lower() for name in headers}:
        headers["Content-Length"] = str(len(reply.body) * reply.times)
    lines = [f"HTTP/1.1 {reply.status} {responses.get(reply.status, 'Odd')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@cache
def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate() / "cert.pem", _certificate() / "key.pem")
    return context


@cache
def _certificate() -> Path:
    """A folder with a fresh self-signed certificate; the test is skipped where there is no openssl to make it."""
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl to make a certificate with")
    folder = Path(_folder().name)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", folder / "key.pem"]
    name = ["-subj", "/CN=errnorm test", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    command = ["openssl", "req", "-x509", "-days", "2", *key, *name, "-out", folder / "cert.pem"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@cache
def _folder() -> TemporaryDirectory[str]:
    import atexit

    folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="errnorm-tls-")
    atexit.register(folder.cleanup)
    return folder
