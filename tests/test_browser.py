"""The page as people meet it, and those about problem types, in a real Chromium: read by role and text, in every
language, light and dark, wide and narrow, with a script and without, and asking nobody for anything.

ERRNORM_SCREENSHOTS names a folder for pictures of all of it, to be looked at.
"""

from __future__ import annotations

import importlib.util
import os
import re
from importlib.resources import files
from itertools import product
from pathlib import Path

import pytest

pytest.importorskip("playwright")
pytest.importorskip("axe_playwright_python")
pytest.importorskip("django_htmx")
pytest.importorskip("uvicorn")

from playwright import sync_api

from errnorm.telling.catalogues import LANGUAGES, span, translated
from errnorm.telling.rendering import labels
from errnorm.telling.words import ACTIONS, ALIKE, FAMILIES, FIELD, TITLES, WAITING
from tests.browser_site import FAILURES, HTMX_SCRIPTS, LONG, TYPES, serving

_spec = importlib.util.spec_from_file_location("debian", Path(__file__).parent.parent / "tools" / "debian.py")
assert _spec
assert _spec.loader
_tool = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_tool)
CHROMIUM = _tool.found("chromium")
if CHROMIUM is None and not os.environ.get("ERRNORM_BROWSER"):
    pytest.skip("no Chromium: see tools/debian.py", allow_module_level=True)

# What a browser of such a user asks for.
LOCALES = {tag: tag for tag in LANGUAGES} | {"zh-Hans": "zh-CN", "de": "de-AT", "ar": "ar-EG"}
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
WIDTHS = (320, 1280)
SCHEMES = ("light", "dark")
SCREENSHOTS = os.environ.get("ERRNORM_SCREENSHOTS")
REFERENCE = re.compile(r"^[0-9A-Z]{4}-[0-9A-Z]{4}$")
every_language = pytest.mark.parametrize("language", LANGUAGES)
every_failure = pytest.mark.parametrize("name", FAILURES)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site():
    with serving() as address:
        yield address


class Visit:
    """A page that somebody has opened, and all that the browser said and asked for meanwhile."""

    def __init__(self, browser, site, path, language="en", *, staff=False, width=1280, script=True, **how):
        how.setdefault("color_scheme", "light")
        self.context = browser.new_context(
            locale=LOCALES.get(language, language),
            viewport={"width": width, "height": 800},
            java_script_enabled=script,
            extra_http_headers={"X-Staff": "yes"} if staff else {},
            **how,
        )
        self.page = self.context.new_page()
        self.site, self.said, self.asked = site, [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.language = language
        self.response = self.page.goto(site + path)
        self.labels = labels(language)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    def text(self, role, **which):
        return self.page.get_by_role(role, **which).inner_text()

    def complaints(self):
        """What the browser said but for the status that we answer with."""
        return [said for said in self.said if "the server responded with a status of" not in said]

    def axe(self):
        """Every rule of axe-core that a machine can hold a page to, named with the place."""
        self.page.evaluate(AXE)
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations', 'incomplete']})")
        unsure = [each for each in found["incomplete"] if each["id"] == "color-contrast"]
        return [
            f"{each['id']}: {node['html']}: {node['failureSummary']}"
            for each in (*found["violations"], *unsure)
            for node in each["nodes"]
        ]

    def shot(self, name):
        if SCREENSHOTS:
            self.page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)


@pytest.fixture
def visit(browser, site):
    opened = []

    def visit(path, language="en", **how):
        opened.append(Visit(browser, site, path, language, **how))
        return opened[-1]

    yield visit
    for each in opened:
        each.context.close()


# --- what it says ---


@every_language
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_it_is_read_by_role_and_text(visit, language, script):
    page = visit("/fail/everything", language, script=script)
    said = page.labels
    assert page.response.status == 429
    assert page.response.headers["content-language"] == language
    assert page.page.title() == translated("Too Many Requests", language) == page.text("heading", level=1)
    main = page.page.get_by_role("main")
    assert translated(WAITING["rate_limit"], language).replace("{wait}", span(300, language)) in main.inner_text()
    assert page.text("heading", level=2) == said["errors"]
    items = page.page.get_by_role("listitem").all_inner_texts()
    assert items == [f"{name}\n{translated(FIELD, language)}" for name in ("order/source_language", LONG)]
    assert page.text("timer").startswith(said["wait"])
    assert page.page.get_by_role("link", name=said["reconnect"]).get_attribute("href") == "/connect"
    assert page.page.get_by_role("link", name=said["support"]).get_attribute("href") == "/help"
    assert REFERENCE.match(page.page.locator("#reference").inner_text())
    assert said["reference"] in main.inner_text()
    again = page.page.get_by_role("link", name=said["again"])
    assert again.is_disabled() is script
    assert page.page.get_by_role("button", name=said["copy"]).count() == (1 if script else 0)
    if not script:
        assert span(300, language) in page.text("timer")
    assert "Their" not in page.page.content()


