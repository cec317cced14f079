"""A vendor turns bad under an app in operation: the alert for that fires, and no other.

Judged twice, of the same load. Live, by a Prometheus that scrapes the apps, with the exported rules in which every
minute is a second; and by promtool with the rules as they are, on what that Prometheus scraped, each second a minute
after the one before.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import NamedTuple

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")
pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")
pytest.importorskip("opentelemetry.sdk.trace")

from errnorm.testing import FakeVendor
from errnorm.vendors import registry
from tests.operated import KEY, PROSE, Operated, Users, says
from tests.prometheus_server import PROGRAM, Prometheus, seconds_for_minutes
from tests.test_monitoring import ALL_THERE, files, panels, promtool, written

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(
        not ALL_THERE and not (PROGRAM and PROGRAM.exists()), reason="no prometheus: see tools/debian.py"
    ),
]
LIONBRIDGE = registry.get("lionbridge")


class Turn(NamedTuple):
    """How a vendor turns bad, from then on or `twice` only, and what is to fire then, by name and severity."""

    fires: set[tuple[str, str]]
    status: int
    body: str = says(PROSE)
    headers: Mapping[str, str] = {}
    twice: bool = False


TURNS = {
    "outage": Turn({("VendorOutage", "page"), ("VendorOutage", "ticket")}, 503),
    "credentials": Turn({("VendorCredentialsRefused", "page")}, 401),
    "limited": Turn({("VendorRateLimited", "ticket")}, 429, headers={"Retry-After": "1"}),
    # as long as the profile says; longer than a request waits for its turn, so none is sent
    "held back": Turn({("VendorThrottleSaturated", "page")}, 429),
    # of a job that is new nobody knows since when its first one counts
    "codes": Turn({("VendorCodeUnmapped", "ticket")}, 409, says(PROSE, "98765"), twice=True),
    "users": Turn(set(), 409, says(PROSE, "305")),  # the price has changed
}
EXPECTED = {(job, *fired) for job, turn in TURNS.items() for fired in turn.fires}
FIRED = 'count by (job, alertname, severity) (max_over_time(ALERTS{alertstate="firing"}[3h]))'
WELL_S, BAD_S, MOST_S = 20, 30, 90  # and longer, up to MOST_S, until what is expected has fired
A_SECOND = 4


class Load(NamedTuple):
    """What Prometheus has to tell at the end."""

    fired: dict[tuple[str, str, str], float]  # alerts that fired, by job, name and severity: after how many seconds
    said: dict[tuple[str, str], dict[str, str]]  # their annotations, by job and severity
    series: list[dict]  # what was scraped, a sample a second
    seconds: int
    exemplars: list[dict]
    panels: dict[str, int]  # how many lines each has
    answers: dict[str, list[int]]


def turn_bad(vendor: FakeVendor, turn: Turn) -> None:
    if turn.twice:
        vendor.answers(turn.status, body=turn.body, headers=turn.headers, times=1)
        vendor.answers(200, times=4 * A_SECOND)
    vendor.answers(turn.status, body=turn.body, headers=turn.headers, times=1 if turn.twice else None)
    if turn.twice:
        vendor.answers(200)


def chosen(query: str) -> str:
    """A query of the dashboard, as Grafana asks it where everything is chosen."""
    return re.sub(r"\$(job|vendor|operation)\b", ".*", query).replace("$__rate_interval", "5s")


def fired_in(prometheus):
    rows = [row["metric"] for row in prometheus.query(FIRED)]
    return {(row["job"], row["alertname"], row["severity"]) for row in rows}


def firing(prometheus):
    alerts = [each for each in prometheus.ask("alerts")["alerts"] if each["state"] == "firing"]
    return {(each["labels"]["job"], each["labels"]["severity"]): each["annotations"] for each in alerts}


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """Apps under load, a job each; after a while the vendor of each turns bad in its own way."""
    folder = tmp_path_factory.mktemp("operated")
    rules = {name: seconds_for_minutes(text) for name, text in files("lionbridge").items() if name.endswith(".yaml")}
    with ExitStack() as stack:
        shops = {job: stack.enter_context(Operated(folder / job)) for job in TURNS}
        jobs = {job: shop.port for job, shop in shops.items()}
        prometheus = stack.enter_context(Prometheus(folder, written(folder, rules), jobs))
        begun = time.time()
        users = {job: stack.enter_context(Users(shop, A_SECOND)) for job, shop in shops.items()}
        time.sleep(WELL_S)
        assert not fired_in(prometheus)
        for job, turn in TURNS.items():
            turn_bad(shops[job].vendor, turn)
        turned, fired, said = time.time(), {}, {}
        while (lasted := time.time() - turned) < BAD_S or (lasted < MOST_S and EXPECTED - fired.keys()):
            fired = dict.fromkeys(fired_in(prometheus), lasted) | fired
            said = firing(prometheus) | said
            time.sleep(0.5)
        ended = int(time.time())
        span = {"start": int(begun), "end": ended, "step": 1}
        return Load(
            fired,
            said,
            prometheus.query('{__name__=~"errnorm_.+", __name__!~".+_created"}', **span),
            ended - int(begun),
            prometheus.ask("query_exemplars", query="errnorm_failures_total", start=int(begun), end=ended + 1),
            {
                panel["title"]: len(prometheus.query(chosen(target["expr"])))
                for panel in panels(files("lionbridge"))
                for target in panel.get("targets", ())
            },
            {job: each.answers for job, each in users.items()},
        )


def test_the_alert_for_what_happens_fires_and_the_others_stay_quiet(load):
    assert load.fired.keys() == EXPECTED


def test_by_the_rules_as_they_are_the_same_fires_after_as_many_minutes(load, tmp_path):
    begun = min(at for row in load.series for at, _ in row["values"])
    case = {
        "interval": "1m",
        "input_series": [_replayed(row, int(begun)) for row in load.series],
        "promql_expr_test": [
            {
                "expr": FIRED,
                "eval_time": f"{load.seconds}m",
                "exp_samples": [
                    {"labels": f'{{job="{job}", alertname="{name}", severity="{severity}"}}', "value": 1}
                    for job, name, severity in EXPECTED
                ],
            }
        ],
    }
    texts = files("lionbridge")
    test = {
        "rule_files": written(tmp_path, texts),
        "evaluation_interval": "1m",
        "group_eval_order": re.findall(r"(?m)^  - name: (.+)$", "".join(texts.values())),
        "tests": [case],
    }
    (tmp_path / "test.json").write_text(json.dumps(test), encoding="utf-8")
    done = promtool("test", "rules", str(tmp_path / "test.json"))
    assert done.returncode == 0, done.stdout + done.stderr


def _replayed(row: dict, begun: int) -> dict:
    """A series as promtool takes it, a sample a step."""
    labels = dict(row["metric"])
    name, samples = labels.pop("__name__"), {int(at) - begun: value for at, value in row["values"]}
    told = ", ".join(f"{key}={json.dumps(value)}" for key, value in labels.items())
    return {
        "series": f"{name}{{{told}}}",
        "values": " ".join(samples.get(at, "_") for at in range(max(samples) + 1)),
    }


def test_meanwhile_users_are_answered(load):
    """First they got what they asked for, then what the failure means for them."""
    shown = {"outage": 503, "credentials": 500, "limited": 503, "held back": 503, "users": 409}
    for job, status in shown.items():
        assert load.answers[job][0] == 200
        assert status in load.answers[job]


def test_the_alert_says_what_it_is_and_whom_it_concerns(load):
    said = load.said
    refused = said["credentials", "page"]
    assert refused["summary"] == "lionbridge refuses our credential"
    assert "from credentials to lionbridge are refused" in refused["description"]
    assert "SIGNATURE_OR_MEMBERSHIP_REFUSED" in refused["description"]
    assert "fail there or on the way; no more than 1 % are to" in said["outage", "page"]["description"]
    assert "30 requests in 60 s per merchant" in said["limited", "ticket"]["description"]
    assert "were not sent: their turn was too far off" in said["held back", "page"]["description"]
    assert "`errnorm coverage LOG --stub lionbridge`" in said["codes", "ticket"]["action"]
    for told in said.values():
        assert not [text for text in told.values() if KEY in text or PROSE in text]
        assert told["runbook_url"] == LIONBRIDGE.docs


def test_prometheus_keeps_which_trace_a_failure_has(load):
    """The dots of the dashboard."""
    rows = load.exemplars
    traced = {row["seriesLabels"]["errnorm_reason"] for row in rows if row["exemplars"][-1]["labels"]["trace_id"]}
    assert traced >= {"UNAVAILABLE", "SIGNATURE_OR_MEMBERSHIP_REFUSED", "RATE_LIMIT", "PRICE_CHANGED"}


EMPTY = {
    "Left of quotas": "Lionbridge's answers do not tell what is left",
    "Retries a minute": "the app retries nothing",
    "Webhooks after their events, 95th percentile": "it takes no webhooks",
    "Jobs from start to end, 95th percentile": "it waits for no jobs",
}


def test_the_dashboard_shows_something_wherever_there_is_something(load):
    assert {title for title, lines in load.panels.items() if not lines} == EMPTY.keys()
