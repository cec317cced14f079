"""In the Litestar app vendors' failures, Litestar's own errors and bugs are told alike."""

import json

import pytest
from fake_vendor import FakeVendor

pytest.importorskip("litestar")
pytest.importorskip("httpx")

import litestar_app
from litestar.testing import TestClient

REFUSED = "/orders/reason-code-304-under-quoteauthorization"


@pytest.fixture(scope="module")
def shop():
    with FakeVendor() as vendor, TestClient(litestar_app.app, raise_server_exceptions=False) as client:
        litestar_app.LIONBRIDGE_URL = f"{vendor.url}/lionbridge"
        yield client


def test_an_order_that_goes_through(shop):
    assert shop.post("/orders/ok").json() == {"quote": "ok", "state": "ordered"}


@pytest.mark.parametrize("language", ["en", "de"])
def test_an_order_that_is_refused(shop, language):
    answer = shop.post(REFUSED, headers={"Accept-Language": language, "X-Request-ID": "abc"})
    assert (answer.status_code, answer.headers["Content-Language"]) == (409, language)
    assert answer.headers["X-Request-ID"] == "abc"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(answer.content)["code"] == "language_pair_not_offered"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", REFUSED, 405),
        ("GET", "/closed", 401),
        ("GET", "/bug?by=x", 400),
        ("GET", "/bug", 500),
    ],
)
def test_what_litestar_refuses_is_told_alike(shop, method, path, status):
    answer = shop.request(method, path, headers={"Accept-Language": "de"})
    problem = json.loads(answer.content)
    assert answer.status_code == problem["status"] == status
    assert answer.headers["Content-Language"] == "de"
    assert ("Allow" in answer.headers) == (status == 405)
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert "division" not in answer.text


def test_whoever_debugs_gets_litestars_own_page(shop, monkeypatch):
    monkeypatch.setattr(litestar_app.app, "debug", True)
    assert "division by zero" in shop.get("/bug").text
    assert shop.post(REFUSED).status_code == 409
