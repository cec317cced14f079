"""Serves an example in a process of its own, on a free port, for its test to call over HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple

HERE = Path(__file__).parent


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: HTTPMessage
    body: bytes


class Served:
    """A server that runs; `log` is what it has written so far, to both outputs."""

    def __init__(self, port: int, output: IO[bytes]) -> None:
        self.port = port
        self._output = output

    def ask(self, method: str, path: str, form: str = "", **headers: str) -> Answer:
        """One request; the names of headers with underscores."""
        if form:
            headers.setdefault("Content_Type", "application/x-www-form-urlencoded")
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, form or None, named)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    @property
    def log(self) -> str:
        """All of it, decoded."""
        return os.pread(self._output.fileno(), 1_000_000, 0).decode()

    def logged(self, text: str) -> int:
        """How often a text stands in the log, once it does: a server may write after it has answered."""
        for _ in range(250):
            if text in self.log:
                break
            time.sleep(0.02)
        return self.log.count(text)


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def served(*arguments: str, cwd: Path = HERE, **environment: str) -> Generator[Served]:
    """`python ARGUMENTS…`, with `PORT` in them replaced, from the first answered connection until the block ends."""
    port = free_port()
    command = [sys.executable, *(argument.replace("PORT", str(port)) for argument in arguments)]
    with TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **environment}, stdout=output, stderr=subprocess.STDOUT
        )
        running = Served(port, output)
        try:
            _wait_for(process, running)
            yield running
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(process: subprocess.Popen[bytes], running: Served) -> None:
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", running.port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(running.log)
