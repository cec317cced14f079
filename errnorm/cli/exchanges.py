"""Files to exchanges: samples as profiles have them, raw responses, what browsers export, and bare bodies."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from errnorm import _json
from errnorm.calling.decoding import decoded
from errnorm.cli.arguments import MOST, UsageError, body_of

if TYPE_CHECKING:
    from errnorm.samples import Sample

LARGEST = 268_435_456  # bytes of an export that are read: it holds a whole session
_HEAD = re.compile(rb"HTTP/[\d.]+ (\d{3})[^\n]*\n((?:[^\r\n]+\r?\n)*)(?:\r?\n|\Z)")
_HAR = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"log"\s*:\s*\{')
_GZIP = b"\x1f\x8b"
_DATA = re.compile(r"\A\Z|[/+](?:json|xml)\b")  # no media type is none of a picture


class Raw(NamedTuple):
    """A response in parts; without a status line all of it is the body."""

    status: int | None
    headers: Mapping[str, str]
    body: bytes


def parted(data: bytes) -> Raw:
    """A raw response in its parts; of several, such as after a 100 or a redirect, the last is the answer."""
    status, headers = None, {}
    while match := _HEAD.match(data):
        status, data = int(match[1]), data[match.end() :]
        lines = (line.partition(":") for line in match[2].decode("latin-1").splitlines())
        headers = {name.strip(): value.strip() for name, _, value in lines}
    return Raw(status, headers, data)


def unpacked(data: bytes, headers: Mapping[str, str]) -> bytes:
    """A body without its Content-Encoding; one that is text already is left as it is. Raises UsageError."""
    coding = next((value.strip().lower() for name, value in headers.items() if name.lower() == "content-encoding"), "")
    if not coding and data.startswith(_GZIP):
        coding = "gzip"
    if coding in ("", "identity") or _is_text(data):
        return data
    if (content := decoded(data, coding, MOST)) is None or content == data:
        raise UsageError(f"the body is packed with {coding!r}: save it unpacked, as `curl --compressed` does")
    return content


def _is_text(data: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)  # which may be cut off within a character
    except UnicodeDecodeError:
        return False
    return True


def saved_in(path: str) -> Iterator[Sample]:
    """The exchanges of a file, of a folder but for profiles and what is hidden, or for `-` of standard input.

    Raises UsageError and OSError.
    """
    place = Path(path)
    if path == "-":
        yield _response("standard input", body_of(None))
    elif not place.is_dir():
        yield from _saved(place)
    else:
        files = sorted(file for file in place.iterdir() if file.is_file() and not file.name.startswith("."))
        for file in files:
            if file.suffix != ".toml" or file.name.endswith(".samples.toml"):
                yield from _saved(file)


def _saved(file: Path) -> Iterator[Sample]:
    with file.open("rb") as stream:
        data = stream.read(MOST)
        if is_har := bool(_HAR.match(data)):
            data += stream.read(LARGEST)
    if file.name.endswith(".samples.toml"):
        yield from _samples(file, data)
    elif file.suffix == ".toml":
        raise UsageError(f"{file}: a profile; name the samples beside it")
    elif is_har or file.suffix.lower() == ".har":
        yield from _exported(file, data)
    else:
        try:
            yield _response(file.stem, data)
        except UsageError as error:
            raise UsageError(f"{file}: {error}") from None


def _response(title: str, data: bytes) -> Sample:
    raw = parted(data)
    return _sample(title, raw._replace(body=unpacked(raw.body, raw.headers)))


def _sample(title: str, raw: Raw, method: str | None = None, url: str | None = None) -> Sample:
    from errnorm.samples import Sample

    try:
        text, encoding = raw.body.decode(), "utf-8"
    except UnicodeDecodeError:
        text, encoding = raw.body.decode("latin-1"), "latin-1"
    return Sample(title, text, encoding, raw.status, dict(raw.headers), method, url)


def _samples(file: Path, data: bytes) -> Iterator[Sample]:
    """As `checking` reads them, but what they expect is no matter here, and may be missing."""
    import tomllib

    import msgspec

    from errnorm.samples import Sample

    number = 0
    try:
        for number, raw in enumerate(tomllib.loads(data.decode())["sample"], 1):  # noqa: B007 - told below
            sample = msgspec.convert(raw, Sample)
            sample.content  # noqa: B018 - an encoding may be unknown
            yield sample
    except (KeyError, TypeError, ValueError, LookupError, msgspec.ValidationError) as error:  # TOML's is a ValueError
        place = f"sample {number}: " if number else ""
        complaint = "no samples in it" if isinstance(error, KeyError) else str(error)
        raise UsageError(f"{file}: {place}{complaint}") from None


def _exported(file: Path, data: bytes) -> Iterator[Sample]:
    """The exchanges of an HTTP archive, which browsers and proxies export; pages, scripts and pictures that came well
    are no one's samples.
    """
    try:
        entries = [_entry(entry) for entry in _json.loads(data.removeprefix(codecs.BOM_UTF8))["log"]["entries"]]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise UsageError(f"{file}: not a whole HTTP archive, which has a list of exchanges at log.entries") from None
    for number, (kind, status, headers, body, *call) in enumerate(entries, 1):
        if status >= 400 or (status and _DATA.search(kind)):
            yield _sample(f"{file.stem} {number}", Raw(status, headers, body), *call)


def _entry(entry: Any) -> tuple[str, int, dict[str, str], bytes, str, str]:
    """What an archive holds of an exchange; its status is 0 where no answer came."""
    import base64

    request, response = entry["request"], entry["response"]
    content = response.get("content") or {}
    text = str(content.get("text") or "")
    body = base64.b64decode(text) if content.get("encoding") == "base64" else text.encode(errors="replace")
    headers = {str(each["name"]): str(each["value"]) for each in response.get("headers") or ()}
    kind = str(content.get("mimeType") or "").partition(";")[0]
    return kind, int(response["status"]), headers, body, str(request["method"]), str(request["url"])
