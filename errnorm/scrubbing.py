"""An error tracker's event without its secrets: by their shape, by the names beside them, and wherever else they stand.

Bounded in time, and never failing: what could not be looked at is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final

from errnorm.redaction import KEPT, QUERIES, beginning, redact, redact_url

MOST: Final = 500_000  # characters of an event that are looked at
LONGEST: Final = 20_000  # characters of one text
DEEPEST: Final = 30
LEFT_OUT: Final = "[…]"
SECRET: Final = "[secret]"  # noqa: S105 - the mark itself

# What is ours or Sentry's own, or what the app means to be seen ("user").
_OURS: Final = (
    "event_id timestamp start_timestamp type level platform sdk release environment dist server_name modules logger "
    "fingerprint user _meta measurements debug_meta transaction_info time_unix_nano trace_id span_id"
)
_PLAIN: Final = frozenset(_OURS.split())
_OF_FRAMES: Final = frozenset(("abs_path", "filename", "module", "function", "lineno", "colno", "in_app", "package"))
_SOURCE: Final = frozenset(("context_line", "pre_context", "post_context"))
_QUERY: Final = frozenset(("query_string", "http.query", "url.query", "http.fragment", "url.fragment"))
_HEADERS: Final = KEPT | {"accept", "accept-encoding", "accept-language", "host", "origin", "user-agent"}
_NOTHING: Final = frozenset(("", "None", "True", "False", "''", '""', "[Filtered]", "[]", "{}", "()"))

_URL = re.compile(r"""(?:\b[A-Za-z][A-Za-z0-9+.-]{1,20}://|(?<![\w/])/[^\s'"<>`\\?]{0,200}\?)[^\s'"<>`\\]+""")
# A header as Python shows one of a list: (b'authorization', b'Basic ...')
_PAIR = re.compile(r"""([(\[]b?(["'])([\w.-]{1,60})\2,\s?b?)(["'])((?:[^"'\\]|\\.|(?!\4)["']){0,4000}+)\4""")


def scrubbed(event: dict[str, Any]) -> dict[str, Any]:
    """The event without secrets, without what could not be cleaned, and with the tag `errnorm` where that happened."""
    scrubber = _Scrubber()
    failed: list[str] = []
    for name in [name for name in event if name not in _PLAIN]:
        try:
            event[name] = scrubber.section(name, event[name])
        except Exception:  # noqa: BLE001 - whatever it is, the event must go out, and nothing in it that may be secret
            failed.append(name)
            event[name] = _bare(event[name]) if name == "exception" else None
    try:
        _hide_arguments(event)
        scrubber.hide_known(event)
    except Exception:  # noqa: BLE001 - likewise
        failed.append("known")
        event.update({name: None for name in event if name not in _PLAIN and name != "exception"})
        event["exception"] = _bare(event.get("exception"))
    if failed:
        tags = event.get("tags")
        event["tags"] = (tags if isinstance(tags, dict) else {}) | {"errnorm": f"not cleaned: {', '.join(failed)}"}
    return event


def hidden(text: str) -> str:
    """A line of any program's log without its secrets: those of its URLs too, and of headers that it shows."""
    return _Scrubber().text(text)


def _hide_arguments(log: dict[str, Any]) -> None:
    """Leaves of the arguments of a log of Sentry's own those that stand in its line as that is shown."""
    told = log.get("attributes")
    if not isinstance(told, dict):
        return
    for name in told:
        if name.startswith("sentry.message.parameter") and str(told[name]) not in str(log.get("body")):
            told[name] = LEFT_OUT


def _bare(exception: Any) -> Any:
    """Of exceptions no more than what they are."""
    values = exception.get("values") if isinstance(exception, dict) else None
    names = [each.get("type") for each in values or () if isinstance(each, dict)]
    return {"values": [{"type": name, "value": LEFT_OUT} for name in names if isinstance(name, str)]} if names else None


class _Scrubber:
    """Cleans one event; `known` are secrets that a name beside them gave away, so that they are found without it."""

    def __init__(self) -> None:
        self.left = MOST
        self.known: set[str] = set()

    def section(self, name: str, value: Any) -> Any:
        """One of an event's own keys."""
        if name == "request" and isinstance(value, dict):
            return {key: self._request(key, each) for key, each in value.items()}
        if name == "logentry" and isinstance(value, dict):
            return self._logentry(value)
        return self._walk(value, name, 0)

    def hide_known(self, event: dict[str, Any]) -> None:
        """Hides wherever they stand the secrets that were given away somewhere."""
        if not self.known:
            return
        pattern = re.compile("|".join(map(re.escape, sorted(self.known, key=len, reverse=True)[:100])))
        for name in [name for name in event if name not in _PLAIN]:
            event[name] = _mapped(event[name], lambda text: pattern.sub(SECRET, text))

    def _walk(self, value: Any, name: str, depth: int) -> Any:
        self.left -= 1
        if depth > DEEPEST or self.left < 0:
            return None if value is None else LEFT_OUT
        if isinstance(value, dict):
            return {self._key(key): self._member(str(key), each, depth + 1) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return list(self._items(value, name, depth + 1))
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if value is None or isinstance(value, int | float | date):
            return value
        return self.text(value if isinstance(value, str) else repr(value))

    def _items(self, values: Any, name: str, depth: int) -> Iterator[Any]:
        """Items of a list; of a pair, the first may be the second's name."""
        if len(values) == 2 and isinstance(values[0], str):
            yield self.text(values[0])
            yield self._member(values[0], values[1], depth)
        elif name in _SOURCE:
            yield from map(self._source, values)
        else:
            yield from (self._walk(value, name, depth) for value in values)

    def _member(self, name: str, value: Any, depth: int) -> Any:
        if name in _OF_FRAMES:
            return value
        if name in _SOURCE and isinstance(value, str):
            return self._source(value)
        if name in _QUERY:
            return self._query(value)
        if tells(name):
            return self._masked(value, depth)
        return self._walk(value, name, depth)

    def _key(self, key: Any) -> Any:
        return self.text(key) if isinstance(key, str) and len(key) > 15 else key

    def _masked(self, value: Any, depth: int = 0) -> Any:
        """A value that its name says is secret; every text in it."""
        if depth > DEEPEST:
            return LEFT_OUT
        if isinstance(value, dict):
            return {self._key(key): self._masked(each, depth + 1) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._masked(each, depth + 1) for each in value]
        if value is None or isinstance(value, bool) or str(value) in _NOTHING:
            return value
        bare = str(value).removeprefix("b").strip("\"'")
        if 8 <= len(bare) <= 500 and not bare.isalpha() and " " not in bare:
            self.known.add(bare)
        return SECRET

    def _request(self, name: str, value: Any) -> Any:
        """What came with the request that failed."""
        if name == "cookies":
            return self._masked(value)
        if name == "headers" and isinstance(value, dict):
            return {
                self._key(key): self.text(str(each)) if str(key).lower() in _HEADERS else self._header(str(key), each)
                for key, each in value.items()
            }
        if name == "url" and isinstance(value, str):
            return redact_url(value[:LONGEST])
        return self._member(name, value, 0)

    def _header(self, name: str, value: Any) -> Any:
        return self._masked(value) if tells(name) else LEFT_OUT

    def _logentry(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """A log line; an argument of it is shown where it stands in the line as that is shown."""
        cleaned = {key: self._walk(value, key, 0) for key, value in entry.items() if key != "params"}
        if params := entry.get("params"):
            shown = str(cleaned.get("formatted") or cleaned.get("message") or "")
            cleaned["params"] = _mapped(self._walk(params, "", 0), lambda text: text if text in shown else LEFT_OUT)
        return cleaned

    def _query(self, value: Any) -> Any:
        if isinstance(value, str):
            return redact_url("?" + value[:LONGEST])[1:] if value else value
        if isinstance(value, dict):
            return {self._key(key): each if str(key).lower() in QUERIES else LEFT_OUT for key, each in value.items()}
        return LEFT_OUT if value else value

    def _source(self, line: Any) -> Any:
        """A line of a program: a secret in it is a literal or a comment, and all else tells what went wrong."""
        if not isinstance(line, str) or len(line) < 12:
            return line
        if any(sign in line for sign in "\"'`#"):
            return self.text(line)
        return " ".join(self.text(word) if len(word) > 15 and "=" not in word else word for word in line.split(" "))

    def text(self, text: str) -> str:
        self.left -= min(len(text), LONGEST)
        if self.left < 0:
            return LEFT_OUT
        text = redact(text) if len(text) <= LONGEST else beginning(text[:LONGEST]) + LEFT_OUT
        if "://" in text or "?" in text:
            text = _URL.sub(lambda url: redact_url(url[0]), text)
        return _PAIR.sub(self._pair, text) if ", " in text else text

    def _pair(self, pair: re.Match[str]) -> str:
        return f"{pair[1]}{pair[4]}{self._masked(pair[5])}{pair[4]}" if tells(pair[3]) else pair[0]


@lru_cache(maxsize=2_048)
def tells(name: str) -> bool:
    """Whether a name says that what stands beside it is secret."""
    return len(name) < 200 and "Zx9" not in redact(f"{name}=Zx9Zx9Zx9")


def _mapped(value: Any, change: Callable[[str], str], name: str = "") -> Any:
    """The same tree with its texts changed; frames keep what they are grouped by."""
    if isinstance(value, str):
        return value if name in _OF_FRAMES else change(value)
    if isinstance(value, dict):
        return {key: _mapped(each, change, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(each, change) for each in value]
    return value
