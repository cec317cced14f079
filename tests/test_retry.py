"""Whichever loop repeats a call, it goes by one law: as often, as late and as long as that allows, nothing twice."""

import asyncio
from types import SimpleNamespace
from uuid import uuid4

import pytest

pytest.importorskip("httpx")
pytest.importorskip("requests")
pytest.importorskip("stamina")
pytest.importorskip("tenacity")
pytest.importorskip("trio")
pytest.importorskip("urllib3")

import httpx
import requests
import stamina
import tenacity
import trio
import urllib3

import errnorm.httpx
import errnorm.requests
from errnorm import attempts, retry
from errnorm.backoff import BUDGET, TOKENS, Backoff
from errnorm.families import Family, Verdict
from errnorm.model import CanonicalError, RetryAdvice, VendorError
from errnorm.vendors import registry
from tests.loopback import Reply, Trouble, Vendor, closed_port

DOWN, WELL = Reply(503), Reply(200, {}, b"{}")
ASKS = Reply(503, {"Retry-After": "7"})


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A clock that only sleeping moves on, and what was slept."""
    clock = SimpleNamespace(now=1_000.0, slept=[])

    def sleep(seconds):
        clock.slept.append(seconds)
        clock.now += seconds

    fake = SimpleNamespace(sleep=sleep, monotonic=lambda: clock.now)
    for module in ("tenacity", "tenacity.nap", "errnorm.attempts", "errnorm.retry.deciding", "errnorm.retry.urllib3"):
        monkeypatch.setattr(f"{module}.time", fake)
    BUDGET.refill()
    yield clock
    BUDGET.refill()


@pytest.fixture
def client():
    with httpx.Client(timeout=2) as client:
        yield errnorm.httpx.install(client, vendor="stripe", throttle=None)


def failure(verdict=Verdict.SAFE, after=None, family=Family.UNAVAILABLE, **facts):
    return VendorError(CanonicalError(vendor="acme", family=family, retry=RetryAdvice(verdict, after), **facts))


class Failing:
    """A function that fails as it is told, then is well; how often it was called."""

    def __init__(self, *failures):
        self.failures, self.calls = list(failures), 0
        self.__name__ = self.__qualname__ = "failing"

    def __call__(self):
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return self.calls


def looped(function, loop, **settings):
    """What comes of the function in one of the loops, with the same settings of ours."""
    name, _, scoped = loop.partition(" in a ")
    if name == "retrying":
        return retry.retrying(**settings)(function)()
    if name == "one's own":
        return own_loop(function, **settings)
    repeated = {
        "stamina": stamina.retry(on=retry.backoff_hook(**settings), timeout=None, attempts=None),
        "tenacity": tenacity.retry(retry=retry.tenacity_retry(**settings), wait=retry.tenacity_wait, reraise=True),
    }[name](function)
    return retry.call()(repeated)() if scoped else repeated()


def own_loop(function, **settings):
    from tenacity.nap import time as clock

    with retry.call():
        while True:
            try:
                return function()
            except Exception as raised:
                if (seconds := retry.delay(raised, **settings)) is None:
                    raise
                clock.sleep(seconds)


LOOPS = ("retrying", "stamina", "stamina in a call", "tenacity", "tenacity in a call", "one's own")
COUNTING = [loop for loop in LOOPS if loop != "stamina"]  # a hook of stamina's alone knows no number and no time


@pytest.mark.parametrize("loop", LOOPS)
def test_the_vendor_s_wait_is_kept_with_jitter_on_top(loop, clock):
    function = Failing(failure(after=7.0), failure(after=3.0))
    assert looped(function, loop) == 3
    first, second = clock.slept
    assert 7.0 <= first <= 7.5
    assert 3.0 <= second <= (4.0 if loop != "stamina" else 3.5)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "raised",
    [
        failure(Verdict.NEVER),
        failure(Verdict.IF_IDEMPOTENT),
        failure(Verdict.AFTER_REFRESH),
        failure(after=35.1),
        failure(after=float("nan")),
        ValueError("a bug"),
        ExceptionGroup("", [failure(), failure(Verdict.IF_IDEMPOTENT)]),
        ExceptionGroup("", [failure(), KeyError("a bug")]),
    ],
    ids=["never", "if idempotent", "after refresh", "too long", "no number", "a bug", "in part", "a bug in part"],
)
def test_what_must_not_or_need_not_be_repeated_rises_as_it_is(loop, raised, clock):
    function = Failing(raised)
    with pytest.raises(type(raised)) as caught:
        looped(function, loop)
    assert caught.value is raised
    assert (function.calls, clock.slept) == (1, [])


@pytest.mark.parametrize("loop", LOOPS)
def test_the_app_s_word_that_it_may_be_repeated_counts(loop):
    assert looped(Failing(failure(Verdict.IF_IDEMPOTENT)), loop, idempotent=True) == 2


@pytest.mark.parametrize("loop", LOOPS)
def test_a_group_waits_for_the_slowest(loop, clock):
    assert looped(Failing(ExceptionGroup("", [failure(after=2.0), failure(after=9.0), failure()])), loop) == 2
    assert 9.0 <= clock.slept[0] <= 9.5


@pytest.mark.parametrize("loop", COUNTING)
def test_attempts_and_time_have_an_end(loop, clock):
    function = Failing(*(failure() for _ in range(99)))
    with pytest.raises(VendorError):
        looped(function, loop)
    assert function.calls == Backoff().attempts
    assert all(0.0 <= slept <= 0.5 * 2**number for number, slept in enumerate(clock.slept))

    began, function = clock.now, Failing(*(failure(after=4.0) for _ in range(99)))
    with pytest.raises(VendorError):
        looped(function, loop, attempts=99, timeout=30.0)
    assert 22.0 <= clock.now - began <= 30.0


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_s_own_exceptions_are_normalised_first(loop):
    calls = []

    def refused():
        calls.append(1)
        return httpx.post(f"http://127.0.0.1:{closed_port()}/")

    with pytest.raises(httpx.ConnectError):
        looped(refused, loop, **({"attempts": 3} if loop in COUNTING else {"timeout": 0.0}))
    assert len(calls) == (3 if loop in COUNTING else 1)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_storm_ends_with_the_budget(loop):
    function = Failing(*(failure() for _ in range(999)))
    with pytest.raises(VendorError):
        looped(function, loop, attempts=999, timeout=1e9, cap=0.0)
    assert function.calls == 101
    assert BUDGET.left("acme") == 0


def test_success_gives_the_budget_back(client):
    with Vendor(DOWN, DOWN, WELL) as vendor:
        assert retry.retrying(base=0.0)(client.get)(vendor.url).status_code == 200
        assert BUDGET.left("stripe") == TOKENS - 5
        for _ in range(9):
            client.get(vendor.url)
    assert BUDGET.left("stripe") == TOKENS


@pytest.mark.parametrize("loop", COUNTING)
def test_all_attempts_send_the_vendor_s_key_and_another_call_another(loop, client):
    sent = []
    for _ in range(2):
        with Vendor(DOWN, Reply(200, {}, b"", Trouble.RESET), WELL) as vendor:
            if "call" in loop or loop in ("retrying", "one's own"):
                assert looped(lambda: client.post(vendor.url).status_code, loop) == 200
                sent.append({request.headers["idempotency-key"] for request in vendor.requests})
                assert len(vendor.requests) == 3
            else:  # without a call there is no key, and so no second time
                with pytest.raises(VendorError):
                    looped(lambda: client.post(vendor.url), loop)
                assert ["idempotency-key" in request.headers for request in vendor.requests] == [False]
    assert [len(keys) for keys in sent] in ([1, 1], [])
    assert len(set().union(*sent)) == len(sent)


@pytest.mark.parametrize("trouble", [Trouble.RESET, Trouble.DISCONNECT, Trouble.GARBAGE])
@pytest.mark.parametrize("loop", LOOPS)
def test_a_post_without_a_key_that_may_have_been_sent_is_sent_once(loop, trouble):
    with httpx.Client() as client, Vendor(Reply(trouble=trouble)) as vendor:
        errnorm.httpx.install(client, vendor="lionbridge", throttle=None)
        with pytest.raises(VendorError):
            looped(lambda: client.post(vendor.url), loop)
        assert len(vendor.requests) == 1


@pytest.mark.parametrize("loop", [loop for loop in COUNTING if loop != "tenacity"])
def test_a_post_that_went_through_is_not_sent_again_for_the_sake_of_a_get_that_did_not(loop):
    with httpx.Client() as client, Vendor(WELL, DOWN, WELL) as vendor:
        errnorm.httpx.install(client, vendor="lionbridge", throttle=None)

        def create():
            client.post(vendor.url)
            return client.get(vendor.url)

        with pytest.raises(VendorError):
            looped(create, loop)
        assert [request.method for request in vendor.requests] == ["POST", "GET"]


def test_where_the_key_covers_it_both_are_sent_again(client):
    with Vendor(WELL, DOWN, WELL) as vendor:

        @retry.retrying
        def create():
            client.post(vendor.url)
            return client.get(vendor.url).status_code

        assert create() == 200
        posts = [request for request in vendor.requests if request.method == "POST"]
        assert (len(posts), len({post.headers["idempotency-key"] for post in posts})) == (2, 1)


@pytest.mark.parametrize("loop", ["stamina in a call", "tenacity in a call", "one's own"])
def test_a_loop_whose_reach_is_unknown_mixes_up_no_keys(loop, client):
    """What a second request of an attempt would be sent again with may be the key of the first."""
    with Vendor(WELL, DOWN, WELL) as vendor:

        def twice():
            client.post(vendor.url)
            return client.post(vendor.url)

        with pytest.raises(VendorError):
            looped(twice, loop)
        assert len({request.headers["idempotency-key"] for request in vendor.requests}) == 2


def test_a_loop_within_ours_leaves_it_to_ours_where_there_are_keys(client):
    with Vendor(WELL, DOWN, WELL) as vendor:

        @retry.retrying
        def outer():
            client.post(vendor.url)
            return inner()

        @stamina.retry(on=retry.backoff_hook)
        def inner():
            return client.post(vendor.url).status_code

        assert outer() == 200
        first, second, third, fourth = (request.headers["idempotency-key"] for request in vendor.requests)
        assert (first, second) == (third, fourth)
        assert first != second


def test_no_loop_further_out_repeats_with_another_key(client):
    with Vendor(Reply(trouble=Trouble.RESET)) as vendor:
        function = retry.retrying(attempts=2)(lambda: client.post(vendor.url))
        with pytest.raises(VendorError) as caught:
            stamina.retry(on=retry.backoff_hook())(function)()
        assert len({request.headers["idempotency-key"] for request in vendor.requests}) == 1
        assert len(vendor.requests) == 2
    assert caught.value.error.retry.verdict is Verdict.IF_IDEMPOTENT


def test_the_advice_of_another_route_reaches_the_next_attempt():
    with httpx.Client() as client, Vendor(Reply(502)) as first, Vendor(WELL) as fallback:
        errnorm.httpx.install(client, vendor="risumail", throttle=None)

        @retry.retrying(idempotent=True)
        def send():
            return client.post(fallback.url if retry.rerouted() else first.url).status_code

        assert send() == 200
        assert (len(first.requests), len(fallback.requests)) == (1, 1)
        assert not retry.rerouted()


@pytest.mark.parametrize("run", [lambda main: asyncio.run(main()), trio.run], ids=["asyncio", "trio"])
def test_coroutine_functions_are_repeated_likewise(run):
    calls = []

    @retry.retrying(base=0.0)
    async def function(word):
        calls.append(attempts.current().number)
        if len(calls) < 3:
            raise failure()
        return word

    async def main():
        return await function("well")

    assert (run(main), calls, attempts.current()) == ("well", [1, 2, 3], None)


def test_calls_side_by_side_have_attempts_of_their_own():
    async def one(number):
        seen = []

        @retry.retrying(base=0.0, budget=False)
        async def function():
            seen.append((attempts.current().number, attempts.current().key_for("acme", "POST", "/")))
            await asyncio.sleep(0)
            if len(seen) <= number % 4:
                raise failure()

        await function()
        return seen

    async def main():
        return await asyncio.gather(*(one(number) for number in range(200)))

    found = asyncio.run(main())
    assert [[number for number, _ in seen] for seen in found] == [list(range(1, n % 4 + 2)) for n in range(200)]
    assert [len({key for _, key in seen}) for seen in found] == [1] * 200
    assert len({key for seen in found for _, key in seen}) == 200


def test_a_generator_is_refused():
    with pytest.raises(TypeError, match=r"^retrying: a function or a coroutine function is wanted, not a generator$"):

        @retry.retrying
        def items():
            yield 1


def test_stamina_s_switches_hold_for_ours():
    function = Failing(*(failure() for _ in range(9)))
    with stamina.set_testing(True, attempts=2), pytest.raises(VendorError):
        retry.retrying(function)()
    assert function.calls == 2


def test_no_argument_and_no_word_of_the_vendor_s_is_logged():
    told = []
    stamina.instrumentation.set_on_retry_hooks([told.append])
    try:
        function = Failing(failure(vendor_message="your key sk_live_4242 was refused"))
        retry.retrying(lambda key: function())("sk_live_4242")
    finally:
        stamina.instrumentation.set_on_retry_hooks(None)
    (details,) = told
    assert "4242" not in f"{details} {details.caused_by!r}"


def test_a_hook_never_raises(monkeypatch, caplog):
    monkeypatch.setattr("errnorm.model.RetryAdvice.wait", None)
    assert retry.backoff_hook(failure()) is False
    assert retry.countdown(failure(), 0) is None
    assert "deciding on another attempt failed" in caplog.text


def test_stamina_s_hook_outside_of_a_call_leaves_growth_to_stamina():
    assert retry.backoff_hook(failure()) is True
    assert 7.0 <= retry.backoff_hook(failure(after=7.0)) <= 7.5
    assert retry.backoff_hook(max_wait=6.0)(failure(after=7.0)) is False
    assert retry.backoff_hook(failure(after=0.0)) is not True


def test_tenacity_s_wait_beside_another_retry(clock):
    function = Failing(failure(after=3.0), ValueError("a bug"), failure(Verdict.NEVER, after=1e9))
    assert tenacity.retry(wait=retry.tenacity_wait)(function)() == 4
    first, second, third = clock.slept
    assert (3.0 <= first <= 3.5, second, third) == (True, 0.0, 35.0)


def test_a_result_is_not_repeated():
    assert tenacity.retry(retry=retry.tenacity_retry)(lambda: "well")() == "well"


class TestUrllib3:
    """Through PoolManagers, and adapters of requests."""

    @pytest.fixture(params=["urllib3", "requests"])
    def ask(self, request):
        """Gives the status that is left when the retries are done with."""

        def ask(method, url, vendor="lionbridge", **settings):
            law = retry.urllib3_retry(vendor, **settings)
            if request.param == "urllib3":
                with urllib3.PoolManager(retries=law) as pool:
                    return pool.request(method, url, timeout=2).status
            with requests.Session() as session:
                session.mount("http://", requests.adapters.HTTPAdapter(max_retries=law))
                return session.request(method, url, timeout=2).status_code

        return ask

    def test_it_waits_as_the_vendor_asks(self, ask, clock):
        with Vendor(ASKS, DOWN, WELL) as vendor:
            assert ask("GET", vendor.url) == 200
        first, second = clock.slept
        assert 7.0 <= first <= 7.5
        assert 0.0 <= second <= 1.0

    @pytest.mark.parametrize(("status", "calls"), [(404, 1), (401, 1), (503, 4), (502, 4), (429, 4)])
    def test_status_decides_and_the_last_answer_comes_back(self, ask, status, calls):
        with Vendor(Reply(status)) as vendor:
            assert ask("GET", vendor.url, vendor=None) == status
            assert len(vendor.requests) == calls

    def test_a_longer_wait_than_bounded_is_not_waited_for(self, ask, clock):
        with Vendor(Reply(503, {"Retry-After": "3600"})) as vendor:
            assert ask("GET", vendor.url) == 503
        assert clock.slept == []

    def test_total_time_is_bounded(self, ask, clock):
        with Vendor(ASKS) as vendor:
            assert ask("GET", vendor.url, timeout=20.0, attempts=99) == 503
        assert sum(clock.slept) <= 20.0

    def test_method_decides_whether_it_may_be_sent_again(self, ask):
        for reply in (DOWN, Reply(trouble=Trouble.RESET)):
            with Vendor(reply, WELL) as vendor:
                try:
                    assert ask("POST", vendor.url) == 503
                except (urllib3.exceptions.HTTPError, requests.RequestException):
                    assert reply.trouble
                assert len(vendor.requests) == 1
            with Vendor(reply, WELL) as vendor:
                assert ask("POST", vendor.url, idempotent=True) == 200
            with Vendor(reply, WELL) as vendor:
                assert ask("GET", vendor.url) == 200

    def test_what_was_never_sent_may_be_sent_again(self, ask, clock):
        with pytest.raises((urllib3.exceptions.MaxRetryError, requests.ConnectionError)):
            ask("POST", f"http://127.0.0.1:{closed_port()}/")
        assert len(clock.slept) == 3

    def test_redirects_are_followed_as_ever(self, ask, clock):
        with Vendor(WELL) as vendor, Vendor(Reply(302, {"Location": vendor.url, "Retry-After": "50"})) as first:
            assert ask("GET", first.url) == 200
        assert clock.slept == []

    def test_an_unknown_vendor_is_said(self):
        with pytest.raises(LookupError):
            retry.urllib3_retry("nobody")


@pytest.mark.parametrize("name", sorted(registry.default.names()))
def test_keys_go_only_where_the_profile_knows_the_header_and_the_operation(name):
    profile = registry.get(name)
    if profile.idempotency is None:
        assert not profile.idempotent
    assert set(profile.idempotent) <= profile.operations.keys()
    assert profile.key_header("no-such-operation") == (None if profile.idempotent else profile.idempotency)
    assert all(profile.key_header(operation) == profile.idempotency for operation in profile.idempotent)


CHANGES = {
    "within": (lambda: {"Idempotency-Key": uuid4().hex}, 1),
    "outside": (lambda: {"Idempotency-Key": "the order's"}, 3),
    "by us": (dict, 3),
}


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("failing", [Trouble.RESET, None], ids=["reset", "down"])
def test_a_key_of_the_app_s_own_is_good_only_while_it_stays_the_same(how, failing, client):
    headers, times = CHANGES[how]
    with Vendor(Reply(503, trouble=failing)) as vendor:
        charge = retry.retrying(attempts=3)(lambda: client.post(vendor.url, headers=headers()))
        with pytest.raises(VendorError) as caught:
            charge()
        assert len(vendor.requests) == times
        assert len({request.headers["idempotency-key"] for request in vendor.requests}) == 1
    if how == "within":
        assert caught.value.error.retry.verdict is Verdict.IF_IDEMPOTENT
        assert "make the key outside" in str(caught.value.__cause__)


def test_nor_is_another_sent_for_the_sake_of_a_get_that_failed(client):
    with Vendor(WELL, DOWN) as vendor:

        @retry.retrying
        def create():
            client.post(vendor.url, headers={"Idempotency-Key": uuid4().hex})
            return client.get(vendor.url)

        with pytest.raises(VendorError):
            create()
        assert [request.method for request in vendor.requests] == ["POST", "GET"]


def test_where_nothing_was_sent_or_the_app_says_so_another_key_does_no_harm(client):
    url = f"http://127.0.0.1:{closed_port()}/"
    tried = []

    def charge(url):
        tried.append(url)
        return client.post(url, headers={"Idempotency-Key": uuid4().hex}).status_code

    with pytest.raises(VendorError):
        retry.retrying(attempts=3)(charge)(url)
    assert len(tried) == 3
    with Vendor(DOWN, WELL) as vendor:
        assert retry.retrying(idempotent=True)(charge)(vendor.url) == 200


def test_several_keys_of_the_app_s_own_may_come_in_another_order(client):
    with Vendor(WELL, WELL, DOWN, WELL) as vendor:
        orders = iter((["a", "b", "c"], ["b", "a", "c", "d"]))

        @retry.retrying
        def create():
            for key in next(orders):
                client.post(vendor.url, headers={"Idempotency-Key": key})

        create()
        assert [request.headers["idempotency-key"] for request in vendor.requests] == list("abcbacd")


def test_a_door_within_another_does_not_take_our_key_for_the_app_s():
    session = errnorm.requests.install(requests.Session(), vendor="stripe", throttle=None)
    session.mount("http://", errnorm.requests.install(requests.adapters.HTTPAdapter(), vendor="stripe", throttle=None))
    session.trust_env = False
    with Vendor(DOWN, DOWN, WELL) as vendor, session:
        assert retry.retrying(lambda: session.post(vendor.url).status_code)() == 200
        assert len({request.headers["idempotency-key"] for request in vendor.requests}) == 1
