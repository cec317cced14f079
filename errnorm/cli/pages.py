"""The playground's own pages: every text in them is escaped, and their policy allows one style and no script."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from string import Template
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from errnorm.answering import Normalizer
from errnorm.cli.explaining import advice, explain, indented, rule
from errnorm.cli.listing import COLUMNS, in_words
from errnorm.model import VendorError
from errnorm.samples import Sample
from errnorm.telling.negotiation import MediaType


class Markup(str):
    """HTML that is ready to be sent; every other text is escaped on its way into an element."""

    __slots__ = ()


class Pasted(NamedTuple):
    """What somebody typed into the form."""

    body: str = ""
    vendor: str = ""
    status: str = ""
    headers: str = ""
    method: str = ""
    url: str = ""


def element(tag: str, *children: object, **attributes: str) -> Markup:
    """An HTML element; children that are no Markup are escaped, and so is every attribute. `class_` is class."""
    names = "".join(f' {name.rstrip("_")}="{html.escape(value)}"' for name, value in attributes.items())
    return Markup(f"<{tag}{names}>" if tag == "input" else f"<{tag}{names}>{_joined(children)}</{tag}>")


def page(title: str, *content: object) -> bytes:
    """A whole page."""
    text = Template(_source()).substitute(title=html.escape(title), content=_joined(content))
    return text.encode("utf-8", "replace")


@cache
def page_headers() -> dict[str, str]:
    """What keeps our own pages to themselves."""
    style = re.search(r"<style>(.*?)</style>", _source(), re.DOTALL)
    digest = b64encode(sha256((style[1] if style else "").encode()).digest()).decode()
    nothing = ("default-src", "base-uri", "frame-ancestors")
    own = (f"style-src 'sha256-{digest}'", "img-src data:", "frame-src 'self'", "form-action 'self'")
    return {
        "Content-Security-Policy": "; ".join((*(f"{name} 'none'" for name in nothing), *own)),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def vendor_list(vendors: Iterable[Mapping[str, Any]]) -> Markup:
    """All vendors, as `listing.overview` has them."""
    names = ("codes", "samples", "docs")
    rows = ((_vendor_link(each["name"]), *(each[name] for name in names)) for each in vendors)
    return _table(("vendor", *names), rows)


def vendor_page(known: Mapping[str, Any], samples: Iterable[Sample]) -> bytes:
    """One vendor, as `listing.about` has it: its samples, and everything that it can answer."""
    name = known["name"]
    links = [
        (number, element("a", sample.title, href=f"{_path(name)}/{number}"), sample.status, _remark(sample, name))
        for number, sample in enumerate(samples, 1)
    ]
    return page(
        name,
        element("p", known["docs"], class_="soft"),
        element("p", "Hosts: ", ", ".join(known["hosts"]) or "none known"),
        element("ul", *(element("li", in_words(limit)) for limit in known["limits"])),
        element("h2", "Samples"),
        _table(("", "sample", "status", ""), links),
        element("h2", "Everything it can answer"),
        _table(COLUMNS, ([row[column] for column in COLUMNS] for row in known["rows"])),
    )


def sample_page(name: str, number: int, samples: Sequence[Sample], normalizer: Normalizer) -> bytes:
    """One sample, as all who meet it see it."""
    sample = samples[number - 1]
    provoked = f"/provoke/{quote(name, safe='')}/{number}"
    framed = f"{provoked}?{urlencode({'accept': MediaType.HTML.value, 'framed': 1})}"
    urls = {media.value: f"{provoked}?{urlencode({'accept': media.value})}" for media in MediaType}
    links = [element("a", media, href=url, target="_blank", rel="noopener") for media, url in urls.items()]
    near = {"Previous": number - 1, "Next": number + 1}
    return page(
        sample.title,
        element("p", f"Sample {number} of {len(samples)} of ", _vendor_link(name), ". ", _remark(sample, name)),
        element("p", *(_near(name, word, at) for word, at in near.items() if 1 <= at <= len(samples))),
        element("h2", "What the vendor sent"),
        element("pre", _sent(sample)),
        element("h2", "The page that a user gets"),
        element("iframe", src=framed, title="The page that a user gets", sandbox="allow-scripts"),
        element("p", "The response itself:"),
        element("ul", *(element("li", link) for link in links)),
        *told(VendorError(sample.read(normalizer.parse, name)), normalizer),
    )


def told(failure: VendorError, normalizer: Normalizer) -> list[Markup]:
    """A failure as a program, a log and a user see it; all but the page, which is a page of its own."""
    by_media = {media: explain(failure, normalizer, accept=media.value) for media in MediaType}
    html_too = by_media.pop(MediaType.HTML)
    error, log = html_too["error"], html_too["log"]
    parts = [
        element("h2", "As a program sees it"),
        element("p", "Decided by: ", rule(error)),
        element("p", advice(error["retry"])),
        element("pre", _json(error)),
        element("h2", "As the log has it"),
        element("p", f"{log['level']} {log['message']}"),
        element("pre", _json(log)),
        element("h2", f"As a user sees it: {html_too['response']['status']}"),
    ]
    for media, explained in by_media.items():
        headers = [f"{name}: {value}" for name, value in explained["response"]["headers"].items()]
        parts.append(element("h3", media.value))
        parts.append(element("pre", "\n".join((*headers, "", indented(explained["response"])))))
    return parts


def form(pasted: Pasted, vendors: Iterable[str]) -> Markup:
    """What takes a body of one's own; every button but the first opens the response itself."""
    options = [element("option", "by the URL, or by the body", value="")]
    for name in vendors:
        chosen = {"selected": ""} if name == pasted.vendor else {}
        options.append(element("option", name, value=name, **chosen))
    tabs = [_button(media.value, f"/provoke?{urlencode({'accept': media.value})}", "_blank") for media in MediaType]
    return element(
        "form",
        *_labelled("Vendor", element("select", *options, name="vendor", id="vendor")),
        *_labelled("Status", _input("status", pasted.status)),
        *_labelled("Method", _input("method", pasted.method)),
        *_labelled("URL", _input("url", pasted.url)),
        # browsers pass over a line break that a text area begins with
        *_labelled("Headers", element("textarea", "\n", pasted.headers, name="headers", id="headers", rows="3")),
        *_labelled("Body", element("textarea", "\n", pasted.body, name="body", id="body", rows="10")),
        _button("Explain", "/try", "_self"),
        *tabs,
        method="post",
        action="/try",
    )


