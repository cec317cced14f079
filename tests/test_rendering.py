"""A problem reads the same in every media type, whatever its texts hold, and no answer says more than that."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, strategies as st

from errnorm import _json
from errnorm.families import Action
from errnorm.model import IntegratorProblem, Problem, ProblemField
from errnorm.telling.negotiation import MediaType
from errnorm.telling.rendering import render
from errnorm.telling.words import LABELS

BUSY = Problem(
    type="about:blank",
    title="Service Unavailable",
    status=503,
    detail="The translation service is busy right now.",
    instance="urn:uuid:3f0c2a52-7d1e-4b58-9c55-0d3a8e6f1b27",
    reference="7W62-MMKX",
    code="service_unavailable",
    action=Action.WAIT,
    retry_after=90,
    wait=90,
)
REFUSED = Problem(
    type="about:blank",
    title="Unprocessable Content",
    status=422,
    detail='Some languages are <not> on "offer" & one is\nnot known.',
    instance="urn:uuid:8a1e4b8e-56d2-4d6e-a3f7-2f1f1b0c9d11",
    reference="H8F4-Q3JN",
    code="language_not_offered",
    action=Action.FIX_INPUT,
    errors=(ProblemField("#/languages/0", "Klingon is not on offer."), ProblemField("#/due_date")),
    language="de-AT",
)
ENDED = Problem(
    type="https://example.org/problems/connection_ended",
    title="Conflict",
    status=409,
    detail="The connection to your account has ended.",
    instance="urn:uuid:0b0f1a3c-9d8e-4c6b-8f2a-7e5d4c3b2a19",
    reference="1C7H-M79S",
    code="connection_ended",
    action=Action.RECONNECT,
    language="ar",
)
PROBLEMS = [BUSY, REFUSED, ENDED]
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

every_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.code)
every_media = pytest.mark.parametrize("media", MediaType)

texts = st.text() | st.text(
    st.sampled_from("<>&'\"\r\n\t\0\x1b\x85 $#{}-]!/:;javscript\u202e\u2028\ud800\ufffe\U0001f600é")
)
problems = st.builds(
    Problem,
    type=texts,
    title=texts,
    status=st.sampled_from([409, 422, 500, 503]),
    detail=texts,
    instance=texts,
    reference=texts,
    code=texts,
    action=st.sampled_from(Action),
    retry_after=st.none() | st.integers(0, 3600),
    wait=st.none() | st.integers(0, 10_000_000),
    errors=st.lists(st.builds(ProblemField, pointer=texts, detail=st.none() | texts), max_size=3).map(tuple),
    language=st.sampled_from(["en", "de-AT", "he-IL"]) | texts,
)


def visible(text):
    """What of a text can be shown, and is allowed in XML 1.0."""
    return "".join(c for c in text if c in "\t\n\r" or (" " <= c <= "~") or (c >= "\xa0" and not unusable(c)))


def unusable(character):
    return "\ud800" <= character <= "\udfff" or character in "\ufffe\uffff"


def headers_of(rendered):
    assert len(dict(rendered.headers)) == len(rendered.headers)
    return dict(rendered.headers)


# --- headers ---


CONTENT_TYPES = {
    MediaType.PROBLEM_JSON: "application/problem+json",
    MediaType.PROBLEM_XML: "application/problem+xml; charset=utf-8",
    MediaType.HTML: "text/html; charset=utf-8",
    MediaType.TEXT: "text/plain; charset=utf-8",
}


@every_problem
@every_media
def test_the_headers_keep_an_answer_from_being_stored_or_taken_for_something_else(problem, media):
    rendered = render(problem, media)
    headers = headers_of(rendered)
    page_only = {"Content-Security-Policy", "Referrer-Policy"} if media is MediaType.HTML else set()
    assert rendered.status == problem.status
    assert headers == {
        "Content-Type": CONTENT_TYPES[media],
        "Content-Length": str(len(rendered.body)),
        "Content-Language": problem.language,
        "Cache-Control": "no-store",
        "Vary": "Accept, Accept-Language",
        "X-Content-Type-Options": "nosniff",
        **({"Retry-After": str(problem.retry_after)} if problem.retry_after is not None else {}),
        **{name: headers[name] for name in page_only},
    }


@given(problems, st.sampled_from(MediaType))
def test_no_header_is_broken_by_what_a_problem_says(problem, media):
    rendered = render(problem, media, support_url=problem.detail, reconnect_url=problem.title)
    for name, value in rendered.headers:
        assert re.fullmatch(r"[A-Za-z-]+", name)
        assert re.fullmatch(r"[!-~]([ -~]*[!-~])?", value)
    assert int(headers_of(rendered)["Content-Length"]) == len(rendered.body)


@given(problems, st.sampled_from(MediaType))
def test_the_same_problem_gives_the_same_bytes(problem, media):
    assert render(problem, media) == render(problem.__copy__(), media)


@pytest.mark.parametrize("accept", [None, "", "*/*", "application/json", "image/png", "\x00"])
def test_without_a_wish_it_is_problem_json(accept):
    wished = render(BUSY, MediaType.PROBLEM_JSON)
    for rendered in (render(BUSY, accept), render(BUSY)):
        assert rendered.body == wished.body
        assert headers_of(rendered) | {"Vary": ""} == headers_of(wished) | {"Vary": ""}


# --- JSON ---


def test_json_has_the_members_in_the_order_of_the_standard():
    plain = _json.loads(render(REFUSED).body)
    assert list(plain) == [
        *("type", "title", "status", "detail", "instance"),  # RFC 9457, 3.1
        *("reference", "code", "action", "errors"),
    ]
    assert plain["errors"] == [
        {"pointer": "#/languages/0", "detail": "Klingon is not on offer."},
        {"pointer": "#/due_date"},
    ]
    assert _json.loads(render(BUSY).body)["retry_after"] == 90


@given(problems)
def test_json_reads_back_as_the_problem(problem):
    plain = _json.loads(render(problem).body)
    assert "language" not in plain
    for name, value in plain.items():
        if name != "errors":
            said = getattr(problem, name)
            assert value == (said.encode("utf-8", "replace").decode() if isinstance(said, str) else said)
    assert len(plain.get("errors", ())) == len(problem.errors)


# --- XML ---


def read_xml(body) -> Any:
    etree = pytest.importorskip("lxml.etree")
    root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    assert {element.tag.partition("}")[0] for element in root.iter()} == {"{urn:ietf:rfc:7807"}
    return plain_of(root)


def plain_of(element) -> Any:
    names = [child.tag.partition("}")[2] for child in element]
    if set(names) == {"i"}:
        return [plain_of(child) for child in element]
    return {name: plain_of(child) for name, child in zip(names, element, strict=True)} or (element.text or "")


@every_problem
def test_xml_says_what_json_says(problem):
    expected = {name: value if name == "errors" else str(value) for name, value in problem.to_dict().items()}
    if "errors" in expected:
        expected["errors"] = list(expected["errors"])
    assert read_xml(render(problem, "application/xml").body) == expected


@given(problems)
def test_xml_is_well_formed_and_keeps_every_character_that_it_can(problem):
    plain = read_xml(render(problem, "text/xml").body)
    for name in ("type", "title", "detail", "instance", "reference", "code"):
        assert plain[name] == visible(getattr(problem, name))
    for said, field in zip(plain.get("errors", ()), problem.errors, strict=True):
        assert said["pointer"] == visible(field.pointer)
        assert said.get("detail") == (None if field.detail is None else visible(field.detail))


# --- text ---


def test_text_is_what_one_would_write_in_a_letter():
    assert render(BUSY, "text/plain").body.decode() == (
        "Service Unavailable\n\n"
        "The translation service is busy right now.\n\n"
        "Time left: 90 seconds\n"
        "Reference: 7W62-MMKX\n"
    )
    assert render(REFUSED, "text/plain").body.decode() == (
        "Unprocessable Content\n\n"
        'Some languages are <not> on "offer" & one is\nnot known.\n\n'
        "- languages/0: Klingon is not on offer.\n"
        "- due_date\n\n"
        "Referenz: H8F4-Q3JN\n"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (2, "2 seconds"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (121, "3 minutes"),
        (3600, "60 minutes"),
    ],
)
def test_a_wait_is_told_in_words(seconds, words):
    problem = Problem("about:blank", "a", 503, "b", "c", "d", "e", Action.WAIT, seconds, wait=seconds)
    assert f"Time left: {words}\n" in render(problem, "text/plain").body.decode()
    assert f">{words}</time>" in render(problem, "text/html").body.decode()


@given(problems)
def test_text_has_no_control_characters(problem):
    body = render(problem, "text/plain").body.decode()
    assert body == visible(body)
    assert visible(problem.detail) in body


# --- HTML ---


class Reader(HTMLParser):
    """A page as a browser takes it in: tags with their attributes, and the text within each."""

    def __init__(self, body):
        super().__init__()
        self.tags, self.open, self.text = [], [], {}
        self.feed(body.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link"}:
            self.open.append(tag)
            self.text.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        for tag in set(self.open):
            self.text[tag][-1] += data

    def attributes(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    def links(self):
        return [attributes["href"] for attributes in self.attributes("a")]


def page_of(problem, **links):
    return Reader(render(problem, BROWSER, **links).body)


def skeleton(problem):
    """The page's tags and the names of their attributes: all of them ours."""
    return [(tag, sorted(attributes)) for tag, attributes in page_of(problem).tags]


