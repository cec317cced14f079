"""The storm of the benchmarks counts truthfully: the vendor saw what was sent, and every way keeps to its own law."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from errnorm.backoff import TOKENS

SCRIPT = Path(__file__).resolve().parent.parent / "benchmarks" / "storm.py"
SECONDS, CALLERS = 1.5, 8
SVG = "{http://www.w3.org/2000/svg}"

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def storm(tmp_path_factory):
    picture = tmp_path_factory.mktemp("storm") / "storm.svg"
    words = ["--seconds", str(SECONDS), "--callers", str(CALLERS), "--json", "--picture", str(picture)]
    ran = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True, timeout=120, check=True)
    told = json.loads(ran.stdout)
    return {each["way"]: each for each in told["storms"]}, told["plan"], ET.parse(picture).getroot()


@pytest.fixture(scope="module")
def ways(storm):
    return storm[0]


def test_the_vendor_saw_what_was_sent(ways):
    for each in ways.values():
        assert each["came"] <= each["sent"] <= each["came"] + each["unfinished"], each
        assert each["unfinished"] <= CALLERS


def test_every_request_is_in_the_picture_s_figures_once(ways):
    for each in ways.values():
        assert 0 < sum(each["answered"]) + sum(each["refused"]) <= each["came"], each
        assert each["in_outage"] <= sum(each["refused"]), each  # then nobody is answered


def test_there_was_an_outage_and_an_end_of_it(ways):
    for each in ways.values():
        assert sum(each["answered"]) > 0, each
        assert each["in_outage"] > 0, each
        assert each["recovered"] is None or each["recovered"] > 0


def test_who_does_not_repeat_sends_one_request_a_call(ways):
    never = ways["no retries"]
    assert never["per_call"] == pytest.approx(1, abs=CALLERS / never["came"])
    assert never["succeeded"] < 1


def test_the_hand_written_loop_sends_six_requests_a_call_at_most_and_more_than_none(ways):
    by_hand = ways["by hand: 5 retries, 0.1 s apart"]
    assert 1 < by_hand["per_call"] <= 6
    assert by_hand["in_outage"] > ways["no retries"]["in_outage"]


def ours(ways):
    return [each for way, each in ways.items() if way.startswith("errnorm")]


def test_errnorm_repeats_no_more_than_its_budget_affords(ways):
    for each in ours(ways):
        calls = each["came"] / each["per_call"]
        answered = sum(each["answered"])  # each gives a token back, or what its repeat cost
        assert each["came"] - calls <= (TOKENS + 10 * answered) / 5, each


def test_a_vendor_s_wait_holds_up_everybody(ways):
    for each in ours(ways):
        assert each["in_outage"] < ways["by hand: 5 retries, 0.1 s apart"]["in_outage"], each


def test_the_picture_is_told_in_words_too(storm):
    ways, _, picture = storm
    assert picture.find(f"{SVG}title").text
    words = "".join(picture.itertext())
    for way in ways:
        assert way.replace("`", "") in words
    assert len(picture.findall(f"{SVG}path")) == 2 * len(ways)
