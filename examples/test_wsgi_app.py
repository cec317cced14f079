"""The plain WSGI app answers alike under every server, and never after the first byte."""

import json
from http.client import IncompleteRead

import pytest
from fake_vendor import FakeVendor
from serving import Served, served

pytest.importorskip("requests")

REFUSED = "reason-code-304-under-quoteauthorization"
SERVERS = {
    "wsgiref": ("wsgi_app.py", "PORT"),
    "waitress": ("-m", "waitress", "--listen=127.0.0.1:PORT", "wsgi_app:app"),
    "gunicorn": ("-m", "gunicorn", "--bind=127.0.0.1:PORT", "wsgi_app:app"),
}


@pytest.fixture(scope="module", params=SERVERS)
def shop(request):
    if request.param != "wsgiref":
        pytest.importorskip(request.param)
    with FakeVendor() as vendor, served(*SERVERS[request.param], LIONBRIDGE_URL=f"{vendor.url}/lionbridge") as shop:
        yield shop


def test_an_order_that_goes_through(shop: Served):
    answer = shop.ask("POST", "/orders/ok")
    assert (answer.status, answer.body) == (200, b"well")


@pytest.mark.parametrize("path", [f"/orders/{REFUSED}", f"/pieces/none/{REFUSED}"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_refused_order_is_answered_as_long_as_nothing_was_sent(shop: Served, path, method):
    answer = shop.ask(method, path, Accept_Language="de", X_Request_ID="abc")
    assert (answer.status, answer.headers["Content-Language"], answer.headers["X-Request-ID"]) == (409, "de", "abc")
    if method == "HEAD":
        assert not answer.body
    else:
        assert json.loads(answer.body)["code"] == "language_pair_not_offered"


def test_what_fails_after_the_first_byte_is_not_answered(shop: Served):
    try:
        body = shop.ask("GET", f"/pieces/first/{REFUSED}").body
    except IncompleteRead as cut:
        body = cut.partial
    assert body == b"first"
    assert shop.logged("Traceback")


def test_a_bug_is_answered_and_its_traceback_is_with_the_server(shop: Served):
    answer = shop.ask("GET", "/bug")
    assert (answer.status, json.loads(answer.body)["code"]) == (500, "internal_server_error")
    assert b"secret" not in answer.body
    assert shop.logged("ZeroDivisionError: secret-4242") == 1
