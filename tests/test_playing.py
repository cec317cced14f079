"""`errnorm play --vendor` is a vendor of one's own: it lists what it answers, answers it, and ends cleanly."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

import errnorm
from errnorm.cli import main
from errnorm.testing.repertoire import Repertoire

ACME = Path(__file__).parent.parent / "examples" / "private_vendor" / "acme.toml"


@contextmanager
def playing(vendor):
    """The process, and the url that it names; its lines up to the listing are read."""
    # its own group, so that its interrupts are its own; and it takes them, though it is started in the background
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"from errnorm.cli import main; raise SystemExit(main({['play', '--vendor', vendor, '--port', '0']}))"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    ) as process:
        try:
            yield process, process.stdout.readline().split()[3]
        finally:
            process.kill()


@pytest.fixture(scope="module")
def url():
    with playing("lionbridge") as (_, url):
        yield url


def ask(url, path, method="GET", **headers):
    connection = HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=named)
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "path",
    [
        "/304",
        "/api/quotes/LANGUAGE_PAIR_NOT_OFFERED/authorize?x=1",
        "/language-pair-not-offered",
        "/reason-code-304-under-quoteauthorization",
    ],
)
def test_a_part_of_a_path_says_what_it_answers(url, path):
    status, headers, body = ask(url, path, "POST")
    error = errnorm.parse(body, status=status, headers=headers, vendor="lionbridge")
    assert (error.vendor_status, error.vendor_code) == (409, "304")


def test_or_a_header_does(url):
    assert ask(url, "/api/quotes", Errnorm_Answer="500")[0] == 500
    assert ask(url, "/409", Errnorm_Answer="throttle-7")[1]["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("path", "status", "sign"),
    [
        ("/409", 409, b"<"),
        ("/ok", 200, b"ok"),
        ("/html", 502, b"<html"),
        ("/throttle", 429, b""),
        ("/304/slow", 409, b"304"),
    ],
)
def test_a_status_and_other_words(url, path, status, sign):
    began = time.monotonic()
    got, _, body = ask(url, path)
    assert (got, sign in body) == (status, True)
    assert "slow" not in path or time.monotonic() - began > 2


@pytest.mark.parametrize("word", ["reset", "truncate"])
def test_what_is_no_answer(url, word):
    from http.client import IncompleteRead, RemoteDisconnected

    with pytest.raises((ConnectionResetError, RemoteDisconnected, IncompleteRead)):
        ask(url, f"/api/{word}")


def test_what_never_comes(url):
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 1) as connection:
        connection.sendall(b"GET /stall HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_anything_else_gets_a_list_of_what_there_is(url):
    status, headers, body = ask(url, "/api/v1")
    assert (status, headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert body.decode() == Repertoire("lionbridge").listing()
    for path in body.decode().split()[3:]:
        if path not in {"/stall", "/reset", "/truncate"}:
            assert ask(url, path)[2] != body, path


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal of Unix")
@pytest.mark.parametrize("asked", ["/ok", "/stall"])
def test_control_c_ends_it_cleanly_even_while_somebody_waits(asked):
    with playing(str(ACME)) as (process, url):
        port = url.rpartition(":")[2]
        with socket.create_connection(("127.0.0.1", int(port)), 5) as connection:
            connection.sendall(f"GET {asked}?key=zebrafinch HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            lines = iter(process.stdout.readline, "")
            said = next(line for line in lines if line.startswith("GET"))
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130
            assert process.stderr.read() == ""
    assert said.startswith(f"GET {asked}?key=[")
    assert "zebrafinch" not in said


def test_a_closed_output_breaks_no_answer():
    with playing(str(ACME)) as (process, url):
        process.stdout.close()
        for _ in range(3):
            assert ask(url, "/ok")[::2] == (200, b"ok\n")
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        assert process.stderr.read() == ""


def test_its_log_tells_where_no_answer_was_asked_for():
    with playing(str(ACME)) as (process, url):
        for path in ("/v1/labels", "/ok", "/404"):
            ask(url, path)
        lines = iter(process.stdout.readline, "")
        asked = [next(line for line in lines if line.startswith("GET")) for _ in range(2)]
        assert asked == ["GET /v1/labels: 404, the list of answers: none was asked for\n", "GET /ok: 200\n"]


def test_it_needs_no_other_library():
    code = "import sys; from errnorm.cli import playing; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"starlette", "uvicorn", "httpcore", "urllib3", "aiohttp", "pytest"} & set(loaded)


def test_what_was_typed_wrong_is_told_in_one_line(capsys):
    assert main(["play", "--vendor", "lionbrige"]) == 2
    assert capsys.readouterr().err == "errnorm: no vendor 'lionbrige'; did you mean 'lionbridge'?\n"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["play", "--vendor", "lionbridge", "--port", port]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"errnorm: cannot listen on 127.0.0.1 port {port}: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("vendor", [[], ["--vendor", "lionbridge"]], ids=["site", "vendor"])
@pytest.mark.parametrize("host", ["192.0.2.1", "nosuch.host.invalid"])
def test_a_host_that_is_none_of_this_machines_is_told(capsys, vendor, host):
    if not vendor:
        pytest.importorskip("errnorm.cli.playground")
    assert main(["play", *vendor, "--host", host, "--port", "0"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"errnorm: cannot listen on {host} port 0: ")
    assert err.endswith("; --host is an address of this machine, such as 127.0.0.1\n")
    assert err.count("\n") == 1
