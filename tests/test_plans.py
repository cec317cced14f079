"""What a profile says is what is read: the first path that leads to something, rules before codes before statuses."""
# ruff: noqa: E501

import json
from itertools import count

import pytest

from errnorm.reading.bodies import decode
from errnorm.reading.headers import Headers
from errnorm.reading.paths import Exchange
from errnorm.reading.responses import failed, fitting, read
from errnorm.vendors.loading import load
from errnorm.vendors.registry import Entry

HEAD = 'name = "acme"\n'


def told(toml, body, *, status=400, headers=(), method=None, operation=None):
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return read(decode(text), Exchange(status, Headers(headers), method, operation), load(HEAD + toml, "acme.toml"))


RULED = """
[read]
code = ["inner/code", "code"]
message = ["message"]
[[rules]]
title = "first"
when = { status = [429, 430], code = ["a", "b"], operation = "make", body = ["json", "xml"], present = ["/p"], where = { "/w" = ["x", "false", "1"] } }
then = { family = "payment", reason = "RULED" }
[[rules]]
when = { status = 431 }
then = { reason = "SECOND" }
[codes]
a = { family = "conflict", reason = "CODE_A" }
fine = { family = "locked", reason = "FINE" }
[statuses]
429 = { family = "rate_limit", reason = "STATUS" }
"""
HELD = {"code": "a", "p": 1, "w": "x"}
# changes to what holds: reason, rule
RULES = [
    ({}, {}, "RULED", "acme:first"), ({"w": False}, {}, "RULED", "acme:first"), ({"w": 1}, {}, "RULED", "acme:first"), ({"w": ["no", "x"]}, {}, "RULED", "acme:first"),
    ({"code": "b"}, {}, "RULED", "acme:first"), ({"inner": {"code": "other"}}, {}, "RULED", "acme:first"), ({}, {"status": 430}, "RULED", "acme:first"),
    ({"w": True}, {}, "CODE_A", "acme:codes.a"), ({"p": None}, {}, "CODE_A", "acme:codes.a"), ({"p": []}, {}, "CODE_A", "acme:codes.a"), ({"p": ""}, {}, "CODE_A", "acme:codes.a"),
    ({}, {"status": 400}, "CODE_A", "acme:codes.a"), ({}, {"status": None}, "CODE_A", "acme:codes.a"), ({}, {"operation": None}, "CODE_A", "acme:codes.a"),
    ({"code": "c"}, {}, "STATUS", "acme:statuses.429"), ({"inner": {"code": "fine"}}, {"status": 400}, "FINE", "acme:codes.fine"),
    ({"inner": {"code": "new"}}, {"status": 400}, "CODE_A", "acme:codes.a"), ({"code": "c"}, {"status": 400}, "VALIDATION", None), ({}, {"status": 431}, "SECOND", "acme:2"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "exchange", "reason", "rule"), RULES, ids=count())
def test_rules_before_codes_before_statuses(body, exchange, reason, rule):
    error = told(RULED, HELD | body, **({"status": 429, "operation": "make"} | exchange))
    assert (error.reason, error.rule) == (reason, rule)


ASKED = """
[[rules]]
when = { begins = { "/kind" = ["auth.", "key."], "header:Content-Type" = "application/x-fault" } }
then = { reason = "BEGINS" }
[[rules]]
when = { present = "/a", absent = ["/b", "header:X-B"] }
then = { reason = "ABSENT" }
[[rules]]
when = { absent = "/a" }
then = { reason = "NEITHER" }
"""
FAULT = {"Content-Type": "application/x-fault; charset=utf-8"}
# body, headers: reason
ASKS = [
    ({"kind": "auth.expired"}, FAULT, "BEGINS"), ({"kind": " key.used"}, FAULT, "BEGINS"), ({"kind": ["x", "key.used"]}, FAULT, "BEGINS"),
    ({"kind": "oauth.expired"}, FAULT, "NEITHER"), ({"kind": "auth.expired"}, {}, "NEITHER"), ({"kind": {"auth.": 1}}, FAULT, "NEITHER"), ({"kind": ""}, FAULT, "NEITHER"),
    ({"a": 1}, {}, "ABSENT"), ({"a": 1, "b": None}, {}, "ABSENT"), ({"a": 1, "b": ""}, {}, "ABSENT"), ({"a": 1, "b": []}, {}, "ABSENT"), ({"a": 1}, {"x-b": ""}, "ABSENT"),
    ({"a": 1, "b": 0}, {}, "VALIDATION"), ({"a": 1}, {"x-b": "1"}, "VALIDATION"), ({"a": None}, {}, "NEITHER"), ([], {}, "NEITHER"), ([{"a": 1}], {}, "ABSENT"), ("text", {}, "NEITHER"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "headers", "reason"), ASKS, ids=count())
