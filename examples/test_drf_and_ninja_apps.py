"""The APIs in Django REST framework and in Django Ninja, served by uvicorn, tell the same failure in the same way."""

import json
from pathlib import Path

import pytest
from fake_vendor import FakeVendor
from serving import Served, served

pytest.importorskip("uvicorn")
pytest.importorskip("httpx")

NEEDED = {"drf_app": ("rest_framework", "drf_spectacular"), "ninja_app": ("ninja",)}
DOCUMENT = {"drf_app": "/schema", "ninja_app": "/openapi.json"}
REFUSED = "quote=reason-code-304-under-quoteauthorization"


@pytest.fixture(scope="module")
def vendor():
    with FakeVendor() as vendor:
        yield vendor


@pytest.fixture(scope="module", params=NEEDED)
def name(request):
    for library in NEEDED[request.param]:
        pytest.importorskip(library)
    return request.param


@pytest.fixture(scope="module")
def shop(name, vendor):
    arguments = ("-m", "uvicorn", "--port", "PORT", "--log-level", "warning", f"{name}:app")
    with served(*arguments, cwd=Path(__file__).parent, LIONBRIDGE_URL=f"{vendor.url}/lionbridge") as shop:
        yield shop


def test_an_order_that_goes_through(shop: Served):
    answer = shop.ask("POST", "/orders", "quote=ok")
    assert (answer.status, json.loads(answer.body)) == (200, {"quote": "ok", "copies": 1})


@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_an_order_that_is_refused(shop: Served, language):
    answer = shop.ask("POST", "/orders", REFUSED, Accept_Language=language)
    problem = json.loads(answer.body)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Content-Language"] == language
    assert (answer.status, problem["code"]) == (409, "language_pair_not_offered")


def test_input_that_is_refused_before_anybody_is_called(shop: Served, vendor):
    before = len(vendor.requests)
    answer = shop.ask("POST", "/orders", "copies=7")
    assert answer.status in (400, 422)
    pointers = {error["pointer"] for error in json.loads(answer.body)["errors"]}
    assert pointers == {"#/quote", "#/copies"}
    assert len(vendor.requests) == before


@pytest.mark.parametrize(("trouble", "status"), [("reset", 502), ("stall", 504)])
def test_a_call_that_gets_no_answer(shop: Served, trouble, status):
    answer = shop.ask("POST", "/orders", f"quote={trouble}")
    assert (answer.status, json.loads(answer.body)["code"]) == (status, "service_unavailable")


@pytest.mark.parametrize(
    ("accept", "media_type"), [("application/json", "application/problem+json"), ("text/html", "text/html")]
)
def test_an_address_that_leads_nowhere(shop: Served, accept, media_type):
    answer = shop.ask("GET", "/nowhere", Accept=accept)
    assert (answer.status, answer.headers.get_content_type()) == (404, media_type)
    assert "This address does not exist" in answer.body.decode()


def test_the_document_tells_of_problems(shop: Served, name):
    document = json.loads(shop.ask("GET", DOCUMENT[name], Accept="application/vnd.oai.openapi+json").body)
    content = document["paths"]["/orders"]["post"]["responses"]["409"]["content"]["application/problem+json"]
    assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert "detail" in document["components"]["schemas"]["Problem"]["properties"]


def test_a_problems_type_leads_to_what_it_means(shop: Served):
    problem = json.loads(shop.ask("POST", "/orders", REFUSED).body)
    page = shop.ask("GET", problem["type"], Accept="text/html")
    assert page.status == 200
    assert problem["title"] in page.body.decode()
