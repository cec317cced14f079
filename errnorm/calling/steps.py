"""What a vendor call is made of: what its client is asked to do, what it waits for, and what comes back."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from errnorm.calling.sealed import Headers, KeyBy
from errnorm.redaction import fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from errnorm.calling.refreshing import Renewal, Renewed
    from errnorm.throttle import Turn, Window


class Send(NamedTuple):
    """Send the request with these headers set; comes back with an Answer."""

    headers: Headers


class Read(NamedTuple):
    """Look at so many bytes of the body, decoded, and leave it as if unread; comes back with a Body."""

    limit: int


class Load(NamedTuple):
    """Read the whole body, as the client would have done by itself."""


class Close(NamedTuple):
    """Let go of the connection: nobody will see the answer. There may be none."""


class Rewind(NamedTuple):
    """Make ready to send the same request once more; comes back with whether its body allows that."""


class Take(NamedTuple):
    """Ask for the turn; comes back with the seconds after which to ask again, 0.0 once it has come."""

    turn: Turn


class Sleep(NamedTuple):
    """Wait."""

    seconds: float


class Leave(NamedTuple):
    """Give up the place in the queue, or what the turn still holds."""

    turn: Turn


class Settle(NamedTuple):
    """Say what came of the turn: for how long nobody shall call, and what is left of the limits."""

    turn: Turn
    pause: float | None
    windows: Sequence[Window]


class Refresh(NamedTuple):
    """Renew the credential, together with whoever waits for the same; comes back with the Headers that carry it."""

    renewal: Renewal
    key_by: KeyBy
    seen: Renewed


Step = Send | Read | Load | Close | Rewind | Take | Sleep | Leave | Settle | Refresh
Flow = Generator[Step, Any, None]


class Request(NamedTuple):
    """What is asked of the vendor; `streams`: the caller reads the body, or leaves it.

    Of the headers only the names, and of the key a fingerprint: this stands in frames, and reporters of errors show
    what does. `told_by` gives that of other headers.
    """

    method: str
    url: str
    header_names: frozenset[str]
    streams: bool = False
    key_fingerprint: str | None = None
    told_by: KeyBy = lambda _: None

    def key_by(self, names: Collection[str]) -> str | None:
        """The fingerprint of the credential, which stands in these headers; in the usual ones where there are none."""
        return self.told_by(names) if names else self.key_fingerprint


class Answer(NamedTuple):
    """What came back at first; the key is that of the request as it was sent, where that is known only then."""

    status: int
    headers: Mapping[str, str]
    key_fingerprint: str | None = None


class Body(NamedTuple):
    """The first bytes of a body, decoded, and whether they are all of it."""

    content: bytes
    whole: bool


class Bookmark:
    """Where the body of a request begins, so that it can be sent once more."""

    def __init__(self, body: Any) -> None:
        self._body, self._start = body, None
        if body is not None and not isinstance(body, bytes | str):
            with suppress(Exception):  # a generator, a pipe
                self._start = body.tell() if body.seekable() else None

    def rewind(self) -> bool:
        """Goes back there; whether that was possible."""
        if self._start is None:
            return self._body is None or isinstance(self._body, bytes | str)
        self._body.seek(self._start)
        return True


# Where a key stays the same from call to call; a signature does not, and tells no keys apart.
_KEYS = ("authorization", "x-api-key", "api-key", "x-auth-token")
_SCHEMES = ("", "basic", "bearer", "token", "apikey", "apitoken")


def key_fingerprint_of(headers: Mapping[str, Any]) -> str | None:
    """What tells support the key of a request from others, without telling the key; None where there is none."""
    for name in _KEYS:
        scheme, _, key = header(headers, name).strip().rpartition(" ")
        if key and scheme.lower() in _SCHEMES:
            return fingerprint(key)
    return None


def told_by(headers: Mapping[str, Any]) -> KeyBy:
    """What gives the fingerprint of any of a client's own headers, without showing them."""

    def told(names: Collection[str]) -> str | None:
        values = [header(headers, name) for name in sorted(names)]
        return fingerprint("\x1f".join(values)) if any(values) else None

    return told


def names_of(headers: Iterable[Any]) -> frozenset[str]:
    """The names of a client's own headers, which it may keep as bytes."""
    return frozenset((name.decode("latin-1") if isinstance(name, bytes) else str(name)).lower() for name in headers)


def name_request(raised: BaseException, request: object) -> None:
    """Writes on a client's exception which request it is about, as its client does, only later."""
    with suppress(Exception):
        if getattr(raised, "_request", raised) is None or getattr(raised, "request", raised) is None:
            raised.request = request  # type: ignore[attr-defined]  # httpx and requests both have it


def header(headers: Mapping[str, Any], name: str) -> str:
    """A header of a client's own mapping, whose names are case-insensitive; "" where there is none."""
    return str(headers.get(name) or "")