@every_failure
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_it_asks_nobody_for_anything_and_nothing_goes_wrong(visit, name, script):
    page = visit(f"/fail/{name}", script=script)
    page.page.wait_for_timeout(300)
    assert page.asked == [f"{page.site}/fail/{name}"]
    assert page.complaints() == []


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("wait", ["again", "support"]),
        ("retry", ["again", "support"]),
        ("broken", ["support"]),
        ("fields", ["support"]),
        ("reconnect", ["reconnect", "support"]),
        ("closed", ["support"]),
        ("everything", ["reconnect", "again", "support"]),
    ],
)
def test_it_offers_what_helps(visit, name, offered):
    page = visit(f"/fail/{name}")
    assert page.page.get_by_role("link").all_inner_texts() == [page.labels[label] for label in offered]


def test_trying_again_is_loading_the_page_again(visit):
    for script in (True, False):
        page = visit("/fail/retry", script=script)
        first = page.page.locator("#reference").inner_text()
        page.page.get_by_role("link", name="Try again").click()
        sync_api.expect(page.page.locator("#reference")).not_to_have_text(first)
        assert page.page.url == f"{page.site}/fail/retry"


def test_an_integrator_sees_the_vendors_side_and_nobody_else_does(visit):
    page = visit("/fail/everything", staff=True)
    terms = page.page.get_by_role("term").all_inner_texts()
    definitions = page.page.get_by_role("definition").all_inner_texts()
    assert terms == ["Service:", "Status:", "Code:", "Message:", "Request ID:"]
    assert definitions == ["lionbridge", "429", "429", "<b>Their</b> words.", "r-1"]
    assert page.axe() == []
    assert visit("/fail/everything").page.get_by_role("term").count() == 0


# --- the countdown ---


def test_the_countdown_runs_and_says_once_when_it_is_over(visit):
    page = visit("/fail/soon")
    again, status = page.page.get_by_role("link", name="Try again"), page.page.locator("#ready")
    assert again.is_disabled()
    assert again.get_attribute("href") is None
    assert status.inner_text() == ""
    sync_api.expect(status).to_have_text("You can try again now.")
    assert not page.page.get_by_role("timer").is_visible()
    assert again.is_enabled()
    assert again.get_attribute("href") == ""
    first = page.page.locator("#reference").inner_text()
    again.click()
    sync_api.expect(page.page.locator("#reference")).not_to_have_text(first)


@every_language
def test_the_countdown_is_said_in_the_readers_words_and_numbers(browser, site, language):
    with Visit(browser, site, "/help", language) as page:
        page.page.clock.install()
        page.page.goto(f"{site}/fail/wait")
        page.page.clock.run_for(60_000)
        words = re.sub(r"\s", "", page.page.locator("#left").inner_text())
        # the server's own words, if not more of them: 30秒, 30秒钟
        assert words.startswith(tuple(re.sub(r"\s", "", span(seconds, language)) for seconds in (29, 30)))
        page.page.clock.run_for(31_000)
        assert page.page.locator("#ready").inner_text() == labels(language)["ready"]


def test_a_countdown_of_days_is_said_in_days(browser, site):
    with Visit(browser, site, "/help", "en") as page:
        page.page.clock.install()
        page.page.goto(f"{site}/fail/days")
        assert "You can try again in 2 days." in page.page.locator("main").inner_text()
        page.page.clock.run_for(1_000)
        assert page.page.locator("#left").inner_text() == "1 day 23 hours 59 minutes 59 seconds"


