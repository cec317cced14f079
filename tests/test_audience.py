"""Two audiences, one URL: an integrator sees the vendor's side, an end user never does, and no cache mixes them."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given, strategies as st

from errnorm import Normalizer, SettingsError, VendorError
from errnorm.model import IntegratorProblem, Problem
from errnorm.telling.negotiation import MediaType
from tests.failures import FAILURES, OCCURRENCE, VENDOR_HEADERS, lionbridge

VENDORS = ("vendor", "vendor_status", "vendor_code", "vendor_message", "vendor_request_id")
PLAIN, WATCHED = Normalizer(), Normalizer(audience=lambda request: request)
CANARY = "Zebrafinch7261quokka"
every_failure = pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.title)
every_media = pytest.mark.parametrize("media", MediaType)


def raised(failure):
    return VendorError(failure.error, occurrence_id=OCCURRENCE)


@every_failure
@every_media
def test_an_end_user_gets_what_everybody_got_before_there_was_an_audience(failure, media):
    told = WATCHED.answer(raised(failure), media, audience="user")
    before = PLAIN.answer(raised(failure), media)
    assert (told.status, told.body) == (before.status, before.body)
    assert type(WATCHED.problem_for(raised(failure))) is Problem


@every_failure
def test_an_integrator_sees_the_vendors_side_besides(failure):
    user, told = (PLAIN.problem_for(raised(failure), audience=audience) for audience in ("user", "integrator"))
    assert type(told) is IntegratorProblem
    error = failure.error
    plain = told.to_dict()
    assert plain["code"] == error.reason.lower()
    assert plain["action"] == error.action
    said = {name: getattr(error, name) for name in VENDORS} | {"vendor": error.vendor or error.dialect}
    assert {name: plain.get(name) for name in VENDORS} == said
    same = {"type", "title", "status", "detail", "instance", "reference", "retry_after", "errors"}
    assert {name: plain.get(name) for name in same} == {name: user.to_dict().get(name) for name in same}
    assert plain.keys() - user.to_dict().keys() <= set(VENDORS)


@every_media
def test_what_an_integrator_sees_of_the_vendors_words_is_redacted_and_escaped(media):
    secret = "sk_li" + "ve_" + "4eC39HqLyjWDarjtT1zdp7dc"
    said = f"<SimpleMessage>&lt;b&gt; {secret} {CANARY}</SimpleMessage>"
    body = f"<Quote><Error><ReasonCode>304</ReasonCode>{said}</Error></Quote>"
    error = PLAIN.parse(body, status=409, vendor="lionbridge")
    told = PLAIN.answer(error, media, audience="integrator").body.decode()
    assert CANARY in told
    assert secret not in told
    assert ("<b>" in told) == (media in {MediaType.PROBLEM_JSON, MediaType.TEXT})
    assert CANARY not in PLAIN.answer(error, media).body.decode()


@every_failure
@every_media
@pytest.mark.parametrize("audience", ["user", "integrator"])
def test_no_cache_mixes_them(failure, media, audience):
    headers = dict(WATCHED.answer(raised(failure), media, audience=audience).headers)
    assert headers["Cache-Control"] == "no-store"
    assert headers["Vary"] == "Accept, Accept-Language, Authorization, Cookie"
    headers = dict(PLAIN.answer(raised(failure), media).headers)
    assert (headers["Cache-Control"], headers["Vary"]) == ("no-store", "Accept, Accept-Language")


@pytest.mark.parametrize("said", [True, "integrator"])
def test_who_is_an_integrator_says_the_app(said):
    assert WATCHED.audience_of(said) == "integrator"


@given(st.none() | st.booleans() | st.text() | st.integers(2) | st.floats(2) | st.lists(st.text()) | st.binary())
def test_whatever_else_the_app_says_is_an_end_user(said):
    """Not what is merely true: a user's name, a list of roles."""
    if said is not True and said != "integrator":
        assert WATCHED.audience_of(said) == "user"
        assert PLAIN.audience_of(True) == "user"


def test_where_the_apps_own_word_fails_it_is_an_end_user(caplog):
    def fails(request):
        raise LookupError("no session")

    assert Normalizer(audience=fails).audience_of(object()) == "user"
    (record,) = caplog.records
    assert record.getMessage() == "the app's own `audience` failed; it was taken for an end user's request"
    assert "no session" in str(record.exc_info[1])


@pytest.mark.parametrize("audience", ["user", True, 3])
def test_an_audience_that_cannot_be_asked_is_told(audience):
    with pytest.raises(SettingsError, match="audience: must be callable"):
        Normalizer(audience=audience)


@pytest.mark.parametrize("failure", FAILURES[::4], ids=lambda failure: failure.title)
def test_what_is_logged_is_the_same_for_both(caplog, failure):
    caplog.set_level(logging.DEBUG, "errnorm")
    for audience in ("user", "integrator"):
        PLAIN.answer(raised(failure), audience=audience)
    one, other = ({**vars(record)} for record in caplog.records)
    assert one["msg"] == other["msg"]
    assert {key: value for key, value in one.items() if key.startswith("errnorm_")} == {
        key: value for key, value in other.items() if key.startswith("errnorm_")
    }


def test_an_apps_own_page_and_the_fragment_know_the_audience():
    seen = []
    normalizer = Normalizer(template=lambda problem: seen.append(type(problem)) or "")
    for audience in ("user", "integrator"):
        normalizer.answer(lionbridge(304), "text/html", audience=audience)
    assert seen == [Problem, IntegratorProblem]
    fragments = [
        PLAIN.answer(lionbridge(304), audience=audience, fragment=True).body.decode()
        for audience in ("user", "integrator")
    ]
    assert ["Their words." in fragment for fragment in fragments] == [False, True]


def asks(request):
    """Whoever has the token; what the plain ASGI door hands over is a scope."""
    headers = dict(request["headers"]) if isinstance(request, dict) else request.headers
    return (headers.get("x-staff") or headers.get("X-Staff") or headers.get(b"x-staff") or b"") in {"yes", b"yes"}


DOOR_NAMES = ["django", "django-async", "starlette", "starlette-handlers", "asgi"]


@pytest.mark.parametrize("door", DOOR_NAMES)
def test_every_door_asks_the_app_who_it_is(door):
    pytest.importorskip("django")
    pytest.importorskip("starlette")
    from tests.doors import DOORS, raising

    def told(audience, **headers):
        answer = DOORS[door](raising(VendorError(lionbridge(304))), headers=headers, audience=audience)
        return answer.body.decode()

    staff = {"X-Staff": "yes"}
    assert "Their words." in told(asks, **staff)
    assert json.loads(told(asks, **staff))["vendor_code"] == "304"
    for audience, headers in ((asks, {}), (asks, {"X-Staff": "no"}), (None, staff), (lambda request: 1 / 0, staff)):
        answer = told(audience, **headers)
        assert "Their words." not in answer
        assert not {*VENDORS} & json.loads(answer).keys()
        assert not any(value in answer for value in VENDOR_HEADERS.values() if value.startswith("the-vendors"))
