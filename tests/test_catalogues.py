"""The catalogues hold every text of ours in every language: whole, as they are compiled, and in the package."""

from __future__ import annotations

import re
from gettext import GNUTranslations
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from errnorm import Normalizer
from errnorm.telling import words
from errnorm.telling.catalogues import DOMAIN, ENGLISH, LANGUAGES, language_of, span, spoken_in, translated
from errnorm.telling.negotiation import languages
from errnorm.telling.texts import values_in
from tests.failures import bare, lionbridge

ROOT = Path(__file__).parent.parent
OTHERS = [language for language in LANGUAGES if language != ENGLISH]
every_language = pytest.mark.parametrize("language", OTHERS)


@pytest.fixture(scope="module")
def tool():
    """`tools/catalogues.py`, which needs Babel."""
    pytest.importorskip("babel")
    import importlib.util

    spec = importlib.util.spec_from_file_location("catalogues_tool", ROOT / "tools" / "catalogues.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- the files ---


@every_language
def test_every_text_is_translated_and_nothing_else(tool, language):
    known = {entry.text for entry in tool.entries()}
    catalogue = tool.read(language)
    assert {(message.id if isinstance(message.id, str) else message.id[0]) for message in catalogue if message.id} == (
        known
    )
    assert not catalogue.obsolete
    for message in catalogue:
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        assert not message.fuzzy, message.id
        assert all(form.strip() == form != "" for form in forms if message.id), message.id
        assert len(forms) == (catalogue.num_plurals if isinstance(message.id, tuple) else 1), message.id


@every_language
def test_a_translation_names_the_values_that_the_text_names(tool, language):
    catalogue = tool.read(language)
    for entry in tool.entries():
        message = catalogue.get(entry.text)
        named = values_in(entry.text)
        assert sorted(set(named)) == sorted(named)
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        for number, form in enumerate(forms):
            # Arabic says "a minute" and "two minutes" without a number
            unsaid = language == "ar" and entry.plural and number in (0, 1, 2) and values_in(form) == []
            assert values_in(form) == named or unsaid, (entry.text, form)
            assert form.count("{") == form.count("}") == len(values_in(form)), form


@every_language
def test_a_translation_ends_as_the_text_ends(tool, language):
    ends, catalogue = {".": ".\u3002", ":": ":\uff1a"}, tool.read(language)
    for entry in tool.entries():
        if entry.plural:
            continue
        told = catalogue.get(entry.text).string
        last = entry.text[-1]
        if last in ends:
            assert told[-1] in ends[last], (entry.text, told)
        else:
            assert told[-1] not in "".join(ends.values()), (entry.text, told)


@every_language
def test_what_is_compiled_is_what_is_written(tool, language):
    assert tool.file(language, "mo").read_bytes() == tool.compiled(tool.catalogue(language))
    compiled, catalogue = GNUTranslations(BytesIO(_mo(language))), tool.read(language)
    for entry in tool.entries():
        written = catalogue.get(entry.text).string
        if entry.plural:
            forms = {compiled.ngettext(entry.text, entry.plural, count) for count in range(200)}
            assert forms <= set(written)
        else:
            assert compiled.gettext(entry.text) == written


def test_the_files_are_what_the_tool_would_write(tool):
    assert tool.TEMPLATE.read_bytes() == tool.written(tool.catalogue()), "python tools/catalogues.py"
    for language in OTHERS:
        assert tool.file(language).read_bytes() == tool.written(tool.catalogue(language)), language


def test_there_is_a_folder_for_each_language_and_no_other(tool):
    assert {path.name for path in tool.LOCALE.iterdir() if path.is_dir()} == {LANGUAGES[each] for each in OTHERS}


def test_every_table_of_words_is_translated(tool):
    """Whatever is added to `words` is an entry too."""
    known = {entry.text for entry in tool.entries()} | {entry.plural for entry in tool.entries()}
    for name, table in vars(words).items():
        if name.isupper() and not name.startswith("_") and isinstance(table, dict):
            for text in table.values():
                for each in text if isinstance(text, tuple) else (text,):
                    assert each in known, name
    assert {words.FIELD, words.OTHER_PHRASE} <= known


@every_language
def test_what_is_installed_has_them(language):
    folder = files("errnorm").joinpath("locale", LANGUAGES[language], "LC_MESSAGES")
    for suffix in ("po", "mo"):
        assert folder.joinpath(f"{DOMAIN}.{suffix}").is_file()


def test_the_wheel_has_them(tmp_path):
    """As `python -m build` makes it, without the network."""
    pytest.importorskip("hatchling")
    from hatchling.builders.wheel import WheelBuilder

    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("not in a checkout")
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path))
    names = ZipFile(wheel).namelist()
    for language in OTHERS:
        for suffix in ("po", "mo"):
            assert f"errnorm/locale/{LANGUAGES[language]}/LC_MESSAGES/{DOMAIN}.{suffix}" in names
    assert "errnorm/telling/page.html" in names


# --- numbers ---