@given(problems)
def test_html_shows_the_texts_and_takes_none_of_them_for_markup(problem):
    named = [visible(field.pointer).removeprefix("#").removeprefix("/") for field in problem.errors]
    errors = tuple(ProblemField("#/a" if name else "#/", "a") for name in named)
    known = (problem.action, problem.retry_after, errors)
    harmless = Problem("a", "a", 503, "a", "a", "a", "a", *known, wait=problem.wait)
    assert skeleton(problem) == skeleton(harmless)
    page = page_of(problem)
    assert not page.open
    assert page.text["title"] == page.text["h1"] == [visible(problem.title)]
    assert page.text["p"][0] == visible(problem.detail)
    assert visible(problem.reference) in page.text["code"]
    for item, field in zip(page.text.get("li", ()), problem.errors, strict=True):
        assert visible(field.detail or "") in item


@every_problem
def test_html_asks_nobody_for_anything(problem):
    body = render(problem, BROWSER).body.decode().replace(problem.type, "")
    assert not re.search(r"https?:|src=|url\(|@import|\bon\w+=|<form|<base|http-equiv|fetch\(|location", body)
    assert [attributes["href"] for attributes in Reader(body.encode()).attributes("link")] == ["data:,"]


@every_problem
def test_the_policy_allows_the_one_style_and_the_one_script_of_the_page(problem):
    rendered = render(problem, BROWSER)
    policy = dict(rule.split(" ", 1) for rule in headers_of(rendered)["Content-Security-Policy"].split("; "))
    page = Reader(rendered.body)
    for tag in ("style", "script"):
        assert page.attributes(tag) == [{}]
        digest = b64encode(sha256(page.text[tag][0].encode()).digest()).decode()
        assert policy.pop(f"{tag}-src") == f"'sha256-{digest}'"
    assert policy.pop("img-src") == "data:"
    assert policy == dict.fromkeys(["default-src", "base-uri", "form-action", "frame-ancestors"], "'none'")
    assert headers_of(rendered)["Referrer-Policy"] == "no-referrer"
    assert not any("style" in attributes for _, attributes in page.tags)


