"""A pool of urllib3: its redirects and its own repeats are within one call, and what it streams is left to the app."""

import io

import pytest

import errnorm.urllib3
from errnorm.families import Family, Verdict
from errnorm.model import VendorError
from errnorm.throttle import Throttle
from errnorm.vendors import registry
from tests.loopback import Reply, Vendor
from tests.test_calling import PROFILE as HIDER
from tests.test_flow import DOWN, GOOD, JSON, NEW, OLD, Refresh, by_key, keyed

urllib3 = pytest.importorskip("urllib3")
__all__ = ["keyed"]  # its fixture serves here, too


def pool(**options):
    quick = urllib3.Retry(3, status_forcelist=[503], backoff_factor=0, respect_retry_after_header=False)
    made = urllib3.PoolManager(retries=quick, timeout=10, headers={"Authorization": OLD})
    return errnorm.urllib3.install(made, **{"vendor": "keyed", "throttle": None, **options})


def test_a_redirect_is_one_call():
    throttle = Throttle(limits={"keyed": [{"requests": 1, "seconds": 3600}]}, max_wait=0)
    with Vendor(Reply(302, {"Location": "/v1/other"}), GOOD) as vendor, pool(throttle=throttle) as one:
        assert one.request("GET", vendor.url).data == GOOD.body
        with pytest.raises(VendorError) as caught:
            one.request("GET", vendor.url)
    assert caught.value.error.reason == "THROTTLED"
    assert [request.path for request in vendor.requests] == ["/v1/things", "/v1/other"]


def test_its_own_repeats_are_one_call():
    with Vendor(DOWN, GOOD) as vendor, pool() as one:
        assert one.request("GET", vendor.url).status == 200
    assert len(vendor.requests) == 2


def test_where_they_come_to_an_end_that_is_told():
    with Vendor(DOWN) as vendor, pool() as one, pytest.raises(VendorError) as caught:
        one.request("GET", vendor.url)
    error = caught.value.error
    assert (error.family, error.reason) == (Family.UNAVAILABLE, "RETRIES_EXHAUSTED")
    assert (error.vendor, error.method, error.retry.verdict) == ("keyed", "GET", Verdict.SAFE)


def test_what_is_streamed_is_left_unread():
    flood = Reply(200, JSON, b"x" * 65_536, times=16_384)
    with Vendor(flood) as vendor, pool() as one:
        response = one.request("GET", vendor.url, preload_content=False)
        assert response.read(10) == b"x" * 10
        assert vendor.written < 16_000_000
        response.close()


def test_a_streamed_answer_that_was_looked_into_can_be_read_in_every_way(tmp_path):
    file = tmp_path / "hider.toml"
    file.write_text(HIDER.replace('hosts = ["127.0.0.1"]\n', ""), encoding="utf-8")
    registry.default.add(file)
    ways = {
        "read": lambda response: response.read(),
        "pieces": lambda response: b"".join(iter(lambda: response.read(3), b"")),
        "stream": lambda response: b"".join(response.stream(4)),
        "data": lambda response: response.data,
        "lines": b"".join,
    }
    with Vendor(GOOD) as vendor, pool(vendor="hider") as one:
        for way in ways.values():
            response = one.request("GET", vendor.url, preload_content=False)
            assert (response.status, response.headers["content-type"]) == (200, "application/json")
            assert way(response) == GOOD.body
            response.close()


@pytest.mark.parametrize(
    "body", [None, b"{}", "{}", io.BytesIO(b"{}"), iter([b"{}"])], ids=["none", "bytes", "text", "file", "iterator"]
)
def test_what_can_be_sent_again_is(body):
    with Vendor(by_key) as vendor, pool(refresh=Refresh()) as one:
        headers = {"Authorization": OLD, "Content-Length": "0" if body is None else "2"}
        try:
            status = one.request("POST", vendor.url, body=body, headers=headers).status
        except VendorError as failure:
            status = failure.error.vendor_status
    assert status == (401 if hasattr(body, "__next__") and not hasattr(body, "seek") else 200)
    if status == 200:
        assert [request.headers["authorization"] for request in vendor.requests] == [OLD, NEW]
        assert len({request.body for request in vendor.requests}) == 1


def test_the_app_s_own_headers_are_not_touched():
    own = {"Authorization": OLD}
    with Vendor(by_key) as vendor, pool(refresh=Refresh()) as one:
        assert one.request("GET", vendor.url, headers=own).status == 200
        assert one.request("GET", vendor.url).status == 200
        assert one.headers["Authorization"] == OLD
    assert own == {"Authorization": OLD}
