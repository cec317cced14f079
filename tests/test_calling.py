"""Through our doors a bad answer or a broken call is a VendorError, and a good answer is as if nobody had looked."""

import asyncio
import gzip
import pickle
import sys
import threading
from contextvars import ContextVar
from types import ModuleType

import pytest

import errnorm.aiohttp
import errnorm.httpx
import errnorm.requests
import errnorm.urllib3
from errnorm import correlation
from errnorm.answering import Normalizer, default
from errnorm.calling.driving import drive
from errnorm.calling.flow import Caller
from errnorm.calling.steps import Answer, Body, Close, Load, Read, Request, Send, key_fingerprint_of
from errnorm.families import Family
from errnorm.model import CanonicalError, UnknownVendorError, VendorError
from errnorm.redaction import fingerprint
from errnorm.throttle import Throttle
from tests.callers import DOORS, every_door
from tests.loopback import Reply, Trouble, Vendor, closed_port

JSON = {"Content-Type": "application/json"}
BAD = Reply(429, {**JSON, "Retry-After": "7"}, b'{"error": {"code": "slow_down", "message": "Too fast."}}')
GOOD = Reply(200, JSON, b'{"ok": true, "things": [1, 2, 3]}')
PROFILE = """
name = "hider"
hosts = ["127.0.0.1"]
speaks = ["json"]
failed = [{ where = { "/ok" = ["false"] } }]
[read]
code = ["error"]
[codes]
no_room = "conflict"
"""


@pytest.fixture
def hider(tmp_path_factory):
    """The name of a vendor whose failures hide under a 200."""
    from errnorm.vendors import registry

    file = tmp_path_factory.mktemp("profiles") / "hider.toml"
    file.write_text(PROFILE.replace('hosts = ["127.0.0.1"]\n', ""), encoding="utf-8")
    registry.default.add(file)
    return "hider"


both_ways = pytest.mark.parametrize("stream", [False, True], ids=["read", "streamed"])


@every_door
@both_ways
def test_a_bad_answer_is_raised(door, stream):
    with Vendor(BAD) as vendor, pytest.raises(VendorError) as caught:
        door(vendor.url, stream=stream)
    error = caught.value.error
    assert (error.family, error.vendor_status, error.method) == (Family.RATE_LIMIT, 429, "GET")
    assert (error.vendor_code, error.retry.after_s) == ("slow_down", 7)
    assert caught.value.__cause__ is None


@every_door
@both_ways
def test_a_good_answer_is_left_as_it_is(door, stream):
    with Vendor(GOOD) as vendor:
        assert door(vendor.url, stream=stream) == (200, GOOD.body)


@every_door
def test_a_redirect_is_the_client_s_matter(door):
    with Vendor(Reply(302, {"Location": "/v1/other"}), GOOD) as vendor:
        status, _ = door(vendor.url)
    assert status in (200, 302)


@every_door
def test_a_broken_call_is_raised_from_the_client_s_own_exception(door):
    with pytest.raises(VendorError) as caught:
        door(f"http://127.0.0.1:{closed_port()}/")
    error = caught.value.error
    assert (error.family, error.reason, error.sent) == (Family.CONNECTION, "CONNECTION_REFUSED", False)
    assert (error.method, error.vendor_status, error.from_vendor) == ("GET", None, None)
    assert error.retry.verdict == "safe"
    assert caught.value.__cause__ is not None


@every_door
@both_ways
def test_a_bad_status_is_believed_though_its_body_breaks_off(door, stream):
    with Vendor(BAD._replace(trouble=Trouble.TRUNCATE)) as vendor, pytest.raises(VendorError) as caught:
        door(vendor.url, stream=stream)
    assert (caught.value.error.family, caught.value.error.vendor_status) == (Family.RATE_LIMIT, 429)


@pytest.mark.parametrize("name", [name for name in DOORS if "transport" not in name and name != "aiohttp"])
def test_a_good_answer_that_breaks_off_is_a_broken_call(name):
    door = DOORS[name]
    with Vendor(GOOD._replace(trouble=Trouble.TRUNCATE)) as vendor, pytest.raises(VendorError) as caught:
        door(vendor.url)
    assert (caught.value.error.reason, caught.value.error.method) == ("PROTOCOL_ERROR", "GET")


@every_door
def test_no_more_of_a_bad_body_is_read_than_the_cap(door):
    seen = []
    normalizer = Normalizer(cap=2048, recognise=seen.append)
    with Vendor(Reply(500, {"Content-Type": "text/plain"}, b"x" * 3_000_000)) as vendor, pytest.raises(VendorError):
        door(vendor.url, normalizer=normalizer)
    assert [len(source.body) for source in seen] == [2048]


