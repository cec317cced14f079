"""Secrets of some two hundred kinds, planted wherever a vendor or a client can put one, survive in nothing we tell.

Planted in: every part of a body (code, message, detail, field, keys, unknown members; JSON, XML, HTML, plain text),
headers, the URL (path, query, user), the text of an exception, its causes, contexts and notes, a group, locals.
Looked for in: the answers to users and to integrators in every media type and as a fragment, the Problem, the log
record (line, traceback, every key), what is printed or pickled of the error and its exception, the coverage ledger's
report and stub, Sentry's events, `errnorm explain`, the playground.

A secret here is what people can tell for one: by its shape, or by the name beside it. An opaque word that no name gives
away (Zebrafinch7261) cannot be told from any other: users never see it, for they see no words of a vendor's;
integrators and logs may, within the vendor's message.
"""

from __future__ import annotations

import json
import logging
import pickle
import sys
import traceback
from collections.abc import Iterator
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

import pytest

pytest.importorskip("httpx")

import httpx

import errnorm
from errnorm import Normalizer, VendorError
from errnorm.cli import main
from errnorm.coverage import Ledger
from tests.leak_kinds import AROUND, NAMED, SHAPES, canaries

pytestmark = pytest.mark.once

CANARIES = {canary.kind: canary for canary in canaries()}
ACCEPTS = ("application/json", "application/xml", "text/html", "text/plain")
OPAQUE = "Zebrafinch7261quokka"
NORMALIZER = Normalizer(audience=lambda request: True, vendors={"lionbridge": {"fields": {"source": "language"}}})
RESPONSE_HEADERS = (
    "Retry-After",
    "X-Request-Id",
    "WWW-Authenticate",
    "Content-Type",
    "Date",
    "RateLimit",
    "Server",
    "Via",
)

each_kind = pytest.mark.parametrize("canary", CANARIES.values(), ids=CANARIES)


