"""What a user is told: apart only where it is theirs, in the first text that there is, in their language."""

from __future__ import annotations

import json
from http import HTTPStatus

import pytest

import errnorm
from errnorm import Action, CanonicalError, Family, Fault, FieldError, Normalizer, RetryAdvice, VendorError, Verdict
from errnorm.model import LONGEST_WAIT_S
from errnorm.telling.catalogues import span, translated
from errnorm.telling.problem import told_apart
from errnorm.telling.words import ALIKE, FAMILIES, PHRASES, WAITING
from errnorm.vendors import registry
from tests.failures import FAILURES, OCCURRENCE, bare, lionbridge


def waiting(name: str, span: str) -> str:
    """Our text where it is known how long to wait."""
    return WAITING[name].replace("{wait}", span)


PROFILE = """
name = "own"
speaks = ["json"]
[read]
code = ["/code"]
user_message = ["/say"]
[codes]
coded = { family = "conflict", reason = "REASONED", fault = "user", text = "The profile's." }
silent = { family = "conflict", fault = "user" }
shown = { family = "unavailable", public = true, text = "Shown." }
bare = { family = "validation", fault = "user" }
[statuses]
429 = { family = "rate_limit", text = "Slowly." }
"""


@pytest.fixture
def own(own_profile):
    """The detail and the code that are told for a code of the profile above."""
    path = own_profile(PROFILE)

    def told(code, status=409, credentials=None, language=None, **settings):
        normalizer = Normalizer(paths=[path], **settings)
        body = f'{{"code": "{code}", "say": "The vendor\'s."}}' if code else "{}"
        failure = VendorError(normalizer.parse(body, status=status, vendor="own"), credentials=credentials)
        problem = normalizer.problem_for(failure, language=language)
        return problem.detail, problem.code

    return told


def test_the_first_text_that_there_is(own):
    general = {"conflict": "Family's.", "REASONED": "Reason's."}
    mine = {"conflict": "Vendor's family's.", "REASONED": "Vendor's reason's.", "coded": "Code's."}
    expected = ["Code's.", "Vendor's reason's.", "Vendor's family's.", "Reason's.", "Family's.", "The profile's."]
    order = [(mine, "coded"), (mine, "REASONED"), (mine, "conflict"), (general, "REASONED"), (general, "conflict")]
    for text in expected:
        assert own("coded", messages=general, vendors={"own": {"messages": mine}}) == (text, "reasoned")
        if order:
            table, key = order.pop(0)
            del table[key]
    assert own("silent") == ("The vendor's.", "silent")
    assert own("silent", language="de")[0] == translated(FAMILIES[Family.CONFLICT], "de")


def test_what_is_public_is_told_apart_and_what_is_not_looks_alike(own):
    assert own("shown", 503) == ("Shown.", "shown")
    assert own("unheard-of", 503) == (ALIKE["service_unavailable"], "service_unavailable")
    assert own("unheard-of", 400) == (ALIKE["service_error"], "service_error")


def test_a_text_of_a_row_without_a_reason_is_told_too(own):
    assert own("", 429) == (ALIKE["service_unavailable"], "service_unavailable")
    assert own("", 429, credentials="user") == ("Slowly.", "rate_limit")


def test_what_looks_alike_may_have_the_apps_own_text(own):
    texts = {"service_error": "Sorry.", "service_unavailable": "Later."}
    assert own("unheard-of", 400, messages=texts) == ("Sorry.", "service_error")
    assert own("unheard-of", 503, messages=texts) == ("Later.", "service_unavailable")
    assert own("silent", messages=texts)[0] == "The vendor's."


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("family", Family)
def test_told_apart_is_the_users_own_or_theirs_to_mend(family, fault, action):
    error = CanonicalError(
        family=family, reason="SECRET_REASON", fault=fault, action=action, retry=RetryAdvice(after_s=90.0)
    )
    problem = errnorm.problem_for(error)
    if fault is Fault.USER or action is Action.RECONNECT:
        assert told_apart(error)
        assert (problem.code, problem.action) == ("secret_reason", action)
        key, plain = family, FAMILIES
    else:
        assert problem.code in ALIKE
        key, plain = problem.code, ALIKE
        assert problem.action in (Action.WAIT, Action.CONTACT_SUPPORT)
        assert "secret" not in str(problem.to_dict()).lower()
    assert (problem.wait is not None) == (problem.retry_after is not None) == told_to_wait(error)
    assert problem.detail == (waiting(key, "90 seconds") if problem.wait and key in WAITING else plain[key])
    unknown = errnorm.problem_for(error.replace(retry=RetryAdvice()))
    assert (unknown.wait, unknown.detail) == (None, plain[key])


def told_to_wait(error):
    return error.action in {Action.WAIT, Action.RETRY}


