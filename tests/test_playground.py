"""The playground shows every sample as user, program and log meet it, escapes all of it, and answers to nobody else."""

from __future__ import annotations

import html
import http.client
import json
import re
import threading
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest

import errnorm
from errnorm.samples import built_in_files, samples_of
from errnorm.telling.negotiation import MediaType
from errnorm.vendors import registry

testclient = pytest.importorskip("starlette.testclient")
pytest.importorskip("uvicorn")
playground = pytest.importorskip("errnorm.cli.playground")

SAMPLES = [
    (name, number, sample)
    for name, file in built_in_files().items()
    for number, sample in enumerate(samples_of(file), 1)
]
FIRST = ("lionbridge", "phrase-tms", "phase", "risumail")
# all of the first vendors', and of every other profile's one in eight
SOME = [each for each in SAMPLES if each[0] in FIRST or each[1] % 8 == 1]
every_sample = pytest.mark.parametrize(
    ("name", "number", "sample"), SOME, ids=[f"{name} {number}" for name, number, _ in SOME]
)
HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


@pytest.fixture(scope="module")
def client():
    app = playground.OwnNamesOnly(playground.site())
    with testclient.TestClient(app, base_url="http://localhost:8099") as client:
        yield client


class Tags(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str]]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, [(name, value or "") for name, value in attrs]))


def own_page(response, status: int = 200) -> str:
    """A page of the playground's own: nothing but text, links, a form and a frame."""
    assert response.status_code == status
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert response.headers["cache-control"] == "no-store"
    for tag, attributes in Tags(response.text).found:
        assert tag not in ("script", "object", "embed", "base")
        for name, value in attributes:
            assert not name.startswith("on")
            if name in ("href", "src", "action", "formaction"):
                assert value == "data:," or (value.startswith("/") and not value.startswith("//"))
    return response.text


@every_sample
def test_every_sample_is_answered_in_every_media_type_as_an_app_would(client, name, number, sample):
    expected = sample.read(errnorm.parse, name)
    told = errnorm.problem_for(expected)
    for media in MediaType:
        response = client.get(f"/provoke/{name}/{number}", params={"accept": media.value})
        assert response.status_code == expected.response_status
        assert response.headers["content-type"].partition(";")[0] == media.value
        assert int(response.headers["content-length"]) == len(response.content)
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["vary"] == "Accept, Accept-Language"
        assert response.headers["x-request-id"]
        assert response.headers.get("retry-after") == (str(told.retry_after) if told.retry_after else None)
    problem = client.get(f"/provoke/{name}/{number}").json()
    own = {"instance": problem["instance"], "reference": problem["reference"]}
    assert problem == told.to_dict() | own


@every_sample
def test_every_sample_has_a_page_with_all_that_becomes_of_it(client, name, number, sample):
    text = html.unescape(own_page(client.get(f"/vendors/{name}/{number}")))
    error = sample.read(errnorm.parse, name)
    assert json.dumps(error.to_dict(), indent=2, ensure_ascii=False) in text
    assert f"As a user sees it: {error.response_status}" in text
    assert f" {error}" in text
    assert all(media.value in text for media in MediaType)
    assert ("No failure by its profile" in text) is (sample.failed is False)


def test_every_vendor_and_every_sample_is_reached_from_the_front_page(client):
    vendors = re.findall(r'href="(/vendors/[^"]*)"', own_page(client.get("/")))
    assert vendors == [f"/vendors/{name}" for name in registry.default.names()]
    pages = {vendor: own_page(client.get(vendor)) for vendor in vendors}
    samples = [url for vendor, text in pages.items() for url in re.findall(rf'href="({vendor}/[^"]*)"', text)]
    assert sorted(samples) == sorted(f"/vendors/{name}/{number}" for name, number, _ in SAMPLES)


def test_the_page_of_a_user_may_be_framed_by_our_own_pages_alone(client):
    url = re.search(r'<iframe src="([^"]*)"', own_page(client.get("/vendors/lionbridge/1")))
    assert url
    framed = client.get(html.unescape(url[1]))
    alone = client.get("/provoke/lionbridge/1?accept=text/html")
    assert "frame-ancestors 'self'" in framed.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in alone.headers["content-security-policy"]


def test_headers_ask_where_the_url_does_not(client):
    response = client.get("/provoke/lionbridge/1", headers={"Accept": "text/plain"})
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "path",
    [
        *("/vendors/lionbrige", "/vendors/lionbridge/0", "/vendors/lionbridge/9999", "/vendors/lionbridge/x"),
        *("/vendors/lionbridge/%C2%B2", "/vendors/..%2f..%2fetc/1", "/provoke/nobody/1", "/provoke/lionbridge/-1"),
        *("/vendors/%3Cscript%3E", "/nothing"),
    ],
)
def test_what_is_not_there_is_told(client, path):
    own_page(client.get(path), 404)


