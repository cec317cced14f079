"""What a vendor's answers say of how much is left is understood, in its own headers and the IETF's, on any status."""

import pytest
from hypothesis import given, strategies as st

from errnorm.throttle import Limit, Window, windows
from errnorm.vendors import registry
from errnorm.vendors.profile import Profile, Spot

VENDORS = sorted(name for name in registry.built_in() if any(limit.remaining for limit in registry.get(name).limits))
DATE = {"Date": "Tue, 15 Nov 1994 08:12:31 GMT"}
BARE = Profile(name="acme")


def header_of(place):
    return (place.at if isinstance(place, Spot) else place).removeprefix("header:")


def said(place, number):
    return f'"default";r={number};t={number}' if isinstance(place, Spot) and place.after else str(number)


@pytest.mark.parametrize("status", [200, 429])
@pytest.mark.parametrize("name", VENDORS)
def test_every_vendors_headers_are_read_by_its_profile(name, status):
    profile = registry.get(name)
    for limit in profile.limits:
        if limit.remaining is None:
            continue
        assert header_of(limit.remaining) != limit.remaining, f"{name}: bodies of good answers are not read"
        headers = {header_of(limit.remaining).upper(): said(limit.remaining, 7)}
        assert [each.remaining for each in windows(profile, headers, status) if each.limit is limit] == [7]
        if limit.reset is not None and header_of(limit.reset) != header_of(limit.remaining):
            headers[header_of(limit.reset)] = said(limit.reset, 30)
            (window,) = [each for each in windows(profile, headers, status) if each.limit is limit]
            unit = limit.reset.unit if isinstance(limit.reset, Spot) else None
            assert window == Window(7, 0.03 if unit == "ms" else 30.0, limit)


@pytest.mark.parametrize("name", VENDORS)
def test_headers_that_are_missing_or_say_nothing_say_nothing(name):
    profile = registry.get(name)
    assert windows(profile, {}) == ()
    for limit in profile.limits:
        if limit.remaining is not None:
            for nothing in ("", "none", "1.5", "x" * 10_000, "1e400"):
                assert windows(profile, {header_of(limit.remaining): nothing}) == ()


GITHUB, CLOUDFLARE = registry.get("github"), registry.get("cloudflare")


def test_a_reset_may_be_a_time_of_day_by_the_vendors_own_clock():
    headers = {**DATE, "X-RateLimit-Remaining": "41", "X-RateLimit-Reset": "1784887987"}
    window = windows(GITHUB, headers)[0]
    assert window.remaining == 41
    assert window.limit is GITHUB.limits[0]
    headers = {"Date": "Fri, 24 Jul 2026 10:12:37 GMT", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1784888000"}
    assert windows(GITHUB, headers)[0].reset_s == pytest.approx(1784888000 - 1784887957)


STANDARD = {
    "one": ({"RateLimit": '"default";r=50;t=30'}, [Window(50, 30.0)]),
    "several": ({"RateLimit": '"burst";r=5;t=1, "daily";r=1000;t=36000'}, [Window(5, 1.0), Window(1000, 36000.0)]),
    "spaces": ({"ratelimit": ' "a b" ; r=5 ; t=1 '}, [Window(5, 1.0)]),
    "a token": ({"RateLimit": "default;r=0;t=7;pk=:QUJD:"}, [Window(0, 7.0)]),
    "no time": ({"RateLimit": '"default";r=50'}, [Window(50, None)]),
    "the seventh draft": ({"RateLimit": "limit=100, remaining=50, reset=30"}, [Window(50, 30.0)]),
    "before": ({"RateLimit-Limit": "100", "RateLimit-Remaining": "9", "RateLimit-Reset": "12"}, [Window(9, 12.0)]),
    "only the policy": ({"RateLimit-Policy": '"default";q=100;w=10'}, []),
    "nothing": ({"RateLimit": '"default";q=100'}, []),
    "rubbish": ({"RateLimit": '";;;r=,,="r=1'}, []),
}


@pytest.mark.parametrize(("headers", "told"), STANDARD.values(), ids=STANDARD)
def test_the_standards_fields_are_read_of_whoever_sends_them(headers, told):
    assert list(windows(BARE, headers)) == told
    assert list(windows(registry.get("lionbridge"), headers)) == told


def test_the_profile_goes_before_the_standard():
    limit = Limit(requests=5, remaining="header:X-Left")
    profile = Profile(name="acme", limits=(limit,))
    headers = {"X-Left": "2", "RateLimit": '"default";r=50;t=30'}
    assert windows(profile, headers) == (Window(2, None, limit),)
    assert windows(profile, {"RateLimit": '"default";r=50;t=30'}) == (Window(50, 30.0),)


fields = st.sampled_from(["RateLimit", "RateLimit-Remaining", "RateLimit-Reset", "X-RateLimit-Remaining", "Date"])


@given(st.dictionaries(fields, st.text('"az;rt=-019.,: é', max_size=60)))
def test_whatever_a_vendor_sends_it_is_a_count_and_a_time_or_nothing(headers):
    for profile in (BARE, GITHUB, CLOUDFLARE):
        for window in windows(profile, headers, 200):
            assert 0 <= window.remaining < 10**15
            assert window.reset_s is None or 0 <= window.reset_s < float("inf")