def test_alike_means_alike():
    """Of two failures that look alike, nothing but the reference, the status and the wait tells which it was."""
    told = {}
    for failure in FAILURES:
        problem = errnorm.problem_for(failure.error)
        if problem.code in ALIKE:
            plain = problem.to_dict()
            for key in ("instance", "reference", "status", "title", "retry_after"):
                plain.pop(key, None)
            if problem.wait is not None:
                plain["detail"] = plain["detail"].replace(span(problem.wait, "en"), "{wait}")
            told.setdefault((problem.code, problem.wait is None), []).append(plain)
    assert {code for code, _ in told} == set(ALIKE)
    for each in told.values():
        assert all(plain == each[0] for plain in each)


@pytest.mark.parametrize(
    ("after", "family", "verdict", "told"),
    [
        (0.0, "unavailable", "safe", 1),
        (0.2, "unavailable", "safe", 1),
        (1.2, "unavailable", "safe", 2),
        (7.0, "timeout", "safe", 7),
        (9e9, "rate_limit", "never", 3600),
        (3600.5, "server", "if_idempotent", 3600),
        (-4.0, "unavailable", "safe", 1),
        (None, "unavailable", "safe", 30),
        (None, "rate_limit", "never", 60),
        (None, "locked", "never", 300),
        (None, "timeout", "safe", None),
        (None, "server", "if_idempotent", None),
        (None, "connection", "safe", None),
        (90.0, "validation", "never", None),
        (90.0, "conflict", "never", None),
    ],
)
def test_retry_after_is_whole_seconds_where_waiting_helps(after, family, verdict, told):
    row = errnorm.families.FAMILIES[Family(family)]
    error = CanonicalError(
        family=Family(family), fault=row.fault, action=row.action, retry=RetryAdvice(Verdict(verdict), after)
    )
    problem = errnorm.problem_for(error)
    assert problem.retry_after == told
    assert dict(errnorm.render(problem).headers).get("Retry-After") == (told and str(told))


@pytest.mark.parametrize(
    ("after", "words", "header"),
    [
        (0.0, "1 second", "1"),
        (3600.0, "60 minutes", "3600"),
        (7200.0, "2 hours", "3600"),
        (86_400.0, "24 hours", "3600"),
        (1_209_600.0, "14 days", "3600"),
        (LONGEST_WAIT_S, None, "3600"),  # clamped: nobody knows how much longer
        (None, None, "60"),
    ],
)
@pytest.mark.parametrize("credentials", ["app", "user"])
def test_people_are_told_the_true_wait_or_none(after, words, header, credentials):
    """In the sentence, in plain text and on the page; what machines are told is bounded."""
    normalizer = Normalizer(credentials=credentials)
    headers = {} if after is None else {"Retry-After": str(int(after))}
    error = normalizer.parse(b"", status=429, headers=headers)
    name = "service_unavailable" if credentials == "app" else "rate_limit"
    problem = normalizer.problem_for(error)
    assert problem.detail == ((ALIKE | FAMILIES)[name] if words is None else waiting(name, words))
    for media in ("text/plain", "text/html", "application/json"):
        answer = normalizer.answer(error, media)
        assert dict(answer.headers)["Retry-After"] == header
        assert (words is None) or words in answer.body.decode()
        assert ("Time left" in answer.body.decode()) == (words is not None and media != "application/json")
    assert json.loads(answer.body)["retry_after"] == int(header)


def test_fields_are_the_apps_own_names_and_texts():
    vendors = {
        "lionbridge": {
            "fields": {"a.b": "address.street", "c": "x/y~z", "d": "address.street", "e": "plain", "unused": "u"}
        }
    }
    fields = tuple(FieldError(path, "CODE", "The vendor's.") for path in ("a.b", "c", "d", "zzz", "e", "e"))
    error = lionbridge(205).replace(fields=fields)
    told = Normalizer(vendors=vendors).problem_for(error)
    assert [field.pointer for field in told.errors] == ["#/address/street", "#/x~1y~0z", "#/plain"]
    assert {field.detail for field in told.errors} == {"This was not accepted. Please check it."}
    assert "vendor's" not in str(told)
    assert Normalizer(vendors=vendors).problem_for(error.replace(fault=Fault.INTEGRATION)).errors == ()
    assert Normalizer().problem_for(error).errors == ()


@pytest.mark.parametrize(
    ("wanted", "text", "language"),
    [
        ("de", "Nein.", "de"),
        ("de-AT", "Nein.", "de"),
        ("de-at", "Nein.", "de"),
        ("cs", "No.", "en"),
        ("cs, fr, en;q=0.1", "No.", "en"),
        (None, "No.", "en"),
        ("", "No.", "en"),
        ("pt-BR", "Não.", "pt-BR"),
        ("fr;q=0.9,de;q=0.8", "Nein.", "de"),
        ("*", "No.", "en"),
        ("en", "No.", "en"),
        ("de;q=0", "No.", "en"),
        ("nonsense!!", "No.", "en"),
    ],
)
def test_a_text_by_language(wanted, text, language):
    texts = {"de": "Nein.", "en": "No.", "pt-BR": "Não."}
    normalizer = Normalizer(vendors={"lionbridge": {"messages": {"304": texts}}})
    problem = normalizer.problem_for(lionbridge(304), language=wanted)
    assert (problem.detail, problem.language) == (text, language)
    assert dict(normalizer.render(problem).headers)["Content-Language"] == language


