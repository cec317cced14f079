"""How to test an app of one's own: the vendor fails as the test says, and no answer may tell of it.

The app is the one of starlette_app.py, as it is: its client, its url, its doors. In a test of yours, pytest's fixture
`errnorm_vendor` saves the first one here: `lionbridge = errnorm_vendor("lionbridge")`.
"""

import pytest

pytest.importorskip("httpx")
pytest.importorskip("starlette")

from starlette.testclient import TestClient
from starlette_app import app

from errnorm.testing import FakeVendor, Trouble, assert_no_leak


@pytest.fixture
def lionbridge():
    with FakeVendor("lionbridge") as vendor:
        yield vendor


@pytest.fixture
def shop():
    with TestClient(app) as client:
        yield client


def test_a_pair_that_is_not_on_offer(shop, lionbridge):
    lionbridge.fails("304")  # a code; or a reason, a status, a sample's title
    response = shop.post("/orders/7", headers={"X-Request-ID": "abc-123"})
    assert (response.status_code, response.json()["code"]) == (409, "language_pair_not_offered")
    assert lionbridge.requests[0].headers["x-request-id"] == "abc-123"
    assert_no_leak(response)


def test_too_many_requests(shop, lionbridge):
    lionbridge.throttles(after=30)
    response = shop.post("/orders/7")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    assert_no_leak(response)


def test_once_more(shop, lionbridge):
    lionbridge.fails(500, times=1)
    lionbridge.answers(body="<Quote/>")
    assert [shop.post("/orders/7").status_code for _ in range(2)] == [502, 200]


@pytest.mark.parametrize("trouble", Trouble)
def test_whatever_goes_wrong_on_the_way(shop, lionbridge, trouble):
    lionbridge.fails(trouble)
    response = shop.post("/orders/7")
    assert response.status_code in {502, 504}
    assert_no_leak(response)
