"""Whatever a client says it can read, it gets one of four media types and one language, and never a refusal."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from errnorm.telling import negotiation
from errnorm.telling.negotiation import MediaType, languages, lookup, media_type

JSON, HTML, XML, TEXT = MediaType

CLIENTS = {
    "nothing": (None, JSON),
    "empty": ("", JSON),
    "curl, httpx, fetch, htmx": ("*/*", JSON),
    "axios, angular": ("application/json, text/plain, */*", JSON),
    "jquery, json": ("application/json, text/javascript, */*; q=0.01", JSON),
    "jquery, html": ("text/html, */*; q=0.01", HTML),
    "firefox": ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", HTML),
    "chrome": (
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8,application/signed-exchange;q=0.7",
        HTML,
    ),
    "old webkit": (
        "application/xml,application/xhtml+xml,text/html;q=0.9,text/plain;q=0.8,image/png,*/*;q=0.5",
        HTML,
    ),
    "turbo": ("text/vnd.turbo-stream.html, text/html, application/xhtml+xml", HTML),
    "rails ujs": ("text/javascript, application/javascript, */*; q=0.01", JSON),
    "java": ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", HTML),
    "swagger": ("text/plain, application/json, text/json", JSON),
    "an image": ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", JSON),
    "event stream": ("text/event-stream", JSON),
    "feed reader": ("application/rss+xml, application/xml;q=0.9", XML),
    "lynx": ("text/html, text/plain, text/sgml;q=0.2", HTML),
}

HEADERS = {
    "application/problem+json": JSON,
    "application/json": JSON,
    "text/json": JSON,
    "application/vnd.api+json": JSON,
    "model/gltf+json": JSON,
    "application/problem+xml": XML,
    "application/xml": XML,
    "text/xml": XML,
    "application/soap+xml; charset=utf-8": XML,
    "application/xhtml+xml": HTML,
    "text/html": HTML,
    "text/plain": TEXT,
    # wildcards
    "text/*": HTML,
    "text/*, text/html;q=0": TEXT,
    "text/html;q=0, text/*": TEXT,
    "application/*": JSON,
    "application/*, application/json;q=0": XML,
    "*/*, application/json;q=0": HTML,
    "*/*;q=0": JSON,
    "*/*;q=0, text/plain;q=0.1": TEXT,
    "text/plain, */*": TEXT,
    # q-values
    "text/html;q=0.5, text/plain;q=0.6": TEXT,
    "text/html;q=0.5, text/plain;q=0.500": HTML,
    "text/plain ; q=0.9 , text/html ; Q = 0.8": TEXT,
    "text/html;q=.1, text/plain;q=0.": HTML,
    "text/html;q=0": JSON,
    "text/html;level=1;q=0.3, text/plain;q=0.4": TEXT,
    "text/html;q=0.3;level=1, text/plain;q=0.4": TEXT,
    "text/html;q=0.3, text/html;level=2;q=0.7, text/plain;q=0.4": HTML,
    "application/json;q=0.2, application/vnd.api+json;q=0.8, text/html;q=0.5": JSON,
    "application/problem+json;q=0, application/json, text/plain;q=0.5": TEXT,
    # where all are equal, the choice is ours
    "text/html, application/json": JSON,
    "application/xml, text/html": HTML,
    "text/plain, text/xml": XML,
    # spelled oddly
    "TEXT/HTML": HTML,
    "  text/html  ,": HTML,
    ",,;q=1,text/html": HTML,
    "text/html;q=high": HTML,
    "text/html;q=-1, text/plain;q=0.9": HTML,
    "text/html;q=7, text/plain;q=0.9": HTML,
    "text/html;q=nan, text/plain;q=0.9": HTML,
    # none of ours
    "image/*": JSON,
    "image/png;q=0.5": JSON,
    "*/html": JSON,
    "html": JSON,
    "text/html/5": JSON,
    "\x00": JSON,
    "\ud800": JSON,
}


@pytest.mark.parametrize("client", CLIENTS)
def test_real_clients_get_what_they_can_use(client):
    accept, expected = CLIENTS[client]
    assert media_type(accept) is expected


@pytest.mark.parametrize("accept", HEADERS, ids=ascii)
def test_headers_mean_what_the_standard_says(accept):
    assert media_type(accept) is HEADERS[accept]


@pytest.mark.parametrize("media", MediaType)
def test_each_of_ours_can_be_had_by_its_name(media):
    assert media_type(media.value) is media
    assert media_type(f"{media};q=0.1, */*;q=0.01") is media


NAMES = st.sampled_from([*MediaType, "text/*", "application/*", "*/*"])


@given(st.dictionaries(NAMES, st.integers(1, 1000), min_size=1))
def test_without_ties_or_refusals_django_agrees(weights):
    request_module = pytest.importorskip("django.http.request")
    if len(set(weights.values())) < len(weights):
        return  # Django goes by the client's order then
    if pytest.importorskip("django").VERSION < (5, 2, 10):
        pytest.skip("the first releases of 5.2 let a wider range count for a type that is named")
    accept = ", ".join(f"{name};q={weight / 1000:.3f}" for name, weight in weights.items())
    request = request_module.HttpRequest()
    request.META["HTTP_ACCEPT"] = accept
    theirs = request.get_preferred_type([media.value for media in MediaType])
    assert media_type(accept) == (theirs or JSON)


LANGUAGES = {
    None: (),
    "": (),
    "de": ("de",),
    "de-AT,de;q=0.9,en;q=0.8": ("de-AT", "de", "en"),
    "en;q=0.1, fr;q=0.9, de;q=0.5": ("fr", "de", "en"),
    "DE-at, ZH-HANT-tw": ("de-AT", "zh-Hant-TW"),
    "en-x-us, x-ab-cd": ("en-x-us", "x-ab-CD"),
    "de;q=0, en": ("en",),
    "*;q=0.1, en": ("en", "*"),
    "de, DE, de;q=0.3": ("de",),
    "de_AT, 12, -, de-, abcdefghi, en": ("en",),
    "d\u00e9, en": ("en",),
}


@pytest.mark.parametrize("header", LANGUAGES, ids=ascii)
def test_languages_come_by_preference_and_in_one_spelling(header):
    assert languages(header) == LANGUAGES[header]


LOOKUPS = [
    (["de-AT"], ["en", "de"], "de"),
    (["de-AT", "fr"], ["en", "fr", "de"], "de"),
    (["zh-Hant-TW"], ["zh", "zh-Hant"], "zh-Hant"),
    (["zh-Hant-TW"], ["zh", "zh-Hans"], "zh"),
    (["zh-Hant-CN-x-private1-private2"], ["zh-Hant-CN-x-private1", "zh-Hant-CN"], "zh-Hant-CN-x-private1"),
    (["zh-Hant-CN-x-private1-private2"], ["zh-Hant-CN-x", "zh-Hant-CN"], "zh-Hant-CN"),
    (["x-de"], ["x", "de"], "default"),
    (["DE-at"], ["de-AT"], "de-AT"),
    (["de-AT"], ["DE_at"], "DE_at"),
    (["pt-BR"], ["pt_BR", "pt"], "pt_BR"),
    (["de"], ["de-AT"], "default"),
    (["*"], ["de"], "default"),
    (["*", "fr"], ["de", "fr"], "fr"),
    (["nl", "it"], ["de", "fr"], "default"),
    ([], ["de"], "default"),
    (["de"], [], "default"),
]


@pytest.mark.parametrize(("ranges", "available", "expected"), LOOKUPS, ids=str)
def test_lookup_shortens_a_range_until_it_fits(ranges, available, expected):
    assert lookup(ranges, available, "default") == expected


PIECES = st.sampled_from(
    [*HEADERS, *filter(None, LANGUAGES), "*/*", ";q=", "q=0", ",", ";", "/", "+xml", "-", " ", "é"]
)


@given(st.text() | st.lists(PIECES).map("".join))
def test_any_text_gives_one_of_four_and_languages_that_can_be_looked_up(text):
    assert media_type(text) in MediaType
    ranges = languages(text)
    assert len(ranges) <= negotiation.MOST
    assert all(tag.isascii() and tag.strip() == tag for tag in ranges)
    assert languages(",".join(ranges)) == ranges
    assert lookup(ranges, ["en", "de-AT"], "en") in {"en", "de-AT"}


def test_what_lies_beyond_the_bounds_is_not_looked_at():
    assert media_type("x/y," * 19 + "text/html") is HTML
    assert media_type("x/y," * 20 + "text/html") is JSON
    assert media_type(f"x/{'y' * 1015},text/html") is JSON  # cut off within its name
    assert media_type(f"text/plain;q=0.5,x/{'y' * 2000}") is TEXT
    assert media_type(f"text/html;x={'y' * 2000}") is JSON
    assert languages("en," * 20 + "de") == ("en",)


def seconds(decide, header):
    decide(header)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(20):
            negotiation._media_type.cache_clear()
            negotiation._languages.cache_clear()
            decide(header)
        best = min(best, time.perf_counter() - start)
    return best


@pytest.mark.parametrize("decide", [media_type, languages])
@pytest.mark.parametrize("entry", ["text/x;q=0.5,", "a,", ",", "text/html" + ";" * 200 + ",", ";q=0" + " " * 900 + ","])
def test_a_huge_header_costs_no_more_than_a_capped_one(decide, entry):
    huge = entry * 20_000
    assert seconds(decide, huge) < 5 * seconds(decide, huge[: negotiation.LONGEST])


@pytest.mark.parametrize("piece", [" ", ";", ";q", ";q=0", ";q=0.", "q=", "0", "-a", "a-", ",", "\t;"])
def test_no_capped_header_is_slow(piece):
    header = (piece * negotiation.LONGEST)[: negotiation.LONGEST]
    plain = "text/html;q=0.5, " * 20
    for decide in (media_type, languages):
        assert seconds(decide, header) < 10 * seconds(decide, plain)