def test_the_countdown_does_not_shout_at_screen_readers(visit):
    """A timer is not a live region (its `aria-live` is off), and nothing around it is one."""
    page = visit("/fail/wait")
    live = "[aria-live]:not([aria-live=off]) #left, [role=status] #left, [role=alert] #left"
    assert page.page.get_by_role("timer").get_attribute("aria-live") in {None, "off"}
    assert page.page.locator(live).count() == 0
    page.page.wait_for_timeout(1500)
    assert page.page.get_by_role("status").all_inner_texts() == ["", ""]


def test_the_reference_is_copied(visit):
    page = visit("/fail/broken", permissions=["clipboard-read", "clipboard-write"])
    page.page.get_by_role("button", name="Copy").click()
    sync_api.expect(page.page.locator("#copied")).to_have_text("Copied.")
    copied = page.page.evaluate("navigator.clipboard.readText()")
    assert copied == page.page.locator("#reference").inner_text()
    assert page.page.get_by_role("button", name="Copy").get_attribute("aria-describedby") == "reference"


def test_where_nothing_may_be_copied_the_reference_is_selected(visit):
    page = visit("/fail/broken")
    page.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')); }")
    page.page.get_by_role("button", name="Copy").click()
    page.page.wait_for_timeout(200)
    assert page.page.evaluate("getSelection().toString()").strip() == page.page.locator("#reference").inner_text()
    assert page.page.locator("#copied").inner_text() == ""


# --- for everybody ---


@every_language
def test_axe_finds_nothing_in_any_colour_and_width(browser, site, language):
    for scheme, width in product(SCHEMES, WIDTHS):
        with Visit(browser, site, "/fail/everything", language, width=width, color_scheme=scheme) as page:
            assert page.axe() == [], (scheme, width)
            page.shot(f"{language}-{scheme}-{width}")


@every_failure
@pytest.mark.parametrize("staff", [False, True], ids=["user", "integrator"])
def test_axe_finds_nothing_on_any_page(browser, site, name, staff):
    for scheme in SCHEMES:
        with Visit(browser, site, f"/fail/{name}", staff=staff, color_scheme=scheme) as page:
            assert page.axe() == []
            page.shot(f"{name}-{scheme}{'-staff' * staff}")


def test_axe_would_find_what_is_wrong(visit):
    """Or its silence would prove nothing."""
    page = visit("/fail/everything")
    page.page.evaluate("document.querySelector('.detail').style.color = '#ccc'")
    page.page.evaluate("document.documentElement.removeAttribute('lang')")
    assert {each.partition(":")[0] for each in page.axe()} >= {"color-contrast", "html-has-lang"}


OVERFLOW = """() => [...document.querySelectorAll("main, main *")].filter(
    (each) => each.getClientRects().length
        && (each.getBoundingClientRect().right > innerWidth + 1 || each.getBoundingClientRect().left < -1)
).map((each) => each.outerHTML).concat(
    document.scrollingElement.scrollWidth > innerWidth ? ["the page scrolls sideways"] : [])"""
SPACED = """() => { for (const each of document.querySelectorAll("main, main *")) {
    each.style.lineHeight = "1.5"; each.style.letterSpacing = "0.12em"; each.style.wordSpacing = "0.16em"; } }"""


@every_language
@pytest.mark.parametrize("name", ["everything", "long"])
def test_it_fits_a_narrow_window_large_text_and_wide_spacing(browser, site, name, language):
    """WCAG 1.4.10 reflow, 1.4.4 text of 200 %, 1.4.12 text spacing, and all of them at once."""
    with Visit(browser, site, f"/fail/{name}", language, width=320, staff=True) as page:
        assert page.page.evaluate(OVERFLOW) == []
        page.page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.page.evaluate(OVERFLOW) == []
        page.page.evaluate(SPACED)
        assert page.page.evaluate(OVERFLOW) == []
        page.page.evaluate("document.querySelector('.detail').style.width = '60rem'")
        assert len(page.page.evaluate(OVERFLOW)) == 2  # or it would prove nothing
        page.page.evaluate("document.querySelector('.detail').style.width = ''")
        page.shot(f"large-{name}-{language}")


