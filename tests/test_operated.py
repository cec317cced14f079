"""A vendor fails an app in operation: by the reference that a user was shown the failure is found in the log and the
trace, and what alerts and dashboards ask for is there to be scraped.
"""

from __future__ import annotations

import json
import re

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")
pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")
pytest.importorskip("opentelemetry.sdk.trace")

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from errnorm.metrics import bounding, instruments
from errnorm.metrics.instruments import INSTRUMENTS, OTHER, label
from errnorm.testing import Trouble
from errnorm.vendors import registry
from tests.operated import KEY, PROSE, Operated, says
from tests.test_monitoring import (
    ALERTS,
    VALUES,
    alerting,
    files,
    imported,
    queries,
    recorded,
    recording,
    selectors,
)

LIONBRIDGE = registry.get("lionbridge")
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


# From the user's page to the log to the trace


def reference_in(answer) -> str:
    found = re.search(r"\b[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}\b", answer.text)
    assert found, answer.text
    return found[0]


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """Two classes of failures, each met by users of the page and by a program; and all that the app left behind."""
    with Operated(tmp_path_factory.mktemp("shop")) as shop:
        answers = []
        for status in (503, 401):
            shop.vendor.answers(status, body=says(f"{PROSE}, {KEY} is not known"))
            answers += [shop.order(Accept=accept) for accept in ("text/html", "application/problem+json", "*/*")]
        shop.vendor.answers(200)
        shop.order()
        scraped = shop.scrape(OPENMETRICS)
    return shop, answers, scraped


def spans_of(shop, trace_id):
    """By their kinds: the app's own, and that of the request to the vendor."""
    return {each["kind"]: each for each in shop.spans if each["context"]["trace_id"] == f"0x{trace_id}"}


@pytest.mark.parametrize("accept", [0, 3], ids=["an outage", "a key that is refused"])
def test_a_failure_is_found_by_the_reference_that_the_user_was_shown(failed, accept):
    shop, answers, _ = failed
    page = answers[accept]
    assert page.headers["Content-Type"].startswith("text/html")
    reference = reference_in(page)
    [entry] = [each for each in shop.entries if each.get("errnorm_reference") == reference]
    spans = spans_of(shop, entry["trace_id"])
    own, request = spans["SpanKind.SERVER"], spans["SpanKind.CLIENT"]
    for span in own, request:
        assert span["attributes"]["errnorm.reference"] == reference
        assert span["attributes"]["errnorm.occurrence_id"] == entry["errnorm_occurrence_id"]
    assert request["parent_id"] == own["context"]["span_id"]
    assert request["status"]["status_code"] == "ERROR"
    assert request["attributes"]["error.type"] == entry["errnorm_reason"]
    assert request["attributes"]["http.response.status_code"] == entry["errnorm_vendor_status"]
    assert entry["errnorm_key_fingerprint"]


def test_so_is_one_that_was_not_logged_by_itself(failed):
    """Of a class one record passes in a minute; the others' references are told when the app ends."""
    shop, answers, _ = failed
    for several in answers[1:3], answers[4:]:
        problems = [json.loads(each.text) for each in several]
        references = [each["reference"] for each in problems]
        [entry] = [each for each in shop.entries if each.get("errnorm_suppressed_references") == references]
        assert entry["errnorm_suppressed"] == 2
        for problem in problems:
            [span] = [
                each
                for each in shop.spans
                if each["attributes"].get("errnorm.reference") == problem["reference"]
                and each["kind"] == "SpanKind.CLIENT"
            ]
            assert problem["instance"] == f"urn:uuid:{span['attributes']['errnorm.occurrence_id']}"
            assert span["attributes"]["errnorm.reason"] == entry["errnorm_reason"]


def test_a_metric_leads_to_the_trace(failed):
    shop, answers, scraped = failed
    exemplars = {
        sample.labels["errnorm_reason"]: sample.exemplar.labels["trace_id"]
        for metric in text_string_to_metric_families(scraped)
        for sample in metric.samples
        if sample.name == instruments.FAILURES.prometheus
    }
    last = [json.loads(each.text)["reference"] for each in (answers[2], answers[5])]
    shown = [spans_of(shop, each)["SpanKind.CLIENT"]["attributes"]["errnorm.reference"] for each in exemplars.values()]
    assert sorted(shown) == sorted(last)


