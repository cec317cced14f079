"""Behind the filter no handler tells a secret, whoever logged it and however it formats; and no record is lost."""

from __future__ import annotations

import io
import logging
import traceback
from logging.handlers import QueueHandler
from queue import SimpleQueue
from typing import NamedTuple

import pytest

import errnorm
from errnorm import Normalizer, VendorError
from errnorm.logging import RedactingFilter
from errnorm.logging.redacting import NOTE, stand_in
from tests.leak_kinds import canaries
from tests.loopback import Reply, Vendor, closed_port

SECRET = "Zebrafinch7261quokka"  # of no known shape: told by where it stands
CANARIES = {canary.kind: canary for canary in canaries()}


class Address:
    """As clients' URLs are: no text, but with one."""

    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text


class FromTheException(logging.Formatter):
    """As the formatters of other libraries do: it takes no heed of the text that is there already."""

    def format(self, record):
        told = "".join(traceback.format_exception(record.exc_info[1])) if record.exc_info else ""
        return f"{record.getMessage()} {record.args!r} {told}"


class Kept(logging.Handler):
    """All that handlers with formatters of three kinds tell, and every key."""

    def __init__(self, *filters):
        super().__init__()
        self.told = []
        for each in filters:
            self.addFilter(each)

    def emit(self, record):
        plain = logging.Formatter("%(levelname)s:%(name)s:%(message)s")
        self.told += [FromTheException().format(record), plain.format(record), repr(vars(record))]
        self.told.append(repr(vars(QueueHandler(SimpleQueue()).prepare(record))))


@pytest.fixture
def logger():
    """One that nobody else listens to."""
    return logging.Logger("tests.redaction")  # noqa: LOG001


def kept_by(logger, *filters):
    handler = Kept(*filters)
    logger.addHandler(handler)
    return handler


def planted(logger, word):
    """Log calls with a word in every place."""
    logger.info(f"it was {word}")  # noqa: G004
    logger.info("it was %s", word)
    logger.info("it was %(a)s", {"a": word})
    logger.info("it was %s at %r", Address(word), [word])
    logger.info("it", extra={"own": word, "address": Address(word), "nested": {"in": [word, (word, {word})]}})
    logger.info({"event": word, "address": Address(word), "in": [word]})
    logger.info(ValueError(word))
    logger.info("it was", stack_info=True, extra={"stack": word})
    logger.info("too few %s %s", word)  # noqa: PLE1206
    try:
        try:
            raise KeyError(word)
        except KeyError as cause:
            group = ExceptionGroup(word, [ValueError(word), KeyError(Address(word))])
            group.add_note(word)
            raise group from cause
    except ExceptionGroup:
        logger.exception("it failed")
    try:
        try:
            raise KeyError(word)
        except KeyError:
            raise ValueError from None
    except ValueError:
        logger.exception("it failed")


@pytest.mark.parametrize("canary", CANARIES.values(), ids=CANARIES)
def test_no_secret_is_told_by_any_handler(logger, canary):
    kept = kept_by(logger, RedactingFilter())
    planted(logger, canary.text)
    assert len(kept.told) == 4 * 11
    assert not [told for told in kept.told if canary.survives_in(told)]


def test_without_the_filter_they_are(logger):
    kept = kept_by(logger)
    logger.info("it was %s", CANARIES["github"].text)
    assert any(CANARIES["github"].survives_in(told) for told in kept.told)


def with_httpx(url):
    import httpx

    return httpx.get(url, headers={"Authorization": f"Bearer {SECRET}"}, timeout=2)


def with_requests(url):
    import requests

    return requests.get(url, headers={"Authorization": f"Bearer {SECRET}"}, timeout=2)


def with_urllib3(url):
    import urllib3

    with urllib3.PoolManager() as pool:
        return pool.request("GET", url, headers={"Authorization": f"Bearer {SECRET}"}, timeout=2, retries=1)


CLIENTS = {"httpx": with_httpx, "requests": with_requests, "urllib3": with_urllib3}


