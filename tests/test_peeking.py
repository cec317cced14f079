"""A look into a body takes little, whatever is sent; and what was looked into can be read as if nobody had."""

import gzip
import io
import tracemalloc
import zlib

import pytest
from hypothesis import given, strategies as st

import errnorm.requests
import errnorm.urllib3
from errnorm.calling.peeking import Peek
from errnorm.model import VendorError
from errnorm.vendors import registry
from tests.callers import every_door
from tests.loopback import Reply, Vendor

CAP = 65_536
JSON = {"Content-Type": "application/json"}
TEXT = b'{"ok": true}\n' + b'{"line": 2}\n' * 3
PROFILE = """
name = "peeked"
speaks = ["json"]
failed = [{ where = { "/ok" = ["false"] } }]
[read]
code = ["error"]
"""


@pytest.fixture(scope="module", autouse=True)
def peeked(tmp_path_factory):
    """A vendor whose failures may hide in answers that look well."""
    file = tmp_path_factory.mktemp("profiles") / "peeked.toml"
    file.write_text(PROFILE, encoding="utf-8")
    registry.default.add(file)


def deflated(data, bits=zlib.MAX_WBITS):
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    return packer.compress(data) + packer.flush()


def zeros(size, bits):
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


# ---- how much a look takes -------------------------------------------------------------------------------------------

GZIP = zlib.MAX_WBITS | 16
NOTHING = b"\0\0\0\xff\xff" * 20_000  # blocks of deflate that hold nothing
ENDLESS = {"Content-Length": str(10**12)}
HOSTILE = {
    "a bomb": Reply(500, {"Content-Encoding": "gzip"}, zeros(100 << 20, GZIP)),
    "a bomb of deflate": Reply(500, {"Content-Encoding": "deflate"}, zeros(100 << 20, -zlib.MAX_WBITS)),
    "a bomb in a bomb": Reply(500, {"Content-Encoding": "gzip, gzip"}, deflated(zeros(600 << 20, GZIP), GZIP)),
    "nothing without end": Reply(500, {"Content-Encoding": "deflate", **ENDLESS}, NOTHING, times=3_000),
    "members of nothing": Reply(500, {"Content-Encoding": "gzip", **ENDLESS}, gzip.compress(b"") * 5_000, times=3_000),
}


@every_door
@pytest.mark.parametrize("name", HOSTILE)
def test_a_look_takes_little_whatever_is_sent(door, name):
    with Vendor(Reply(500)) as vendor, pytest.raises(VendorError):
        door(vendor.url, vendor="peeked", throttle=None)  # so that everything is imported
    tracemalloc.start()
    try:
        with Vendor(HOSTILE[name]) as vendor:
            with pytest.raises(VendorError) as caught:
                door(vendor.url, vendor="peeked", throttle=None)
            _, most = tracemalloc.get_traced_memory()
            assert caught.value.error.vendor_status == 500
            assert vendor.written < 100_000_000  # of 300; aiohttp decodes by itself, and can be asked now and then only
    finally:
        tracemalloc.stop()
    assert most < 40 * CAP  # ours, and what each client has in hand by itself


def brotli_of(data):
    module = pytest.importorskip("brotli")
    return module.compress(data)


def zstd_of(data):
    return pytest.importorskip("backports.zstd").compress(data)


PACKED = {
    "": lambda data: data,
    "identity": lambda data: data,
    "x-mystery": lambda data: data,
    "gzip": gzip.compress,
    "X-GZIP": gzip.compress,
    "identity, gzip": gzip.compress,
    "deflate": deflated,
    "Deflate": lambda data: deflated(data, -zlib.MAX_WBITS),
    "gzip ": lambda data: b"".join(gzip.compress(data[at : at + 300]) for at in range(0, len(data) or 1, 300)),
    " gzip": lambda data: gzip.compress(data) + b"\0" * 7,
    "br": brotli_of,
    "zstd": zstd_of,
}