def test_a_condition_asks_what_is_there_what_is_not_and_how_texts_begin(body, headers, reason):
    assert told(ASKED, body, headers=headers).reason == reason


IN_BODY = '[read]\nerror = ["/error"]\nstatus = ["code", "/status"]\ncode = ["kind"]\n[statuses]\n423 = "locked"'
# body, the response's own status: family, what is told as the vendor's status
TOLD = [
    ({"error": {"code": 404}}, 200, "not_found", 200), ({"error": {"code": "429"}}, 200, "rate_limit", 200), ({"error": {"code": 423}}, 200, "locked", 200),
    ({"error": {"kind": "x"}, "status": 503}, 207, "unavailable", 207), ({"error": {"code": 404}}, None, "not_found", None),
    ({"error": {"code": 404}}, 500, "server", 500), ({"error": {"code": 200, "kind": "x"}}, 200, "unknown", 200), ({"error": {"code": 40001, "kind": "x"}}, 200, "unknown", 200),
    ({"error": {"code": 404.0, "kind": "x"}}, 200, "unknown", 200), ({"error": {"code": True, "kind": "x"}}, 200, "unknown", 200),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "family", "vendor_status"), TOLD, ids=count())
def test_a_status_in_the_body_counts_where_the_responses_own_tells_of_no_failure(body, status, family, vendor_status):
    body["error"].setdefault("kind", "k")
    error = told(IN_BODY, body, status=status)
    assert error.vendor_code == body["error"]["kind"]
    assert (error.family, error.vendor_status) == (family, vendor_status)
    assert error.response_status >= 400


# what is read where, a body: code, message, fields
FACTS = [
    # a text is left out only where it was read as something else, not because it is the same
    ('code = ["reason"]\nmessage = ["message"]', {"reason": "Gone", "message": "Gone"}, ("Gone", "Gone", [])),
    ('code = ["error"]\nmessage = ["error", "text"]', {"error": "gone", "text": "It went"}, ("gone", "It went", [])),
    ('error = ["/error"]\ncode = ["kind"]\nmessage = ["/error/kind"]', {"error": {"kind": "gone"}}, ("gone", None, [])),
    ('message = ["message"]\nfields = [{ map = "/errors" }]', {"message": "Taken", "errors": {"mail": ["Taken"]}}, (None, "Taken", [("mail", None, "Taken")])),
    # a field's code is one word too
    ('fields = [{ each = "e", path = ["f"], code = ["c"], message = ["m", "c"] }]', {"e": [{"f": "a", "c": "is off"}, {"f": "b", "c": "OFF"}]}, (None, None, [("a", None, "is off"), ("b", "OFF", None)])),
    # a map in which facts lie is an error: only its lists are fields
    ('code = ["/error/code"]\nfields = [{ map = "/error" }]', {"error": {"code": "x", "hint": "h", "mail": ["Taken"]}}, ("x", None, [("mail", None, "Taken")])),
    ('code = ["/error/code"]\nfields = [{ map = "/error" }]', {"error": {"code": ["Needed"], "hint": "h"}}, ("Needed", None, [("hint", None, "h")])),
    ('fields = [{ map = "/" }]', {"messages": [{"status": "4", "text": "Bad"}]}, (None, None, [])),
    ('fields = [{ map = "/" }]', {"rows": [{"name": ["Needed"], "n": 1}]}, (None, None, [("rows.name", None, "Needed")])),
    # a place that a form may have as a field
    ('code = [{ at = "name", single = true }]\nfields = [{ map = "/" }]', {"name": ["Needed"]}, (None, None, [("name", None, "Needed")])),
    ('code = [{ at = "name", single = true }]\nfields = [{ map = "/" }]', {"name": "NEEDED"}, ("NEEDED", None, [])),
]  # fmt: skip


@pytest.mark.parametrize(("read", "body", "facts"), FACTS, ids=count())
def test_a_fact_is_read_once_and_as_what_it_is(read, body, facts):
    error = told(f"[read]\n{read}", body)
    fields = [(field.path, field.vendor_code, field.vendor_message) for field in error.fields]
    assert (error.vendor_code, error.vendor_message, fields) == facts


