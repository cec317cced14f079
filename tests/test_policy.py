"""Every setting does what the contract says, and every wrong one is told in one clear line that names the nearest."""

from __future__ import annotations

import pytest

import errnorm
from errnorm import CanonicalError, Family, Normalizer, SettingsError, UnknownVendorError, VendorError
from errnorm.policy import Policy, VendorSettings, keywords
from tests.failures import FAILURES, bare, lionbridge, raised, transport

# The contract's own signature; what is still to come stands below it.
SETTINGS = {
    "vendors",
    "paths",
    "messages",
    "statuses",
    "handle",
    "credentials",
    "gateway_statuses",
    "support_url",
    "reconnect_url",
    "type_base",
    "template",
    "recognise",
    "correlation_header",
    "cap",
}
LB = "lionbridge"


def test_the_settings_are_those_of_the_contract():
    assert set(Policy.__struct_fields__) >= SETTINGS
    assert set(VendorSettings.__annotations__) >= {"messages", "statuses", "hosts", "credentials", "fields"}
    assert keywords({name.upper(): 1 for name in SETTINGS}) == dict.fromkeys(SETTINGS, 1)


WRONG = {
    "an unknown setting": ({"vendorz": {}}, "no setting 'vendorz'; did you mean 'vendors'?"),
    "an unknown vendor": ({"vendors": {"lionbrige": {}}}, "vendors: no vendor 'lionbrige'; did you mean 'lionbridge'?"),
    "a vendor that is no name": ({"vendors": {5: {}}}, "vendors: no vendor 5"),
    "an unknown setting of a vendor": (
        {"vendors": {LB: {"mesages": {}}}},
        "vendors.lionbridge.mesages: no such setting; did you mean 'messages'?",
    ),
    "an unknown code": (
        {"vendors": {LB: {"messages": {"3040": "x"}}}},
        "vendors.lionbridge.messages.3040: no such code",
    ),
    "an unknown reason": (
        {"vendors": {LB: {"statuses": {"LANGUAGE_PAIR_NOT_OFERED": 422}}}},
        "did you mean 'LANGUAGE_PAIR_NOT_OFFERED'",
    ),
    "an unknown family": (
        {"messages": {"validaton": "x"}},
        "messages.validaton: no such code, reason or family; did you mean",
    ),
    "a family of statuses": (
        {"statuses": {"confict": 422}},
        "statuses.confict: no such code, reason or family; did you mean 'conflict'",
    ),
    "a code as a number": ({"vendors": {LB: {"messages": {304: "x"}}}}, "codes are text: write '304', not 304"),
    "a code as a number, of a status": (
        {"vendors": {LB: {"statuses": {304: 422}}}},
        "codes are text: write '304', not 304",
    ),
    "a text that is none": (
        {"messages": {"conflict": None}},
        "messages.conflict: must be text, or texts by language, not None",
    ),
    "a text that is a number": ({"messages": {"conflict": 5}}, "messages.conflict: must be text"),
    "a text that is a list": (
        {"vendors": {LB: {"messages": {"304": ["x"]}}}},
        "vendors.lionbridge.messages.304: must be text",
    ),
    "a language without a text": ({"messages": {"conflict": {"de": None}}}, "messages.conflict: must be text"),
    "no language": ({"messages": {"conflict": {}}}, "messages.conflict: no language in it"),
    "a status that is no error": (
        {"statuses": {"conflict": 200}},
        "statuses.conflict: must be an HTTP status, 400 to 599",
    ),
    "a status that is text": ({"statuses": {"conflict": "409"}}, "statuses.conflict: must be an HTTP status"),
    "a status that is a truth": ({"statuses": {"conflict": True}}, "statuses.conflict: must be an HTTP status"),
    "handle": ({"handle": "everything"}, "handle: must be"),
    "credentials": ({"credentials": "users"}, "credentials: must be 'app' or 'user', not 'users'"),
    "credentials of a vendor": (
        {"vendors": {LB: {"credentials": 1}}},
        "vendors.lionbridge.credentials: must be 'app' or 'user'",
    ),
    "gateway_statuses": ({"gateway_statuses": 503}, "gateway_statuses: must be 'keep' or '503', not 503"),
    "a cap too small": ({"cap": 10}, "cap: must be a number of bytes"),
    "a cap that is a truth": ({"cap": True}, "cap: must be a number of bytes"),
    "a cap that is text": ({"cap": "65536"}, "cap: must be a number of bytes"),
    "a header with a blank": ({"correlation_header": "X Request"}, "correlation_header: must be a header's name"),
    "a header with a line break": ({"correlation_header": "X-A\r\nB"}, "correlation_header: must be a header's name"),
    "a header that ends in one": ({"correlation_header": "X-A\n"}, "correlation_header: must be a header's name"),
    "a header beyond ASCII": ({"correlation_header": "X-Ünï"}, "correlation_header: must be a header's name"),
    "no header": ({"correlation_header": ""}, "correlation_header: must be a header's name"),
    "a header that is none": ({"correlation_header": None}, "correlation_header: must be a header's name"),
    "vendors as a list": ({"vendors": [LB]}, "vendors: must be a dict"),
    "a vendor without settings": ({"vendors": {LB: None}}, "vendors.lionbridge: must be a dict"),
    "messages as a list": ({"messages": ["conflict"]}, "messages: must be a dict"),
    "statuses as text": ({"statuses": "conflict"}, "statuses: must be a dict"),
    "fields as a list": ({"vendors": {LB: {"fields": ["a"]}}}, "vendors.lionbridge.fields: must be a dict"),
    "a field that is no name": (
        {"vendors": {LB: {"fields": {"a": 5}}}},
        "vendors.lionbridge.fields: must be text, not 5",
    ),
    "hosts as text": (
        {"vendors": {LB: {"hosts": "a.example"}}},
        "vendors.lionbridge.hosts: must be a list of host names",
    ),
    "hosts that are used up": ({"vendors": {LB: {"hosts": iter(["a"])}}}, "vendors.lionbridge.hosts: must be a list"),
    "a path to nowhere": ({"paths": "/no/such/folder"}, "paths: /no/such/folder: no such file or folder"),
    "a path that is none": ({"paths": 5}, "paths: must be a list of paths"),
    "a template that is text": ({"template": "error.html"}, "template: must be callable"),
    "recognise that is none": ({"recognise": "x"}, "recognise: must be callable"),
    "an unknown reason of all": (
        {"messages": {"LANGUAGE_PAIR_NOT_OFERED": "x"}},
        "messages.LANGUAGE_PAIR_NOT_OFERED: no such code, reason or family; did you mean 'LANGUAGE_PAIR_NOT_OFFERED'",
    ),
    "a reason of statuses": ({"statuses": {"RATE_LIMITT": 503}}, "statuses.RATE_LIMITT: no such code"),
    "what clients see": (
        {"vendors": {LB: {"messages": {"language_pair_not_offered": "x"}}}},
        "no such code, reason or family; did you mean 'LANGUAGE_PAIR_NOT_OFFERED'?",
    ),
    "what clients see, of all": (
        {"messages": {"language_pair_not_offered": "x"}},
        "no such code, reason or family; did you mean 'LANGUAGE_PAIR_NOT_OFFERED'?",
    ),
    "what looks alike, of one vendor": (
        {"vendors": {LB: {"messages": {"service_unavailable": "x"}}}},
        "vendors.lionbridge.messages.service_unavailable: a key of the general `messages` alone",
    ),
    "what looks alike, of a status": (
        {"statuses": {"service_error": 503}},
        "statuses.service_error: a key of the general `messages` alone",
    ),
    "a language in words": (
        {"messages": {"conflict": {"english": "x"}}},
        "messages.conflict: a language is a tag, as 'de' or 'pt-BR', not 'english'",
    ),
    "a locale": ({"messages": {"conflict": {"pt_BR": "x"}}}, "a language is a tag, as 'de' or 'pt-BR', not 'pt_BR'"),
    "a language that is none": ({"messages": {"conflict": {5: "x"}}}, "a language is a tag, as 'de' or 'pt-BR', not 5"),
    "nothing to say": ({"messages": {"conflict": ""}}, "messages.conflict: nothing stands in it"),
    "nothing to say in a language": ({"messages": {"conflict": {"de": ""}}}, "messages.conflict: nothing stands in it"),
    "a URL that is none": ({"support_url": 5}, "support_url: must be text"),
    **{
        f"{name} {url}": (
            {name: url},
            f"{name}: must be as 'https://shop.example/help' or '/help'{mail}, not {url!r}",
        )
        for name, mail in (("support_url", ", or 'mailto:help@shop.example'"), ("reconnect_url", ""))
        for url in ("shop.example/help", "help", "//x/y", "javascript:alert(1)", "/\\x", "https://a.example/b c")
    },
    "a mailbox to reconnect at": ({"reconnect_url": "mailto:a@b.example"}, "reconnect_url: must be as 'https://"),
    "a type base that is none": ({"type_base": 5}, "type_base: must be text"),
}