@pytest.mark.parametrize("codings", PACKED)
@given(
    data=st.binary(max_size=2_000) | st.integers(0, 20_000).map(bytes),
    limit=st.integers(1, 3_000),
    piece=st.integers(1, 700),
)
def test_a_look_sees_the_beginning_and_keeps_every_byte(codings, data, limit, piece):
    raw, peek = PACKED[codings](data), Peek(limit, codings)
    chunks = iter([raw[at : at + piece] for at in range(0, len(raw), piece)])
    peek.begin(chunks)
    assert bytes(peek.kept) + b"".join(chunks) == raw
    assert len(peek.kept) <= limit + piece
    content, whole = peek.body
    assert data.startswith(content)
    assert len(content) <= limit
    assert whole == (max(len(data), len(raw)) <= limit)
    assert content == data[:limit] or len(raw) > limit


@pytest.mark.parametrize("codings", ["gzip, gzip", "br, gzip", "gzip", "deflate", "br", "zstd"])
def test_what_cannot_be_decoded_is_not_told_of(codings):
    peek = Peek(CAP, codings)
    assert not peek.enough(b"\xff no such thing")
    assert peek.body == (b"", False)


@every_door
@pytest.mark.parametrize("codings", ["gzip", "deflate", "Deflate"])
def test_a_packed_failure_is_told_whole(door, codings):
    body = PACKED[codings](b'{"error": "no_room"}')
    packed = Reply(404, {**JSON, "Content-Encoding": codings.lower()}, body)
    with Vendor(packed) as vendor, pytest.raises(VendorError) as caught:
        door(vendor.url, vendor="peeked", throttle=None)
    assert caught.value.error.vendor_code == "no_room"


@every_door
@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")  # httpx leaves some behind, of which trio tells
def test_an_answer_whose_coding_is_a_lie_is_the_client_s_matter(door):
    lie = Reply(200, {**JSON, "Content-Encoding": "gzip"}, b"\xff no such thing")
    with Vendor(lie) as vendor, pytest.raises(Exception, match=r"(?i)decod|incorrect header") as caught:
        door(vendor.url, vendor="peeked", throttle=None, stream=True)
    assert not isinstance(caught.value, zlib.error)


# ---- what was looked into --------------------------------------------------------------------------------------------

WAYS = {
    "readline": lambda raw: raw.readline(),
    "lines": list,
    "read": lambda raw: raw.read(),
    "read a part": lambda raw: raw.read(5) + raw.read(7),
    "read decoded": lambda raw: raw.read(decode_content=True),
    "pieces": lambda raw: list(raw.stream(4, decode_content=True)),
    "as it came": lambda raw: b"".join(raw.stream(4, decode_content=False)),
    "readinto": lambda raw: (raw.readinto(buffer := bytearray(5)), buffer),
    "text": lambda raw: io.TextIOWrapper(raw, "latin-1").read(),
    "said": lambda raw: (raw.status, raw.reason, raw.version, raw.decode_content, sorted(raw.headers.items())),
    "told": lambda raw: (raw.read(), raw.tell(), raw.geturl()),
}
SENT = {
    "plain": Reply(200, JSON, TEXT),
    "gzip": Reply(200, {**JSON, "Content-Encoding": "gzip"}, gzip.compress(TEXT, mtime=0)),
    "chunked": Reply(200, {**JSON, "Transfer-Encoding": "chunked"}, b"%x\r\n%s\r\n0\r\n\r\n" % (len(TEXT), TEXT)),
}


def raw_of_requests(name, adapter=False):
    def opened(url, ours):
        module = pytest.importorskip(name)
        session = module.Session()
        session.trust_env = False
        if ours and adapter:
            session.mount("http://", errnorm.requests.install(module.adapters.HTTPAdapter(), vendor="peeked"))
        elif ours:
            errnorm.requests.install(session, vendor="peeked")
        return session, session.get(url, stream=True).raw

    return opened


def raw_of_urllib3(url, ours):
    pool = pytest.importorskip("urllib3").PoolManager()
    if ours:
        errnorm.urllib3.install(pool, vendor="peeked")
    return pool, pool.request("GET", url, preload_content=False)


RAW = {
    "requests": raw_of_requests("requests"),
    "requests adapter": raw_of_requests("requests", adapter=True),
    "niquests": raw_of_requests("niquests"),
    "urllib3": raw_of_urllib3,
}
every_raw = pytest.mark.parametrize("opened", RAW.values(), ids=RAW)