FORMS = {  # which of 0, 1, 2, 3, 5, 11, 21, 100 are said alike (CLDR's plural rules for whole numbers)
    "en de es it nl": ["1", "0 2 3 5 11 21 100"],
    "fr pt-BR": ["0 1", "2 3 5 11 21 100"],
    "pl": ["1", "2 3", "0 5 11 21 100"],
    "ar": ["0", "1", "2", "3 5", "11 21", "100"],
    "ja ko zh-Hans": ["0 1 2 3 5 11 21 100"],
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("unit", words.UNITS)
def test_numbers_are_said_by_the_rules_of_the_language(language, unit):
    one, several = words.UNITS[unit]
    catalogue = None if language == ENGLISH else GNUTranslations(BytesIO(_mo(language)))

    def form(count):
        return catalogue.ngettext(one, several, count) if catalogue else one if count == 1 else several

    (forms,) = (forms for spoken, forms in FORMS.items() if language in spoken.split())
    for alike in forms:
        assert len({form(int(count)) for count in alike.split()}) == 1, alike
    first = [form(int(alike.split()[0])) for alike in forms]
    if language == "ar":  # some forms are written alike there
        assert len(set(first)) >= 4
    elif (language, unit) not in {("nl", "hour"), ("pl", "day")}:  # uur, dni
        assert len(set(first)) == len(first)


def _mo(language):
    return files("errnorm").joinpath("locale", LANGUAGES[language], "LC_MESSAGES", f"{DOMAIN}.mo").read_bytes()


@pytest.mark.parametrize(
    ("language", "spans"),
    [
        (
            "en",
            {
                1: "1 second",
                2: "2 seconds",
                90: "90 seconds",
                120: "2 minutes",
                121: "3 minutes",
                7200: "2 hours",
                86_400: "24 hours",
                172_800: "2 days",
            },
        ),
        ("de", {1: "1 Sekunde", 2: "2 Sekunden", 120: "2 Minuten", 7201: "3 Stunden", 1_209_600: "14 Tage"}),
        ("fr", {0: "0 seconde", 1: "1 seconde", 2: "2 secondes"}),
        ("pl", {1: "1 sekunda", 2: "2 sekundy", 5: "5 sekund", 21: "21 sekund", 22: "22 sekundy", 300: "5 minut"}),
        (
            "ar",
            {
                1: "ثانية واحدة",
                2: "ثانيتان",
                3: "3 ثوانٍ",
                11: "11 ثانية",
                100: "100 ثانية",
                172_800: "يومان",
                864_000: "10 أيام",
            },
        ),
        ("ja", {1: "1秒", 120: "2分"}),
    ],
)
def test_a_span_of_time_in_words(language, spans):
    assert {seconds: span(seconds, language) for seconds in spans} == spans


# --- which language ---


@pytest.mark.parametrize(
    ("header", "spoken"),
    [
        (None, "en"),
        ("", "en"),
        ("de-AT", "de"),
        ("DE-at", "de"),
        ("de-Latn-AT-1996-x-private", "de"),
        ("pt-PT", "pt-BR"),
        ("pt", "pt-BR"),
        ("pt-br", "pt-BR"),
        ("zh-CN", "zh-Hans"),
        ("zh-Hans-SG", "zh-Hans"),
        ("zh-Hant-TW", "zh-Hans"),  # Chinese of another kind, sooner than English
        ("sr-Latn", "en"),
        ("sr-Latn, de;q=0.1", "de"),
        ("*", "en"),
        ("*, de;q=0.5", "de"),
        ("fr;q=0, de;q=0.1", "de"),
        ("fr;q=0.2, ja;q=0.9", "ja"),
        ("nonsense!!", "en"),
        ("ko\x00", "en"),
        ("x-klingon", "en"),
        ("-, ;q=1, ,,,", "en"),
        ("de_AT", "en"),  # no language range: RFC 4647 knows hyphens only
        ("ar" + "-a" * 2000, "en"),  # longer than what is looked at
    ],
)
def test_the_language_is_looked_up_as_rfc_4647_says(header, spoken):
    """And `Content-Language` is what was used."""
    assert language_of(languages(header)) == spoken
    normalizer = Normalizer()
    for failure in (lionbridge(304), bare(401), bare(503)):
        for answer in (
            normalizer.answer(failure, "text/html", header),
            normalizer.answer_own(404, "text/html", header),
            normalizer.answer_own(429, "text/html", header, retry_after=3),
        ):
            assert dict(answer.headers)["Content-Language"] == spoken
            assert f'<html lang="{spoken}"' in answer.body.decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_is_in_one_language_throughout(language):
    """Title, text, labels and buttons: no English among them."""
    english = Normalizer().answer(bare(503), "text/plain", "en").body.decode().split("\n\n")
    told = Normalizer().answer(bare(503), "text/plain", language).body.decode().split("\n\n")
    assert len(told) == len(english) == 3
    for line, other in zip(told, english, strict=True):
        assert (re.sub(r"[0-9A-Z]{4}-[0-9A-Z]{4}", "", line) == re.sub(r"[0-9A-Z]{4}-[0-9A-Z]{4}", "", other)) == (
            language == "en"
        )


def test_a_text_that_nobody_has_translated_is_nothing():
    assert translated("Never heard of.", "de") is None
    assert translated("Never heard of.", "en") == "Never heard of."
    assert translated("", "de") is None  # and not the head of the catalogue
    assert spoken_in("cs") == ""
