"""Users read the app's own words, by code, by reason and by family, in the language that they ask for."""

import subprocess
import sys
from pathlib import Path

import pytest
from ui_messages import MESSAGES, told

import errnorm

SCRIPT = Path(__file__).parent / "ui_messages.py"


def quote(code: str) -> bytes:
    return f"<Quote><Error><ReasonCode>{code}</ReasonCode></Error></Quote>".encode()


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(("code", "key"), [("304", "304"), ("305", "PRICE_CHANGED"), ("205", "validation")])
def test_by_code_by_reason_and_by_family(code, key, language):
    problem = told(quote(code), 409, "lionbridge", language)
    assert (problem.detail, problem.language) == (MESSAGES[key][language], language)


@pytest.mark.parametrize(
    ("asked", "language"), [("de-AT", "de"), ("fr, de;q=0.5", "de"), ("fr", "en"), ("en-GB, de", "en"), ("", "en")]
)
def test_in_the_language_that_the_user_asks_for(asked, language):
    assert told(quote("304"), 409, "lionbridge", asked).language == language


def test_what_is_nobodys_business_looks_alike():
    busy, down = told(b"", 429, "lionbridge", "de"), told(b"", 503, "lionbridge", "de")
    assert busy.detail == down.detail == "Bestellungen ruhen gerade. Bitte versuchen Sie es bald wieder."
    assert busy.code == down.code == "service_unavailable"


def test_a_code_that_is_no_text_is_refused():
    with pytest.raises(errnorm.SettingsError, match="codes are text"):
        errnorm.Normalizer(vendors={"lionbridge": {"messages": {304: "…"}}})  # type: ignore[dict-item]


def test_a_code_that_does_not_exist_is_refused_with_the_nearest():
    with pytest.raises(errnorm.SettingsError, match="PRICE_CHANGED"):
        errnorm.Normalizer(vendors={"lionbridge": {"messages": {"PRICE_CHANGE": "…"}}})


def test_as_a_script():
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"304 de: {MESSAGES['304']['de']}\n304 en: {MESSAGES['304']['en']}\n")
    assert len(done.stdout.splitlines()) == 9
