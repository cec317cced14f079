"""A Problem becomes bytes: in the media type that the client accepts, with the headers that keep it safe."""

from __future__ import annotations

import html
import re
from base64 import b64encode
from collections.abc import Callable
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from errnorm import _json
from errnorm.families import Action
from errnorm.model import IntegratorProblem, Problem, ProblemField, Rendered
from errnorm.telling.catalogues import UNDETERMINED, language_of, span, translated
from errnorm.telling.negotiation import MediaType, media_type
from errnorm.telling.words import LABELS
from errnorm.vendors.profile import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

Headers = tuple[tuple[str, str], ...]

_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*", re.ASCII)
# An address of the web, or one of our own site: "//host" and "/\host" lead elsewhere, and browsers pass over blanks.
WEB = re.compile(r"(?:https?://[^/\\\s]|/(?![/\\]))[^\\\s\x00-\x1f\x7f]*", re.IGNORECASE)
MAIL = re.compile(r"mailto:[^\\\s\x00-\x1f\x7f]+", re.IGNORECASE)

# What no reader can see, and no XML document may hold: control characters, halves of surrogate pairs, noncharacters.
_INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BLOCKS = ("errors", "wait", "again", "reconnect", "support", "vendor")
_BLOCK = re.compile(r"<!-- (\w+) -->\n(.*?)<!-- /\1 -->\n", re.DOTALL)
_ALIVE = frozenset({"live", "again"})  # what a whole page has besides: a script, and an address to load again
_OF_A_PAGE = re.compile(r' (?:id|role)="\w+"')
_ONE_DEEPER = {"<h1": "<h2", "</h1": "</h2", "<h2": "<h3", "</h2": "</h3"}

Page = Callable[[Problem], str] | Template  # an app's own


class Site(NamedTuple):
    """What an app says of its HTML page; URLs that lead nowhere safe are left out."""

    template: Page | None = None
    support_url: str | None = None
    reconnect_url: str | None = None
    fragment: bool = False  # only what goes into a page that is there already


def render(
    problem: Problem,
    accept: str | None = "*/*",
    *,
    template: Page | None = None,
    support_url: str | None = None,
    reconnect_url: str | None = None,
    fragment: bool = False,
    vary: str = "Accept, Accept-Language",
) -> Rendered:
    """The answer that tells a problem, in the media type that an Accept header prefers.

    `template` writes an app's own HTML page: what it raises rises, and the page goes out under the app's own content
    security policy, for ours would forbid its styles. `fragment` asks for HTML to put into a page, where HTML is asked
    for at all; a script that takes anything gets it too.
    """
    media = MediaType.HTML if fragment and accept in _ANYTHING else media_type(accept)
    body = _WRITERS[media](problem, Site(template, support_url, reconnect_url, fragment))
    before, after = _constant_headers(media, problem.language, template is None and not fragment, vary)
    headers = (*before, ("Content-Length", str(len(body))), *after)
    if problem.retry_after is not None:
        headers = (*headers, ("Retry-After", str(int(problem.retry_after))))
    return Rendered(problem.status, headers, body)


_ANYTHING = (None, "", "*/*")


@lru_cache(maxsize=256)
def _constant_headers(media: MediaType, language: str, own_page: bool, vary: str) -> tuple[Headers, Headers]:
    """Those before and after Content-Length."""
    # JSON knows no charset (RFC 8259, 11)
    content_type = media.value if media is MediaType.PROBLEM_JSON else f"{media}; charset=utf-8"
    after = [
        ("Cache-Control", "no-store"),
        ("Vary", vary),
        ("X-Content-Type-Options", "nosniff"),
    ]
    if language != UNDETERMINED and _LANGUAGE.fullmatch(language):
        after.insert(0, ("Content-Language", language))
    if media is MediaType.HTML:
        after += [("Content-Security-Policy", _policy())] if own_page else []
        after += [("Referrer-Policy", "no-referrer")]
    return (("Content-Type", content_type),), tuple(after)


def _json_body(problem: Problem, _: Site) -> bytes:
    return _json.dumps(problem.to_dict())


def _xml_body(problem: Problem, _: Site) -> bytes:
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


def _text_body(problem: Problem, _: Site) -> bytes:
    label = labels(problem.language)
    fields = "\n".join("- " + ": ".join(filter(None, (_name(field), field.detail))) for field in problem.errors)
    last = [f"{label['reference']} {problem.reference}"]
    if problem.wait is not None:
        last.insert(0, f"{label['wait']} {span(problem.wait, label['language'])}")
    last += [f"{label[name]} {value}" for name, value in _vendors_own(problem)]
    text = "\n\n".join(filter(None, (problem.title, problem.detail, fields, "\n".join(last))))
    return f"{_visible(text)}\n".encode()