def outcome(opened, url, ours, way):
    client, raw = opened(url, ours)
    try:
        return way(raw)
    except Exception as raised:  # noqa: BLE001 - what a client cannot do it cannot do through us
        return type(raised)
    finally:
        raw.close()
        getattr(client, "clear", None) or client.close()


@every_raw
@pytest.mark.parametrize("sent", SENT)
@pytest.mark.parametrize("way", WAYS)
def test_it_can_be_read_in_every_way_as_without_us(opened, sent, way):
    with Vendor(SENT[sent]) as vendor:
        plain, ours = (outcome(opened, vendor.url, ours, WAYS[way]) for ours in (False, True))
    if way == "pieces":  # whose borders are the client's matter
        plain, ours = b"".join(plain), b"".join(ours)
    assert ours == plain


@pytest.mark.parametrize("adapter", [False, True], ids=["session", "adapter"])
def test_its_cookies_are_kept(adapter):
    with Vendor(Reply(200, {**JSON, "Set-Cookie": "seen=1"}, TEXT)) as vendor:
        session, raw = raw_of_requests("requests", adapter)(vendor.url, ours=True)
        assert session.cookies.get_dict() == {"seen": "1"}
        raw.close()


@pytest.mark.parametrize(
    "body", [TEXT, b'{"ok": false, "error": "no_room"}', b'{"a": "%s"}' % (b"x" * 100_000)], ids=len
)
def test_a_file_of_another_adapter_begins_again(body):
    requests = pytest.importorskip("requests")

    class Files(requests.adapters.BaseAdapter):
        def send(self, request, **_options):
            response = requests.Response()
            response.status_code, response.raw, response.request = 200, io.BytesIO(body), request
            response.url, response.headers["Content-Encoding"] = request.url, "gzip"  # which requests undoes of none
            return response

        def close(self):
            pass

    session = errnorm.requests.install(requests.Session(), vendor="peeked")
    session.mount("file://", Files())
    if b"no_room" in body:
        with pytest.raises(VendorError) as caught:
            session.get("file://there", stream=True)
        assert caught.value.error.vendor_code == "no_room"
    else:
        assert session.get("file://there", stream=True).content == body


# ---- connections -----------------------------------------------------------------------------------------------------

LONG = b'{"ok": true, "a": "%s"}' % (b"x" * 200_000)
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(LONG), LONG)
LEFT = {
    "a failure": Reply(500, {}, LONG),
    "a failure in chunks": Reply(500, {"Transfer-Encoding": "chunked"}, CHUNKED),
    "an answer": Reply(200, {**JSON, "Transfer-Encoding": "chunked"}, CHUNKED),
    "a short answer": Reply(200, JSON, TEXT),
}


def statuses(get):
    """What comes of three calls, one after another, whose connection has to come back each time."""
    for _ in range(3):
        try:
            yield get()
        except VendorError as failure:
            yield failure.error.vendor_status


@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("preload", [False, True])
def test_a_pool_of_urllib3_loses_no_place(left, preload):
    urllib3 = pytest.importorskip("urllib3")
    pool = errnorm.urllib3.install(urllib3.PoolManager(maxsize=1, block=True, retries=False), vendor="peeked")

    def get():
        response = pool.request("GET", vendor.url, preload_content=preload, pool_timeout=1)
        response.close()
        return response.status

    with Vendor(LEFT[left]) as vendor:
        assert list(statuses(get)) == [LEFT[left].status] * 3
    pool.clear()


@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("name", ["requests", "niquests"])
def test_a_pool_of_requests_loses_no_place(left, name):
    module = pytest.importorskip(name)
    urllib3 = pytest.importorskip("urllib3")

    class Impatient(urllib3.connectionpool.HTTPConnectionPool):
        def urlopen(self, *args, **options):
            return super().urlopen(*args, **options | {"pool_timeout": 1})

    def get():
        with session.get(vendor.url, stream=True) as response:
            return response.status_code

    adapter = module.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=1, pool_block=True)
    adapter.poolmanager.pool_classes_by_scheme = {"http": Impatient}
    with errnorm.requests.install(module.Session(), vendor="peeked") as session, Vendor(LEFT[left]) as vendor:
        session.trust_env = False
        session.mount("http://", adapter)
        assert list(statuses(get)) == [LEFT[left].status] * 3
