"""A server of one request for any ASGI app: what the app sends is what is seen, nothing put right on the way."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple


class Exchange(NamedTuple):
    """What an app sent for one request, and what rose out of it."""

    messages: list[dict[str, Any]]
    raised: BaseException | None

    @property
    def status(self) -> int:
        return self.messages[0]["status"]

    @property
    def headers(self) -> list[tuple[str, str]]:
        pairs = self.messages[0].get("headers", ())
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def http_scope(method: str = "GET", path: str = "/", headers: dict[str, str] | None = None) -> dict[str, Any]:
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": raw,
        "client": ("127.0.0.1", 50000),
        "server": ("testserver", 80),
    }


async def exchange(app: Any, scope: dict[str, Any], body: bytes = b"") -> Exchange:
    messages: list[dict[str, Any]] = []
    request = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        for message in request:
            return message
        return await asyncio.Future()  # the client stays, and says no more

    async def send(message: Any) -> None:
        messages.append(dict(message))

    try:
        await app(scope, receive, send)
    except BaseException as raised:  # noqa: BLE001 - the test looks at it
        return Exchange(messages, raised)
    return Exchange(messages, None)


def ask(app: Any, method: str = "GET", path: str = "/", headers: dict[str, str] | None = None) -> Exchange:
    """One request, in an event loop of its own."""
    return asyncio.run(exchange(app, http_scope(method, path, headers)))