def _labelled(label: str, field: Markup) -> tuple[Markup, Markup]:
    return element("label", label, for_=label.lower()), field


def _input(name: str, value: str) -> Markup:
    return element("input", name=name, id=name, value=value, autocomplete="off")


def _button(label: str, action: str, target: str) -> Markup:
    return element("button", label, formaction=action, formtarget=target)


def _table(names: Iterable[str], rows: Iterable[Iterable[object]]) -> Markup:
    head = element("tr", *(element("th", name) for name in names))
    body = [element("tr", *(element("td", cell) for cell in row)) for row in rows]
    return element("div", element("table", head, *body), class_="scroll")


def _path(name: str) -> str:
    return f"/vendors/{quote(name, safe='')}"


def _vendor_link(name: str) -> Markup:
    return element("a", name, href=_path(name))


def _near(name: str, word: str, number: int) -> Markup:
    return Markup(element("a", word, href=f"{_path(name)}/{number}") + " ")


def _remark(sample: Sample, name: str) -> str:
    if sample.status is None or sample.tells_failure(name):
        return ""
    return "No failure by its profile: normalize() gives None for it."


def _sent(sample: Sample) -> str:
    call = " ".join(filter(None, (sample.method, sample.url, sample.operation)))
    status = "no status" if sample.status is None else f"HTTP {sample.status}"
    headers = [f"{name}: {value}" for name, value in sample.headers.items()]
    return "\n".join([*([call, ""] if call else []), status, *headers, "", sample.body or "(no body)"])


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _joined(children: Iterable[object]) -> str:
    texts = (child if isinstance(child, Markup) else html.escape(_shown(child)) for child in children)
    return "".join(texts)


def _shown(child: object) -> str:
    return "" if child is None else str(child)


@cache
def _source() -> str:
    from importlib.resources import files

    return files("errnorm.cli").joinpath("playground.html").read_text("utf-8")