@pytest.mark.parametrize(("own", "line"), WRONG.values(), ids=lambda value: None)
def test_a_wrong_setting_is_told_in_one_line(own, line):
    with pytest.raises(SettingsError) as caught:
        Normalizer(**own)
    told = str(caught.value)
    assert line in told
    assert "\n" not in told
    assert len(told) < 400


@pytest.mark.parametrize("url", ["https://shop.example/help?a=b#c", "/help", "http://localhost:8000", "", None])
def test_urls_that_a_link_may_lead_to(url):
    assert Normalizer(support_url=url, reconnect_url=url).support_url == url
    assert Normalizer(support_url="mailto:help@shop.example").support_url


@pytest.mark.parametrize("key", ["CARD_DECLINED", "READ_TIMEOUT", "FILE_TOO_LARGE", "THROTTLED", "RATE_LIMIT"])
def test_texts_go_by_the_reasons_of_all_profiles_and_by_ours(key):
    problem = Normalizer(messages={key: "Own."}).problem_for(CanonicalError(reason=key))
    assert problem.detail == "Own."


@pytest.mark.parametrize("key", ["SHOP_IS_CLOSED", "NO_DEPOT", "X"])
def test_an_app_that_makes_errors_itself_may_invent_reasons(key):
    own = Normalizer(messages={key: "Closed."}, statuses={key: 410})
    problem = own.problem_for(CanonicalError(reason=key))
    assert (problem.detail, problem.status) == ("Closed.", 410)


