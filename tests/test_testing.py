"""In a test a vendor fails as it does in life, for every client as the app has it, and everything is undone afterwards.

What the samples say comes over real HTTP; requests to others go their way; what was asked can be looked at.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from http.client import HTTPConnection

import pytest

import errnorm
from errnorm.samples import built_in_files, samples_of
from errnorm.testing import FakeVendor, Trouble, UnknownSampleError, leading
from errnorm.testing.repertoire import Repertoire, replay
from errnorm.testing.samples import slug
from tests.loopback import Reply, Vendor

URL = "https://ondemand.lionbridge.com/api/quotes?dry=1"
HEADERS = {"Authorization": "Bearer zebrafinch-7261-zebrafinch"}


def httpx(url, timeout, module="httpx"):
    with pytest.importorskip(module).Client() as client:
        response = client.post(url, content=b"<order/>", headers=HEADERS, timeout=timeout)
        return response.status_code, response.content


def httpx2(url, timeout):
    return httpx(url, timeout, "httpx2")


def requests(url, timeout, module="requests"):
    with pytest.importorskip(module).Session() as session:
        session.trust_env = False
        response = session.post(url, data=b"<order/>", headers=HEADERS, timeout=timeout)
        return response.status_code, response.content


def niquests(url, timeout):
    return requests(url, timeout, "niquests")


def urllib3(url, timeout):
    with pytest.importorskip("urllib3").PoolManager() as pool:
        response = pool.request("POST", url, body=b"<order/>", headers=HEADERS, timeout=timeout, retries=False)
        return response.status, response.data


async def async_httpx(url, timeout, module="httpx"):  # noqa: ASYNC109 - the same for all
    async with pytest.importorskip(module).AsyncClient() as client:
        response = await client.post(url, content=b"<order/>", headers=HEADERS, timeout=timeout)
        return response.status_code, response.content


async def async_httpx2(url, timeout):  # noqa: ASYNC109 - the same for all
    return await async_httpx(url, timeout, "httpx2")


async def aiohttp(url, timeout):  # noqa: ASYNC109 - the same for all
    aiohttp = pytest.importorskip("aiohttp")
    limit = aiohttp.ClientTimeout(total=timeout)
    async with (
        aiohttp.ClientSession(timeout=limit) as session,
        session.post(url, data=b"<order/>", headers=HEADERS) as response,
    ):
        return response.status, await response.read()


async def async_niquests(url, timeout):  # noqa: ASYNC109 - the same for all
    niquests = pytest.importorskip("niquests")
    async with niquests.AsyncSession() as session:
        response = await session.post(url, data=b"<order/>", headers=HEADERS, timeout=timeout)
        return response.status_code, response.content


CLIENTS = (httpx, httpx2, requests, niquests, urllib3, async_httpx, async_httpx2, aiohttp, async_niquests)
every_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
VENDORS = {name: samples_of(file) for name, file in built_in_files().items()}
every_vendor = pytest.mark.parametrize("name", VENDORS)


def ask(client, url=URL, timeout=30):
    """What a client gets: status and body."""
    if asyncio.iscoroutinefunction(client):
        return asyncio.run(client(url, timeout))
    return client(url, timeout)


@pytest.fixture
def lionbridge():
    with FakeVendor("lionbridge") as vendor:
        yield vendor


# What every client gets.


@every_client
def test_a_request_to_the_vendors_host_gets_the_sample(lionbridge, client):
    lionbridge.fails("304")
    status, body = ask(client)
    assert errnorm.parse(body, status=status, vendor="lionbridge").reason == "LANGUAGE_PAIR_NOT_OFFERED"
    (asked,) = lionbridge.requests
    assert (asked.method, asked.path, asked.body) == ("POST", "/api/quotes?dry=1", b"<order/>")
    assert asked.headers["host"] == "ondemand.lionbridge.com"
    assert asked.headers["authorization"] == HEADERS["Authorization"]
    assert not [name for name in asked.headers if "errnorm" in name]


@every_client
@pytest.mark.parametrize(
    ("trouble", "reasons", "came"),
    [
        (Trouble.STALL, {"READ_TIMEOUT"}, 1),
        (Trouble.RESET, {"CONNECTION_RESET"}, 1),
        (Trouble.REFUSE, {"CONNECTION_REFUSED"}, 0),
        (Trouble.TRUNCATE, {"PROTOCOL_ERROR"}, 1),
    ],
)
def test_trouble_is_raised_as_the_client_raises_it(lionbridge, client, trouble, reasons, came):
    lionbridge.fails(trouble)
    with pytest.raises(Exception) as raised:  # noqa: PT011 - each client has its own
        ask(client)
    error = errnorm.normalize(raised.value)
    assert error is not None
    assert error.reason in reasons
    assert len(lionbridge.requests) == came


@every_client
def test_a_page_from_somebody_in_between(lionbridge, client):
    lionbridge.fails(Trouble.HTML)
    status, body = ask(client)
    assert status == 502
    assert errnorm.parse(body, status=status, vendor="lionbridge").from_vendor is False


@every_client
def test_a_failure_under_a_200(client):
    with FakeVendor("slack") as slack:
        slack.fails("invalid_auth")
        status, body = ask(client, "https://slack.com/api/chat.postMessage")
    assert (status, b'"ok":false' in body.replace(b" ", b"")) == (200, True)


@pytest.mark.parametrize("client", CLIENTS[:3] + CLIENTS[4:8], ids=lambda client: client.__name__)
def test_a_client_that_would_wait_for_ever_is_told(lionbridge, client):
    """But niquests never does: it has a timeout where its caller has none."""
    lionbridge.fails(Trouble.STALL)
    with pytest.raises(AssertionError, match="has no timeout"):
        ask(client, timeout=None)


@every_client
def test_twice_then_well(lionbridge, client):
    lionbridge.fails(500, times=2)
    lionbridge.answers(json={"id": 7})
    assert [ask(client)[0] for _ in range(4)] == [500, 500, 200, 200]
    assert ask(client)[1] == b'{"id": 7}'


@every_client
def test_a_request_to_anybody_else_goes_its_way(lionbridge, client):
    with Vendor(Reply(418, body=b"teapot")) as other:
        assert ask(client, other.url) == (418, b"teapot")
        assert len(other.requests) == 1
    assert lionbridge.requests == []


@every_client
def test_hosts_of_ones_own(client):
    with FakeVendor("gitlab", hosts=["git.example"]) as gitlab:
        gitlab.answers(204)
        assert ask(client, "http://git.example:8080/api/v4/projects") == (204, b"")
    assert gitlab.requests[0].path == "/api/v4/projects"


def test_two_vendors_at_once():
    pytest.importorskip("httpx")
    with FakeVendor("lionbridge") as lionbridge, FakeVendor("phrase-tms") as phrase:
        lionbridge.fails("304")
        phrase.answers(201)
        assert ask(httpx)[0] == 409
        assert ask(httpx, "https://cloud.memsource.com/web/api2/v1/projects")[0] == 201
    assert [len(each.requests) for each in (lionbridge, phrase)] == [1, 1]


def test_trio_is_no_other():
    trio = pytest.importorskip("trio")
    pytest.importorskip("httpx")
    with FakeVendor("lionbridge") as lionbridge:
        lionbridge.fails("304")
        assert trio.run(async_httpx, URL, 5)[0] == 409


# What an app has around its clients stays.


def test_doors_that_were_there_before_raise_what_they_raise():
    httpx = pytest.importorskip("httpx")
    import errnorm.httpx

    client = errnorm.httpx.install(httpx.Client())
    transported = httpx.Client(transport=errnorm.httpx.install(httpx.HTTPTransport()))
    for each in (client, transported):
        with each, FakeVendor("lionbridge") as lionbridge:
            lionbridge.fails("304")
            with pytest.raises(errnorm.VendorError) as raised:
                each.get(URL)
            assert (raised.value.error.vendor, raised.value.error.vendor_code) == ("lionbridge", "304")


def test_a_clients_own_retries_are_counted():
    """An adapter of requests repeats below the session: each repeat is a request, and gets what is due."""
    requests = pytest.importorskip("requests")
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    with FakeVendor("lionbridge") as lionbridge, requests.Session() as session:
        session.trust_env = False
        session.mount("https://", HTTPAdapter(max_retries=Retry(3, status_forcelist=[500], backoff_factor=0)))
        lionbridge.fails(500, times=1)
        lionbridge.fails(Trouble.RESET, times=1)
        lionbridge.answers(body="well")
        assert session.get(URL, timeout=30).text == "well"
    assert len(lionbridge.requests) == 3


def test_nobody_waits_for_a_turn_and_the_next_test_has_its_budget():
    httpx = pytest.importorskip("httpx")
    import errnorm.httpx
    from errnorm.backoff import BUDGET
    from errnorm.throttle import Throttle
    from errnorm.vendors.registry import get

    throttle = Throttle(limits={"lionbridge": [{"requests": 1, "seconds": 3600}]}, max_wait=0)
    with FakeVendor("lionbridge") as lionbridge, httpx.Client() as client:
        errnorm.httpx.install(client, throttle=throttle)
        assert throttle.turn(get("phrase-tms"), None, "") is not None
        lionbridge.throttles(after=3000, times=2)
        lionbridge.answers()
        for _ in range(2):
            with pytest.raises(errnorm.VendorError) as raised:
                client.get(URL)
            assert raised.value.error.retry.after_s == 3000
        assert client.get(URL).status_code == 200
        assert BUDGET.take("lionbridge", 5)
    assert BUDGET.left("lionbridge") == BUDGET.left("nobody")
    assert throttle.turn(get("lionbridge"), None, "") is not None


# What a test says.


def test_what_was_said_later_follows_and_what_is_said_for_ever_goes_when_something_else_is_said(lionbridge):
    pytest.importorskip("httpx")
    lionbridge.fails("304")
    assert ask(httpx)[0] == 409
    lionbridge.throttles(times=1)
    lionbridge.answers(202)
    assert [ask(httpx)[0] for _ in range(3)] == [429, 202, 202]


@pytest.mark.parametrize("client", [httpx, requests, aiohttp], ids=lambda client: client.__name__)
def test_a_request_that_the_test_says_nothing_of_fails_it_even_if_the_app_swallows_that(client):
    pytest.importorskip(client.__name__)
    lionbridge = FakeVendor("lionbridge").__enter__()
    lionbridge.fails("304", times=1)
    assert ask(client)[0] == 409
    with pytest.raises(AssertionError, match=r"lionbridge was asked POST /api/quotes.*fails\(…\)"):
        ask(client)
    with pytest.raises(AssertionError, match="does not say"):
        lionbridge.__exit__(None)


def test_what_a_test_gets_wrong_is_one_line_that_names_what_would_be_right(lionbridge):
    wrong = {
        "LANGUAGE_PAIR_NOT_OFERED": "did you mean 'LANGUAGE_PAIR_NOT_OFFERED'",
        "reason code 305 under Quote": "did you mean",
        "quota": "`errnorm play --vendor lionbridge` lists them",
        418: "no sample with the status 418",
        304: "no sample with the status 304; the code is '304', as text",
    }
    for what, line in wrong.items():
        with pytest.raises(UnknownSampleError, match=line) as raised:
            lionbridge.fails(what)
        assert "\n" not in str(raised.value)
    with pytest.raises(ValueError, match="times must be a number from 1"):
        lionbridge.fails("304", times=0)
    with pytest.raises(errnorm.UnknownVendorError, match="did you mean 'lionbridge'"):
        FakeVendor("lionbrige")
    with pytest.raises(ValueError, match="generic has no host of its own: say hosts="):
        FakeVendor("generic")
    with pytest.raises(RuntimeError, match=r"stands in for nobody yet: say `with FakeVendor\("):
        FakeVendor("lionbridge").fails("304")  # and the app would ask the real one


def test_what_an_instrumentation_has_put_around_a_client_is_called_as_it_wants():
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.urllib3")
    urllib3 = pytest.importorskip("urllib3")
    theirs = instrumentation.URLLib3Instrumentor()
    theirs.instrument()
    try:
        with FakeVendor("lionbridge") as vendor, urllib3.PoolManager() as pool:
            vendor.fails("304")
            assert pool.request("GET", "https://ondemand.lionbridge.com/api/quote").status == 409
    finally:
        theirs.uninstrument()


def slugs(name):
    return [slug(sample.title) for sample in VENDORS[name]]


@every_vendor
def test_titles_name_their_samples(name):
    assert len(set(slugs(name))) == len(slugs(name))
    assert all(slugs(name))


@every_vendor
def test_every_sample_is_found_by_what_is_read_from_it(name):
    repertoire = Repertoire(name)
    for sample in VENDORS[name]:
        assert repertoire.samples.find(sample.title) == sample
        error = sample.read(errnorm.parse, name)
        if not sample.tells_failure(name):
            continue
        for wanted in filter(None, (error.vendor_code, error.reason)):
            found = repertoire.samples.find(wanted).read(errnorm.parse, name)
            titled = wanted in (*slugs(name), *(each.title for each in VENDORS[name]))
            assert titled or wanted in (found.vendor_code, found.reason)
        if sample.status:
            assert repertoire.samples.find(sample.status).status == sample.status


@every_vendor
def test_a_wait_of_the_tests_choice_is_what_is_read(name):
    answer = Repertoire(name).throttled(7)
    error = errnorm.parse(answer.body, status=answer.status, headers=answer.headers, vendor=name)
    assert (error.family, error.retry.after_s) == ("rate_limit", 7), answer


@every_vendor
def test_every_sample_reads_the_same_over_http(name):
    with FakeVendor(name, hosts=[]) as vendor:
        for sample in VENDORS[name]:
            status, headers, body = over_http(vendor.url, f"/api/{slug(sample.title)}/x?y=1")
            told = errnorm.parse(body, status=status, headers=headers, vendor=name)
            given = replay(sample)
            assert told == errnorm.parse(given.body, status=given.status, headers=given.headers, vendor=name), sample


def over_http(url, path, **headers):
    connection = HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.request("POST", path, body=b"<order/>", headers=headers)
        response = connection.getresponse()
        return response.status, response.headers.items(), response.read()
    finally:
        connection.close()


def test_a_profile_of_ones_own(own_profile, tmp_path):
    own_profile('name = "own"\nhosts = ["api.own.example"]\n[codes]\nlost = "not_found"\n[read]\ncode = ["code"]\n')
    (tmp_path / "own.samples.toml").write_text(
        '[[sample]]\ntitle = "lost"\nstatus = 404\nbody = \'{"code":"lost"}\'\nexpect = { code = "lost" }\n'
    )
    with FakeVendor(tmp_path / "own.toml") as own:
        own.fails("lost")
        pytest.importorskip("httpx")
        assert ask(httpx, "https://api.own.example/x") == (404, b'{"code":"lost"}')


def test_a_body_that_is_sent_in_pieces_is_kept_too(lionbridge):
    httpx = pytest.importorskip("httpx")
    lionbridge.answers()
    httpx.post(URL, content=iter([b"<or", b"der/>"]), timeout=30)
    assert lionbridge.requests[0].body == b"<order/>"


# Everything is undone.


def met():
    """The methods in which requests are met, as they are now."""
    found = {}
    for module, owner, method, _ in leading._MEETINGS:
        try:
            found[module, method] = vars(getattr(importlib.import_module(module), owner))[method]
        except ImportError:
            continue
    return found


@pytest.mark.parametrize("raised", [None, KeyError, KeyboardInterrupt])
def test_nothing_is_left_behind(raised):
    before, threads = met(), threading.active_count()
    try:
        with FakeVendor("lionbridge") as lionbridge, FakeVendor("phase", hosts=["phase.example"]):
            assert met() != before
            lionbridge.fails("304")
            over_http(lionbridge.url, "/")
            if raised:
                raise raised
    except (KeyError, KeyboardInterrupt):
        pass
    assert met() == before
    assert threading.active_count() == threads
    with pytest.raises(ConnectionRefusedError):
        over_http(lionbridge.url, "/")


def test_in_any_order():
    before = met()
    one, other = FakeVendor("lionbridge"), FakeVendor("phase", hosts=["phase.example"])
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert met() != before
    other.__exit__(None, None, None)
    assert met() == before


def test_nothing_that_was_sent_stands_in_a_repr(lionbridge):
    pytest.importorskip("httpx")
    lionbridge.fails("304")
    ask(httpx)
    for each in (lionbridge, lionbridge.requests, lionbridge.given):
        assert "zebrafinch" not in repr(each)
        assert "order" not in repr(each)
        assert "Languages" not in repr(each)
