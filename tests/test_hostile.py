"""Nothing that a server can send raises or takes long: every body gives an error that survives JSON.

ERRNORM_HOSTILE=200000 tries as many mutants instead of 20,000 (`tox -e ... -- tests/test_hostile.py` passes it on by `ERRNORM_HOSTILE`).
"""
# ruff: noqa: E501, UP031

import json
import os
import random
import time
import tracemalloc
from itertools import count

import pytest
from hypothesis import given, settings, strategies as st

from errnorm.model import CanonicalError
from errnorm.reading.parsing import Reader
from errnorm.samples import built_in_files, samples_of

parse = Reader().parse
SAMPLES = [sample for file in built_in_files().values() for sample in samples_of(file)]
VENDORS = [*built_in_files(), None]
WIDEST = [
    "lionbridge",
    "phase",
    "risumail",
    "shopify",
    "google-rpc",
    "soap",
    "generic",
    None,
]  # the most paths, of each kind
MUTANTS = int(os.environ.get("ERRNORM_HOSTILE", "20000"))
CAP = 65_536
LOOPS = 40  # how many calibration loops (about a millisecond each) the worst body of 64 KiB may cost


def read(body, **exchange):
    error = parse(body, **exchange)
    assert type(error) is CanonicalError
    assert len(error.others) <= 16
    assert len(error.fields) <= 100
    assert CanonicalError.from_dict(json.loads(json.dumps(error.to_dict()))) == error
    json.dumps(error.to_dict(), ensure_ascii=False).encode()
    return error


def calibration():
    """The best of five runs of the same work, so that a slow machine has more time."""
    best = float("inf")
    for _ in range(5):
        start = time.thread_time()
        sum(number * number % 7 for number in range(12_000))
        best = min(best, time.thread_time() - start)
    return best


PIECES = b'{ } [ ] " : , \\ \\u0000 \\ud800 null 1e999 -0 < > </ /> <!-- --> <![CDATA[ ]]> <? ?> &#0; &#xD800; &#55357;&#56832; &x; <!DOCTYPE \xff \xfe\xff \x00 \xef\xbb\xbf <html> <Error> '.split()
ENCODINGS = ["utf-16", "utf-16-be", "utf-32", "utf-8-sig", "latin-1", "utf-7"]


def mutant(random_, corpus):
    """A sample that went through one to four mishaps."""
    body = random_.choice(corpus)
    for _ in range(random_.randint(1, 4)):
        at, end = sorted((random_.randint(0, len(body)), random_.randint(0, len(body))))
        match random_.randrange(8):
            case 0:
                body = body[:at]
            case 1:
                body = body[:at] + bytes([random_.randrange(256)]) + body[at + 1 :]
            case 2:
                body = (body[:end] + body[at:end] * random_.randint(1, 30) + body[end:])[:70_000]
            case 3:
                other = random_.choice(corpus)
                body = body[:at] + other[random_.randint(0, len(other)) :]
            case 4:
                body = random_.choice([b'{"error":%s}', b"[%s]", b"<Error>%s</Error>", b'{"errors":[%s,%s]}']).replace(
                    b"%s", body
                )[:70_000]
            case 5:
                other = random_.choice(corpus)
                body = b"".join(bytes(pair) for pair in zip(body, other, strict=False))
            case 6:
                body = body[:at] + random_.choice(PIECES) * random_.choice([1, 1, 2, 40]) + body[at:]
            case 7:
                body = body.decode("utf-8", "replace").encode(random_.choice(ENCODINGS), "replace")
    return body


@pytest.mark.parametrize("part", range(10))
def test_no_mutant_of_a_sample_raises(part):
    random_, corpus = random.Random(part), [sample.content for sample in SAMPLES]
    for _ in range(MUTANTS // 10):
        sample, body = random_.choice(SAMPLES), mutant(random_, corpus)
        read(
            body,
            vendor=random_.choice(VENDORS),
            status=sample.status,
            headers=sample.headers,
            method=sample.method,
            url=sample.url,
        )


HEADERS = st.dictionaries(
    st.sampled_from(
        ["Retry-After", "Date", "Content-Type", "X-RateLimit-Reset", "RateLimit", "WWW-Authenticate", "X-Request-Id"]
    ),
    st.text(max_size=60),
)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["error", "errors", "code", "message", "detail", "details", "errorCode", "asyncResponse", "fields", "failed_leases"]) | st.text(max_size=5), inner, max_size=5),
    max_leaves=30,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    TREES.map(json.dumps) | st.text() | st.binary(),
    st.integers() | st.none(),
    HEADERS,
    st.sampled_from(VENDORS),
    st.none() | st.text(max_size=30),
)
def test_no_exchange_raises(body, status, headers, vendor, url):
    read(body, status=status, headers=headers, vendor=vendor, url=url, method="post")


