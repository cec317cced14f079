"""`errnorm check` tells which codes have no text in which language, the app's own texts counted in."""

from __future__ import annotations

import itertools

import pytest

from errnorm.cli import main
from errnorm.families import Family
from errnorm.telling.catalogues import LANGUAGES
from errnorm.telling.words import ALIKE

PROFILE = """
name = "{name}"
[read]
code = ["code"]
[[rules]]
title = "gone"
when = {{ status = 410, code = ["lost", "stray"] }}
then = {{ family = "not_found", reason = "LOST", fault = "user", text = "Lost." }}
[codes]
english = {{ family = "payment", fault = "user", text = "No." }}
both = {{ family = "conflict", fault = "user", text = {{ en = "No.", de = "Nein." }} }}
listed = {{ family = "conflict", text = ["In {{wait}}.", {{ de = "Nein.", en = "No." }}] }}
alike = {{ family = "server" }}
[statuses]
423 = {{ family = "locked", public = true, text = "Closed." }}
"""
SAMPLES = [("english", 402), ("both", 409), ("listed", 409), ("alike", 500), ("lost", 410), ("", 423)]
numbers = itertools.count()


@pytest.fixture
def speaking(tmp_path, capsys, monkeypatch):
    """What `check` says of a profile of a name that no other test has used, with these options."""
    name = f"speaking-{next(numbers)}"
    tmp_path.joinpath("acme.toml").write_text(PROFILE.format(name=name), encoding="utf-8")
    samples = "".join(
        f"[[sample]]\ntitle = '{code} {status}'\nstatus = {status}\nbody = '{{\"code\": \"{code}\"}}'\n"
        f"expect = {{ status = {status} }}\n"
        for code, status in SAMPLES
    )
    tmp_path.joinpath("acme.samples.toml").write_text(samples, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def check(*options, texts=None):
        if texts is not None:
            tmp_path.joinpath("texts").mkdir(exist_ok=True)
            file = f"texts/own-{next(numbers)}.toml"  # a process reads a file once
            tmp_path.joinpath(file).write_text(texts.replace("NAME", name), encoding="utf-8")
            options = (*options, "--messages", file)
        status = main(["check", "acme.toml", *options])
        out, err = capsys.readouterr()
        *findings, counts = out.splitlines() or [""]
        assert (status == 0) == counts.endswith(", 0 findings")
        return (status, err) if status == 2 else findings

    return check


def rows(language, *addresses):
    return [f"acme.toml: {address}: no text in {language}" for address in addresses]


def families(language, but=()):
    return [f"messages: {name}: no text in {language}" for name in [*Family, *ALIKE] if name not in but]


ALL = ("rules.gone", "codes.english", "codes.both", "codes.listed", "statuses.423")


def test_a_code_whose_text_is_in_another_language_is_told(speaking):
    assert speaking() == []
    assert speaking("--language", "en") == []
    assert speaking("--language", "de") == rows("de", "rules.gone", "codes.english", "statuses.423")
    assert speaking("--language", "de-AT") == rows("de-AT", "rules.gone", "codes.english", "statuses.423")
    assert speaking("--language", "fr") == rows("fr", *ALL)


def test_in_a_language_that_nobody_speaks_the_families_are_told_too(speaking):
    assert speaking("--language", "cs") == families("cs") + rows("cs", *ALL)


def test_several_languages_are_told_one_after_the_other(speaking):
    assert speaking("--language", "de", "--language", "fr") == (
        rows("de", "rules.gone", "codes.english", "statuses.423") + rows("fr", *ALL)
    )


@pytest.mark.parametrize("table", ["", "[vendors.NAME]\n"], ids=["general", "of the vendor"])
def test_the_apps_own_texts_count_by_code_reason_and_family(speaking, table):
    code = "english" if table else "payment"
    own = f'{table}LOST = {{ fr = "Non." }}\n{code} = {{ fr = "Non." }}\n'
    assert speaking("--language", "fr", texts=own) == rows("fr", "codes.both", "codes.listed", "statuses.423")
    own += 'conflict = { fr = "Non." }\nlocked = { fr = "Non." }\n'
    assert speaking("--language", "fr", texts=own) == []


def test_a_rules_codes_count(speaking):
    texts = 'payment = { fr = "x" }\nconflict = { fr = "x" }\nlocked = { fr = "x" }\n'
    assert speaking("--language", "fr", texts=texts) == rows("fr", "rules.gone")
    assert speaking("--language", "fr", texts=f'{texts}[vendors.NAME]\nstray = {{ fr = "x" }}\n') == []


def test_without_a_language_those_of_the_apps_own_texts_are_meant(speaking):
    texts = 'conflict = { cs = "Ne.", de = "Nein." }\n[vendors.NAME]\nenglish = { cs = "Ne." }\n'
    assert speaking(texts=texts) == (
        families("cs", {"conflict"})
        + rows("cs", "rules.gone", "statuses.423")
        + rows("de", "rules.gone", "codes.english", "statuses.423")
    )
    assert speaking(texts="") == []


def test_a_plain_text_of_the_apps_own_is_english(speaking):
    assert speaking("--language", "de", texts='payment = "No."') == (
        rows("de", "rules.gone", "codes.english", "statuses.423")
    )


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        ("conflict = ", "no TOML file of texts"),
        ('conflikt = "x"', "did you mean 'conflict'"),
        ('conflict = "{wiat}"', "no value {wiat}"),
        ('[vendors.acmee]\nx = "y"', "no vendor 'acmee'"),
        ('[vendors.NAME]\nx = "y"', ".messages.x: no such code, reason or family"),
    ],
)
def test_what_is_off_in_the_apps_own_texts_is_told_in_one_line(speaking, texts, complaint):
    status, said = speaking(texts=texts)
    assert status == 2
    assert said.startswith("errnorm: texts/own-")
    assert said.count("\n") == 1
    assert complaint in said


@pytest.mark.parametrize("language", ["", "x!", "de_AT", "d"])
def test_what_is_no_language_is_told(speaking, language):
    status, said = speaking("--language", language)
    assert status == 2
    assert "must be a language, such as de or pt-BR" in said


def test_a_file_that_is_missing_is_told(speaking):
    status, said = speaking("--messages", "texts/missing.toml")
    assert status == 2
    assert said.startswith("errnorm: texts/missing.toml: no TOML file of texts")


@pytest.mark.parametrize("vendor", ["lionbridge", "phase", "phrase-tms", "risumail"])
def test_the_first_four_vendors_speak_every_language_of_ours(vendor, capsys):
    options = [option for language in LANGUAGES for option in ("--language", language)]
    assert main(["check", vendor, *options]) == 0
    assert capsys.readouterr().out.endswith(", 0 findings\n")