def bodies(word: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Bodies with a word in every part of them, and how to read them."""
    member = {"code": word, "message": word, "details": word, "detail": word, "field": word, word: word}
    yield json.dumps({"error": member, "errors": [member], "debug": [word], "request_id": word}), {"status": 400}
    yield json.dumps({"error": word, "error_description": word}), {"status": 401}
    yield json.dumps({"code": "teapot", "message": f"Sorry: {word}"}), {"status": 503}
    yield json.dumps({"code": word[:80], "error": {"message": word, "type": word}}), {"status": 403, "vendor": "phase"}
    said = escape(" ".join(word.split()), {'"': "&quot;"})
    inner = f"<SimpleMessage>{said}</SimpleMessage><DetailedMessage>{said}</DetailedMessage><Other>{said}</Other>"
    for code in ("304", "401", said):
        xml = f"<Quote><Error><ReasonCode>{code}</ReasonCode>{inner}</Error></Quote>"
        yield xml, {"status": 409, "vendor": "lionbridge"}
    yield f"<html><title>{said}</title><h1>{said}</h1></html>", {"status": 502}
    yield word, {"status": 500}


def urls(word: str) -> Iterator[str]:
    quoted = quote(word, safe="")
    yield f"https://quokka.example/{quoted}/items"
    yield f"https://quokka.example/v1?{urlencode({'q': word})}"
    yield f"https://{quoted}:{quoted}@quokka.example/v1"


def response(word: str, url: str, status: int = 401) -> httpx.Response:
    line = " ".join(word.split())
    request = httpx.Request("POST", url, headers={"Authorization": f"Bearer {line}", "X-Own": line})
    headers = {"X-Request-Id": line, "Set-Cookie": line, "Server": line, "WWW-Authenticate": line}
    return httpx.Response(status, json={"message": word, "code": word}, headers=headers, request=request)


def planted(word: str) -> Iterator[Exception]:
    """Failures with a word in every place."""
    line = " ".join(word.split())
    headers = dict.fromkeys(RESPONSE_HEADERS, line)
    places = list(urls(word))
    for number, (body, how) in enumerate(bodies(word)):
        yield VendorError(errnorm.parse(body, headers=headers, url=places[number % 3], method="POST", **how))
    for url in places:
        sent = response(word, url)
        yield httpx.HTTPStatusError(f"{word} for {url}", request=sent.request, response=sent)
        yield httpx.ConnectError(f"{word} at {url}", request=sent.request)
    yield ExceptionGroup(word, [httpx.ReadTimeout(word), VendorError(errnorm.parse(body, status=503))])


def raised(failure: Exception, word: str) -> Exception:
    """The failure as it is caught: from a cause, within a context, with a note, among local variables.

    Their names tell nothing: that a secret which a name gives away is hidden everywhere is shown elsewhere.
    """
    said, several = word, {"note": [word, f"it was {word}"]}  # noqa: F841
    try:
        try:
            raise RuntimeError(word)
        except RuntimeError as inner:
            failure.add_note(word)
            raise failure from inner
    except type(failure) as caught:
        return caught


class Kept(logging.Handler):
    """Lines with their tracebacks, and every key of theirs."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(logging.Formatter("%(message)s").format(record))
        self.told.append(json.dumps(vars(record), default=repr))


def answers(failure: VendorError) -> Iterator[str]:
    for audience in ("user", "integrator"):
        yield repr(NORMALIZER.problem_for(failure, language="de", audience=audience))
        for accept in ACCEPTS:
            for fragment in (False, True):
                answer = NORMALIZER.answer(failure, accept, "de", audience=audience, fragment=fragment)
                yield answer.body.decode() + repr(answer.headers)


def printed(failure: VendorError) -> Iterator[str]:
    error = failure.error
    for each in (error, failure, failure.args):
        yield f"{each!s} {each!r}"
    yield json.dumps(error.to_dict(), ensure_ascii=False)
    yield f"{pickle.dumps(error)!r} {pickle.dumps(failure)!r} {pickle.dumps(failure, 0)!r}"
    yield "".join(traceback.format_exception(pickle.loads(pickle.dumps(failure))))
    ledger = Ledger()
    ledger.note(error.replace(mapped=False, vendor_code=error.vendor_code or "teapot"))
    yield ledger.report() + ledger.stub(error.vendor or error.dialect or "unknown")


@pytest.fixture
def log():
    kept, logger = Kept(), logging.getLogger("errnorm")
    logger.addHandler(kept)
    logger.setLevel(logging.DEBUG)
    yield kept.told
    logger.removeHandler(kept)
    logger.setLevel(logging.NOTSET)


def test_there_are_some_two_hundred_kinds_and_each_is_found_where_nobody_hides_it():
    assert len(CANARIES) == len(SHAPES) + len(AROUND) + len(NAMED) >= 250
    for canary in CANARIES.values():
        assert canary.survives_in(canary.text)
        assert min(map(len, canary.pieces)) >= 8, canary.kind


@each_kind
def test_no_secret_is_in_what_is_told_logged_printed_or_pickled(canary, log):
    for made in planted(canary.text):
        failure = NORMALIZER.failure_of(raised(made, canary.text))
        told = [*answers(failure), *printed(failure)]
        assert not [text for text in told if canary.survives_in(text)]
    assert not [text for text in log if canary.survives_in(text)]
    assert len(log) >= 32


@each_kind
def test_no_secret_is_in_what_sentry_is_sent(canary):
    sdk = pytest.importorskip("sentry_sdk.utils")
    from sentry_sdk.consts import DEFAULT_OPTIONS
    from sentry_sdk.serializer import serialize

    from errnorm.sentry import before_send

    word, url = canary.text, f"https://quokka.example/v1?q={quote(canary.text)}"
    crumbs = {"values": [{"category": "httplib", "data": {"url": url}}, {"message": word, "data": {"said": word}}]}
    request = {"url": url, "query_string": urlencode({"q": word}), "headers": {"X-Own": word}, "data": {"note": word}}
    more = {"breadcrumbs": crumbs, "request": request, "extra": {"said": word}, "tags": {"said": word[:200]}}
    entry = {"message": "%s", "params": [word], "formatted": word}
    failures = [RuntimeError(word), ExceptionGroup(word, [RuntimeError(word)]), *list(planted(word))[-3:]]
    for made in failures:
        caught = raised(made, word)
        event, hint = sdk.event_from_exception(caught, client_options=DEFAULT_OPTIONS)
        sent = before_send(serialize(event | more | {"logentry": entry}), hint)
        assert sent["exception"]["values"][-1]["type"]
        assert not canary.survives_in(json.dumps(sent, ensure_ascii=False))


@each_kind
def test_no_secret_is_in_what_the_command_line_explains(canary, capsys, tmp_path):
    line = " ".join(canary.text.split())
    for body, how in list(bodies(canary.text))[::3]:
        file = tmp_path / "body"
        file.write_text(body, encoding="utf-8")
        typed = ["explain", str(file), "--status", str(how["status"]), "-H", f"X-Request-Id: {line}"]
        typed += ["--vendor", how["vendor"]] if "vendor" in how else []
        for more in ([], ["--json"]):
            assert main([*typed, *more]) == 0
            shown = capsys.readouterr()
            assert not canary.survives_in(shown.out + shown.err)
            assert len(shown.out) > 200


@pytest.fixture(scope="module")
def playground():
    testclient, module = pytest.importorskip("starlette.testclient"), pytest.importorskip("errnorm.cli.playground")
    with testclient.TestClient(module.OwnNamesOnly(module.site()), base_url="http://localhost:8099") as client:
        yield client


@each_kind
def test_no_secret_is_in_what_the_playground_shows(canary, playground):
    body, _ = next(bodies(canary.text))
    form = {"body": body, "status": "400", "headers": f"X-Request-Id: {' '.join(canary.text.split())}"}
    page = playground.post("/try", data=form).text.partition(
        "<h2>Again</h2>"
    )  # below it is what was typed, to go on with
    assert page[1]
    assert len(page[0]) > 1_000
    assert not canary.survives_in(page[0])
    assert not canary.survives_in(playground.post("/provoke", data=form).text)


def test_an_opaque_word_reaches_those_alone_who_may_see_the_vendors_words(log):
    shown = set()
    for made in planted(OPAQUE):
        failure = NORMALIZER.failure_of(raised(made, OPAQUE))
        for accept in ACCEPTS:
            for fragment in (False, True):
                assert OPAQUE not in NORMALIZER.answer(failure, accept, "en", fragment=fragment).body.decode()
            integrators = NORMALIZER.answer(failure, accept, "en", audience="integrator").body.decode()
            shown |= {accept} if OPAQUE in integrators else set()
    assert shown == set(ACCEPTS)
    assert any(OPAQUE in text for text in log)


if __name__ == "__main__":  # the figure that is quoted
    from errnorm.redaction import redact

    found = [
        canary for canary in CANARIES.values() if not canary.survives_in(redact(f"Sorry, {canary.text} is wrong."))
    ]
    sys.stdout.write(f"{len(found)} of {len(CANARIES)} kinds of secrets are told by `redact`\n")
