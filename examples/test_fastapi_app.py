"""The FastAPI app, served by uvicorn, answers and documents whatever may go wrong in the same way."""

import json
from pathlib import Path

import pytest
from fake_vendor import FakeVendor
from serving import Served, served

pytest.importorskip("fastapi")
pytest.importorskip("httpx")
pytest.importorskip("uvicorn")

REFUSED = "reason-code-304-under-quoteauthorization"
ARGUMENTS = ("-m", "uvicorn", "--port", "PORT", "--log-level", "warning", "fastapi_app:app")


@pytest.fixture(scope="module")
def shop():
    with (
        FakeVendor() as vendor,
        served(*ARGUMENTS, cwd=Path(__file__).parent, LIONBRIDGE_URL=f"{vendor.url}/lionbridge") as shop,
    ):
        yield shop


def ordered(shop: Served, body: str):
    answer = shop.ask("POST", "/orders", body, Content_Type="application/json", Origin="https://app.example")
    return answer, json.loads(answer.body)


def test_an_order_that_goes_through(shop: Served):
    answer, told = ordered(shop, '{"quote": "ok"}')
    assert (answer.status, told) == (200, {"quote": "ok", "pages": 1})


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (f'{{"quote": "{REFUSED}"}}', 409, "language_pair_not_offered"),
        ('{"quote": "reset"}', 502, "service_unavailable"),
        ('{"quote": "ok", "pages": "many"}', 422, "unprocessable_content"),
    ],
)
def test_an_order_that_does_not_is_told_as_documented_also_to_other_sites(shop: Served, body, status, code):
    answer, problem = ordered(shop, body)
    assert (answer.status, problem["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    documented = json.loads(shop.ask("GET", "/openapi.json").body)["paths"]["/orders"]["post"]["responses"]
    assert "application/problem+json" in documented[str(status)]["content"]
    page = shop.ask("GET", problem["type"], Accept="text/html")
    assert (page.status, code in page.body.decode()) == (200, True)


def test_a_bug_is_answered_and_logged_once_by_the_server(shop: Served):
    answer = shop.ask("GET", "/bug", Origin="https://app.example")
    assert (answer.status, json.loads(answer.body)["code"]) == (500, "internal_server_error")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert shop.logged("ZeroDivisionError: ") == 1


def test_a_failure_is_not_passed_on(shop: Served):
    answer = shop.ask("GET", f"/files/{REFUSED}")
    assert answer.status >= 400
    assert answer.headers["Content-Type"] == "application/problem+json"
