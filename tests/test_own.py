"""An app's own errors and its framework's are told in the same model: by status, in the reader's language."""

from __future__ import annotations

import json

import pytest

from errnorm import Action, Normalizer, ProblemField
from errnorm.model import reference_of
from errnorm.telling.catalogues import LANGUAGES, span, translated
from errnorm.telling.own import own_problem
from errnorm.telling.words import FRAMEWORK, FRAMEWORK_WAITING, phrase_of
from tests.failures import OCCURRENCE

STATUSES = [status for status in FRAMEWORK if isinstance(status, int)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", FRAMEWORK)
def test_every_status_has_a_text_in_every_language(status, language):
    number, code = (403, status) if isinstance(status, str) else (status, None)
    problem = own_problem(number, OCCURRENCE, language=language, code=code)
    assert problem.detail == translated(FRAMEWORK[status], language)
    assert problem.title == translated(phrase_of(number), language)
    assert (problem.language, problem.status) == (language, number)
    assert problem.instance == f"urn:uuid:{OCCURRENCE}"
    assert problem.reference == reference_of(OCCURRENCE)


@pytest.mark.parametrize("status", range(400, 600))
def test_any_other_status_is_told_as_its_kind_is(status):
    problem = own_problem(status, OCCURRENCE)
    kind = status if status in FRAMEWORK else 400 if status < 500 else 500
    assert problem.detail == FRAMEWORK[kind]
    assert problem.status == status
    assert problem.title == phrase_of(status)
    assert problem.code.isidentifier()
    assert problem.code == problem.code.lower()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", FRAMEWORK_WAITING)
def test_where_the_wait_is_known_it_is_said(status, language):
    for seconds in (1, 5, 90, 3600):
        problem = own_problem(status, OCCURRENCE, language=language, retry_after=seconds)
        assert span(seconds, language) in problem.detail
        assert "{" not in problem.detail
        assert problem.retry_after == seconds
        assert problem.action is Action.WAIT


def test_a_wait_elsewhere_changes_no_text():
    problem = own_problem(409, OCCURRENCE, retry_after=5)
    assert (problem.detail, problem.retry_after) == (FRAMEWORK[409], 5)


@pytest.mark.parametrize("status", STATUSES)
def test_what_helps_is_fit_for_the_status(status):
    action = own_problem(status, OCCURRENCE).action
    assert (action is Action.FIX_INPUT) == (status in {400, 402, 413, 415, 422})
    assert (action is Action.CONTACT_SUPPORT) == (status == 500)


def test_the_apps_own_words_and_fields_and_code():
    errors = (ProblemField("#/due_date", "In the past."),)
    problem = own_problem(
        422, OCCURRENCE, language="de", code="due_date", detail="Schon vorbei.", errors=errors, type_base="/problems/"
    )
    assert (problem.detail, problem.code, problem.errors) == ("Schon vorbei.", "due_date", errors)
    assert problem.type == "/problems/due-date"
    assert problem.language == "de"
    assert own_problem(405, OCCURRENCE, type_base="/problems/").type == "/problems/method-not-allowed"
    assert own_problem(418, OCCURRENCE).code == "im_a_teapot"


@pytest.mark.parametrize("language", ["cs", "", None, "nonsense!!", "*"])
def test_a_language_that_we_do_not_speak_is_english(language):
    assert own_problem(404, OCCURRENCE, language=language).language == "en"


@pytest.mark.parametrize(
    ("language", "said_in"),
    [
        (None, "en"),
        ("*", "en"),
        ("de", "de"),
        ("pt", "pt-BR"),
        ("cs", "cs"),
        ("zh-Hant-TW", "zh-Hans"),
        ("cs, en;q=0.5", "und"),
        ("cs, de", "und"),
    ],
)
def test_an_apps_own_words_are_not_taken_for_english_where_we_do_not_speak_what_is_asked(language, said_in):
    problem = own_problem(404, OCCURRENCE, language=language, detail="Nic tu není.")
    assert problem.language == said_in
    assert problem.title == (translated("Not Found", said_in) if said_in in LANGUAGES else "Not Found")
    headers = dict(Normalizer().answer_own(404, "text/html", language, detail="Nic tu není.").headers)
    assert headers.get("Content-Language") == (None if said_in == "und" else said_in)


def test_nothing_of_what_was_raised_is_told(caplog):
    secret = "canary-4471"
    for media in ("application/json", "application/xml", "text/html", "text/plain"):
        answer = Normalizer().answer_own(500, media, raised=RuntimeError(secret))
        assert answer.status == 500
        assert secret not in answer.body.decode() + str(answer.headers)
    assert {json.loads(Normalizer().answer_own(status).body)["status"] for status in STATUSES} == set(STATUSES)