def _html_body(problem: Problem, site: Site) -> bytes:
    markup = markup_of(problem, site)
    if site.template is not None and not site.fragment:
        own = site.template.substitute(markup) if isinstance(site.template, Template) else site.template(problem)
        return own.encode("utf-8", "replace")
    page = _page(frozenset(name for name in _BLOCKS if markup[name]), site.fragment)
    return page.substitute(markup).encode()


def markup_of(problem: Problem, site: Site) -> dict[str, str]:
    """What stands in the place of each `$name` of a page, ready for HTML; "" where there is nothing to say."""
    seconds, label = problem.wait, labels(problem.language)
    again = problem.retry_after is not None or problem.action in {Action.RETRY, Action.WAIT}
    values = {
        "language": problem.language,
        "direction": _direction(problem.language),
        "status": str(problem.status),
        "code": problem.code,
        "title": problem.title,
        "detail": problem.detail,
        "reference": problem.reference,
        "seconds": str(seconds),
        "wait": "" if seconds is None else span(seconds, label["language"]),
        "again": label["again"] if again else "",
        "reconnect": _link(site.reconnect_url, WEB) if problem.action is Action.RECONNECT else "",
        "support": _link(site.support_url, WEB, MAIL),
        "label_direction": _direction(label["language"]),
        **{f"label_{name}": words for name, words in label.items()},
    }
    markup = {name: _escaped(value) for name, value in values.items()}
    markup["errors"] = "\n".join(map(_item, problem.errors))
    markup["vendor"] = "\n".join(
        f"<div><dt>{_escaped(label[name])}</dt> <dd><bdi>{_escaped(value)}</bdi></dd></div>"
        for name, value in _vendors_own(problem)
    )
    return markup


def _vendors_own(problem: Problem) -> list[tuple[str, str]]:
    """What only an integrator is told, each by the name of its label."""
    if not isinstance(problem, IntegratorProblem):
        return []
    known = ("vendor", "vendor_status", "vendor_code", "vendor_message", "vendor_request_id")
    return [(name, str(value)) for name in known if (value := getattr(problem, name)) is not None]


def _direction(language: str) -> str:
    return "rtl" if language.lower().split("-")[0] in _RIGHT_TO_LEFT else "ltr"


@lru_cache(maxsize=64)
def labels(language: str) -> Mapping[str, str]:
    """The page's labels in a language, else in English; which of the two it is, is `language`."""
    spoken = language_of((language,))
    return {"language": spoken} | {name: translated(words, spoken) or words for name, words in LABELS.items()}


def _item(field: ProblemField) -> str:
    name = _name(field)
    label = f'<code dir="ltr">{_escaped(name)}</code> ' if name else ""
    return f"<li>{label}{_escaped(field.detail or '')}</li>"


@cache
def _source() -> str:
    from importlib.resources import files

    return files("errnorm.telling").joinpath("page.html").read_text("utf-8")


@cache
def _page(blocks: frozenset[str], fragment: bool) -> Template:
    """The page without those of its optional blocks that have nothing to say; of a fragment what stands in `main`,
    without what only a whole page can have.
    """
    shown = blocks - _ALIVE if fragment else blocks | {"live"}
    page = _source()
    for _ in range(2):  # one stands within another
        page = _BLOCK.sub(lambda block: block[2] if block[1] in shown else "", page)
    if fragment:
        inside = _OF_A_PAGE.sub("", page.partition("<main>")[2].partition("</main>")[0])
        inside = re.sub(r"</?h[12]\b", lambda heading: _ONE_DEEPER[heading[0]], inside)
        page = f'<section class="errnorm" role="alert" lang="$language" dir="$direction">{inside}</section>\n'
    return Template(page)


def page_of(file: str | Path) -> Template:
    """An app's own page: a file in which `$title`, `$detail` and what else `markup_of` knows stand.

    Raises ValueError where it names something else, OSError where it cannot be read.
    """
    page = Template(Path(file).read_text(encoding="utf-8"))
    if not page.is_valid():
        raise ValueError("a '$' that is none of a name's is written '$$'")
    known = markup_of(Problem("", "", 500, "", "", "", "", Action.NONE), Site())
    for name in page.get_identifiers():
        if name not in known:
            raise ValueError(f"no ${name} in a page{nearest(name, known)}")
    return page


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


def _escaped(text: str) -> str:
    """Text for HTML and XML alike; a bare carriage return would be read back as a line feed."""
    return html.escape(_visible(text)).replace("\r", "&#13;")


def _visible(text: str) -> str:
    return text if text.isprintable() else _INVISIBLE.sub("", text)


_WRITERS: Mapping[MediaType, Callable[[Problem, Site], bytes]] = {
    MediaType.PROBLEM_JSON: _json_body,
    MediaType.PROBLEM_XML: _xml_body,
    MediaType.HTML: _html_body,
    MediaType.TEXT: _text_body,
}
