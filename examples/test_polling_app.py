"""The app that waits is woken by the webhook, finds out by itself where none comes, and answers what goes wrong."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from serving import Served, served

pytest.importorskip("starlette")
pytest.importorskip("httpx")
pytest.importorskip("uvicorn")


class Office(ThreadingHTTPServer):
    """A vendor whose work is done when a test says so; `asked` counts who asks for each."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Desk)
        self.done: set[str] = set()
        self.asked: dict[str, int] = {}


class _Desk(BaseHTTPRequestHandler):
    server: Office  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        key = self.path.rpartition("/")[2]
        self.server.asked[key] = self.server.asked.get(key, 0) + 1
        status, told = 200, {"asyncResponse": {} if key in self.server.done else None}
        if key == "unknown":
            status, told = 404, {"errorCode": "ResourceNotFound", "errorDescription": "No such thing."}
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if key == "slow":
            self.send_header("Retry-After", "3600")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Quiet."""


@pytest.fixture(scope="module")
def office():
    with Office() as office:
        thread = threading.Thread(target=office.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield office
        office.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def app(office: Office):
    arguments = ("-m", "uvicorn", "--port", "PORT", "--log-level", "warning", "polling_app:app")
    url = f"http://127.0.0.1:{office.server_port}"
    with served(*arguments, cwd=Path(__file__).parent, VENDOR_URL=url, DEADLINE_S="3") as app:
        yield app


def test_the_webhook_wakes_who_waits(office: Office, app: Served):
    """The vendor said that it would take an hour."""
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(app.ask, "GET", "/work/slow")
        while "slow" not in office.asked:
            time.sleep(0.02)
        office.done.add("slow")
        event = json.dumps({"asyncRequest": {"id": "slow"}, "timestamp": time.time() - 7})
        assert app.ask("POST", "/webhooks/phrase", event, Content_Type="application/json").status == 204
        outcome = json.loads(waiting.result().body)
    assert (outcome["polls"], outcome["woken"]) == (2, 1)
    assert 7 <= outcome["lag_s"] < 20


def test_a_webhook_that_is_lost_costs_a_few_polls(office: Office, app: Served):
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(app.ask, "GET", "/work/lost")
        while "lost" not in office.asked:
            time.sleep(0.02)
        office.done.add("lost")
        outcome = json.loads(waiting.result().body)
    assert outcome["woken"] == 0
    assert outcome["polls"] == office.asked["lost"] >= 2
    assert outcome["lag_s"] is None


def test_work_that_takes_too_long(app: Served):
    answer = app.ask("GET", "/work/never")
    assert (answer.status, answer.headers["Content-Type"]) == (504, "application/problem+json")


def test_work_that_the_vendor_does_not_know_is_not_asked_for_again(office: Office, app: Served):
    assert app.ask("GET", "/work/unknown").status >= 400
    assert office.asked["unknown"] == 1


def test_a_file_that_the_vendor_would_refuse(app: Served):
    pytest.importorskip("python_multipart")
    form = (
        '--x\r\nContent-Disposition: form-data; name="contract"; filename="contract.exe"\r\n\r\n'
        "MZ\r\n--x\r\n"
        'Content-Disposition: form-data; name="annex"; filename="annex.docx"\r\n\r\nPK\r\n--x--\r\n'
    )
    answer = app.ask("POST", "/files", form, Content_Type="multipart/form-data; boundary=x", Accept_Language="en")
    problem = json.loads(answer.body)
    assert (answer.status, problem["code"]) == (415, "file_type_not_supported")
    assert problem["detail"].endswith("Please choose one of these types: .docx, .xlsx, .txt.")
    assert problem["errors"] == [{"pointer": "#/contract", "detail": problem["detail"]}]
    fine = form.replace("contract.exe", "contract.docx")
    answer = app.ask("POST", "/files", fine, Content_Type="multipart/form-data; boundary=x")
    assert json.loads(answer.body) == {"accepted": 2}
