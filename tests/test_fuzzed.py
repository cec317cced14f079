"""What the fuzzer found stays found, and what it holds readers to holds for all that it begins with, and can fail."""

from __future__ import annotations

from itertools import count

import pytest

from errnorm.families import Verdict, WaitSource
from errnorm.model import CanonicalError, FieldError, RetryAdvice
from errnorm.telling.negotiation import MediaType, media_type
from tests.fuzzing import promises
from tests.fuzzing.__main__ import NAMES
from tests.fuzzing.accepting import honoured, refused
from tests.fuzzing.exchanges import packed, samples, unpacked
from tests.fuzzing.targets import TARGETS, thoroughly

pytestmark = pytest.mark.once

# target, input, why it once broke a promise
FOUND = [
    (
        "headers",
        b"\xcftifO\x1a",
        "a code of nothing printable was no code, and yet one that no profile maps",
    ),
    (
        "body",
        packed("generic", 429, (), "GET", '{"errors": {"field": "\U0001b600"}}'.encode()),
        "a field's text of nothing printable was an empty text, not none",
    ),
    (
        "body",
        packed("stripe", 400, (), "GET", '{"error": {"code": "x", "param": "\U0001b600"}}'.encode()),
        "an error was about a field whose name, and words, were nothing printable",
    ),
]


@pytest.mark.parametrize(("target", "data", "why"), FOUND, ids=count())
def test_what_was_found_is_mended(target, data, why):
    TARGETS[target].holds(data)
    if target != "accept":
        thoroughly(unpacked(data), unpacked(data).read())


@pytest.mark.parametrize("target", NAMES)
def test_every_target_holds_for_what_it_begins_with(target):
    seeds = list(TARGETS[target].seeds())
    assert len(seeds) > 50
    for number, seed in enumerate(seeds):
        TARGETS[target].holds(seed)
        TARGETS[target].holds(seed[: number % (len(seed) + 1)])


@pytest.mark.parametrize("part", range(8))
def test_everything_that_can_be_asked_holds_for_every_sample(part):
    for number, seed in enumerate(list(samples())[part::8]):
        exchange = unpacked(seed)
        error = exchange.read()
        promises.bounded(error)
        thoroughly(exchange, error, number)


def test_an_exchange_is_what_was_packed():
    data = packed("phase", 429, [("Retry-After", "7"), ("Date", "")], "POST", b"{}\n\n")
    exchange = unpacked(data)
    assert (exchange.vendor, exchange.status, exchange.method, exchange.body) == ("phase", 429, "POST", b"{}\n\n")
    assert exchange.headers == [("Retry-After", "7"), ("Date", "")]


GOOD = CanonicalError(vendor_status=500, from_vendor=True, sent=True, vendor_code="c", response_status=502)
BROKEN = {
    "a text of two lines": {"vendor_message": "a\nb"},
    "a text over its cap": {"vendor_code": "c" * 201},
    "an empty text": {"vendor_detail": ""},
    "a control character": {"vendor_request_id": "a\x1bb"},
    "a status that is none": {"vendor_status": 1000},
    "our own status is a success": {"response_status": 200},
    "a reason in small letters": {"reason": "server"},
    "a reason too long": {"reason": "R" * 64},
    "unmapped without a code": {"mapped": False, "vendor_code": None},
    "too many fields": {"fields": (FieldError("a"),) * 101},
    "a field about nothing": {"fields": (FieldError(""),)},
    "too many others": {"others": (GOOD,) * 17},
    "others of others": {"others": (GOOD.replace(others=(GOOD,)),)},
    "a wait before now": {"retry": RetryAdvice(Verdict.SAFE, -1.0, WaitSource.HEADER)},
    "a wait beyond a month": {"retry": RetryAdvice(Verdict.SAFE, 2_678_401.0, WaitSource.BODY)},
    "a wait of no number": {"retry": RetryAdvice(Verdict.SAFE, float("nan"), WaitSource.BODY)},
    "a wait that nobody named": {"retry": RetryAdvice(Verdict.SAFE, 1.0)},
    "a wait that is not there": {"retry": RetryAdvice(Verdict.SAFE, None, WaitSource.HEADER)},
    "sent, by a stranger's word": {"from_vendor": False},
    "not sent, by the vendor's word": {"sent": False},
    "answered, and nobody knows whether sent": {"sent": None},
    "a text where a kind belongs": {"family": "server"},
}


def test_a_good_record_is_within_bounds():
    promises.bounded(GOOD)


@pytest.mark.parametrize("broken", BROKEN)
def test_a_record_out_of_bounds_is_found(broken):
    with pytest.raises(AssertionError):
        promises.bounded(GOOD.replace(**BROKEN[broken]))


REFUSED = [
    ("text/html;q=0,*/*", MediaType.HTML),
    ("*/*;q=0,text/plain;q=0.1", MediaType.HTML),
    ("text/*;q=0.5,*/*;q=0.4", MediaType.PROBLEM_XML),
]


@pytest.mark.parametrize(("wanted", "media"), REFUSED, ids=count())
def test_a_media_type_that_was_not_wanted_most_is_found(wanted, media):
    honoured(wanted, media_type(wanted))
    with pytest.raises(AssertionError):
        honoured(wanted, media)


def test_a_refused_language_is_known():
    assert refused("de;q=0, EN;q=0.5,fr;q=0.0,FR") == {"de"}
    assert refused("de;q=0 ;x, en") == set()