@pytest.fixture
def root():
    """The root logger at DEBUG, with all that clients log."""
    own = logging.getLogger()
    level = own.level
    own.setLevel(logging.DEBUG)
    handlers = []

    def keep(*filters):
        handlers.append(kept_by(own, *filters))
        return handlers[-1]

    yield keep
    own.setLevel(level)
    for each in handlers:
        own.removeHandler(each)


@pytest.mark.parametrize("filtered", [True, False])
@pytest.mark.parametrize("client", CLIENTS)
def test_the_real_clients_keys_are_not_told(root, client, filtered):
    pytest.importorskip(client)
    reply = Reply(200, {"Set-Cookie": f"session={SECRET}", "X-Api-Key": SECRET}, b"{}")
    with Vendor(reply) as vendor:
        kept = root(*[RedactingFilter()] * filtered)
        for query in ("key", "q", "access_token", "sig"):
            url = vendor.url.replace("//", f"//shop:{SECRET}@", 1)
            CLIENTS[client](f"{url}?{query}={SECRET}&page=2")
    told = "\n".join(kept.told)
    assert "page=2" in told  # it was logged
    assert (SECRET in told) is not filtered


@pytest.mark.parametrize("filtered", [True, False])
@pytest.mark.parametrize("client", CLIENTS)
def test_nor_where_they_fail(root, client, filtered):
    pytest.importorskip(client)
    kept = root(*[RedactingFilter()] * filtered)
    try:
        CLIENTS[client](f"http://shop:{SECRET}@127.0.0.1:{closed_port()}/v1?key={SECRET}")
    except Exception as failed:
        logging.getLogger("app").exception("for %s", failed)  # noqa: TRY401
    told = "\n".join(kept.told)
    assert "Traceback" in told
    if filtered:
        assert SECRET not in told
    elif client != "httpx":  # whose exceptions do not quote the URL
        assert SECRET in told


def test_what_holds_no_secret_stays_as_it_is(logger):
    kept = []
    handler = kept_by(logger, RedactingFilter(), lambda record: bool(kept.append(record)) or True)
    args = ("Zebra", 3, Address("a plain word"))
    extra = {"own": ["a", {"b": 1}], "address": Address("a plain word"), "none": None, "number": 7}
    failed = ValueError("nothing in it")
    logger.info("it was %s %d %s", *args, extra=extra, exc_info=failed)
    logger.removeHandler(handler)
    [record] = kept
    assert (record.msg, record.args) == ("it was %s %d %s", args)
    assert record.exc_info[1] is failed
    assert record.address is extra["address"]
    assert {"own": record.own, "none": record.none, "number": record.number}.items() <= extra.items()


def test_our_own_records_stay_as_they_are():
    kept = []
    own = logging.getLogger("errnorm")
    handler = kept_by(own, RedactingFilter(), lambda record: bool(kept.append(dict(vars(record)))) or True)
    own.addFilter(before := (lambda record: bool(kept.append(dict(vars(record)))) or True))
    Normalizer().answer(VendorError(errnorm.parse(b"", status=401, vendor="stripe")))
    own.removeFilter(before)
    own.removeHandler(handler)
    before, after = kept
    assert {name: value for name, value in after.items() if name in before and name != "exc_text"} == {
        name: value for name, value in before.items() if name != "exc_text"
    }


def test_a_stand_in_is_what_it_stands_for_but_for_the_secret():
    def chain():
        try:
            raise KeyError(f"https://x.example/?key={SECRET}")
        except KeyError as cause:
            raise ExceptionGroup("two", [ValueError("a"), OSError(2, "no such file")]) from cause

    with pytest.raises(ExceptionGroup) as met:
        chain()
    told = "".join(traceback.format_exception(stand_in(met.value)))
    meant = "".join(traceback.format_exception(met.value))
    assert SECRET in meant
    hidden = told.replace("[…]", SECRET).replace("[secret]", SECRET)
    assert hidden.replace('"', "").replace("'", "") == meant.replace('"', "").replace("'", "")


