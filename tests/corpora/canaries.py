"""What tells that somebody followed what a body names: a FIFO, a server on 127.0.0.1, and Python's own audit hook.

C code passes the hook by. Neither the FIFO nor the server can be reached unnoticed by it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Self

from lxml import etree

SONG = b"CANARY"
_EVENTS = (
    "open",
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.listdir",
    "os.posix_spawn",
    "os.scandir",
    "os.system",
)
_watched: dict[int, list[str]] = {}  # by thread


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched and event.startswith(_EVENTS) and (seen := _watched.get(threading.get_ident())) is not None:
        seen.append(f"{event} {arguments!r:.200}")


class Canaries:
    """Sings of whoever opens `fifo` or connects to `url`: `heard` has a word for each time."""

    def __init__(self, folder: Path) -> None:
        self.fifo = folder / "canary"
        os.mkfifo(self.fifo)
        self.heard: list[str] = []
        self._closing = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=listen, daemon=True) for listen in (self._at_fifo, self._at_host)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        os.close(os.open(self.fifo, os.O_RDONLY | os.O_NONBLOCK))
        socket.create_connection(self._listener.getsockname()).close()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every way to name the two."""
        schemes = ("http", "https", "ftp", "gopher", "jar:http", "netdoc", "expect", "dict", "ldap")
        files = (
            str(self.fifo),
            self.fifo.as_uri(),
            f"file://localhost{self.fifo}",
            f"php://filter/resource={self.fifo}",
        )
        return (*files, f"//{self.host}/x", *(f"{scheme}://{self.host}/x" for scheme in schemes))

    def _at_fifo(self) -> None:
        while not self._closing:
            end = os.open(self.fifo, os.O_WRONLY)  # waits for a reader
            if not self._closing:
                self.heard.append("fifo")
            with contextlib.suppress(BrokenPipeError):
                os.write(end, SONG)
            os.close(end)
            time.sleep(0.02)  # until the reader has seen the end of the song, or it would count as another

    def _at_host(self) -> None:
        while not self._closing:
            connection, _ = self._listener.accept()
            if not self._closing:
                self.heard.append("host")
            with connection, contextlib.suppress(OSError):
                connection.settimeout(1)
                connection.recv(4096)
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(SONG), SONG))


def careless(body: bytes | str, *resolvers: etree.Resolver) -> str | None:
    """What a parser reads that nobody hardened: the canaries have to hear it, or their silence means nothing."""
    parser = etree.XMLParser(resolve_entities=True, load_dtd=True, no_network=False, recover=True)
    for resolver in resolvers:
        parser.resolvers.add(resolver)
    with contextlib.suppress(etree.XMLSyntaxError):
        root = etree.fromstring(body, parser)
        return None if root is None else root.text
    return None


@contextlib.contextmanager
def watched() -> Generator[list[str]]:
    """What this thread opens meanwhile in Python's sight: files, sockets, processes."""
    if not getattr(watched, "hooked", False):
        sys.addaudithook(_hook)  # it stays for good
        watched.hooked = True  # type: ignore[attr-defined]
    seen = _watched[threading.get_ident()] = []
    try:
        yield seen
    finally:
        del _watched[threading.get_ident()]
