"""The law of repeating holds for any advice and patience: never early, never late, never twice what must be once."""

import math
import random
from itertools import product

import pytest
from hypothesis import given, settings, strategies as st

from errnorm.backoff import BUDGET, TOKENS, Backoff, Budget, Settings, cost_of, note
from errnorm.families import Family, Verdict
from errnorm.model import CanonicalError, RetryAdvice

MAY = {(Verdict.SAFE, False), (Verdict.SAFE, True), (Verdict.IF_IDEMPOTENT, True)}  # verdict, the app's word

seconds = st.floats(0, 1e5, allow_nan=False)
errors = st.builds(
    lambda family, verdict, after: CanonicalError(vendor="acme", family=family, retry=RetryAdvice(verdict, after)),
    st.sampled_from(Family),
    st.sampled_from(Verdict),
    st.none() | st.floats(-10, 1e5) | st.sampled_from([0.0, 1.0, 30.0, 60.0, math.inf, math.nan]),
)
patience = st.builds(
    Backoff,
    attempts=st.integers(1, 12),
    timeout=seconds,
    max_wait=seconds,
    base=seconds,
    throttled_base=seconds,
    cap=seconds,
    idempotent=st.booleans(),
)
cases = (errors, patience, st.integers(1, 200), st.floats(-100, 1e5))


def holds(error, backoff, attempt, left):
    """The whole law for one failed attempt."""
    budget = Budget()
    wait = backoff.wait(error, attempt, left, budget)
    asked = error.retry.after_s or 0.0
    if wait is None:
        assert budget.left("acme") == TOKENS, "whoever gives up pays nothing"
        reasons = (
            attempt >= backoff.attempts,
            (error.retry.verdict, backoff.idempotent) not in MAY,
            left <= 0,
            not asked <= min(backoff.max_wait, left),
        )
        assert any(reasons), "it gave up for no reason"
        return
    base = backoff.throttled_base if error.family is Family.RATE_LIMIT else backoff.base
    span = min(backoff.cap, base * 2 ** min(attempt - 1, 30))
    assert (error.retry.verdict, backoff.idempotent) in MAY
    assert attempt < backoff.attempts
    assert max(asked, 0.0) <= wait <= min(backoff.max_wait, left)
    assert wait <= max(asked, 0.0) + span * (1 + 1e-9)
    assert budget.left("acme") == TOKENS - cost_of(error)


@settings(max_examples=300, deadline=None)
@given(*cases)
def test_the_law(error, backoff, attempt, left):
    holds(error, backoff, attempt, left)


@pytest.mark.once
@settings(max_examples=3_000, deadline=None)
@given(*cases)
def test_the_law_in_ten_thousand_examples(error, backoff, attempt, left):
    holds(error, backoff, attempt, left)


def test_the_law_in_a_hundred_thousand_plain_examples():
    """Numbers as vendors and apps name them, and those at the edges: quicker than those that hypothesis thinks of."""
    chance = random.Random("the law")
    times = [0.0, 0.5, 1.0, 5.0, 30.0, 60.0, 3_600.0, 86_400.0]

    def some():
        return chance.choice(times) if chance.random() < 0.5 else chance.expovariate(1 / 20)

    verdicts, families, asked = list(Verdict), list(Family), [None, -1.0, math.inf, math.nan]
    for _ in range(100_000):
        after = chance.choice(asked) if chance.random() < 0.3 else some()
        retry = RetryAdvice(chance.choice(verdicts[:3]), after)
        error = CanonicalError(vendor="acme", family=chance.choice(families), retry=retry)
        backoff = Backoff(
            attempts=chance.randint(1, 9),
            timeout=some(),
            max_wait=some(),
            base=some(),
            throttled_base=some(),
            cap=some(),
            idempotent=chance.random() < 0.5,
        )
        holds(error, backoff, chance.randint(1, 9), chance.choice([math.inf, some(), -some()]))


def course(backoff, failures, slowness):
    """A loop by the law on a clock of its own: when each attempt began. `slowness` is how long each took."""
    now, began, budget = 0.0, [0.0], Budget()
    for attempt, (error, took) in enumerate(zip(failures, slowness, strict=False), 1):
        now += took
        wait = backoff.wait(error, attempt, backoff.timeout - now, budget)
        if wait is None:
            break
        now += wait
        began.append(now)
    return began


courses = (
    patience,
    st.lists(errors, min_size=12, max_size=12),
    st.lists(st.floats(0, 100), min_size=12, max_size=12),
)


def bounded(backoff, failures, slowness):
    began = course(backoff, failures, slowness)
    assert len(began) <= backoff.attempts
    assert all(when <= backoff.timeout * (1 + 1e-9) for when in began), "no attempt begins after the total time"
    assert all((e.retry.verdict, backoff.idempotent) in MAY for e in failures[: len(began) - 1])


@settings(max_examples=300, deadline=None)
@given(*courses)
def test_a_call_ends_in_its_time(backoff, failures, slowness):
    bounded(backoff, failures, slowness)