@every_door
def test_a_bomb_swells_to_no_more_than_the_cap(door):
    seen = []
    normalizer = Normalizer(recognise=seen.append)
    bomb = Reply(500, {**JSON, "Content-Encoding": "gzip"}, gzip.compress(b"x" * 20_000_000))
    with Vendor(bomb) as vendor, pytest.raises(VendorError):
        door(vendor.url, normalizer=normalizer)
    assert [len(source.body) for source in seen] == [normalizer.cap]


# ---- failures that hide under a 200 ----------------------------------------------------------------------------------

HIDDEN = Reply(200, JSON, b'{"ok": false, "error": "no_room"}')


@every_door
@both_ways
def test_a_failure_under_a_200_is_raised(door, stream, hider):
    with Vendor(HIDDEN) as vendor, pytest.raises(VendorError) as caught:
        door(vendor.url, stream=stream, vendor=hider)
    assert (caught.value.error.vendor, caught.value.error.vendor_code) == ("hider", "no_room")
    assert caught.value.error.family is Family.CONFLICT


@every_door
@both_ways
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("length", [100, 65_000, 300_000])
def test_a_success_that_was_looked_into_is_whole(door, stream, packed, length, hider):
    body = b'{"ok": true, "a": "%s"}' % (b"abcdefghij" * (length // 10))
    reply = Reply(200, {**JSON, "Content-Encoding": "gzip"}, gzip.compress(body)) if packed else Reply(200, JSON, body)
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (reply.body[:50], reply.body[50:]) if part)
    for whole in (reply, Reply(200, {**reply.headers, "Transfer-Encoding": "chunked"}, chunked + b"0\r\n\r\n")):
        with Vendor(whole) as vendor:
            assert door(vendor.url, stream=stream, vendor=hider) == (200, body)


# ---- correlation -----------------------------------------------------------------------------------------------------


@every_door
def test_the_vendor_is_told_the_correlation_id(door):
    token = correlation.bind("c-1")
    try:
        with Vendor(GOOD) as vendor:
            door(vendor.url)
            door(vendor.url, headers={"x-request-id": "of the app"})
            door(vendor.url, normalizer=Normalizer(correlation_header="X-Trace"))
    finally:
        correlation.unbind(token)
    first, second, third = (request.headers for request in vendor.requests)
    assert first["x-request-id"] == "c-1"
    assert second["x-request-id"] == "of the app"
    assert third["x-trace"] == "c-1"
    assert correlation.current() is None


@pytest.mark.parametrize("inbound", ["c-1", "0af7651916cd43dd", "a" * 128, "Root=1-67:x/y+z_."])
def test_a_safe_inbound_id_is_gone_by(inbound):
    assert correlation.accept(inbound) == inbound


@pytest.mark.parametrize("inbound", [None, "", " ", "a b", "a\r\nX: y", "a" * 129, "<b>", "é", "a\n"])
def test_any_other_is_replaced(inbound):
    fresh = correlation.accept(inbound)
    assert fresh != inbound
    assert len(fresh) == 36
    assert fresh != correlation.accept(inbound)


@pytest.mark.parametrize(
    ("module", "name"), [("asgi_correlation_id.context", "correlation_id"), ("django_guid.context", "guid")]
)
def test_another_middleware_s_id_is_gone_by(module, name, monkeypatch):
    variable = ContextVar[str | None]("theirs", default=None)
    theirs = ModuleType(module)
    setattr(theirs, name, variable)
    monkeypatch.setitem(sys.modules, module, theirs)
    assert correlation.current() is None
    token = variable.set("theirs-1")
    assert (correlation.current(), correlation.accept("inbound")) == ("theirs-1", "theirs-1")
    variable.reset(token)


def test_the_id_is_the_context_s_own():
    seen = []
    token = correlation.bind("c-1")
    thread = threading.Thread(target=lambda: seen.append(correlation.current()))
    thread.start()
    thread.join()
    correlation.unbind(token)
    assert seen == [None]


# ---- the flow by itself, without a client ----------------------------------------------------------------------------


def steps(answers, *, normalizer=None, vendor=None, streams=False):
    """What a flow asks for, and what comes of it; `answers` are values, or exceptions that a step raises."""
    asked = []

    def perform(step):
        asked.append(type(step))
        answer = answers.get(type(step))
        if isinstance(answer, BaseException):
            raise answer
        return answer

    request = Request("GET", "https://api.acme.example/v1", frozenset(), streams)
    try:
        drive(Caller(normalizer or Normalizer(), vendor).call(request), perform)
    except Exception as raised:  # noqa: BLE001 - whatever it is, the test looks at it
        return asked, raised
    return asked, None


@pytest.mark.parametrize(
    ("status", "streams", "expected"),
    [(200, False, [Send, Load]), (200, True, [Send]), (304, True, [Send]), (404, False, [Send, Read, Close])],
)
def test_what_is_asked_of_a_client(status, streams, expected):
    asked, _ = steps({Send: _answer(status), Read: Body(b"", True)}, streams=streams)
    assert asked == expected


def _answer(status, **headers):
    return Answer(status, headers)


@pytest.mark.parametrize("kind", ["text/event-stream", "application/x-ndjson", "image/png", "application/zip"])
def test_what_has_no_end_or_is_no_text_is_not_looked_into(kind, hider):
    asked, raised = steps({Send: _answer(200, **{"content-type": kind})}, vendor=hider, streams=True)
    assert (asked, raised) == ([Send], None)


def test_what_is_too_long_for_an_error_is_not_looked_into(hider):
    asked, _ = steps({Send: _answer(200, **{"content-length": "70000"})}, vendor=hider, streams=True)
    assert asked == [Send]


def test_a_bug_rises_as_it_is():
    bug = KeyError("ours")
    asked, raised = steps({Send: bug})
    assert raised is bug
    assert asked == [Send, Close]


def test_the_error_of_a_door_within_is_not_wrapped():
    inner = VendorError(CanonicalError())
    _, raised = steps({Send: inner})
    assert raised is inner


def test_nothing_of_the_answer_stays_in_our_frames():
    _, raised = steps(
        {Send: _answer(401, **{"set-cookie": "s3cret"}), Read: Body(b'{"things": {"token": "s3cret"}}', True)}
    )
    assert raised is not None
    trace = raised.__traceback__
    while trace is not None:
        if "errnorm" in trace.tb_frame.f_code.co_filename and "tests" not in trace.tb_frame.f_code.co_filename:
            assert "s3cret" not in repr(trace.tb_frame.f_locals)
        trace = trace.tb_next


def test_an_unknown_vendor_is_an_error_at_once():
    for install, target in ((errnorm.httpx.install, "httpx"), (errnorm.requests.install, "requests")):
        module = pytest.importorskip(target)
        with module.Client() if target == "httpx" else module.Session() as client, pytest.raises(UnknownVendorError):
            install(client, vendor="lionbrigde")


@pytest.mark.parametrize(
    "door", [errnorm.httpx, errnorm.requests, errnorm.urllib3], ids=["httpx", "requests", "urllib3"]
)
def test_what_is_no_client_is_refused(door):
    with pytest.raises(TypeError, match="not object"):
        door.install(object())


# ---- what only a client as a whole can do ----------------------------------------------------------------------------

CHALLENGE = Reply(401, {"WWW-Authenticate": 'Digest realm="acme", nonce="n", qop="auth", algorithm=MD5'})


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_httpx_answers_a_challenge_first(name):
    module = pytest.importorskip(name)
    client = errnorm.httpx.install(module.Client(trust_env=False, auth=module.DigestAuth("u", "p")))
    with Vendor(CHALLENGE, GOOD) as vendor, client:
        assert client.get(vendor.url).json()["ok"]
    client = errnorm.httpx.install(module.Client(trust_env=False, auth=module.DigestAuth("u", "p")))
    with Vendor(CHALLENGE) as vendor, client, pytest.raises(VendorError) as caught:
        client.get(vendor.url)
    assert caught.value.error.family is Family.AUTHENTICATION


def test_requests_answers_a_challenge_first():
    requests = pytest.importorskip("requests")
    with Vendor(CHALLENGE, GOOD) as vendor, errnorm.requests.install(requests.Session()) as session:
        session.trust_env = False
        assert session.get(vendor.url, auth=requests.auth.HTTPDigestAuth("u", "p")).json()["ok"]


def test_a_mock_is_a_transport_too():
    httpx = pytest.importorskip("httpx")
    mock = errnorm.httpx.install(httpx.MockTransport(lambda request: httpx.Response(503, json={"error": "no"})))
    with httpx.Client(transport=mock) as client, pytest.raises(VendorError):
        client.get("https://api.acme.example/")

    async def main():
        async with httpx.AsyncClient(transport=mock) as client:
            await client.get("https://api.acme.example/")

    with pytest.raises(VendorError):
        asyncio.run(main())


def test_a_cancelled_call_is_no_failure_of_the_vendor():
    httpx = pytest.importorskip("httpx")

    async def main(url):
        async with errnorm.httpx.install(httpx.AsyncClient(trust_env=False)) as client:
            task = asyncio.create_task(client.get(url))
            await asyncio.sleep(0.1)
            task.cancel()
            await task

    with Vendor(Reply(trouble=Trouble.STALL)) as vendor, pytest.raises(asyncio.CancelledError):
        asyncio.run(main(vendor.url))


@every_door
def test_the_key_of_a_call_is_known_by_its_fingerprint_alone(door, caplog):
    key = "made-up-key-1234567890"
    with Vendor(Reply(401, JSON, b"{}")) as vendor, pytest.raises(VendorError) as caught:
        door(vendor.url, vendor="phase", headers={"Authorization": f"Bearer {key}"})
    failure = caught.value
    assert failure.key_fingerprint == fingerprint(key) == pickle.loads(pickle.dumps(failure)).key_fingerprint
    with caplog.at_level("INFO", "errnorm"):
        default().answer(failure)
    (record,) = (record for record in caplog.records if record.name == "errnorm")
    assert record.errnorm_key_fingerprint == fingerprint(key)
    assert key not in str(vars(record)) + repr(failure)


def _bearer(module):
    class Own(module.Auth):
        def auth_flow(self, request):
            request.headers["Authorization"] = "Bearer abc"
            yield request

    return Own()


BASIC = "dTpw"  # u:p
AUTHS = {
    "client's": (lambda module: {"auth": ("u", "p")}, {}, BASIC, True),
    "request's": (lambda module: {"auth": ("x", "y")}, {"auth": ("u", "p")}, BASIC, True),
    "nobody's": (lambda module: {"auth": ("u", "p")}, {"auth": None}, None, True),
    "digest": (lambda module: {"auth": module.DigestAuth("u", "p")}, {}, None, True),
    "own": (lambda module: {"auth": _bearer(module)}, {}, "abc", False),
}


@pytest.mark.parametrize("kind", ["Client", "AsyncClient"])
@pytest.mark.parametrize("name", ["httpx", "httpx2"])
@pytest.mark.parametrize("auth", AUTHS)
def test_a_key_that_httpx_adds_is_known_too_and_whose_turn_it_is_by_it(auth, name, kind):
    module = pytest.importorskip(name)
    of_client, of_request, key, in_time = AUTHS[auth]
    accounts = []

    class Seen(Throttle):
        def turn(self, profile, operation, account):
            accounts.append(account)
            return super().turn(profile, operation, account)

    client = getattr(module, kind)(trust_env=False, **of_client(module))
    errnorm.httpx.install(client, vendor="phase", throttle=Seen())

    async def main():
        async with client:
            await client.get(vendor.url, **of_request)

    def ask():
        if kind == "AsyncClient":
            asyncio.run(main())
        with client:
            client.get(vendor.url, **of_request)

    with Vendor(Reply(401, JSON, b"{}")) as vendor, pytest.raises(VendorError) as caught:
        ask()
    expected = key and fingerprint(key)
    assert caught.value.key_fingerprint == expected
    assert accounts == [expected if expected and in_time else ""]


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"Authorization": "Basic abc="}, "abc="),
        ({"X-Api-Key": "k1"}, "k1"),
        ({"Authorization": "AWS4-HMAC-SHA256 Credential=x, Signature=y"}, None),
        ({"Authorization": " "}, None),
        ({}, None),
    ],
    ids=str,
)
def test_a_signature_is_no_key(headers, key):
    folded = {name.lower(): value for name, value in headers.items()}
    assert key_fingerprint_of(folded) == (fingerprint(key) if key else None)