def test_endless_chains_end():
    first, second = ValueError(SECRET), KeyError("b")
    first.__cause__, second.__cause__ = second, first
    assert SECRET in str(stand_in(first))  # an opaque word that nothing gives away is no secret


class Liar:
    @property
    def __class__(self):
        raise RuntimeError("no class")


def test_an_extra_that_cannot_be_cleaned_costs_no_more_than_itself(logger, caplog):
    kept = kept_by(logger, RedactingFilter())
    logger.error("it was %s", "so", extra={"own": "too", "odd": Liar(), "nested": [Liar(), SECRET]})
    *_, told, _ = kept.told
    assert "it was %s" in told
    assert "'odd': '[Liar]'" in told
    assert f"'nested': ['[Liar]', '{SECRET}']" in told
    assert not caplog.records


def test_a_message_that_has_no_text_is_told_as_what_it_is(logger, capsys):
    class Odd:
        def __str__(self):
            raise RuntimeError(SECRET)

    handler = logging.StreamHandler(io.StringIO())
    handler.addFilter(RedactingFilter())
    logger.addHandler(handler)
    logger.info(Odd())
    assert handler.stream.getvalue() == "[Odd]\n"
    assert capsys.readouterr().err == ""


class Login(NamedTuple):
    user: str
    password: str


BESIDE = [
    {"odd": [("X-Api-Key", SECRET)]},
    {"odd": [(b"x-api-key", SECRET.encode())]},
    {"odd": {"params": (["api_key", SECRET],)}},
    {"odd": {b"x-api-key": SECRET.encode(), b"password": SECRET}},
    {"odd": Login("bob", SECRET)},
    {"jwt": SECRET, "odd": {"bearer": SECRET, "pin": SECRET}},
]


@pytest.mark.parametrize("extra", BESIDE)
def test_what_the_name_beside_it_gives_away_is_not_told(logger, extra):
    kept = kept_by(logger, RedactingFilter())
    logger.info("it was", extra=extra)
    assert not any(SECRET in told for told in kept.told)
    assert any("[secret]" in told for told in kept.told)


def test_nor_what_a_message_formats_by_a_secret_name(logger):
    kept = kept_by(logger, RedactingFilter())
    logger.info("%(user)s came with %(password)s", {"user": "bob", "password": SECRET})
    logger.info("it was", {"password": SECRET})  # noqa: PLE1205
    assert not any(SECRET in told for told in kept.told)
    assert any("bob came with [secret]" in told for told in kept.told)


def test_a_long_text_without_a_blank_is_told_by_its_beginning(logger):
    kept = kept_by(logger, RedactingFilter())
    logger.info("a" * 50_000)
    assert "a" * 10_000 in kept.told[1]


def test_what_cannot_be_cleaned_is_not_told_and_complained_of_once(logger, caplog):
    kept = kept_by(logger, RedactingFilter())
    for _ in range(3):
        logger.error("it was %s", SECRET, extra={"own": SECRET}, exc_info=("no", "exception", "at all"))
    assert len(kept.told) == 12
    assert all(NOTE in told for told in kept.told)
    assert not any(SECRET in told for told in kept.told)
    assert [record.message for record in caplog.records if record.name == "errnorm"] == [
        "cleaning a log record failed; it was told without what it said"
    ]


def test_a_handler_that_complains_does_not_tell_the_arguments_either(logger, capsys):
    handler = logging.StreamHandler(io.StringIO())
    handler.addFilter(RedactingFilter())
    logger.addHandler(handler)
    logger.info("%s %s", f"https://x.example/?key={SECRET}")  # noqa: PLE1206
    assert handler.stream.getvalue() == "%s %s [its arguments do not fit: TypeError]\n"
    assert capsys.readouterr().err == ""


def test_a_record_is_cleaned_once_for_all_handlers(logger):
    first, second = kept_by(logger, RedactingFilter()), kept_by(logger, RedactingFilter())
    planted(logger, f"api_key={SECRET}")
    assert not any(SECRET in told for told in (*first.told, *second.told))