@pytest.mark.parametrize("word", ["error", "Error", "FAILED", "success", "ok", "none", "about:blank"])
def test_that_something_failed_is_no_code_unless_the_profile_says_so(word):
    assert told('[read]\ncode = ["c"]', {"c": word, "x": 1}).vendor_code is None
    assert told(f'[read]\ncode = ["c"]\n[codes]\n"{word}" = {{ reason = "KNOWN" }}', {"c": word}).reason == "KNOWN"


PROXIED = 'speaks = ["json"]\n[statuses]\n409 = { family = "conflict", fault = "user", reason = "TAKEN" }\n530 = { family = "upstream", reason = "MINE" }'


def test_a_proxy_blames_nobody_and_has_ids_of_its_own():
    page, ray = "<html><title>Off</title></html>", {"cf-ray": "8f-FRA"}
    assert told(PROXIED, "{}", status=409, headers=ray).fault == "user"
    error = told(PROXIED, page, status=409, headers=ray)
    assert (error.fault, error.reason, error.from_vendor, error.vendor_request_id) == (
        "unknown",
        "CONFLICT",
        False,
        "8f-FRA",
    )
    assert told(PROXIED, page, status=530).reason == "MINE"
    assert told(PROXIED, page, status=522).reason == "ORIGIN_CONNECTION_TIMED_OUT"


def test_the_finest_code_is_told_and_the_finest_known_one_decides():
    error = told(RULED, {"inner": {"code": "new"}, "code": "a"})
    assert (error.vendor_code, error.reason, error.mapped) == ("new", "CODE_A", False)


# body, status: code
CODES = [
    ("0017", 400, "0017"), (17, 400, "17"), (400, 400, None), ("400", 400, None), ("Bad Request", 400, None), ("Forbidden", 403, None), ("Forbidden", 400, "Forbidden"),
    ("two words", 400, None), ("about:blank", 400, None), (True, 400, None), ("", 400, None), (" ", 400, None), (None, 400, None), ({}, 400, None), ([], 400, None),
    (["", "x"], 400, "x"), (1.5, 400, "1.5"), ("x" * 201, 400, None), (0, 400, "0"), (-3, 400, "-3"), ("429", 429, "429"), ("known words", 400, "known words"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "status", "code"), CODES, ids=count())
def test_a_code_is_one_word(value, status, code):
    known = '[read]\ncode = ["c"]\n[codes]\n429 = { reason = "KNOWN" }\n"known words" = { reason = "KNOWN" }'
    assert told(known, {"c": value, "x": 1}, status=status).vendor_code == code


def test_then_is_completed_by_its_family_and_a_family_by_the_status():
    toml = '[read]\ncode = ["c"]\n[codes]\nx = { fault = "user" }\ny = { family = "rate_limit", wait = 7, retry = "never", action = "none", response_status = 418, reroute = true }'
    error = told(toml, {"c": "x"}, status=404)
    assert (error.family, error.reason, error.fault, error.response_status) == ("not_found", "X", "user", 404)
    error = told(toml, {"c": "y"}, status=404)
    assert (
        error.family,
        error.retry.after_s,
        error.retry.source,
        error.retry.verdict,
        error.action,
        error.response_status,
        error.retry.reroute,
    ) == ("rate_limit", 7, "profile", "never", "none", 418, True)


# fields of a profile, body: fields
FIELDS = [
    (
        '{ each = "d", path = ["f"], code = ["c"], message = ["m"] }',
        {"d": [{"f": "a", "c": 1, "m": "x"}, {"f": "/b/0/c~1d"}, {"m": "no path"}]},
        ["a|1|x", "b.0.c/d||"],
    ),
    ('{ each = "d", path = ["f"] }', {"d": {"f": ["body", 0, "x"]}}, ["body.0.x||"]),
    ('{ each = "d", message = ["."] }', {"d": ["one", "", 5, "two"]}, ["||one", "||two"]),
    ('{ map = "/d" }', {"d": {"a": ["x", "y"], "b": {"c": "z", "n": 1}, "e": None}}, ["a||x", "a||y", "b.c||z"]),
    ('{ map = "/d" }', {"d": [{"a": "x"}]}, []),
    ('{ each = "none", path = ["f"] }, { map = "/d" }', {"d": {"a": "x"}}, ["a||x"]),
    ('{ each = "/d", path = ["."] }', {"d": ["a", "b"]}, ["a||", "b||"]),
]