def test_texts_go_by_the_reasons_of_an_apps_own_profiles(own_profile):
    path = own_profile('name = "own"\n[codes]\nodd_thing = "conflict"\n')
    assert Normalizer(paths=[path], messages={"ODD_THING": "Odd."})


@pytest.mark.parametrize("own", ['speaks = ["xml"]', "[read]\ncode = ['/c']", "failed = [{ body = 'html' }]"])
def test_a_profile_under_a_built_in_name_is_not_cut_down_in_silence(own_profile, own):
    path = own_profile(f'name = "stripe"\n{own}\n')
    with pytest.raises(
        SettingsError, match=r"own\.toml: \w+: passed over: what extends 'stripe' may hold hosts, .*name"
    ):
        Normalizer(paths=[path])


def test_a_folder_without_a_profile_is_told(tmp_path):
    with pytest.raises(SettingsError, match=r"^paths: .*: no profile in this folder, which is a file like acme\.toml$"):
        Normalizer(paths=[tmp_path])


def test_a_setting_in_small_letters_is_told_in_django():
    with pytest.raises(SettingsError, match="no setting 'vendors'; did you mean 'VENDORS'"):
        keywords({"vendors": {}})
    with pytest.raises(SettingsError, match="no setting 5"):
        keywords({5: {}})


def test_a_broken_profile_is_told_with_its_place(own_profile):
    path = own_profile('name = "own"\n[codes]\na = { famly = "conflict" }\n')
    with pytest.raises(SettingsError, match=r"^paths: .*own\.toml: codes\.a.*famly.*did you mean 'family'"):
        Normalizer(paths=[path])


def test_an_own_profile_is_found_by_name_host_and_settings(own_profile):
    path = own_profile(
        'name = "own"\nhosts = ["api.own.example"]\n[read]\ncode = ["/c"]\n'
        '[codes]\nbusy = { family = "conflict", fault = "user" }\n'
    )
    normalizer = Normalizer(paths=path, vendors={"own": {"messages": {"busy": "Busy."}, "hosts": ["own.internal"]}})
    for where in ({"vendor": "own"}, {"url": "https://api.own.example/x"}, {"url": "https://OWN.internal:8443/x"}):
        error = normalizer.parse(b'{"c": "busy"}', status=409, **where)
        assert (error.vendor, error.reason) == ("own", "BUSY")
        assert normalizer.problem_for(error).detail == "Busy."


def test_a_policy_is_frozen():
    normalizer = Normalizer()
    for name in (*SETTINGS, "reader"):
        with pytest.raises(AttributeError):
            setattr(normalizer, name, None)
    assert normalizer.reader is normalizer.reader