def fill(piece, head="", tail=""):
    return head + piece * ((CAP - len(head) - len(tail)) // len(piece)) + tail


def items(piece, head, tail, separator=","):
    return head + separator.join([piece] * ((CAP - len(head) - len(tail)) // (len(piece) + len(separator)))) + tail


# 64 KiB each: what was once slow, and what would be slow in a careless reader
WORST = [
    *(fill(piece) for piece in ("<", "<a>", "<a b='c'>x", "<Error>", "<!--", "<!---->", "<?a?>", "<![CDATA[", "<!DOCTYPE", "<html", "<h1", " ", "x", "aB3", "a@", "\0", "é"[:1])),
    *(fill(piece, "<r>", "</r>") for piece in ("&", "&x;", "&#65;", "<Error/>", '<Error a="b"/>', "<Errors><Error>v</Error></Errors>", "</a>", "<1>", "<x><y/></x>")),
    *(fill(piece, "<errors>", "</errors>") for piece in ("<error>v</error>", "<error><x/></error>", "<error code=''/>")),
    *(fill(piece, "<html><body>") for piece in ("<h1>", "<h1 ", "<title>", "<title ", "<p>", "<h1>" + "x" * 300, "&amp")),
    "<a " + " ".join(f'a{number}="1"' for number in range(5_500)) + "/>",
    "<a " + " ".join(f'xmlns:a{number}="u{number}"' for number in range(3_000)) + "/>",
    *(fill(piece) for piece in ("[", '{"a":', '["', '"', "[]", "[" * 31 + "]" * 31)),
    "[" * 32_768 + "]" * 32_768,
    "[" * 40 + '"\\' * 30_000,
    '["' + '\\"' * 30_000,
    *(items(piece, "[", "]") for piece in ('""', "1", "[]", "{}", '{"code":""}', "[[[[[]]]]]", "1e999", '"\\ud800"', "1." + "1" * 700, '[""]')),
    *(
        items(piece, '{"%s":[' % name, "]}")
        for name in ("errors", "error", "details", "errorDetails", "failed_leases", "message", "issues")
        for piece in ('{"code":"c","message":"m"}', '{"x":""}', "1", '""', "[]", '["",""]', '{"a":{"b":[1]}}')
    ),
    '{"errors":{' + ",".join(f'"k{number}":{{"a":{{"b":{{"c":[1,2]}}}}}}' for number in range(1_800)) + "}}",
    '{"errors":{' + ",".join(f'"k{number}":["m"]' for number in range(4_000)) + "}}",
    '{"errors":{' + ",".join('"%d%s":["%s"]' % (number, "aB3:" * 80, "password=" * 30) for number in range(100)) + "}}",
    '{"errors":[' + ",".join('{"x":1}' for _ in range(70)) + '],"error":[' + ",".join('{"x":""}' for _ in range(6_000)) + "]}",
    *('{"message":"%s"}' % fill(piece)[: CAP - 20] for piece in ("password:", "://a:", "%2525", "eyJ", "-----BEGIN ", "aB3", " a", "a.b@", "key=[", "bearer ")),
    "[" + ",".join(["[" * 20 + "]" * 20] * 1_500) + "]",
]  # fmt: skip


@pytest.mark.parametrize("text", WORST, ids=count())
def test_the_worst_body_takes_a_bounded_time(text):
    body, loop = text.encode()[:CAP], calibration()
    for vendor in WIDEST:
        best = float("inf")
        for _ in range(4):
            start = time.thread_time()
            parse(body, status=409, vendor=vendor, method="GET")
            best = min(best, time.thread_time() - start)
            if best < LOOPS * loop / 4:
                break
        assert best < LOOPS * loop, f"{body[:40]!r} for {vendor}: {best / loop:.0f} loops"
        read(body, status=409, vendor=vendor)


def test_the_worst_body_takes_a_bounded_memory():
    parse(b"<a/>", status=400)
    for text in WORST:
        body = text.encode()[:CAP]
        tracemalloc.start()
        parse(body, status=409, vendor="risumail")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * 2**20, body[:40]


def test_headers_without_number_take_a_bounded_time():
    headers = [(f"x-{number}", "y") for number in range(200_000)]
    parse(b'{"message":"x"}', status=429)  # reads the profile, once
    loop, start = calibration(), time.thread_time()
    parse(b'{"message":"x"}', status=429, headers=headers)
    assert time.thread_time() - start < LOOPS * loop
    for value in (
        "9" * 60_000,
        "1s" * 30_000,
        "," * 60_000,
        "a" * 60_000,
        "Fri, " * 12_000,
        "1.1." * 9_000,
        'error="' * 9_000,
    ):
        for name in ("Retry-After", "Date", "Content-Type", "WWW-Authenticate", "RateLimit", "X-Request-Id"):
            read(b"\xff", status=429, headers={name: value})
