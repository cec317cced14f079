"""A profile that is off is refused in one line: the file, the address, and what would be right."""
# ruff: noqa: E501

import re
from itertools import count

import pytest

from errnorm.reading.plans import plan_of
from errnorm.vendors.loading import load
from errnorm.vendors.profile import ProfileError, nearest, reason_of

# every key of the format, once
WHOLE = """name = "acme"
docs = "x"
hosts = ["a.example"]
speaks = ["json"]
language = "en"
shape = { present = ["/e"] }
failed = [{ where = { "/ok" = ["false"] } }]
[read]
error = ["/errors", "/"]
code = ["code", { at = "/t", after = "#", before = ":" }]
message = ["message"]
detail = ["detail"]
user_message = ["user"]
request_id = ["/id"]
field = ["param"]
fields = [{ each = "details", path = ["field"], code = ["c"], message = ["m"] }, { map = "/errors" }]
should_retry = ["header:R"]
wait = [{ at = "header:w", unit = "ms" }]
reset = ["header:X"]
[operations]
make = "POST /x/*"
[[rules]]
title = "one"
when = { status = [429], code = "c", operation = "make", body = "json", present = ["/e"], where = { "/x" = "y" } }
then = { family = "rate_limit", reason = "MANY", fault = "user", action = "wait", retry = "safe", wait = 60, response_status = 429, text = "t", public = true, reroute = true, alert = "page" }
[codes]
bad_thing = { family = "payment" }
word = "not_found"
"17" = { family = "conflict", reason = "SEVENTEEN" }
[statuses]
423 = { family = "locked" }
[[limits]]
operation = "make"
requests = 2
seconds = 60
concurrent = 1
per = "user"
plan = "Free"
"""
KEYS = sorted(set(re.findall(r"\b([a-z_]+) = ", WHOLE)) - {"make", "bad_thing", "word"})
PLACES = [match.start(1) for match in re.finditer(r"(?<![\w\"])([a-z_]+) = ", WHOLE) if match[1] in KEYS]


def refused(text):
    with pytest.raises(ProfileError) as caught:
        plan_of(load(text, "acme.toml"))
    complaint = str(caught.value)
    assert "\n" not in complaint
    return complaint


def test_the_whole_format_is_taken():
    profile = load(WHOLE, "acme.toml")
    plan_of(profile)
    assert {code: then.reason for code, then in profile.codes.items()} == {
        "bad_thing": "BAD_THING",
        "word": "WORD",
        "17": "SEVENTEEN",
    }
    assert profile.codes["word"].family == "not_found"
    assert profile.hides
    assert [address for address, _ in profile.rows()] == [
        "rules.one",
        "codes.bad_thing",
        "codes.word",
        "codes.17",
        "statuses.423",
    ]


@pytest.mark.parametrize("place", PLACES, ids=count())
def test_every_key_misspelt_is_named_with_the_nearest(place):
    key = re.match(r"[a-z_]+", WHOLE[place:])[0]
    wrong = key + "q"
    complaint = refused(WHOLE[:place] + wrong + WHOLE[place + len(key) :])
    assert complaint.startswith("acme.toml: "), complaint
    if key != "name":
        assert (
            repr(wrong) in complaint
            or ("rule is a table" in complaint and key in ("when", "then"))
            or "either `each` or `map`" in complaint
            or "missing required field" in complaint
        ), complaint
    if f"no key {wrong!r}" in complaint:
        assert f"'{key}'" in complaint.split("did you mean")[1], complaint