def test_right_to_left_runs_right_to_left(visit):
    page = visit("/fail/everything", "ar")
    margins = """(each) => { const range = document.createRange(); range.selectNodeContents(each);
        const box = range.getBoundingClientRect(), main = document.querySelector("main").getBoundingClientRect();
        return [main.right - box.right, box.left - main.left]; }"""
    for where in ("h1", ".detail", "li code", "time", ".links a:first-child"):
        right, left = page.page.locator(where).first.evaluate(margins)
        assert right < left, where
    assert page.page.locator("#reference").evaluate("(each) => getComputedStyle(each).direction") == "ltr"
    assert page.page.locator("html").evaluate("(each) => getComputedStyle(each).direction") == "rtl"


def test_words_of_ours_bear_their_own_language_where_the_text_has_another(visit):
    for asked, spoken in (("cs", "cs"), ("he", "he")):
        page = visit("/fail/foreign", asked)
        assert page.page.locator("html").get_attribute("lang") == spoken
        assert page.page.get_by_role("heading", level=1).get_attribute("lang") == "en"
        assert page.page.get_by_role("heading", level=1).evaluate("(each) => getComputedStyle(each).direction") == "ltr"
        detail = page.page.locator(".detail").evaluate("(each) => getComputedStyle(each).direction")
        assert detail == ("rtl" if asked == "he" else "ltr")
        page.shot(f"foreign-{asked}")


FOCUSED = """() => { const each = document.activeElement, style = getComputedStyle(each);
    const box = each.getBoundingClientRect();
    return { name: each.textContent.trim(), outline: style.outlineStyle, width: parseFloat(style.outlineWidth),
             colour: style.outlineColor, page: getComputedStyle(document.body).backgroundColor,
             wide: box.width, high: box.height, seen: box.top >= 0 && box.bottom <= innerHeight }; }"""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_keyboard_reaches_everything_and_shows_where_it_is(visit, scheme):
    """WCAG 2.1.1, 2.4.3, 2.4.7, 2.4.11, 2.5.8."""
    page = visit("/fail/reconnect", color_scheme=scheme)
    names = []
    for _ in range(3):
        page.page.keyboard.press("Tab")
        now = page.page.evaluate(FOCUSED)
        names.append(now["name"])
        assert now["outline"] == "solid"
        assert now["width"] >= 2
        assert contrast(now["colour"], now["page"]) >= 3
        assert now["seen"]
        assert min(now["wide"], now["high"]) >= 24
    assert names == ["Reconnect", "Contact support", "Copy"]


def contrast(one, other):
    """WCAG's contrast of two `rgb(…)`."""

    def luminance(colour):
        shares = [int(share) / 255 for share in re.findall(r"\d+", colour)[:3]]
        linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_it_holds_still(visit):
    """WCAG 2.3.3: there is nothing to reduce."""
    page = visit("/fail/everything", reduced_motion="no-preference")
    moving = """() => [...document.querySelectorAll("*")].map((each) => getComputedStyle(each)).filter(
        (style) => style.animationName !== "none" || style.transitionDuration !== "0s").length"""
    assert page.page.evaluate(moving) == 0
    assert page.page.evaluate("document.getAnimations().length") == 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_forced_colours_leave_edges_and_states_to_see(visit, scheme):
    page = visit("/fail/everything", forced_colors="active", color_scheme=scheme)
    for locator in (page.page.get_by_role("link"), page.page.get_by_role("button")):
        for each in locator.all():
            edge = each.evaluate("(each) => getComputedStyle(each).borderTop")
            assert re.match(r"[1-9]\d*(\.\d+)?px (solid|dashed) ", edge), edge
    grey = "(each) => getComputedStyle(each).color"
    disabled, enabled = (page.page.get_by_role("link", name=name).evaluate(grey) for name in ("Try again", "Reconnect"))
    assert disabled != enabled
    page.shot(f"forced-{scheme}")


# --- what a problem type means ---


@every_language
def test_a_problem_type_is_read_by_role_and_text(visit, language):
    page = visit("/problems/rate-limit", language, script=False)
    said = page.labels
    assert page.response.status == 200
    assert page.response.headers["content-language"] == language
    assert page.page.title() == translated(TITLES["rate_limit"], language) == page.text("heading", level=1)
    assert page.page.get_by_role("heading", level=2).all_inner_texts() == [said["means"], said["helps"]]
    lines = page.text("main").split("\n")
    for words in (FAMILIES["rate_limit"], ACTIONS["wait"]):
        assert translated(words, language) in lines
    assert "rate_limit" in lines
    assert f"{said['status']} 429" in lines
    assert page.asked == [page.page.url]
    assert page.complaints() == []


