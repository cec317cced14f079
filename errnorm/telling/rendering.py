"""A Problem becomes bytes: in the media type that the client accepts, with the headers that keep it safe."""

from __future__ import annotations

import html
import re
from base64 import b64encode
from functools import cache, lru_cache
from hashlib import sha256
from string import Template
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from errnorm import _json
from errnorm.families import Action
from errnorm.model import Problem, ProblemField, Rendered
from errnorm.telling.negotiation import MediaType, media_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Headers = tuple[tuple[str, str], ...]

# What the page says of itself, and in which language; `wait` is followed by a span of time.
LABELS = {
    "language": "en",
    "errors": "Please check",
    "wait": "Try again in",
    "again": "Try again",
    "ready": "You can try again now.",
    "reconnect": "Reconnect",
    "support": "Contact support",
    "reference": "Reference:",
    "copy": "Copy",
    "copied": "Copied.",
    "seconds": "{} seconds",
    "second": "1 second",
    "minutes": "{} minutes",
}

_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*", re.ASCII)
# An address of the web, or one of our own site: "//host" and "/\host" lead elsewhere, and browsers pass over blanks.
_WEB = re.compile(r"(?:https?://[^/\\\s]|/(?![/\\]))[^\\\s\x00-\x1f\x7f]*", re.IGNORECASE)
_MAIL = re.compile(r"mailto:[^\\\s\x00-\x1f\x7f]+", re.IGNORECASE)

# What no reader can see, and no XML document may hold: control characters, halves of surrogate pairs, noncharacters.
_INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BLOCKS = ("errors", "wait", "again", "reconnect", "support")
_BLOCK = re.compile(r"<!-- (\w+) -->\n(.*?)<!-- /\1 -->\n", re.DOTALL)


class Page(NamedTuple):
    """What an app says of its HTML page; URLs that lead nowhere safe are left out."""

    template: Callable[[Problem], str] | None = None
    support_url: str | None = None
    reconnect_url: str | None = None


def render(
    problem: Problem,
    accept: str | None = "*/*",
    *,
    template: Callable[[Problem], str] | None = None,
    support_url: str | None = None,
    reconnect_url: str | None = None,
) -> Rendered:
    """The answer that tells a problem, in the media type that an Accept header prefers.

    `template` writes an app's own HTML page: what it raises rises, and the page goes out under the app's own content
    security policy, for ours would forbid its styles.
    """
    media = media_type(accept)
    body = _WRITERS[media](problem, Page(template, support_url, reconnect_url))
    before, after = _constant_headers(media, problem.language, template is None)
    headers = (*before, ("Content-Length", str(len(body))), *after)
    if problem.retry_after is not None:
        headers = (*headers, ("Retry-After", str(int(problem.retry_after))))
    return Rendered(problem.status, headers, body)


