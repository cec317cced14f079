"""The URI of a problem leads to a page that says what the problem says: for every code, in every language we speak."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256

import pytest

from errnorm import Normalizer, VendorError
from errnorm.families import Action
from errnorm.model import new_occurrence_id
from errnorm.telling.catalogues import LANGUAGES
from errnorm.telling.own import own_problem
from errnorm.telling.problem import told_apart
from errnorm.telling.types import codes, describe, rendered_type
from errnorm.telling.words import ACTIONS, ALIKE, PHRASES
from errnorm.vendors import registry
from tests.failures import FAILURES, Failure

BASE = "https://shop.example/problems/"
PLAIN = Normalizer(type_base=BASE)
ALL = Normalizer(type_base=BASE, handle="all")
STAFF = Normalizer(type_base=BASE, audience=lambda request: True)
CODES = codes(PLAIN)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.title)
@pytest.mark.parametrize("normalizer", [PLAIN, ALL], ids=["vendor", "all"])
def test_every_failure_leads_to_its_type(failure: Failure, normalizer):
    problem = normalizer.problem_for(failure.error)
    described = describe(problem.type.removeprefix(BASE), normalizer)
    assert described is not None
    assert (described.code, described.type) == (problem.code, problem.type)
    if problem.code in ALIKE or normalizer is PLAIN:
        assert described.title == problem.title


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.title)
def test_a_failure_told_apart_has_the_action_of_its_type(failure: Failure):
    problem = PLAIN.problem_for(failure.error)
    described = describe(problem.code, PLAIN)
    assert described is not None
    assert described.action == problem.action
    assert described.helps == ACTIONS[described.action]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.title)
def test_an_integrators_problem_leads_to_its_type_too(failure: Failure):
    problem = STAFF.problem_for(failure.error, audience="integrator")
    if failure.error.vendor is None:
        return  # a reason that no profile gives
    described = describe(problem.type.removeprefix(BASE), STAFF)
    assert described is not None
    assert described.code == problem.code


@pytest.mark.parametrize("status", [*PHRASES, 418])
def test_every_own_error_leads_to_its_type(status):
    problem = own_problem(status, new_occurrence_id(), type_base=BASE)
    described = describe(problem.type.removeprefix(BASE), ALL)
    assert described is not None
    assert (described.code, described.type, described.action) == (problem.code, problem.type, problem.action)
    if problem.code not in ALIKE:
        assert (described.title, described.means, described.status) == (problem.title, problem.detail, status)


def test_a_refused_form_has_a_type():
    described = describe("csrf", PLAIN)
    assert described is not None
    assert (described.status, described.action) == (403, Action.RETRY)


def test_every_reason_that_users_are_told_is_there():
    told = set()
    for name in registry.default.names():
        for _, then in registry.get(name).rows():
            if then.reason and (then.public or then.fault == "user" or then.action == "reconnect"):
                told.add(then.reason.lower())
    assert len(told) > 100
    assert told <= set(CODES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_is_described_in_every_language(language):
    for code in CODES:
        described = describe(code, PLAIN, language)
        assert described is not None
        assert described.title
        assert described.means
        assert described.helps
        assert "{" not in described.means
        assert described.language in {language, "en"}
    # ours are all translated; a vendor's single codes may not be
    assert describe("service_error", PLAIN, language).language == language


@pytest.mark.parametrize("code", ["", "nope", "404", "SERVICE ERROR", "x" * 10_000, "../etc", "malformed-input", "ä"])
def test_what_nobody_is_told_has_no_type(code):
    assert describe(code, PLAIN) is None


def test_what_only_integrators_are_told_has_one_where_there_are_any():
    assert describe("malformed-input", PLAIN) is None
    described = describe("malformed-input", STAFF)
    assert described is not None
    assert described.means == ALIKE["service_error"]


def test_the_apps_own_texts_and_statuses_count():
    own = Normalizer(
        vendors={"lionbridge": {"messages": {"LANGUAGE_PAIR_NOT_OFFERED": {"en": "Not that pair.", "de": "Nein."}}}},
        statuses={"LANGUAGE_PAIR_NOT_OFFERED": 422},
    )
    described = describe("language_pair_not_offered", own, "de")
    assert described is not None
    assert (described.means, described.status, described.language) == ("Nein.", 422, "de")
    assert described.type == "about:blank"


def test_an_apps_function_is_asked_of_failures_only():
    def fails(error, language):
        raise AssertionError

    assert describe("language_pair_not_offered", Normalizer(messages=fails)) is not None


def test_a_users_own_credentials_have_a_type():
    user = Normalizer(credentials="user", type_base=BASE)
    failure = VendorError(user.parse(b"", status=401, vendor="phrase-tms"))
    problem = user.problem_for(failure)
    assert told_apart(user.judged(failure.error))
    assert describe(problem.code, user) is not None


# --- how it is written ---


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/problem+json", "image/png"])
def test_programs_get_json(accept):
    rendered = rendered_type(describe("card_declined", PLAIN), accept)
    headers = dict(rendered.headers)
    assert (rendered.status, headers["Content-Type"]) == (200, "application/json")
    assert headers["Content-Length"] == str(len(rendered.body))
    assert list(json.loads(rendered.body)) == ["code", "type", "title", "status", "means", "action", "helps"]


@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_people_get_a_page_that_asks_nobody_for_anything(language):
    own = Normalizer(messages={"CARD_DECLINED": "<script>&'\""} if language == "en" else {})
    described = describe("card_declined", own, language)
    rendered = rendered_type(described, "text/html")
    page, headers = rendered.body.decode(), dict(rendered.headers)
    style = re.search("<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "<script" not in page
    assert not re.search(r"https?:|src=", page)
    assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">' in page
    assert page.count("<h1 ") == 1
    assert headers["Content-Language"] == language
    assert "$" not in page  # no name is left in it


def test_others_get_text():
    described = describe("card_declined", PLAIN)
    told = rendered_type(described, "text/plain").body.decode()
    assert all(part in told for part in (described.title, described.means, described.helps, "402", "card_declined"))


def test_of_several_vendors_the_apps_own_come_first():
    own = Normalizer(vendors={"stripe": {"statuses": {"CARD_DECLINED": 422}}})
    assert describe("card_declined", own).status == 422
    assert describe("card_declined", PLAIN).status == 402
