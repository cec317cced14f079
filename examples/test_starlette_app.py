"""The Starlette app, served by uvicorn, answers every failure of a vendor in the same way."""

import json
from pathlib import Path

import pytest
from fake_vendor import FakeVendor
from serving import Served, free_port, served

pytest.importorskip("starlette")
pytest.importorskip("httpx")
pytest.importorskip("uvicorn")

REFUSED = "/orders/reason-code-304-under-quoteauthorization"


def serve(lionbridge: str):
    arguments = ("-m", "uvicorn", "--port", "PORT", "--log-level", "warning", "starlette_app:app")
    return served(*arguments, cwd=Path(__file__).parent, LIONBRIDGE_URL=lionbridge)


@pytest.fixture(scope="module")
def vendor():
    with FakeVendor() as vendor:
        yield vendor


@pytest.fixture(scope="module")
def shop(vendor):
    with serve(f"{vendor.url}/lionbridge") as shop:
        yield shop


def test_an_order_that_goes_through(shop: Served):
    answer = shop.ask("POST", "/orders/ok")
    assert (answer.status, json.loads(answer.body)) == (200, {"quote": "ok", "state": "ordered"})


@pytest.mark.parametrize(
    ("accept_language", "language", "detail"),
    [("en", "en", "No such pair."), ("de-AT", "de", "Dieses Sprachpaar gibt es nicht.")],
)
def test_an_order_that_is_refused_in_the_words_of_the_app(shop: Served, accept_language, language, detail):
    answer = shop.ask("POST", REFUSED, Accept_Language=accept_language)
    problem = json.loads(answer.body)
    assert answer.status == problem["status"] == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Content-Language"] == language
    assert (problem["code"], problem["detail"]) == ("language_pair_not_offered", detail)


def test_the_vendor_is_called_under_the_id_of_the_request(shop: Served, vendor):
    answer = shop.ask("POST", REFUSED, X_Request_ID="abc-123")
    assert answer.headers["X-Request-ID"] == "abc-123"
    asked = {name.lower(): value for name, value in vendor.requests[-1][2].items()}
    assert asked["x-request-id"] == "abc-123"


def test_an_order_that_is_our_mistake_looks_like_any_other_to_the_user(shop: Served):
    answer = shop.ask("POST", "/orders/reason-code-201-under-quote")
    assert (answer.status, json.loads(answer.body)["code"]) == (500, "service_error")
    assert "MALFORMED" not in answer.body.decode().upper()


@pytest.mark.parametrize(("trouble", "status"), [("reset", 502), ("stall", 504)])
def test_a_call_that_gets_no_answer(shop: Served, trouble, status):
    answer = shop.ask("POST", f"/orders/{trouble}")
    assert (answer.status, json.loads(answer.body)["code"]) == (status, "service_unavailable")


def test_a_vendor_that_is_not_there():
    with serve(f"http://127.0.0.1:{free_port()}") as shop:
        answer = shop.ask("GET", "/services")
        assert (answer.status, json.loads(answer.body)["code"]) == (502, "service_unavailable")


def test_a_mistake_of_our_own_stays_starlettes(shop: Served):
    answer = shop.ask("GET", "/bug")
    assert (answer.status, answer.headers.get_content_type()) == (500, "text/plain")