@pytest.mark.parametrize(("fields", "body", "read_as"), FIELDS, ids=count())
def test_fields_of_lists_and_of_maps(fields, body, read_as):
    error = told(f'[read]\nmessage = ["m"]\nfields = [{fields}]', body | {"m": "said"})
    assert [
        "|".join((field.path, field.vendor_code or "", field.vendor_message or "")) for field in error.fields
    ] == read_as


def test_the_one_field_that_an_error_is_about():
    error = told('[read]\ncode = ["c"]\nmessage = ["m"]\nfield = ["p"]', {"c": "bad", "m": "No", "p": "to"})
    assert [(field.path, field.vendor_code, field.vendor_message) for field in error.fields] == [("to", "bad", "No")]


def test_the_first_path_with_errors_has_the_rest_as_others():
    toml = '[read]\nerror = ["/none", "/errors", "/"]\ncode = ["code"]'
    error = told(toml, {"none": [], "errors": [{}, {"code": "a"}, None, {"code": "b"}, "text"], "code": "top"})
    assert [error.vendor_code, *(other.vendor_code for other in error.others)] == ["a", "b"]
    assert told(toml, {"errors": [], "code": "top"}).vendor_code == "top"
    assert told(toml, [{"code": "x"}, {"code": "y"}]).vendor_code == "x"


def test_where_the_layout_yields_nothing_the_generic_one_does_with_the_vendors_codes():
    error = told('[read]\ncode = ["odd"]\n[codes]\nmine = "payment"', {"error": {"code": "mine", "message": "m"}})
    assert (error.vendor, error.dialect, error.family, error.vendor_message) == ("acme", "generic", "payment", "m")


# headers, body: verdict, after_s
ADVICE = [
    ({"R": "true"}, {}, "safe", 9), ({"R": "FALSE"}, {}, "never", 9), ({"R": "maybe"}, {}, "if_idempotent", 9), ({"W": "250"}, {}, "if_idempotent", 0.25),
    ({}, {"after": "12.5s"}, "if_idempotent", 12.5), ({"W": "x"}, {"after": 3}, "if_idempotent", 3), ({}, {"after": True}, "if_idempotent", 9), ({"A": "5", "B": "20"}, {}, "if_idempotent", 9),
    ({"A": "5", "B": "20"}, {"after": 1}, "if_idempotent", 1), ({}, {"after": ["", "4"]}, "if_idempotent", 4),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "body", "verdict", "after_s"), ADVICE, ids=count())
def test_the_vendors_own_word_beats_the_tables(headers, body, verdict, after_s):
    toml = '[read]\nshould_retry = ["header:R"]\nwait = [{ at = "header:W", unit = "ms" }, "/after"]\nreset = ["header:A", "header:B"]\n[statuses]\n429 = { family = "rate_limit", wait = 9 }'
    retry = told(toml, {"message": "m"} | body, status=429, headers=headers).retry
    assert (retry.verdict, retry.after_s) == (verdict, after_s)


def test_of_several_windows_the_longest_counts_where_waiting_helps():
    toml = '[read]\nreset = ["header:A", "header:B"]\n[statuses]\n400 = "validation"\n403 = { family = "rate_limit", retry = "never" }'
    windows = {"A": "5", "B": "20"}
    waits = {
        status: told(toml, {"message": "m"}, status=status, headers=windows).retry.after_s for status in (429, 400, 403)
    }
    assert waits == {429: 20, 400: None, 403: None}


def test_failed_and_shape_are_whens():
    profile = load(
        HEAD
        + 'shape = { present = ["/e/c"] }\nfailed = [{ where = { "/ok" = ["false"] } }, { body = "html", status = 200 }]',
        "acme.toml",
    )
    for body, status, is_failure, is_shape in (
        ('{"ok":false}', 200, True, False),
        ('{"ok":true,"e":{"c":1}}', 200, False, True),
        ("<html>", 200, True, False),
        ("<html>", 201, False, False),
        ("", 200, False, False),
    ):
        exchange = Exchange(status)
        fits = [*fitting(decode(body), exchange, [("acme", Entry(shape=profile.shape))])]
        assert (failed(decode(body), exchange, profile), fits) == (is_failure, ["acme"] if is_shape else [])
    assert not [*fitting(decode("{}"), Exchange(), [("acme", Entry())])]


def test_an_unreadable_body_is_for_engineers_and_redacted():
    error = told("", '{"token":"abcdefgh12345678","a":')
    assert (error.vendor_message, "abcdefgh" in (error.vendor_detail or "")) == (None, False)
    assert error.vendor_detail.startswith('{"token"')