@pytest.mark.parametrize("texts", [{"de": "Nein."}, {"de": "Nein.", "nl": "Nee."}])
@pytest.mark.parametrize("settings", ["vendors", "messages"])
@pytest.mark.parametrize(
    ("wanted", "language"), [("fr", "fr"), ("en", "en"), (None, "en"), ("cs", "en"), ("de-AT", "de"), ("fr, de", "de")]
)
def test_whom_the_apps_text_does_not_speak_to_reads_ours(texts, settings, wanted, language):
    own = {
        "vendors": {"vendors": {"lionbridge": {"messages": {"304": texts}}}},
        "messages": {"messages": {"conflict": texts}},
    }
    problem = Normalizer(**own[settings]).problem_for(lionbridge(304), language=wanted)
    ours = errnorm.problem_for(lionbridge(304), language=language).detail
    assert (problem.detail, problem.language) == ("Nein." if language == "de" else ours, language)


def test_a_plain_text_of_the_apps_is_everybodys():
    normalizer = Normalizer(vendors={"lionbridge": {"messages": {"304": "Nein."}}})
    assert {normalizer.problem_for(lionbridge(304), language=each).detail for each in ("de", "fr", None)} == {"Nein."}


@pytest.mark.parametrize("wanted", ["de", "*", None, "de-AT;q=0.5, *"])
def test_a_lazy_text_is_asked_when_it_is_told(wanted):
    class Lazy:
        def __str__(self):
            return "Nein."

    normalizer = Normalizer(messages={"conflict": Lazy()})
    problem = normalizer.problem_for(lionbridge(304), language=wanted)
    assert problem.detail == "Nein."
    assert problem.language == {"de": "de", "de-AT;q=0.5, *": "de-AT"}.get(wanted, "en") or problem.language == "de-AT"
    assert "Content-Language" in dict(normalizer.render(problem).headers)


class Lazy:
    def __str__(self):
        return Marked("Nein.")


class Marked(str):
    """As Django's SafeString: even str() gives one."""

    __slots__ = ()

    def __str__(self):
        return self


@pytest.mark.parametrize("text", [Lazy(), Marked("Nein.")], ids=["lazy", "marked"])
def test_a_text_of_any_class_becomes_plain(text):
    for given in (text, {"en": text}):
        problem = Normalizer(messages={"conflict": given}).problem_for(lionbridge(304))
        assert type(problem.detail) is str
        assert problem.to_dict()["detail"] == "Nein."


def test_a_type_base_names_the_kind_of_problem():
    normalizer = Normalizer(type_base="https://app.example/problems/")
    told, alike = normalizer.problem_for(lionbridge(304)), normalizer.problem_for(bare(401))
    assert (told.type, told.title) == (
        "https://app.example/problems/language-pair-not-offered",
        "This conflicts with what is already there",
    )
    assert (alike.type, alike.title) == (
        "https://app.example/problems/service-error",
        "Something went wrong",
    )
    plain = errnorm.problem_for(lionbridge(304))
    assert (plain.type, plain.title) == ("about:blank", "Conflict")


@pytest.mark.parametrize("status", range(400, 600))
def test_the_title_is_the_status_phrase(status):
    title = errnorm.problem_for(CanonicalError(response_status=status)).title
    known = {int(each): each.phrase for each in HTTPStatus} | PHRASES  # RFC 9110 renamed some, Python's table later
    assert title == known.get(status, "Error")


def test_an_occurrence_is_told_by_its_own_id():
    problem = errnorm.problem_for(VendorError(lionbridge(304), occurrence_id=OCCURRENCE))
    assert (problem.instance, problem.reference) == (f"urn:uuid:{OCCURRENCE}", "7W62-MMKX")
    assert errnorm.problem_for(lionbridge(304)).instance != errnorm.problem_for(lionbridge(304)).instance


def test_the_contracts_third_user():
    normalizer = Normalizer(vendors={"lionbridge": {"messages": {"304": {"de": "Dieses Sprachpaar …", "en": "…"}}}})
    problem = normalizer.problem_for(lionbridge(304), language="de-AT")
    assert (problem.detail, problem.language) == ("Dieses Sprachpaar …", "de")


@pytest.mark.parametrize("vendor", registry.default.names())
def test_every_code_of_every_vendor_can_be_told(vendor):
    for address, then in registry.get(vendor).rows():
        reason = then.reason or (then.family.upper() if then.family else "UNKNOWN")
        error = CanonicalError(vendor=vendor, family=then.family or Family.UNKNOWN, reason=reason, fault=Fault.USER)
        problem = errnorm.problem_for(error)
        assert problem.detail, address
        assert problem.code == reason.lower()
        assert "integration" not in problem.detail


def test_every_family_has_a_text():
    assert set(FAMILIES) == set(Family)
    for text in (*FAMILIES.values(), *ALIKE.values()):
        assert text.strip() == text != ""
        assert text.endswith(".")
