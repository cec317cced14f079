"""The plain ASGI app answers over HTTP, and closes its websockets with a reason, under every server."""

import json

import pytest
from fake_vendor import FakeVendor
from serving import Served, served

pytest.importorskip("httpx")
client = pytest.importorskip("websockets.sync.client")
exceptions = pytest.importorskip("websockets.exceptions")

REFUSED = "reason-code-304-under-quoteauthorization"
SERVERS = {
    "uvicorn": ("-m", "uvicorn", "--port", "PORT", "--log-level", "warning", "asgi_app:app"),
    "hypercorn": ("-m", "hypercorn", "--bind", "127.0.0.1:PORT", "asgi_app:app"),
}


@pytest.fixture(scope="module", params=SERVERS)
def shop(request):
    pytest.importorskip(request.param)
    with FakeVendor() as vendor, served(*SERVERS[request.param], LIONBRIDGE_URL=f"{vendor.url}/lionbridge") as shop:
        yield shop


def connected(shop: Served, path: str):
    return client.connect(f"ws://127.0.0.1:{shop.port}{path}", proxy=None)


def test_a_refused_order_is_answered(shop: Served):
    answer = shop.ask("POST", f"/orders/{REFUSED}")
    assert (answer.status, json.loads(answer.body)["code"]) == (409, "language_pair_not_offered")


def test_a_bug_is_answered_and_logged_once_by_the_server(shop: Served):
    answer = shop.ask("GET", "/bug/")
    assert (answer.status, json.loads(answer.body)["code"]) == (500, "internal_server_error")
    assert shop.logged("ZeroDivisionError: secret-4242") == 1


def test_a_websocket_that_was_welcomed_is_closed_with_a_reason(shop: Served):
    with connected(shop, f"/welcome/{REFUSED}") as socket, pytest.raises(exceptions.ConnectionClosed) as closed:
        socket.recv(timeout=5)
    assert closed.value.rcvd.code == 1011
    assert closed.value.rcvd.reason.startswith("language_pair_not_offered ")


def test_a_websocket_that_was_not_is_denied_with_the_whole_answer(shop: Served):
    with pytest.raises(exceptions.InvalidStatus) as denied, connected(shop, f"/closed/{REFUSED}"):
        pass
    answer = denied.value.response
    assert answer.status_code == 409
    assert json.loads(answer.body)["code"] == "language_pair_not_offered"


def test_a_websocket_of_an_order_that_goes_through_is_closed_as_the_app_does(shop: Served):
    with connected(shop, "/welcome/ok") as socket, pytest.raises(exceptions.ConnectionClosedOK):
        socket.recv(timeout=5)