# what is changed in the whole, into what: what the line says
WRONG = [
    ('name = "acme"', 'name = "Ac me"', "name: every profile needs one"),
    ('name = "acme"', "name = 7", "name: every profile needs one"),
    ('speaks = ["json"]', 'speaks = ["yaml"]', "]: must be one of json, xml, html, text, empty, not 'yaml'"),
    ('hosts = ["a.example"]', 'hosts = "a.example"', "hosts: expected `array`, got `str`"),
    ('family = "payment"', 'family = "money"', "codes.bad_thing.family: must be one of validation,"),
    ('word = "not_found"', 'word = "lost"', "codes.word.family: must be one of validation,"),
    ('reason = "SEVENTEEN"', "public = true", "codes.17: reason: '17' makes no name"),
    ('reason = "SEVENTEEN"', 'reason = "seventeen"', "codes.17.reason: must be UPPER_SNAKE"),
    ('reason = "SEVENTEEN"', f'reason = "{"S" * 64}"', "codes.17.reason: must be UPPER_SNAKE"),
    ('fault = "user"', 'fault = "mine"', "rules.1.then.fault: must be one of user,"),
    ('action = "wait"', 'action = "sleep"', "rules.1.then.action: must be one of none,"),
    ('retry = "safe"', 'retry = "yes"', "rules.1.then.retry: must be one of never,"),
    ("wait = 60,", "wait = -1,", "rules.1.then.wait: must be a number of seconds from 0"),
    ("wait = 60,", "wait = nan,", "rules.1.then.wait: must be a number of seconds from 0"),
    ("response_status = 429", "response_status = 200", "rules.1.then.response_status: must be 400 to 599"),
    ("423 =", "42 =", "statuses.42: must be an HTTP status"),
    ("423 =", "locked =", "statuses.locked: must be an HTTP status"),
    ("423 =", "'٤٢٣' =", "must be an HTTP status"),
    ('unit = "ms"', 'unit = "h"', "must be one of s, ms, not 'h'"),
    ('body = "json"', 'body = "yaml"', "rules.1.when.body"),
    ('error = ["/errors", "/"]', 'error = ["errors"]', "read.error: 'errors' must start at the top"),
    ('code = ["code",', 'code = ["a[0]",', "read.code: 'a[0]' is no path"),
    ('message = ["message"]', 'message = ["a//b"]', "read.message: 'a//b' is no path"),
    ('present = ["/e"], where', 'present = ["*"], where', "rules.1.when: '*' is no path"),
    ('shape = { present = ["/e"] }', 'shape = { present = ["*"] }', "shape: '*' is no path"),
    ('{ map = "/errors" }', '{ map = "/errors", each = "x" }', "either `each` or `map`"),
    ("[[rules]]", "[rules]", "rules: must be a list of tables"),
    ("[codes]", "[[codes]]", "codes: must be a table"),
    ("requests = 2", 'requests = "two"', "limits"),
    ('make = "POST /x/*"', "make = 5", "operations"),
    ("[codes]", "[codes", "not TOML"),
]


@pytest.mark.parametrize(("right", "wrong", "line"), WRONG, ids=count())
def test_every_wrong_value_is_one_line(right, wrong, line):
    assert WHOLE.count(right) >= 1
    complaint = refused(WHOLE.replace(right, wrong, 1))
    assert line in complaint
    assert complaint.startswith("acme")


REASONS = {
    "card_declined": "CARD_DECLINED", "cardDeclined": "CARD_DECLINED", "HTTPError": "HTTP_ERROR", "com.x.Bad-Thing": "COM_X_BAD_THING", "E1": "E1",
    "0017": "", "17x": "", "": "", "___": "", "é": "", "x" * 99: "X" * 63, "a" * 62 + "_b": "A" * 62,
}  # fmt: skip


@pytest.mark.parametrize(("code", "reason"), REASONS.items(), ids=count())
def test_a_name_makes_its_own_reason(code, reason):
    assert reason_of(code) == reason


@pytest.mark.parametrize(
    ("name", "known", "words"),
    [
        ("colr", ["colour", "size"], "did you mean 'colour'?"),
        ("zzz", ["a", "b"], "one of a, b"),
        ("zzz", [], ""),
        ("zzz", map(str, range(30)), ""),
    ],
    ids=count(),
)
def test_the_nearest_is_named_else_the_few(name, known, words):
    assert nearest(name, known).removeprefix("; ") == words
