"""What the attempts of a call share is theirs alone: the same keys in each, other keys in any other call."""

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from errnorm import attempts, retry
from errnorm.families import Verdict
from errnorm.model import CanonicalError, RetryAdvice, VendorError

URL = "https://api.example.com/v1/orders"


def keys(call, count=3, url=URL):
    return [call.key_for("acme", "POST", url) for _ in range(count)]


def test_the_same_request_of_every_attempt_gets_the_same_key():
    with attempts.begin() as call:
        first, other = keys(call), call.key_for("acme", "POST", f"{URL}/7")
        call.again()
        assert call.key_for("acme", "post", f"{URL}/7?page=2#end") == other
        assert keys(call) == first
        assert call.number == 2
    assert len({*first, other}) == 4
    assert all(uuid.UUID(key).version == 4 and str(uuid.UUID(key)) == key for key in first)


def test_keys_differ_by_all_that_tells_requests_apart_and_by_call():
    found = []
    for _ in range(2):
        with attempts.begin() as call:
            found += [call.key_for(*target) for target in (("a", "POST", URL), ("b", "POST", URL), ("a", "PATCH", URL))]
    assert len(set(found)) == 6


def test_a_seed_makes_the_same_keys_anywhere_else_none_does():
    def of(seed):
        with attempts.begin(seed, 2) as call:
            assert call.number == 2
            return keys(call)

    assert of("task-1") == of("task-1")
    assert not set(of("task-1")) & set(of("task-2"))
    assert not set(of(None)) & set(of(None))


def test_a_call_within_a_call_is_its_part():
    def inner():
        with attempts.begin() as call:
            return keys(call)

    with attempts.begin() as outer:
        outer.deadline = 5.0
        first = [inner(), inner()]
        assert attempts.current() is outer
        outer.again()
        assert [inner(), inner()] == first
        with attempts.begin() as call:
            assert (call.number, call.deadline) == (1, 5.0)
            call.commit()
        assert outer.committed
    assert len({key for some in first for key in some}) == 6
    assert attempts.current() is None


def test_nobody_sees_what_keys_follow_from():
    with attempts.begin("a-secret-seed") as call:
        assert "secret" not in f"{call!r} {call.keys!r} {vars(call)}"


def failure(method="POST", verdict=Verdict.SAFE, sent=True, vendor="acme"):
    return VendorError(CanonicalError(vendor=vendor, method=method, sent=sent, retry=RetryAdvice(verdict, 3.0)))


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (failure(), Verdict.IF_IDEMPOTENT),
        (failure(sent=None), Verdict.IF_IDEMPOTENT),
        (failure(sent=False), Verdict.SAFE),
        (failure("GET"), Verdict.SAFE),
        (failure(vendor="other"), Verdict.SAFE),
        (failure(verdict=Verdict.NEVER), Verdict.NEVER),
    ],
)
def test_what_a_key_made_safe_is_safe_no_longer_when_the_call_is_over(raised, becomes):
    def fails(seed=None):
        with attempts.begin(seed) as call:
            keys(call)
            with attempts.begin():
                raise ExceptionGroup("", [raised])

    was = raised.error
    with pytest.raises(ExceptionGroup):
        fails("task-1")
    assert raised.error is was, "the next run of the task sends the same keys"
    with pytest.raises(ExceptionGroup):
        fails()
    assert raised.error.retry == RetryAdvice(becomes, 3.0)


def work(rounds=20):
    """A call with attempts, seen from within; its keys."""
    with attempts.begin() as call:
        first = keys(call)
        for number in range(1, rounds):
            assert (attempts.current(), call.number) == (call, number)
            call.again()
            assert keys(call) == first
        return first


def test_calls_do_not_mix_across_threads():
    with ThreadPoolExecutor(32) as pool:
        found = [key for some in pool.map(lambda _: work(), range(320)) for key in some]
    assert len(set(found)) == len(found) == 960


def test_calls_do_not_mix_across_tasks():
    async def works():
        with attempts.begin() as call:
            first = keys(call)
            for number in range(1, 5):
                await asyncio.sleep(0)
                assert (attempts.current(), call.number) == (call, number)
                call.again()
                assert keys(call) == first
            return first

    async def all_of_them():
        return await asyncio.gather(*(works() for _ in range(1_000)))

    found = [key for some in asyncio.run(all_of_them()) for key in some]
    assert len(set(found)) == len(found) == 3_000


def test_an_attempt_may_ask_from_several_threads():
    with attempts.begin() as call, ThreadPoolExecutor(32) as pool:
        asked = [pool.submit(copy_context().run, keys, call, 20) for _ in range(50)]
        found = {key for each in asked for key in each.result()}
        assert len(found) == 1_000
        call.again()
        assert set(keys(call, 1_000)) == found


def test_what_an_attempt_left_behind_keeps_its_own_keys():
    """A task of an attempt that failed may send yet: never with the key of another request."""
    with attempts.begin() as call:
        (first,) = keys(call, 1)
        left = copy_context()
        call.again()
        assert keys(call, 1) == [first]
        (second,) = left.run(keys, call, 1)
        assert second != first
        assert keys(call, 1) == [second], "it is the same request that both are about to send"


@pytest.mark.parametrize("key", ["", 7])
def test_what_can_be_no_call_s_own_key_is_refused(key):
    with pytest.raises(ValueError, match=f"^key: a text .* not {key!r}$"):
        retry.call(key=key)