@pytest.mark.once
@settings(max_examples=500, deadline=None)
@given(*courses)
def test_a_call_ends_in_its_time_in_two_thousand_examples(backoff, failures, slowness):
    bounded(backoff, failures, slowness)


moves = st.lists(st.tuples(st.sampled_from(["take", "give"]), st.integers(1, 600), st.sampled_from("ab")), max_size=60)


def keeps_account(moves):
    budget, expected = Budget(), {"a": TOKENS, "b": TOKENS}
    for move, tokens, vendor in moves:
        if move == "give":
            budget.give(vendor, tokens)
            expected[vendor] = min(TOKENS, expected[vendor] + tokens)
        elif budget.take(vendor, tokens):
            expected[vendor] -= tokens
        else:
            assert expected[vendor] < tokens
        assert {each: budget.left(each) for each in expected} == expected
        assert all(0 <= left <= TOKENS for left in expected.values())
    for vendor in expected:
        for _ in range(TOKENS):
            budget.give(vendor, 1)
        assert budget.left(vendor) == TOKENS, "success restores it"


@settings(max_examples=100, deadline=None)
@given(moves)
def test_a_budget_is_never_negative_and_recovers(moves):
    keeps_account(moves)


@pytest.mark.once
@settings(max_examples=1_000, deadline=None)
@given(moves)
def test_a_budget_is_never_negative_and_recovers_in_two_thousand_examples(moves):
    keeps_account(moves)


@pytest.fixture
def seeded():
    """Makes chance the same in each run, and leaves it as it was."""
    before = random.getstate()
    yield random.seed
    random.setstate(before)


def spread(waits, low, high):
    """How far the waits are from uniform: the statistic of Kolmogorov and Smirnov."""
    places = sorted((wait - low) / (high - low) for wait in waits)
    count = len(places)
    return max(max((at + 1) / count - place, place - at / count) for at, place in enumerate(places))


@pytest.mark.once
@pytest.mark.parametrize(("attempt", "family"), list(product((1, 3, 6, 9), (Family.RATE_LIMIT, Family.UNAVAILABLE))))
def test_jitter_spreads_evenly_over_all_there_is(attempt, family, seeded):
    """20,000 waits in all; numbers that are random miss the bound once in ten thousand runs."""
    seeded(f"{attempt} {family}")
    backoff = Backoff(attempts=99, max_wait=100.0)
    error = CanonicalError(family=family, retry=RetryAdvice(Verdict.SAFE, 7.0))
    waits = [backoff.wait(error, attempt, budget=Budget()) for _ in range(2_500)]
    base = backoff.throttled_base if family is Family.RATE_LIMIT else backoff.base
    span = min(backoff.cap, base * 2 ** (attempt - 1))
    assert spread(waits, 7.0, 7.0 + span) < 2.23 / math.sqrt(len(waits))


def test_a_statistic_that_sees_what_is_not_spread():
    assert spread([0.5] * 1_000, 0.0, 1.0) >= 0.5
    assert spread([random.random() ** 2 for _ in range(1_000)], 0.0, 1.0) > 0.2


def test_throttling_and_outages_have_bases_of_their_own():
    backoff = Backoff(base=0.0, throttled_base=4.0, cap=100.0, max_wait=100.0, attempts=99)
    for family in Family:
        error = CanonicalError(family=family, retry=RetryAdvice(Verdict.SAFE))
        waits = [backoff.pause(error, 3) for _ in range(50)]
        assert (max(waits) > 0.0) is (family is Family.RATE_LIMIT)


def test_what_cannot_be_meant_is_said():
    for field in Settings.__annotations__:
        with pytest.raises(ValueError, match=f"^{field}: must be a number of at least"):
            Backoff(**{field: "much"})
    with pytest.raises(ValueError, match=r"^attempts: must be a number of at least 1, not 0$"):
        Backoff(attempts=0)
    with pytest.raises(ValueError, match=r"^timeout: .* not nan$"):
        Backoff(timeout=math.nan)


def test_settings_are_the_fields():
    assert tuple(Settings.__annotations__) == Backoff.__struct_fields__


def test_a_vendor_that_is_down_gets_a_hundred_repeats_and_then_none():
    budget, error = Budget(), CanonicalError(vendor="acme", retry=RetryAdvice(Verdict.SAFE))
    waits = [Backoff().wait(error, 1, budget=budget) for _ in range(300)]
    assert sum(wait is not None for wait in waits) == 100
    assert Backoff().wait(error.replace(vendor="other"), 1, budget=budget) is not None
    assert Backoff(budget=False).wait(error, 1, budget=budget) is not None
    late = error.replace(family=Family.TIMEOUT, vendor="late")
    assert sum(Backoff().wait(late, 1, budget=budget) is not None for _ in range(300)) == 50


def test_success_is_noted_in_the_process_s_own():
    BUDGET.refill()
    assert BUDGET.take("acme", 10)
    note("acme", None, repeatable=True)
    note("acme", CanonicalError(vendor="acme"), repeatable=True)
    assert BUDGET.left("acme") == TOKENS - 9
    BUDGET.refill()
    assert BUDGET.left("acme") == TOKENS
