"""A vendor on loopback that fails on demand: it replays the samples of a profile over real HTTP.

    python examples/fake_vendor.py --port 8001        # then open http://127.0.0.1:8001/

    with FakeVendor() as vendor:
        httpx.post(f"{vendor.url}/lionbridge/api/quote/reason-code-304-under-quoteauthorization/authorize")

The first part of a path names the vendor. Among the rest, the first part that names a sample, by its number or by its
title with hyphens, is what is answered; so an app's own paths work as they are. Other words: `ok` is an answer that is
well, `reset` breaks the connection off, `stall` never answers, `slow` answers late. `/lionbridge` lists the samples.
"""

from __future__ import annotations

import argparse
import re
import socket
import struct
import threading
import tomllib
from contextlib import suppress
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

Sample = dict[str, Any]


def samples_of(profile: str) -> list[Sample]:
    """The samples of a built-in profile, or of one's own where `profile` is a file."""
    if profile.endswith(".toml"):
        return _read(Path(profile).with_suffix(".samples.toml").read_text(encoding="utf-8"))
    for folder in (files("errnorm.vendors"), files("errnorm.vendors") / "dialects"):
        if (file := folder / f"{profile}.samples.toml").is_file():
            return _read(file.read_text(encoding="utf-8"))
    return []


def _read(text: str) -> list[Sample]:
    samples: list[Sample] = tomllib.loads(text)["sample"]
    return samples


def slug(title: str) -> str:
    """A title as it stands in a path: `reason code 304 under Quote` is `reason-code-304-under-quote`."""
    return re.sub(r"\W+", "-", title.lower()).strip("-")


class FakeVendor(ThreadingHTTPServer):
    """Listens on 127.0.0.1, at any free port unless told; as a context manager it serves in a thread.

    `profiles` are files of one's own, known by the name of the file; built-in ones need not be named. `delay` is the
    wait of `slow` in seconds. `requests` keeps what was asked, as method, path, headers and body.
    """

    daemon_threads = True

    def __init__(self, *profiles: str | Path, port: int = 0, delay: float = 3.0) -> None:
        super().__init__(("127.0.0.1", port), _Answering)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.delay = delay
        self.closing = threading.Event()
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self._samples = {Path(file).stem: samples_of(str(file)) for file in profiles}

    def samples(self, vendor: str) -> list[Sample]:
        """The samples of a vendor; [] where there is none of that name."""
        if vendor not in self._samples:
            self._samples[vendor] = samples_of(vendor) if re.fullmatch(r"[a-z0-9-]+", vendor) else []
        return self._samples[vendor]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is none of our business."""


class _Answering(BaseHTTPRequestHandler):
    server: FakeVendor  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        vendor, *words = self.path.partition("?")[0].strip("/").split("/")
        if "reset" in words:
            self._reset()
            return
        if "stall" in words:
            self.server.closing.wait(60)
            return
        if "slow" in words:
            self.server.closing.wait(self.server.delay)
        samples = self.server.samples(vendor)
        if sample := next(filter(None, (_named(word, samples) for word in words)), None):
            self._replay(sample)
        elif "ok" in words or "slow" in words:
            self._answer(200, {"Content-Type": "text/plain"}, b"ok\n")
        else:
            self._list(vendor, samples)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def _replay(self, sample: Sample) -> None:
        body = str(sample.get("body", "")).encode(sample.get("encoding", "utf-8"))
        self._answer(sample.get("status", 200), sample.get("headers", {}), body)

    def _list(self, vendor: str, samples: list[Sample]) -> None:
        if not vendor:
            text = "/VENDOR lists a vendor's samples: /lionbridge, say\n"
        else:
            lines = (f"/{vendor}/{number}  /{vendor}/{slug(s['title'])}\n" for number, s in enumerate(samples, 1))
            text = "".join(lines) or f"no samples of {vendor}\n"
        self._answer(404, {"Content-Type": "text/plain; charset=utf-8"}, text.encode())

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status, responses.get(status, "Odd"))  # without a Date: that is the sample's business
        for name, value in {**headers, "Content-Length": str(len(body)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Quiet: what was asked is in `requests`."""


def _named(word: str, samples: list[Sample]) -> Sample | None:
    if titled := next((sample for sample in samples if slug(sample["title"]) == word), None):
        return titled
    return samples[int(word) - 1] if word.isdecimal() and 1 <= int(word) <= len(samples) else None


def main() -> None:
    """Serves until it is interrupted."""
    parser = argparse.ArgumentParser(description="A vendor on loopback that replays the samples of a profile.")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--profile", action="append", default=[], metavar="FILE", help="a profile of your own")
    args = parser.parse_args()
    with FakeVendor(*args.profile, port=args.port) as vendor:
        print(f"{vendor.url}/lionbridge lists what it answers", flush=True)
        with suppress(KeyboardInterrupt):
            vendor.closing.wait()


if __name__ == "__main__":
    main()
