"""A real Redis for one test: Debian's, on a socket of its own, keeping nothing; it can stall, restart and be gone.

with RedisServer(folder) as server:
    Throttle(server.url)
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

import pytest

_spec = importlib.util.spec_from_file_location("debian", Path(__file__).parent.parent / "tools" / "debian.py")
assert _spec
assert _spec.loader
_tool = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_tool)
PROGRAM = _tool.found("redis-server")


def needed() -> None:
    """Skips the rest of a file of tests where there is no Redis; with ERRNORM_REDIS there has to be one."""
    pytest.importorskip("redis")
    if PROGRAM is None:
        if os.environ.get("ERRNORM_REDIS"):
            pytest.fail("no redis-server: see tools/debian.py", pytrace=False)
        pytest.skip("no redis-server: see tools/debian.py", allow_module_level=True)


class RedisServer:
    """The server in a folder; it ends with the test, by its own id."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> None:
        assert PROGRAM
        command = [PROGRAM, "--port", "0", "--unixsocket", str(self._socket), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=self._socket.parent)
        for _ in range(1000):
            if self._answers():
                return
            time.sleep(0.01)
        raise AssertionError("redis-server does not start")

    def stop(self) -> None:
        if self._process is not None:
            self.resume()
            self._process.kill()
            self._process.wait()
            self._process = None
        self._socket.unlink(missing_ok=True)

    def restart(self) -> None:
        """All it knew is gone, the script too."""
        self.stop()
        self.start()

    def stall(self) -> None:
        """It takes connections, and answers nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def client(self):
        import redis

        return redis.Redis.from_url(self.url, decode_responses=True)

    def _answers(self) -> bool:
        import redis

        with self.client() as client:
            try:
                return client.ping()
            except redis.RedisError:
                return False
