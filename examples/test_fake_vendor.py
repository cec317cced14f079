"""What the fake vendor answers reads as the sample does, for every sample of every built-in profile."""

import subprocess
import sys
from http.client import HTTPConnection, HTTPMessage, RemoteDisconnected
from importlib.resources import files
from pathlib import Path

import pytest
from fake_vendor import FakeVendor, samples_of, slug

import errnorm

HERE = Path(__file__).parent
VENDORS = sorted(
    file.name.removesuffix(".samples.toml")
    for folder in (files("errnorm.vendors"), files("errnorm.vendors") / "dialects")
    for file in folder.iterdir()
    if file.name.endswith(".samples.toml")
)


@pytest.fixture(scope="module")
def vendor():
    with FakeVendor(HERE / "private_vendor" / "acme.toml", delay=0.1) as vendor:
        yield vendor


def ask(vendor: FakeVendor, path: str, method: str = "GET") -> tuple[int, HTTPMessage, bytes]:
    connection = HTTPConnection("127.0.0.1", vendor.server_port, timeout=1)
    try:
        connection.request(method, path, body=b"<order/>" if method == "POST" else None)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("name", VENDORS)
def test_every_sample_reads_the_same_over_http(vendor, name):
    for number, sample in enumerate(samples_of(name), 1):
        status, headers, body = ask(vendor, f"/{name}/{number}", "POST")
        told = errnorm.parse(body, status=status, headers=headers.items(), vendor=name)
        content = sample.get("body", "").encode(sample.get("encoding", "utf-8"))
        meant = errnorm.parse(content, status=sample.get("status", 200), headers=sample.get("headers", {}), vendor=name)
        assert told == meant, sample["title"]


@pytest.mark.parametrize("name", VENDORS)
def test_titles_name_their_samples(name):
    slugs = [slug(sample["title"]) for sample in samples_of(name)]
    assert len(set(slugs)) == len(slugs)
    assert not [each for each in slugs if not each or "/" in each]


def test_a_title_among_the_parts_of_a_real_path(vendor):
    path = "/lionbridge/api/quote/reason-code-304-under-quoteauthorization/authorize?dry=1"
    status, _, body = ask(vendor, path, "POST")
    assert (status, b"<ReasonCode>304</ReasonCode>" in body) == (409, True)
    assert vendor.requests[-1][0] == "POST"
    assert vendor.requests[-1][3] == b"<order/>"


def test_a_profile_of_ones_own(vendor):
    assert ask(vendor, "/acme/1")[0] == samples_of(str(HERE / "private_vendor" / "acme.toml"))[0]["status"]


def test_an_answer_that_is_well(vendor):
    assert ask(vendor, "/lionbridge/ok")[::2] == (200, b"ok\n")


def test_an_answer_that_is_late(vendor):
    assert ask(vendor, "/lionbridge/slow")[0] == 200
    assert ask(vendor, "/lionbridge/slow/1")[0] == samples_of("lionbridge")[0]["status"]


def test_a_connection_that_breaks_off(vendor):
    with pytest.raises((ConnectionResetError, RemoteDisconnected)):
        ask(vendor, "/lionbridge/reset")


def test_an_answer_that_never_comes(vendor):
    with pytest.raises(TimeoutError):
        ask(vendor, "/lionbridge/stall")


def test_a_list_of_what_there_is(vendor):
    status, _, body = ask(vendor, "/lionbridge")
    assert status == 404
    assert len(body.splitlines()) == len(samples_of("lionbridge"))
    assert ask(vendor, "/")[0] == ask(vendor, "/nobody/1")[0] == 404


def test_as_a_script():
    command = [sys.executable, HERE / "fake_vendor.py", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().split()[0].rpartition("/")[0]
            connection = HTTPConnection(url.removeprefix("http://"), timeout=5)
            connection.request("GET", "/lionbridge/ok")
            assert connection.getresponse().read() == b"ok\n"
            connection.close()
        finally:
            process.terminate()