@pytest.mark.parametrize(
    ("name", "language"), [*((TYPES[0], language) for language in LANGUAGES), *((name, "en") for name in TYPES[1:])]
)
def test_axe_finds_nothing_about_a_problem_type_and_it_fits(browser, site, name, language):
    path = f"/problems/{name.replace('_', '-')}"
    for scheme, width in product(SCHEMES, WIDTHS):
        with Visit(browser, site, path, language, width=width, color_scheme=scheme) as page:
            assert page.axe() == [], (scheme, width)
            page.shot(f"type-{name}-{language}-{scheme}-{width}")
    with Visit(browser, site, path, language, width=320) as page:
        assert page.page.evaluate(OVERFLOW) == []
        page.page.evaluate("document.documentElement.style.fontSize = '200%'")
        page.page.evaluate(SPACED)
        assert page.page.evaluate(OVERFLOW) == []


def test_a_problem_type_tells_our_words_from_those_of_the_app(visit):
    for asked, direction in (("cs", "ltr"), ("he", "rtl")):
        page = visit("/problems/validation", asked)
        assert page.page.locator("html").get_attribute("lang") == asked
        assert page.page.locator(".means").evaluate("(each) => getComputedStyle(each).direction") == direction
        for ours in ("h1", "h2", ".helps", ".status"):
            each = page.page.locator(ours).first
            assert each.get_attribute("lang") == "en", ours
            assert each.evaluate("(each) => getComputedStyle(each).direction") == "ltr", ours
        page.shot(f"type-foreign-{asked}")


# --- within an app's own page ---


@pytest.mark.parametrize("script", HTMX_SCRIPTS)
def test_htmx_puts_it_into_the_page_as_news(visit, script):
    """What htmx asks for is a fragment: an alert, with no name that the page has, and it breaks nothing."""
    page = visit(f"/htmx/{script}/everything")
    page.page.get_by_role("button", name="Order").click()
    alert = page.page.get_by_role("alert")
    sync_api.expect(alert).to_be_visible()
    assert page.page.locator("#told > section").count() == 1
    assert alert.get_by_role("heading", level=2, name="Too Many Requests").count() == 1
    assert WAITING["rate_limit"].replace("{wait}", "5 minutes") in alert.inner_text()
    assert page.page.get_by_role("heading", level=1).all_inner_texts() == ["A shop"]
    assert alert.get_by_role("link").all_inner_texts() == ["Reconnect", "Contact support"]
    assert alert.locator("[id], script, style, main, button, time[data-seconds] + *").count() == 0
    assert page.axe() == []
    assert page.complaints() == []
    page.shot("htmx")


def test_htmx_is_told_in_the_readers_language(visit):
    for language in ("de", "ar"):
        page = visit(f"/htmx/{HTMX_SCRIPTS[0]}/broken", language)
        page.page.get_by_role("button", name="Order").click()
        alert = page.page.get_by_role("alert")
        sync_api.expect(alert).to_contain_text(translated(ALIKE["service_error"], language))
        assert (alert.get_attribute("lang"), alert.get_attribute("dir")) == (
            language,
            "rtl" if language == "ar" else "ltr",
        )


def test_fetch_gets_what_it_asks_for(visit):
    page = visit("/help")
    ask = """(accept) => fetch("/fail/closed", accept ? { headers: { Accept: accept } } : {}).then(
        (answer) => answer.headers.get("content-type"))"""
    wanted = {
        None: "application/problem+json",
        "application/json": "application/problem+json",
        "text/html": "text/html; charset=utf-8",
        "application/xml": "application/problem+xml; charset=utf-8",
        "text/plain": "text/plain; charset=utf-8",
    }
    assert {accept: page.page.evaluate(ask, accept) for accept in wanted} == wanted


def test_a_closed_form_says_closed_and_where_to_turn(visit):
    page = visit("/fail/closed")
    assert page.response.status == 423
    assert "closed" in page.text("main")
    page.page.get_by_role("link", name="Contact support").click()
    assert page.text("heading", level=1) == "There"


def test_the_whole_family_is_told(visit):
    """The texts of words.py are what stands there, not only what a test of rendering finds in the bytes."""
    page = visit("/fail/reconnect")
    assert FAMILIES["authentication"] in page.text("main")
