"""Any exchange becomes one canonical error: whose it is by name, host or shape; what it says as a careful reader would."""
# ruff: noqa: E501, ERA001

import enum
import http
import json
import tomllib
from itertools import count
from pathlib import Path

import msgspec
import pytest

from errnorm.model import CanonicalError, UnknownVendorError, VendorError
from errnorm.reading.parsing import Reader
from errnorm.samples import Sample, misread

parse = Reader().parse
EXCHANGES = tomllib.loads(Path(__file__).with_name("exchanges.toml").read_text(encoding="utf-8"))
ROWS = [(vendor, msgspec.convert({"title": "x"} | row, Sample)) for vendor, rows in EXCHANGES.items() for row in rows]


@pytest.mark.parametrize(("vendor", "exchange"), ROWS, ids=count())
def test_an_exchange_is_read_as_an_integrator_expects(vendor, exchange):
    assert list(misread(exchange, vendor)) == []
    assert exchange.read(parse, vendor).vendor == vendor


def test_each_vendor_has_a_dozen():
    assert {vendor: len(rows) >= 12 for vendor, rows in EXCHANGES.items()} == dict.fromkeys(EXCHANGES, True)
    assert len(EXCHANGES) == 4


class Status(enum.IntEnum):
    CONFLICT = 409


STATUSES = [
    (409, 409),
    (Status.CONFLICT, 409),
    (http.HTTPStatus.NOT_FOUND, 404),
    (None, None),
    (0, None),
    (-409, None),
    (99, None),
    (100, 100),
    (299, 299),
]
STATUSES += [(999, 999), (1000, None), (10**30, None), (True, None), (False, None)]


@pytest.mark.parametrize(("given", "status"), STATUSES, ids=count())
def test_a_status_is_any_integer(given, status):
    error = parse(b"", status=given)
    assert (error.vendor_status, type(error.vendor_status) in (int, type(None))) == (status, True)


@pytest.mark.parametrize("wrong", [{"status": "409"}, {"status": 4.0}, {"status": b"4"}, {"headers": 5}], ids=str)
@pytest.mark.parametrize("body", [b"", '{"a":1}'])
def test_a_wrong_type_is_a_programming_error(wrong, body):
    with pytest.raises(TypeError):
        parse(body, **wrong)


# url: vendor
HOSTS = {
    "https://api.phase.dev/v1/x": "phase", "HTTPS://API.PHASE.DEV:443": "phase", "//api.phase.dev/x": "phase", "https://u:p@api.phase.dev./": "phase",
    "https://cloud.memsource.com/": "phrase-tms", "https://a.b.phrase.com": "phrase-tms", "https://risumail.vercel.app": "risumail",
    "https://memsource.com": None, "https://notmemsource.com": None, "https://api.phase.dev.evil.example": None, "https://evil.example/api.phase.dev": None,
    "api.phase.dev/x": None, "https://[::1": None, "http://[": None, "": None, "\ud800": None, "http://a" + ".b" * 5_000: None,
}  # fmt: skip


@pytest.mark.parametrize(("url", "vendor"), HOSTS.items(), ids=count())
def test_a_vendor_is_known_by_its_host(url, vendor):
    assert parse(b'{"error":"x"}', status=409, url=url).vendor == vendor


NAMES = {
    "lionbrige": "did you mean 'lionbridge'?",
    "Phase": "'phase'",
    "": "no vendor ''",
}


@pytest.mark.parametrize(("name", "hint"), NAMES.items(), ids=count())
def test_an_unknown_vendor_names_the_nearest(name, hint):
    with pytest.raises(UnknownVendorError) as caught:
        parse(b"", vendor=name)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "method", "operation"),
    [
        ("/v1/secrets/", "post", "create-secrets"),
        ("/v1/secrets?x=1#y", "POST", "create-secrets"),
        ("/v1/roles/7/", "DELETE", "delete-role"),
        ("/v1/roles/7/8", "DELETE", None),
        ("/v1/secrets", None, None),
        ("/v1/secrets", "", None),
    ],
    ids=count(),
)
def test_an_operation_is_known_by_method_and_path(path, method, operation):
    assert parse(b"", status=409, url=f"https://api.phase.dev{path}", method=method).operation == operation
    assert (
        parse(b"", status=409, url=f"https://api.phase.dev{path}", method=method, operation="mine").operation == "mine"
    )


def test_a_method_is_one_clean_word():
    assert parse(b"", method="post").method == "POST"
    assert parse(b"", method="x\r\n" * 30).method.isprintable()
    assert len(parse(b"", method="x" * 99).method) <= 20


@pytest.mark.parametrize(("vendor", "exchange"), ROWS, ids=count())
def test_equal_bytes_give_equal_errors(vendor, exchange):
    error = exchange.read(parse, vendor)
    assert error == exchange.read(parse, vendor)
    assert hash(error) == hash(exchange.read(parse, vendor))
    assert CanonicalError.from_dict(json.loads(json.dumps(error.to_dict()))) == error


def test_there_are_bounds_to_others_and_fields():
    errors = [{"code": f"c{number}", "message": "m"} for number in range(500)]
    error = parse(json.dumps({"errors": errors}), status=400)
    assert [error.vendor_code, *(other.vendor_code for other in error.others)] == [f"c{number}" for number in range(17)]
    for body in (
        {"errors": {f"f{n}": ["x"] for n in range(500)}},
        {"message": "m", "details": [{"field": f"f{n}", "message": "x"} for n in range(500)]},
    ):
        assert [field.path for field in parse(json.dumps(body), status=400).fields] == [f"f{n}" for n in range(100)]


@pytest.mark.parametrize(
    "page",
    [
        "<html><h1>Sign in</h1>",
        "<!doctype html><title>Sign in</title>",
        "<script>1</script><h1>Sign in</h1>",
        "<!-- > --><html><title>Sign in",
    ],
    ids=count(),
)
@pytest.mark.parametrize("vendor", EXCHANGES)
def test_a_page_came_from_a_proxy(page, vendor):
    error = parse(page, status=502, vendor=vendor, headers={"Content-Type": "application/json"})
    assert (error.from_vendor, error.vendor_message, error.vendor_code, error.family) == (
        False,
        "Sign in",
        None,
        "upstream",
    )


def test_what_is_no_failure_is_none():
    normalize = Reader().normalize
    error = parse(b"", status=409)
    assert normalize(VendorError(error)) is error
    assert [normalize(source) for source in (None, 5, "x", ValueError("x"), object(), b"")] == [None] * 6
    group = ExceptionGroup("x", [VendorError(error), ExceptionGroup("y", [VendorError(parse(b"", status=404))])])
    assert [other.vendor_status for other in normalize(group).others] == [404]
    assert normalize(ExceptionGroup("x", [VendorError(error), ValueError("a bug")])) is None