def test_a_body_of_ones_own_is_told_like_a_sample(client):
    own_page(client.get("/try"))
    name, _, sample = next(each for each in SAMPLES if each[0] == "phase" and each[2].body and each[2].status)
    headers = "\r\n".join(f"{header}: {value}" for header, value in sample.headers.items())
    pasted = {"body": sample.body, "vendor": name, "status": str(sample.status), "headers": headers}
    error = errnorm.parse(sample.body, status=sample.status, headers=sample.headers, vendor=name)
    text = html.unescape(own_page(client.post("/try", data=pasted)))
    assert json.dumps(error.to_dict(), indent=2, ensure_ascii=False) in text
    for media in MediaType:
        response = client.post("/provoke", params={"accept": media.value}, data=pasted)
        assert response.status_code == error.response_status
        assert response.headers["content-type"].partition(";")[0] == media.value


def test_the_url_names_the_vendor_where_the_form_does_not(client):
    pasted = {"url": "https://ondemand.lionbridge.com/api/locales", "method": "get", "status": "401"}
    assert '"vendor": "lionbridge"' in html.unescape(own_page(client.post("/try", data=pasted)))


@pytest.mark.parametrize("field", ["body", "headers", "url", "method", "vendor", "status"])
def test_nothing_that_is_pasted_becomes_markup(client, field):
    value = f"X-Request-Id: {HOSTILE}" if field == "headers" else HOSTILE
    response = client.post("/try", data={"body": "{}", field: value})
    text = own_page(response, 422 if field in ("vendor", "status") else 200)
    assert HOSTILE not in text
    assert "alert(1)" in text


@pytest.mark.parametrize(
    ("pasted", "says"),
    [
        ({"status": "4"}, "three digits"),
        ({"headers": "Retry-After 30"}, "a colon"),
        ({"vendor": "lionbrige"}, "did you mean 'lionbridge'"),
        ({"vendor": "./pyproject.toml"}, "no vendor"),
    ],
    ids=["status", "headers", "vendor", "path"],
)
def test_what_is_off_in_the_form_is_told_beside_it(client, pasted, says):
    text = html.unescape(own_page(client.post("/try", data={"body": "kept", **pasted}), 422))
    assert says in text
    assert "kept" in text
    own_page(client.post("/provoke", data=pasted), 422)


def test_a_form_is_read_within_bounds(client):
    own_page(client.post("/try", content=b"body=" + b"a" * 2 * playground.LONGEST_FORM), 413)
    own_page(client.post("/try", content=b"a=1&" * 100), 400)
    own_page(client.post("/try", content=b"\xff\x00=%ff"))
    own_page(client.post("/try", data={"body": "a" * 200_000}))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *((host, 200) for host in ("localhost", "LOCALHOST:1", "127.0.0.1:8099", "[::1]", "[::1]:8099")),
        *((host, 421) for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8099", "[::2]")),
        *(
            (host, 421)
            for host in ("", "localhost:x", "user@localhost", "localhost:80:80", "[::1", "127.0.0.1, evil.example")
        ),
    ],
)
def test_only_this_machines_own_names_are_answered_to(client, host, status):
    response = client.get("/", headers={"Host": host})
    assert response.status_code == status
    assert ("lionbridge" in response.text) is (status == 200)


def test_it_serves_where_it_says_and_stops_when_told():
    with playground.listen("127.0.0.1", 0) as listener:
        address = urlsplit(playground.address_of(listener))
        assert address.hostname == "127.0.0.1"
        assert address.port
        server = playground.server("127.0.0.1")
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert asked(address.port, "/provoke/lionbridge/1?accept=text/html", f"localhost:{address.port}")[1] > 399
            text, status = asked(address.port, "/", address.netloc)
            assert status == 200
            assert "lionbridge" in text
            assert asked(address.port, "/", "evil.example")[1] == 421
        finally:
            server.should_exit = True
            thread.join(10)
    assert not thread.is_alive()


def test_a_host_that_was_asked_for_is_answered_to():
    app = playground.server("192.0.2.1").config.app
    assert testclient.TestClient(app, base_url="http://192.0.2.1:8099").get("/").status_code == 200
    assert testclient.TestClient(app, base_url="http://192.0.2.2:8099").get("/").status_code == 421


def test_a_port_that_is_taken_is_told_in_one_line(capsys):
    from errnorm.cli import main

    with playground.listen("127.0.0.1", 0) as listener:
        port = str(listener.getsockname()[1])
        assert main(["play", "--port", port]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"errnorm: cannot listen on 127.0.0.1 port {port}: ")
    assert err.count("\n") == 1


def asked(port: int, path: str, host: str) -> tuple[str, int]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": host})
        response = connection.getresponse()
        return response.read().decode(), response.status
    finally:
        connection.close()
