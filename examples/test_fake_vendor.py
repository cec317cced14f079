"""The fake vendor of the examples answers what a path names, and `errnorm play --vendor` is the same by hand."""

import subprocess
import sys
from http.client import HTTPConnection, HTTPMessage, RemoteDisconnected
from pathlib import Path

import pytest
from fake_vendor import FakeVendor

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def vendor():
    with FakeVendor() as vendor:
        yield vendor


def ask(url: str, path: str, method: str = "GET") -> tuple[int, HTTPMessage, bytes]:
    connection = HTTPConnection(url.removeprefix("http://"), timeout=1)
    try:
        connection.request(method, path, body=b"<order/>" if method == "POST" else None)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def test_a_title_among_the_parts_of_a_real_path(vendor):
    path = "/lionbridge/api/quote/reason-code-304-under-quoteauthorization/authorize?dry=1"
    status, _, body = ask(vendor.url, path, "POST")
    assert (status, b"<ReasonCode>304</ReasonCode>" in body) == (409, True)
    assert vendor.requests[-1].method == "POST"
    assert vendor.requests[-1].body == b"<order/>"


def test_a_profile_of_ones_own():
    with FakeVendor(HERE / "private_vendor" / "acme.toml") as vendor:
        assert ask(vendor.url, "/no_such_depot")[0] == 404


def test_an_answer_that_is_well(vendor):
    assert ask(vendor.url, "/lionbridge/ok")[::2] == (200, b"ok\n")


def test_a_connection_that_breaks_off(vendor):
    with pytest.raises((ConnectionResetError, RemoteDisconnected)):
        ask(vendor.url, "/lionbridge/reset")


def test_an_answer_that_never_comes(vendor):
    with pytest.raises(TimeoutError):
        ask(vendor.url, "/lionbridge/stall")


def test_by_hand():
    command = [sys.executable, "-m", "errnorm", "play", "--vendor", "lionbridge", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().split()[3]
            assert ask(url, "/lionbridge/ok")[2] == b"ok\n"
        finally:
            process.terminate()