def test_no_key_is_told_to_anybody_and_the_vendors_words_to_operators_alone(failed):
    shop, answers, scraped = failed
    assert all(KEY in each.headers["authorization"] for each in shop.vendor.requests)
    told = [*(each.text for each in answers), *(str(each.headers) for each in answers), scraped, json.dumps(shop.spans)]
    for text in told:
        assert KEY not in text
        assert PROSE not in text
    assert KEY not in shop.log
    assert PROSE in shop.log


# What can be scraped

# What this app has no use for.
NEVER = {
    instruments.RETRIES: "it retries nothing",
    instruments.QUOTA_REMAINING: "Lionbridge's answers do not tell what is left",
    instruments.QUOTA_LIMIT: "likewise",
    instruments.POLLS: "it waits for no jobs",
    instruments.WEBHOOKS: "it takes no webhooks",
}


def series_of(instrument):
    parts = ("bucket", "count", "sum") if instrument.kind == "histogram" else ()
    return {f"{instrument.prometheus}_{part}" for part in parts} or {instrument.prometheus}


def bounds():
    """What may stand in each label."""
    reasons = {then.reason for _, then in LIONBRIDGE.rows()} | bounding._OWN | bounding._reasons_of_dialects()
    return {
        "errnorm_vendor": {OTHER, "lionbridge"},
        "errnorm_operation": {"", OTHER, *LIONBRIDGE.operations},
        "errnorm_reason": {"", OTHER, *reasons},
        "error_type": {"", OTHER, *reasons},
        "http_response_status_code": {"", *map(str, range(100, 600))},
        "http_request_method": {OTHER, *bounding.METHODS},
        "server_address": {OTHER, *LIONBRIDGE.hosts},
        "server_port": {"", "80", "443"},
        **VALUES,
        label(instruments.FAULT): {"", *VALUES[label(instruments.FAULT)]},
    }


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """What came to be scraped after everything that this vendor can do to the app, and strangers' paths."""
    with Operated(tmp_path_factory.mktemp("shop")) as shop:
        shop.order()
        shop.vendor.fails(Trouble.RESET)
        shop.order("%00%22%0A")
        for title, status, code in (("no", 401, ""), ("odd", 409, "98765"), ("late", 504, ""), ("busy", 429, "")):
            shop.vendor.answers(status, body=says(title, code))
            shop.order(f"{title}-{'x' * 200}")
        assert shop.order().status == 503  # the throttle keeps it back
        text = shop.scrape(OPENMETRICS)
    return [sample for metric in text_string_to_metric_families(text) for sample in metric.samples]


def test_what_rules_and_dashboards_ask_for_is_scraped(scraped):
    imported("yaml")
    texts = files("lionbridge")
    labels: dict[str, set[str]] = {}
    for sample in scraped:
        labels.setdefault(sample.name, set()).update(sample.labels)
    made = recorded(texts) | ALERTS
    excused = {name for instrument in NEVER for name in series_of(instrument)}
    asked = set()
    for expression in (*recording(texts).values(), *(rule["expr"] for rule in alerting(texts)), *queries(texts)):
        for name, matchers in selectors(expression):
            if name and name not in made:
                asked.add(name)
                if name not in excused:
                    assert {key for key, _ in matchers} - {"job"} <= labels[name], expression
    assert asked >= excused & {"errnorm_retries_total", "errnorm_quota_remaining"}
    assert not excused & labels.keys(), "it is there after all"
    assert asked - excused <= labels.keys()


def test_labels_are_those_of_the_table_and_within_their_bounds(scraped):
    known = {name: set(each.labels) for each in INSTRUMENTS for name in series_of(each)}
    allowed = bounds()
    ours = [sample for sample in scraped if sample.name in known]
    refused = [sample for sample in ours if sample.labels.get("errnorm_outcome") == "refused"]
    assert refused, "what the throttle refused"
    reasons = {sample.labels.get("errnorm_reason") for sample in ours}
    assert reasons >= {"SIGNATURE_OR_MEMBERSHIP_REFUSED", instruments.THROTTLED, "RATE_LIMIT"}
    for sample in ours:
        assert set(sample.labels) - {"le"} == known[sample.name]
        for name, value in sample.labels.items():
            assert name == "le" or value in allowed[name], sample