@lru_cache(maxsize=256)
def _constant_headers(media: MediaType, language: str, own_page: bool) -> tuple[Headers, Headers]:
    """Those before and after Content-Length."""
    # JSON knows no charset (RFC 8259, 11)
    content_type = media.value if media is MediaType.PROBLEM_JSON else f"{media}; charset=utf-8"
    after = [
        ("Cache-Control", "no-store"),
        ("Vary", "Accept, Accept-Language"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    if _LANGUAGE.fullmatch(language):
        after.insert(0, ("Content-Language", language))
    if media is MediaType.HTML:
        after += [("Content-Security-Policy", _policy())] if own_page else []
        after += [("Referrer-Policy", "no-referrer")]
    return (("Content-Type", content_type),), tuple(after)


def _json_body(problem: Problem, _: Page) -> bytes:
    return _json.dumps(problem.to_dict())


def _xml_body(problem: Problem, _: Page) -> bytes:
    members = "".join(_element(name, value) for name, value in problem.to_dict().items())
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n<problem xmlns="urn:ietf:rfc:7807">{members}</problem>\n'
    return document.encode()


def _element(name: str, value: Any) -> str:
    """RFC 9457, Appendix B: an object's members are elements, an array's items are called `i`."""
    if isinstance(value, dict):
        content = "".join(_element(str(key), member) for key, member in value.items())
    elif isinstance(value, (list, tuple)):
        content = "".join(_element("i", item) for item in value)
    else:
        content = _escaped(str(value))
    return f"<{name}>{content}</{name}>"


def _text_body(problem: Problem, _: Page) -> bytes:
    fields = "\n".join("- " + ": ".join(filter(None, (_name(field), field.detail))) for field in problem.errors)
    last = f"{LABELS['reference']} {problem.reference}"
    if problem.retry_after is not None:
        last = f"{LABELS['wait']} {_in_words(problem.retry_after)}.\n{last}"
    text = "\n\n".join(filter(None, (problem.title, problem.detail, fields, last)))
    return f"{_visible(text)}\n".encode()


def _html_body(problem: Problem, page: Page) -> bytes:
    if page.template:
        return page.template(problem).encode("utf-8", "replace")
    seconds = problem.retry_after
    again = seconds is not None or problem.action in {Action.RETRY, Action.WAIT}
    values = {
        "language": problem.language,
        "direction": "rtl" if problem.language.lower().split("-")[0] in _RIGHT_TO_LEFT else "ltr",
        "title": problem.title,
        "detail": problem.detail,
        "reference": problem.reference,
        "seconds": str(seconds),
        "wait": "" if seconds is None else _in_words(seconds),
        "again": LABELS["again"] if again else "",
        "reconnect": _link(page.reconnect_url, _WEB) if problem.action is Action.RECONNECT else "",
        "support": _link(page.support_url, _WEB, _MAIL),
        **{f"label_{name}": label for name, label in LABELS.items()},
    }
    markup = {name: _escaped(value) for name, value in values.items()}
    markup["errors"] = "\n".join(map(_item, problem.errors))
    return _page(frozenset(name for name in _BLOCKS if markup[name])).substitute(markup).encode()


def _item(field: ProblemField) -> str:
    name = _name(field)
    label = f'<code dir="ltr">{_escaped(name)}</code> ' if name else ""
    return f"<li>{label}{_escaped(field.detail or '')}</li>"


@cache
def _source() -> str:
    from importlib.resources import files

    return files("errnorm.telling").joinpath("page.html").read_text("utf-8")


@cache
def _page(blocks: frozenset[str]) -> Template:
    """The page without those of its optional blocks that have nothing to say."""
    return Template(_BLOCK.sub(lambda block: block[2] if block[1] in blocks else "", _source()))


@cache
def _policy() -> str:
    """A content security policy for the page's one style and one script, taken from the page itself."""
    style, script = (_hash(re.search(f"<{tag}>(.*?)</{tag}>", _source(), re.DOTALL)) for tag in ("style", "script"))
    nothing = ("default-src", "base-uri", "form-action", "frame-ancestors")
    own = (
        f"style-src {style}",
        f"script-src {script}",
        "img-src data:",
    )  # the last: an icon that no server is asked for
    return "; ".join((*(f"{name} 'none'" for name in nothing), *own))


def _hash(element: re.Match[str] | None) -> str:
    content = element[1] if element else ""
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"


def _link(url: str | None, *allowed: re.Pattern[str]) -> str:
    return url if url and any(pattern.fullmatch(url) for pattern in allowed) else ""


def _name(field: ProblemField) -> str:
    """What a JSON pointer points at, as people write it."""
    return _visible(unquote(field.pointer)).removeprefix("#").removeprefix("/")


def _in_words(seconds: int) -> str:
    """A span of time; minutes are rounded up, for too early is of no use."""
    if seconds >= 120:
        return LABELS["minutes"].format(-(-seconds // 60))
    return LABELS["second"] if seconds == 1 else LABELS["seconds"].format(seconds)


def _escaped(text: str) -> str:
    """Text for HTML and XML alike; a bare carriage return would be read back as a line feed."""
    return html.escape(_visible(text)).replace("\r", "&#13;")


def _visible(text: str) -> str:
    return text if text.isprintable() else _INVISIBLE.sub("", text)


_WRITERS: Mapping[MediaType, Callable[[Problem, Page], bytes]] = {
    MediaType.PROBLEM_JSON: _json_body,
    MediaType.PROBLEM_XML: _xml_body,
    MediaType.HTML: _html_body,
    MediaType.TEXT: _text_body,
}
