"""In the Flask app vendors' failures and Flask's own errors are told alike, and Flask's ways with bugs are kept."""

import json

import pytest
from fake_vendor import FakeVendor

pytest.importorskip("flask")
pytest.importorskip("requests")

import flask
import flask_app

REFUSED = "/orders/reason-code-304-under-quoteauthorization"


@pytest.fixture(scope="module")
def shop():
    with FakeVendor() as vendor:
        flask_app.LIONBRIDGE_URL = f"{vendor.url}/lionbridge"
        yield flask_app.app.test_client()


def test_an_order_that_goes_through(shop):
    assert shop.post("/orders/ok").json == {"quote": "ok", "state": "ordered"}


@pytest.mark.parametrize("language", ["en", "de"])
def test_an_order_that_is_refused(shop, language):
    answer = shop.post(REFUSED, headers={"Accept-Language": language, "X-Request-ID": "abc"})
    assert (answer.status_code, answer.headers["Content-Language"]) == (409, language)
    assert answer.headers.getlist("X-Request-ID") == ["abc"]
    assert answer.content_type == "application/problem+json"
    assert json.loads(answer.data)["code"] == "language_pair_not_offered"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", REFUSED, 405), ("GET", "/closed", 403)]
)
def test_what_flask_refuses_is_told_alike(shop, method, path, status):
    answer = shop.open(path, method=method, headers={"Accept-Language": "de"})
    problem = json.loads(answer.data)
    assert answer.status_code == problem["status"] == status
    assert answer.headers["Content-Language"] == "de"
    assert ("Allow" in answer.headers) == (status == 405)


def test_a_bug_is_logged_and_signalled_by_flask_once_and_answered(shop, caplog):
    seen = []
    with flask.got_request_exception.connected_to(lambda _, exception: seen.append(exception), flask_app.app):
        answer = shop.get("/bug", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert b"ZeroDivision" not in answer.data
    assert [type(each) for each in seen] == [ZeroDivisionError]
    [record] = [record for record in caplog.records if record.name == flask_app.app.name]
    assert record.exc_info[1] is seen[0]


def test_a_bug_rises_where_the_app_is_tested(shop, monkeypatch):
    monkeypatch.setitem(flask_app.app.config, "TESTING", True)
    with pytest.raises(ZeroDivisionError):
        shop.get("/bug")
    assert shop.post(REFUSED).status_code == 409
