"""An answer as a Response, with the headers that belong to what it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from starlette.responses import Response

from errnorm.asgi import Scope, wired
from errnorm.model import Rendered


def response(rendered: Rendered, scope: Scope, theirs: Mapping[str, str] | None = None) -> Response:
    """A Response of an answer, with what an exception wants said beside it in headers; to HEAD without its body."""
    told = Response(b"" if scope.get("method") == "HEAD" else rendered.body, rendered.status)
    told.raw_headers = [*wired(rendered), *_beside(rendered, theirs or {})]
    return told


def _beside(rendered: Rendered, theirs: Mapping[str, str]) -> Iterator[tuple[bytes, bytes]]:
    """Headers that do not speak of the body that we write instead, nor of what we say ourselves."""
    ours = {name.lower() for name, _ in rendered.headers} - {"vary"} | _OF_THE_BODY
    for name, value in theirs.items():
        if name.lower() not in ours:
            yield name.lower().encode("latin-1"), value.encode("latin-1")


_OF_THE_BODY = {"content-encoding", "content-disposition", "transfer-encoding", "etag", "last-modified"}