@every_problem
def test_html_is_a_page_for_everybody(problem):
    page = page_of(problem)
    (root,) = page.attributes("html")
    assert root == {"lang": problem.language, "dir": "rtl" if problem.language == "ar" else "ltr"}
    assert len(page.attributes("main")) == len(page.attributes("h1")) == 1
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.attributes("meta")
    identifiers = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert [button.get("hidden", "shown") for button in page.attributes("button")] == [None]  # only with a script


@pytest.mark.parametrize("language", ["ar", "fa-IR", "he", "UR"])
def test_right_to_left_languages_run_right_to_left(language):
    problem = Problem("about:blank", "a", 503, "b", "c", "d", "e", Action.NONE, language=language)
    assert page_of(problem).attributes("html")[0]["dir"] == "rtl"


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back"), [("text", "page"), ("soft", "page"), ("link", "page"), ("on-link", "link")])
def test_contrast_is_enough_to_read(scheme, front, back):
    style = page_of(BUSY).text["style"][0]
    colours = dict(re.findall(r"--([\w-]+): #(\w+);", re.findall(r":root \{(.*?)\}", style)[scheme]))
    lighter, darker = sorted((luminance(colours[front]), luminance(colours[back])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def luminance(colour):
    """WCAG 2.2's relative luminance."""
    digits = colour if len(colour) == 6 else "".join(digit * 2 for digit in colour)
    shares = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("retry_after", [None, 30])
def test_html_offers_what_helps_and_nothing_else(action, retry_after):
    problem = Problem("about:blank", "a", 503, "b", "c", "d", "e", action, retry_after, wait=retry_after)
    page = page_of(problem, support_url="https://example.org/help", reconnect_url="/connect?next=%2F")
    again = [""] if retry_after or action in {Action.RETRY, Action.WAIT} else []
    reconnect = ["/connect?next=%2F"] if action is Action.RECONNECT else []
    assert page.links() == [*reconnect, *again, "https://example.org/help"]
    assert page.text.get("time", []) == ([] if retry_after is None else ["30 seconds"])
    assert [mark["data-seconds"] for mark in page.attributes("time")] == ([] if retry_after is None else ["30"])
    assert page_of(problem).links() == again


URLS = {
    "https://example.org/help?a=b&c=d#e": True,
    "HTTP://example.org": True,
    "/": True,
    "/help": True,
    "/help/'\"><b>": True,
    "": False,
    "//example.org": False,
    "/\\example.org": False,
    "/\t/example.org": False,
    " /help": False,
    "/help\n": False,
    "help": False,
    "https:": False,
    "https://": False,
    "https:///example.org": False,
    "https:\\\\example.org": False,
    "javascript:alert(1)": False,
    "java\nscript:alert(1)": False,
    "https://example.org\r\nSet-Cookie: a=b": False,
    "data:text/html,a": False,
    "ftp://example.org": False,
}


@pytest.mark.parametrize("url", URLS, ids=ascii)
def test_only_safe_links_are_shown(url):
    shown = [url] if URLS[url] else []
    assert page_of(ENDED, reconnect_url=url).links() == shown
    assert page_of(ENDED, support_url=url).links() == shown


def test_support_may_be_a_mailbox():
    mailbox = "mailto:help@example.org"
    assert page_of(ENDED, support_url=mailbox, reconnect_url=mailbox).links() == [mailbox]


def test_every_label_finds_its_place():
    errors = (ProblemField("#/f", "g"),)
    wait = {"retry_after": 30, "wait": 30, "errors": errors}
    said = {"vendor": "v", "vendor_status": 418, "vendor_code": "w", "vendor_message": "x", "vendor_request_id": "y"}
    problem = IntegratorProblem("about:blank", "a", 503, "b", "c", "d", "e", Action.RECONNECT, **wait, **said)
    body = render(problem, BROWSER, support_url="/help", reconnect_url="/connect").body.decode()
    assert "$" not in body
    assert "<!-- " not in body
    for name in LABELS.keys() - {"status", "means", "helps"}:  # those stand on the page about a problem type
        assert f">{LABELS[name]}" in body or f'"{LABELS[name]}"' in body, name
    for value in said.values():
        assert f"<bdi>{value}</bdi>" in body


def fragment_of(problem, accept="*/*", **links):
    return Reader(render(problem, accept, fragment=True, **links).body)


@every_problem
@pytest.mark.parametrize("accept", [None, "", "*/*", "text/html", BROWSER])
def test_a_fragment_says_what_the_page_says_without_being_one(problem, accept):
    page, fragment = page_of(problem, support_url="/help"), fragment_of(problem, accept, support_url="/help")
    section, *_ = fragment.tags
    direction = "rtl" if problem.language == "ar" else "ltr"
    assert section == (
        "section",
        {"class": "errnorm", "role": "alert", "lang": problem.language, "dir": direction},
    )
    assert fragment.text["h2"][0] == page.text["h1"][0] == problem.title
    assert fragment.text["p"][0] == page.text["p"][0]
    assert fragment.text.get("li") == page.text.get("li")
    assert fragment.text["code"] == page.text["code"]
    assert not {"html", "head", "main", "h1", "style", "script", "button", "meta", "link"} & set(fragment.text)
    # the page that takes it in has names of its own, and another address than the one that failed
    assert not any("id" in attributes for _, attributes in fragment.tags)
    assert fragment.links() == ["/help"]


@pytest.mark.parametrize("accept", ["application/json", "application/problem+xml", "text/plain"])
def test_who_asks_for_data_gets_data_and_no_fragment(accept):
    assert render(REFUSED, accept, fragment=True) == render(REFUSED, accept)


def test_a_fragment_is_no_place_for_an_apps_own_page_nor_for_our_policy():
    fragment = render(BUSY, "text/html", fragment=True, template=lambda _: "<html>")
    assert fragment.body.startswith(b"<section")
    assert "Content-Security-Policy" not in headers_of(fragment)
    assert headers_of(fragment)["Cache-Control"] == "no-store"


@pytest.mark.parametrize("problem", [*PROBLEMS, Problem("a", "b", 503, "c", "d", "e", "f", Action.WAIT, language="cs")])
def test_words_of_ours_bear_their_own_language(problem):
    """An app's own text may be in a language that we do not speak."""
    spoken = {"de-AT": "de", "cs": "en"}.get(problem.language, problem.language)
    page = page_of(problem, support_url="/help")
    for tag, attributes in page.tags:
        if tag in {"h1", "h2", "ul"} or attributes.get("class") in {"links", "reference"}:
            assert attributes["lang"] == spoken
            assert attributes.get("dir", "rtl" if spoken == "ar" else "ltr") == ("rtl" if spoken == "ar" else "ltr")


def test_an_app_can_write_its_own_page():
    rendered = render(REFUSED, BROWSER, template=lambda problem: f"<p>{problem.reference} \u00e9 \ud800")
    headers = headers_of(rendered)
    assert rendered.body == "<p>H8F4-Q3JN \u00e9 ?".encode()
    assert headers["Content-Length"] == "17"
    assert headers["Cache-Control"] == "no-store"
    assert "Content-Security-Policy" not in headers  # it would forbid the app's own styles
    assert render(REFUSED, template=lambda _: "<p>") == render(REFUSED)


def test_what_an_apps_page_raises_rises():
    def broken(problem):
        raise LookupError(problem.code)

    with pytest.raises(LookupError, match="language_not_offered"):
        render(REFUSED, BROWSER, template=broken)