WRONG = {
    "the class": ("httpx", "httpx.Client", {}, "a client is wanted, not the class"),
    "a class of requests": ("requests", "requests.Session", {}, "a client is wanted, not the class"),
    "another's client": ("httpx", "requests.Session()", {}, "wanted, not Session"),
    "another's adapter": (
        "httpx",
        "requests.adapters.HTTPAdapter()",
        {},
        "wanted, not HTTPAdapter",
    ),
    "httpx's": ("requests", "httpx.Client()", {}, "of requests is wanted, not Client"),
    "requests'": ("urllib3", "requests.Session()", {}, "of urllib3 is wanted, not Session"),
    "no throttle": ("httpx", "httpx.Client()", {"throttle": 5}, "throttle: .* not int"),
    "no normalizer": ("requests", "requests.Session()", {"normalizer": {}}, "normalizer: .* not dict"),
}


@pytest.mark.parametrize(("door", "target", "options", "words"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_meant_is_told_at_once(door, target, options, words):
    """One line, where it was said, and not from within the first call."""
    modules = {name: pytest.importorskip(name) for name in ("httpx", "requests")}
    with pytest.raises(TypeError, match=words) as caught:
        getattr(errnorm, door).install(eval(target, modules), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{"throttle": 5}, {"normalizer": {}}], ids=str)
def test_so_it_is_of_aiohttp(options):
    with pytest.raises(TypeError, match=next(iter(options))):
        errnorm.aiohttp.middleware(**options)