def status_of(error, credentials=None, **own):
    return Normalizer(**own).judged(error, credentials).response_status


def test_an_apps_status_goes_by_code_then_reason_then_family_the_vendors_first():
    error = lionbridge(304)
    assert status_of(error) == 409
    general = {"conflict": 410}
    assert status_of(error, statuses=general) == 410
    for own, status in (
        ({"conflict": 420}, 420),
        ({"conflict": 420, "LANGUAGE_PAIR_NOT_OFFERED": 421}, 421),
        ({"conflict": 420, "LANGUAGE_PAIR_NOT_OFFERED": 421, "304": 422}, 422),
    ):
        assert status_of(error, statuses=general, vendors={LB: {"statuses": own}}) == status
    assert status_of(bare(503), vendors={LB: {"statuses": {"unavailable": 500}}}) == 503  # another vendor's


@pytest.mark.parametrize("reason", ["READ_TIMEOUT", "CONNECTION_REFUSED", "RATE_LIMIT", "UNAVAILABLE"])
def test_a_vendors_reasons_are_also_those_that_no_row_of_its_profile_names(reason):
    normalizer = Normalizer(vendors={LB: {"messages": {reason: "Own."}, "statuses": {reason: 499}}})
    problem = normalizer.problem_for(CanonicalError(vendor=LB, reason=reason))
    assert (problem.detail, problem.status) == ("Own.", 499)


def test_gateway_statuses_leave_what_the_app_said_itself():
    error = transport("httpx", "ReadTimeout")
    assert status_of(error) == 504
    assert status_of(error, gateway_statuses="503") == 503
    assert status_of(error, gateway_statuses="503", statuses={"timeout": 502}) == 502


@pytest.mark.parametrize(
    ("status", "app", "user"),
    [
        (401, (500, "integration", "ask_admin"), (409, "account", "reconnect")),
        (403, (500, "integration", "ask_admin"), (409, "account", "reconnect")),
        (429, (503, "vendor", "wait"), (429, "user", "wait")),
        (404, (500, "integration", "contact_support"), (500, "integration", "contact_support")),
        (500, (502, "vendor", "retry"), (502, "vendor", "retry")),
    ],
)
def test_whose_credentials_they_were_decides_whose_doing_it_is(status, app, user):
    def judged(of_this_call=None, **own):
        error = Normalizer(**own).judged(bare(status, LB), of_this_call)
        return error.response_status, error.fault, error.action

    assert judged() == judged("app", credentials="user") == app
    assert judged("user") == judged(credentials="user") == judged(vendors={LB: {"credentials": "user"}}) == user
    assert judged(credentials="user", vendors={LB: {"credentials": "app"}}) == app


def test_every_failure_has_a_status_that_may_be_said():
    for failure in FAILURES:
        for credentials in ("app", "user"):
            status = status_of(failure.error, credentials)
            assert 400 <= status <= 599
            assert status not in (401, 403)


def test_an_unknown_vendor_of_a_call_names_the_nearest():
    for call in (errnorm.parse, Normalizer().parse):
        with pytest.raises(UnknownVendorError, match="no vendor 'lionbrige'; did you mean 'lionbridge'"):
            call(b"", vendor="lionbrige")


def test_recognise_teaches_exceptions_of_ones_own():
    class TheirError(Exception):
        pass

    normalizer = Normalizer(recognise=lambda source: bare(503) if isinstance(source, TheirError) else None)
    assert normalizer.failure_of(TheirError()).error == bare(503)
    assert (
        normalizer.failure_of(ExceptionGroup("all", [TheirError(), VendorError(bare(503))])).error.family
        is Family.UNAVAILABLE
    )
    assert normalizer.failure_of(ValueError()) is None
    assert normalizer.failure_of(raised("httpx", "ReadTimeout")).error.family is Family.TIMEOUT


def test_a_cap_bounds_what_is_parsed():
    body = b'{"error": {"code": "x", "message": "' + b"a" * 2000 + b'"}}'
    assert Normalizer(cap=1024).parse(body, status=400).vendor_code is None
    assert Normalizer().parse(body, status=400).vendor_code == "x"


def test_what_a_profile_knows_of_whose_it_is_stands_whosever_credentials_they_were():
    error = errnorm.parse(b'{"success": false, "error": "SENDER_NOT_VERIFIED"}', status=403, vendor="risumail")
    assert error.fault == "account"
    assert Normalizer(credentials="user").judged(error) == Normalizer().judged(error) == error
