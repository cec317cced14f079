"""Each alert fires when it is to, and no other with it; each stays quiet where nearly as much happens; what is asked of
Prometheus is something that errnorm measures, under that name and with those labels.

promtool is Prometheus' own; it comes with Debian's package `prometheus`.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from errnorm.cli import main
from errnorm.families import Alert, Family, Fault
from errnorm.metrics import bounding
from errnorm.metrics.instruments import ALERT, FAMILY, FAULT, INSTRUMENTS, OUTCOME, OUTCOMES, label
from errnorm.monitoring import export
from errnorm.monitoring.yaml import dumps
from errnorm.vendors import registry
from tests.monitoring_scenarios import (
    BY_HALF_HOURS,
    BY_MINUTES,
    OUTAGE_PAGE,
    OUTAGE_TICKET,
    Scenario,
    calls,
    failures,
    well,
)

VENDORS = ("lionbridge", "phrase-tms", "risumail")
ALL = [name for name in registry.default.names() if not registry.get(name).dialect]
BOTH = [(each, 1) for each in BY_MINUTES] + [(each, 30) for each in BY_HALF_HOURS]

_spec = importlib.util.spec_from_file_location("debian", Path(__file__).parent.parent / "tools" / "debian.py")
assert _spec
assert _spec.loader
_tool = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_tool)
PROMTOOL = _tool.found("prometheus")
ALL_THERE = bool(os.environ.get("ERRNORM_MONITORING"))  # nothing may be skipped
needs_promtool = pytest.mark.skipif(PROMTOOL is None and not ALL_THERE, reason="no promtool: see tools/debian.py")


def imported(name: str) -> Any:
    return importlib.import_module(name) if ALL_THERE else pytest.importorskip(name)


def files(*vendors: str, **options) -> dict[str, str]:
    return export(vendors, **options)


def written(folder: Path, texts: dict[str, str]) -> list[str]:
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [str(folder / name) for name in texts if name.endswith(".yaml")]


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert PROMTOOL, "no promtool: see tools/debian.py"
    return subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)


def series(name: str, labels: dict[str, str]) -> str:
    return f"{name}{{{', '.join(f'{key}={json.dumps(value)}' for key, value in labels.items())}}}"


def case(scenario: Scenario, minutes: int = 1) -> dict:
    """A scenario as a test of promtool: it happens to all vendors but one, for which nothing may fire."""
    *unlucky, lucky = scenario.vendors
    happens = [("shop", vendor, scenario.series) for vendor in unlucky]
    happens.append(("other", lucky, (well("0+10x900"),)))
    expected = [
        {"alertname": name, "severity": severity, "errnorm_vendor": vendor}
        for name, severity in scenario.fires
        for vendor in unlucky
    ]
    return {
        "name": scenario.title,
        "interval": f"{minutes}m",
        "input_series": [
            {
                "series": series(name, {"job": job, "instance": "1", "errnorm_vendor": vendor} | labels),
                "values": samples,
            }
            for job, vendor, each in happens
            for name, labels, samples in each
        ],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname, severity, errnorm_vendor) (ALERTS{alertstate="firing"})',
                "eval_time": f"{scenario.at * minutes}m",
                "exp_samples": [{"labels": series("", labels), "value": 1} for labels in expected],
            }
        ],
    }


def judged(folder: Path, texts: dict[str, str], *cases: dict) -> subprocess.CompletedProcess[str]:
    file = folder / "test.json"  # which is YAML too
    test = {
        "rule_files": written(folder, texts),
        "evaluation_interval": cases[0]["interval"],
        "group_eval_order": re.findall(r"(?m)^  - name: (.+)$", "".join(texts.values())),
        "tests": cases,
    }
    file.write_text(json.dumps(test), encoding="utf-8")
    return promtool("test", "rules", str(file))


@needs_promtool
@pytest.mark.once
@pytest.mark.parametrize(("scenario", "minutes"), BOTH, ids=[each.title for each, _ in BOTH])
def test_what_is_to_fire_fires_and_nothing_else(tmp_path, scenario, minutes):
    done = judged(tmp_path, files(*scenario.vendors), case(scenario, minutes))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_scenario():
    alerts = {(rule["alert"], rule["labels"]["severity"]) for rule in alerting(files("github"))}
    assert alerts == {fired for each, _ in BOTH for fired in each.fires}


@needs_promtool
def test_the_scenarios_can_fail(tmp_path):
    scenario = next(each for each in BY_MINUTES if each.title == "6.5 % time out")
    assert judged(tmp_path, files(*VENDORS, objective=0.98), case(scenario)).returncode == 1


@needs_promtool
@pytest.mark.parametrize("objective", [0.9, 0.95, 0.999_999_999])
def test_an_outage_is_told_whatever_the_objective(tmp_path, objective):
    happens = (calls("0+8x500", "unavailable", "503"), well("0+2x500"))
    scenario = Scenario("80 % fail", happens, 400, (OUTAGE_PAGE, OUTAGE_TICKET))
    done = judged(tmp_path, files(*VENDORS, objective=objective), case(scenario))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("objective", "budget"), [(0.9, "10"), (0.93, "7"), (0.995, "0.5"), (0.999_999_999, "0.0000001")]
)
def test_what_is_said_and_asked_of_the_objective_can_be(objective, budget):
    outages = [rule for rule in alerting(files("stripe", objective=objective)) if rule["alert"] == "VendorOutage"]
    assert len(outages) == 2
    for rule in outages:
        thresholds = re.findall(r"> ([\d.e-]+)$", rule["expr"], re.MULTILINE)
        assert thresholds
        assert all(0 < float(each) < 1 for each in thresholds)
        assert f"no more than {budget} % are to" in rule["annotations"]["description"]


@pytest.mark.parametrize("objective", [0, 0.5, 0.899, 1, 99, float("nan"), -1])
def test_an_objective_that_makes_no_sense_is_refused(objective):
    meant = "; did you mean 0.99?" if objective == 99 else ""
    with pytest.raises(ValueError, match=rf"^objective: must be a share, .* not {objective}{re.escape(meant)}$"):
        files("stripe", objective=objective)


@pytest.mark.parametrize("name", ALL)
def test_a_quota_is_watched_where_answers_tell_what_is_left_and_there_is_time(name):
    watched = [rule for rule in alerting(files(name)) if rule["alert"] == "VendorQuotaNearlySpent"]
    slow = [each for each in registry.get(name).limits if each.remaining and each.requests and each.seconds >= 600]
    assert len(watched) == bool(slow)
    for rule in watched:
        matchers = [dict(pairs)["errnorm_limit"] for each, pairs in selectors(rule["expr"]) if "quota" in each]
        names = "|".join(bounding.limit(each) for each in slow)
        assert [re.sub(r"\\", "", each) for each in matchers] == [names, names]


@needs_promtool
def test_a_job_is_told_from_another(tmp_path):
    scenario = Scenario("", (well("0+4x60"), calls("_x50 3x9", "authentication", "401", "integration")), 52)
    done = judged(tmp_path, files(*VENDORS, job="another"), case(scenario))
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_alerts_say_what_they_mean_and_what_to_do(tmp_path):
    happens = (
        well("0+4x80"),
        calls("_x65 3x9", "authentication", "401", "integration"),
        failures("_x65 5x9", "ticket", "payment", "BILLING_MISCONFIGURED"),
        failures("_x65 6x9", "ticket", "validation", "NEVER_HEARD_OF"),
    )
    asked = case(Scenario("", happens, 67))
    docs = {"runbook_url": registry.get("lionbridge").docs}
    lionbridge = {"errnorm_vendor": "lionbridge", "job": "shop"}
    credential = {
        "exp_labels": {"severity": "page", **lionbridge},
        "exp_annotations": {
            "summary": "lionbridge refuses our credential",
            "description": "13.04% of the calls from shop to lionbridge are refused for the credential, or for what it "
            "may do. Known to mean that: SIGNATURE_OR_MEMBERSHIP_REFUSED (status 401).",
            "action": "See whether the key was rotated, revoked or expired, whether it lost a scope, and whether our "
            "address is still allowed. In the log, errnorm_key_fingerprint tells which key it was. A repetition does "
            "not help.",
            **docs,
        },
    }
    unknown = (
        "See in the log which request it was: it is the app that has to be mended, or the profile, or else it is a "
        "matter for the vendor's support, with the vendor's request id."
    )
    classes = [
        {
            "exp_labels": {"severity": "ticket", "errnorm_reason": reason, **lionbridge},
            "exp_annotations": {
                "summary": f"lionbridge fails with {reason} again and again",
                "description": f"{times} times within an hour for shop: that is no accident, and no user's mistake.",
                "action": action,
                **docs,
            },
        }
        for reason, times, action in (
            (
                "BILLING_MISCONFIGURED",
                5,
                "An administrator has to look at the account at the vendor's: key, scopes, settings, billing.",
            ),
            (
                "NEVER_HEARD_OF",
                6,
                unknown,
            ),
        )
    ]
    del asked["promql_expr_test"]
    # one vendor alone, for what is expected is all of an alert
    asked["input_series"] = [each for each in asked["input_series"] if "lionbridge" in each["series"]]
    asked["alert_rule_test"] = [
        {"eval_time": "67m", "alertname": "VendorCredentialsRefused", "exp_alerts": [credential]},
        {"eval_time": "67m", "alertname": "VendorFailureRepeating", "exp_alerts": classes},
    ]
    done = judged(tmp_path, files(*VENDORS), asked)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_prometheus_takes_the_rules_of_every_vendor(tmp_path):
    done = promtool("check", "rules", *written(tmp_path, files(*ALL, job='the "shop" {of} \\ Łódź')))
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_what_a_profile_says_is_no_template(tmp_path):
    title = json.dumps('{{ $labels.nothing | humanize }} {{ end }} "quoted": #')
    rule = f'[[rules]]\ntitle = {title}\nwhen = {{ status = 401 }}\nthen = {{ retry = "never" }}\n'
    profile = f'name = "acme-monitored"\n{rule}'
    tmp_path.joinpath("acme.toml").write_text(profile)
    out = tmp_path / "out"
    assert main(["monitoring", "export", "--vendor", str(tmp_path / "acme.toml"), "--out", str(out)]) == 0
    assert "acme-monitored" in (out / "errnorm_alerts.yaml").read_text()
    done = promtool("check", "rules", str(out / "errnorm_alerts.yaml"), str(out / "errnorm_rules.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


# What stands in expressions


def alerting(texts: dict[str, str]) -> list[dict]:
    yaml = imported("yaml")
    return [rule for group in yaml.safe_load(texts["errnorm_alerts.yaml"])["groups"] for rule in group["rules"]]


def recording(texts: dict[str, str]) -> dict[str, str]:
    yaml = imported("yaml")
    groups = yaml.safe_load(texts["errnorm_rules.yaml"])["groups"]
    return {rule["record"]: rule["expr"] for group in groups for rule in group["rules"]}


def panels(texts: dict[str, str]) -> list[dict]:
    return json.loads(texts["errnorm_dashboard.json"])["panels"]


def queries(texts: dict[str, str]) -> list[str]:
    return [target["expr"] for panel in panels(texts) for target in panel.get("targets", ())]


SERIES = {
    name: {*instrument.labels, *(("le",) if name.endswith("_bucket") else ()), "job", "instance"}
    for instrument in INSTRUMENTS
    for name in (
        [f"{instrument.prometheus}_{part}" for part in ("bucket", "count", "sum")]
        if instrument.kind == "histogram"
        else [instrument.prometheus]
    )
}
ALERTS = {"ALERTS": {"alertname", "alertstate", "severity", "job", "errnorm_vendor"}}  # Prometheus' own
VALUES = {
    label(FAMILY): {"", *Family},
    label(FAULT): set(Fault),
    label(ALERT): set(Alert),
    label(OUTCOME): set(itertools.chain(*OUTCOMES.values())),
}


def selectors(expression: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The series that an expression reads: names, and the labels and values of their matchers."""
    for name, matchers in re.findall(r"([A-Za-z_:][\w:]*)?\{([^}]*)\}", expression):
        yield name, re.findall(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"', matchers)


def recorded(texts: dict[str, str]) -> dict[str, set[str]]:
    """The labels of what is recorded, by the names that tell their levels."""
    known = {"job": "job"} | {name: f"errnorm_{name}" for name in ("vendor", "operation", "reason")}
    return {name: {known[each] for each in name.partition(":")[0].split("_")} for name in recording(texts)}


def test_all_that_is_asked_for_is_measured():
    texts = files(*VENDORS, job="shop")
    known = SERIES | ALERTS | recorded(texts)
    expressions = [*recording(texts).values(), *(rule["expr"] for rule in alerting(texts)), *queries(texts)]
    for expression in expressions:
        labels = {"job"}
        for name, matchers in selectors(expression):
            if not name:
                assert matchers == [("__name__", "errnorm_.+")]
                continue
            assert name in known, expression
            assert {key for key, _ in matchers} <= known[name], expression
            labels |= known[name]
            for key, value in matchers:
                if key in VALUES and "$" not in value:
                    assert set(value.split("|")) <= VALUES[key], expression
        grouped = re.findall(r"\b(?:by|on) \(([^)]*)\)", expression)
        assert {each for group in grouped for each in group.split(", ")} <= labels, expression
        assert not re.search(r"[\w:]*errnorm_\w+(?![\w{:])(?=\[|\s*[-+*/<>]|\s*$)", expression), expression


def test_what_is_recorded_is_made_of_what_its_name_says():
    for name, expression in recording(files(*VENDORS)).items():
        window = re.search(r"(?:increase|rate|p95_)(\d+[mhd])\Z", name)
        assert window, name
        sources = [source for source, _ in selectors(expression) if ":" not in source]
        if sources:
            assert f"[{window[1]}]" in expression, name
            grouped = re.findall(r"\bsum by \(([^)]*)\)", expression)
            wanted = sorted(recorded(files(*VENDORS))[name])
            assert {tuple(sorted(set(each.split(", ")) - {"le"})) for each in grouped} == {tuple(wanted)}


def test_each_alert_reads_its_own_vendor_alone():
    for rule in alerting(files(*VENDORS, job="shop")):
        for _, matchers in selectors(rule["expr"]):
            assert dict(matchers)["errnorm_vendor"] == rule["labels"]["errnorm_vendor"]
            assert dict(matchers)["job"] == "shop"
        assert rule["labels"]["severity"] in (Alert.PAGE, Alert.TICKET)
        assert rule["annotations"].keys() == {"summary", "description", "action", "runbook_url"}


def test_the_files_are_the_same_each_time():
    assert files(*VENDORS) == files(*reversed(VENDORS))


# The dashboard


@needs_promtool
def test_prometheus_can_read_every_query(tmp_path):
    rules = [
        {"record": f"q{at}", "expr": re.sub(r"\$\w+", "5m", query)} for at, query in enumerate(queries(files(*VENDORS)))
    ]
    assert len(rules) > 15
    texts = {"queries.yaml": dumps({"groups": [{"name": "queries", "rules": rules}]})}
    done = promtool("check", "rules", *written(tmp_path, texts))
    assert done.returncode == 0, done.stdout + done.stderr


def lost(given_: object, taken: object, at: str = "") -> Iterator[str]:
    """What of the one is not in the other, by its address."""
    if isinstance(given_, dict) and isinstance(taken, dict):
        for key, value in given_.items():
            yield from lost(value, taken[key], f"{at}/{key}") if key in taken else (f"{at}/{key}",)
    elif isinstance(given_, list) and isinstance(taken, list) and len(given_) == len(taken):
        for number, pair in enumerate(zip(given_, taken, strict=True)):
            yield from lost(*pair, f"{at}/{number}")
    elif given_ != taken:
        yield at


def test_grafana_knows_everything_in_the_dashboard():
    """Its own models of the schema drop what they do not know."""
    models = imported("grafana_foundation_sdk.models.dashboard")
    encoder = imported("grafana_foundation_sdk.cog.encoder")
    imported("grafana_foundation_sdk.cog.plugins").register_default_plugins()
    given_ = json.loads(files(*ALL)["errnorm_dashboard.json"])
    taken = json.loads(encoder.JSONEncoder().encode(models.Dashboard.from_json(given_)))
    assert list(lost(given_, taken)) == []
    assert list(lost({**given_, "tittle": ""}, taken)) == ["/tittle"]


def test_panels_lie_side_by_side_and_not_over_each_other():
    shown = panels(files(*VENDORS))
    assert len({panel["id"] for panel in shown}) == len(shown)
    taken: set[tuple[int, int]] = set()
    for panel in shown:
        place = panel["gridPos"]
        across, down = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        covered = set(itertools.product(across, down))
        assert not covered & taken, panel["title"]
        assert max(across) < 24
        taken |= covered


def test_the_dashboard_names_the_documented_limits():
    texts = [panel.get("description", "") for panel in panels(files(*VENDORS))]
    assert any("- lionbridge: 30 requests in 60 s per merchant; 2 requests" in text for text in texts)


def test_dashboards_of_several_apps_stand_side_by_side():
    uids = {json.loads(files("stripe", job=job)["errnorm_dashboard.json"])["uid"] for job in (None, "shop", "desk")}
    assert len(uids) == 3
    assert all(len(uid) <= 40 for uid in uids)


# YAML

texts = st.text() | st.sampled_from(
    ["yes", "5m", "1e3", "null", "- a", "a: b", "a #b", "{{ a }}", "|-", 'a "b"\nc', "~", "0x1"]
)
plain = st.recursive(
    texts | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(texts, plain, min_size=1, max_size=4))
def test_what_is_written_as_yaml_is_read_as_it_was(value):
    yaml = imported("yaml")
    assert yaml.safe_load(dumps(value)) == value


# The command line


def test_the_command_writes_files_and_says_which(tmp_path, capsys):
    out = tmp_path / "new" / "folder"
    command = ["monitoring", "export", "--vendor", "risumail", "--vendor", "lionbridge", "--job", "shop"]
    assert main([*command, "--objective", "99.5", "--out", str(out)]) == 0
    expected = files("lionbridge", "risumail", job="shop", objective=0.995)
    assert capsys.readouterr().out.splitlines() == [str(out / name) for name in expected]
    assert {file.name: file.read_text(encoding="utf-8") for file in out.iterdir()} == expected
    assert main([*command, "--vendor", "risumail", "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{out / name} (in place of an earlier one)" for name in expected]


@pytest.mark.parametrize("name", files("stripe"))
def test_where_one_file_cannot_be_written_none_is(tmp_path, capsys, name):
    command = ["monitoring", "export", "--out", str(tmp_path), "--vendor"]
    assert main([*command, "stripe"]) == 0
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    before = {file.name: file.read_text() for file in tmp_path.iterdir() if file.is_file()}
    capsys.readouterr()
    assert main([*command, "risumail"]) == 2
    assert capsys.readouterr() == ("", f"errnorm: {tmp_path / name}: Is a directory\n")
    assert {file.name: file.read_text() for file in tmp_path.iterdir() if file.is_file()} == before
    assert len(list(tmp_path.iterdir())) == len(before) + 1


@pytest.mark.skipif(sys.platform == "win32", reason="modes and links of Unix")
def test_what_was_there_keeps_its_mode_and_a_link_its_file(tmp_path):
    (tmp_path / "elsewhere.yaml").touch(0o640)
    (tmp_path / "errnorm_rules.yaml").symlink_to("elsewhere.yaml")
    assert main(["monitoring", "export", "--vendor", "stripe", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "errnorm_rules.yaml").readlink() == Path("elsewhere.yaml")
    assert (tmp_path / "elsewhere.yaml").read_text() == files("stripe")["errnorm_rules.yaml"]
    assert (tmp_path / "elsewhere.yaml").stat().st_mode & 0o777 == 0o640


def test_without_a_folder_it_prints_one_stream_of_yaml(capsys):
    yaml = imported("yaml")
    assert main(["monitoring", "export", "--vendor", "stripe", "--vendor", "lionbridge"]) == 0
    out = capsys.readouterr().out
    expected = files("stripe", "lionbridge")
    assert list(yaml.safe_load_all(out)) == [yaml.safe_load(text) for text in expected.values()]
    for name, text in expected.items():
        assert f"--- # {name}\n{text}" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--vendor"),
        (["--vendor", "lionbrige"], "did you mean 'lionbridge'?"),
        (["--vendor", "soap"], "'soap' is a dialect"),
        (["--vendor", ""], "'' names no vendor"),
        (["--vendor", "graphq"], "no vendor 'graphq'\n"),  # not a dialect, which would be refused
        (["--vendor", "nowhere/acme.toml"], "no such file"),
        (["--vendor", "stripe", "--job", " "], "must be the name of a job"),
        (["--vendor", "stripe", "--job", "a\nb"], "must be the name of a job"),
        *(
            (["--vendor", "stripe", "--objective", each], "at least 90 and below 100")
            for each in ("0", "5", "100", "nan", "x")
        ),
        (["--vendor", "stripe", "--objective", "0.99"], "not '0.99'; did you mean 99?"),
        (["--vendor", "stripe", "--out", __file__], "File exists"),
    ],
)
def test_what_is_off_is_told_in_one_line(arguments, says, capsys):
    assert main(["monitoring", "export", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("errnorm: ")
    assert err.count("\n") == 1
    assert says in err


# The instruments


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda each: each.name)
def test_prometheus_names_follow_from_those_of_opentelemetry(instrument):
    """As the specification for Prometheus compatibility says: dots, then the unit, then `_total`."""
    unit = {"s": "_seconds"}.get(instrument.unit, "")
    total = "_total" if instrument.kind == "counter" else ""
    assert instrument.prometheus == f"{instrument.name.replace('.', '_')}{unit}{total}"
    assert unit or re.fullmatch(r"\{[a-z]+\}", instrument.unit)
    assert bool(instrument.buckets) is (instrument.kind == "histogram")
    assert list(instrument.buckets) == sorted(set(instrument.buckets))
    assert (OUTCOME in instrument.attributes) is (instrument.name in OUTCOMES)
