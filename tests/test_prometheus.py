"""One file of rules serves both: the same events make the same series, by prometheus-client and by OpenTelemetry.

By OpenTelemetry's own exporter for Prometheus: names, labels, buckets and values.
"""

import pytest

pytest.importorskip("prometheus_client")

import httpx
import prometheus_client
from prometheus_client.openmetrics.exposition import generate_latest

import errnorm.httpx
import errnorm.prometheus
from errnorm import Normalizer, VendorError, listening
from errnorm.listening import Asked, Ended, Lagged, Left, Noted, Polled, Retried, Waited
from errnorm.metrics.instruments import INSTRUMENTS, OUTCOMES
from errnorm.model import CanonicalError, new_occurrence_id
from errnorm.vendors import registry
from tests.loopback import Reply, Vendor

LIONBRIDGE, GITHUB = registry.get("lionbridge"), registry.get("github")
KNOWN = Normalizer(vendors={"lionbridge": {"hosts": ["127.0.0.1"]}})
ERROR = CanonicalError(vendor="lionbridge", operation="list-quotes", vendor_code="98765", mapped=False)
ASKED = Asked(LIONBRIDGE, "list-quotes", "GET", "https://ondemand.lionbridge.com/api/quote", client=KNOWN)
EVENTS = (
    Noted(ERROR, new_occurrence_id()),
    *(Retried(ERROR, outcome) for outcome in OUTCOMES["errnorm.retries"]),
    *(Waited("lionbridge", "list-quotes", 2.0, outcome) for outcome in OUTCOMES["errnorm.throttle.wait"]),
    *(Left(GITHUB, limit, 7) for limit in GITHUB.limits if limit.remaining is not None),
    Left(GITHUB, None, 3),
    *(Polled("lionbridge", None, 90.0, outcome) for outcome in OUTCOMES["errnorm.poll.duration"]),
    Lagged("lionbridge", "get-project", 4_000.0),
    Lagged(None, None, 0.0),
)
ENDS = (
    Ended(ASKED, 0.2, 200),
    Ended(ASKED, 90.0, 503, VendorError(ERROR)),
    Ended(ASKED, 0.0, None, VendorError(CanonicalError(vendor="lionbridge", reason="CONNECT_ERROR"))),
    Ended(ASKED, 0.3, cut=True),
    Ended(Asked(LIONBRIDGE, "list-quotes"), 0.4),
    Ended(Asked(LIONBRIDGE, None), 0.5, 503, VendorError(ERROR), counted=True),
    Ended(Asked(None, None, "BREW", "http://teapot.example:81/x"), 1.0, 700),
)


@pytest.fixture
def scrape():
    registry = prometheus_client.CollectorRegistry()
    uninstrument = errnorm.prometheus.instrument(registry)
    yield registry
    uninstrument()


def tell(asked_of):
    """Everything that can happen."""
    for event in EVENTS:
        listening.tell(event)
    for ended in ENDS:
        for listener in asked_of:
            listener(ended.asked)(ended)


def series(registry):
    """Every sample by name and labels."""
    return {
        (sample.name, told(sample.labels)): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created") and metric.name != "target"
    }


def told(labels):
    """Labels as a rule sees them: one that is empty is none, and the scope's are OpenTelemetry's alone."""
    return frozenset((name, value) for name, value in labels.items() if value and "scope" not in name)


def test_the_same_events_make_the_same_series(scrape):
    exporter = pytest.importorskip("opentelemetry.exporter.prometheus")
    from tests.sdk import instrumented

    reader = exporter.PrometheusMetricReader()  # in the process's own registry until it is shut down
    with instrumented(reader):
        tell(listening.listeners)
        theirs, ours = series(reader._collector), series(scrape)
    assert ours == theirs
    assert len(ours) > 150


def test_every_metric_of_the_table_is_there_with_its_labels(scrape):
    tell(listening.listeners)
    found = {metric.name: metric for metric in scrape.collect()}
    for each in INSTRUMENTS:
        metric = found[each.prometheus.removesuffix("_total")]
        assert (metric.type, metric.documentation) == (each.kind, each.description)
        assert set(metric.samples[0].labels) - {"le"} == set(each.labels)
        assert metric.samples


def test_a_request_through_a_door_is_counted_and_after_the_end_none(scrape):
    reply = Reply(409, {"Content-Type": "text/xml"}, b"<Error><ReasonCode>304</ReasonCode></Error>")
    with Vendor(reply) as vendor, httpx.Client(trust_env=False) as client:
        errnorm.httpx.install(client, vendor="lionbridge", normalizer=KNOWN, throttle=None)
        with pytest.raises(VendorError) as caught:
            client.get(f"http://127.0.0.1:{vendor.port}/api/quote")
        KNOWN.log(caught.value)
        KNOWN.log(caught.value)
    labels = {
        "errnorm_vendor": "lionbridge",
        "errnorm_operation": "list-quotes",
        "errnorm_family": caught.value.error.family,
        "errnorm_fault": "user",
    }
    reason = {"errnorm_reason": "LANGUAGE_PAIR_NOT_OFFERED", "errnorm_alert": "count"}
    assert scrape.get_sample_value("errnorm_failures_total", labels | reason) == 1
    of_call = {"error_type": "LANGUAGE_PAIR_NOT_OFFERED", "http_response_status_code": "409"}
    assert scrape.get_sample_value("errnorm_vendor_call_duration_seconds_count", labels | of_call) == 1


def test_exemplars_name_the_trace_that_is_running(scrape):
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    with sdk.TracerProvider(shutdown_on_exit=False).get_tracer("app").start_as_current_span("page") as span:
        tell(listening.listeners)
    trace_id = f'trace_id="{span.get_span_context().trace_id:032x}"'
    lines = generate_latest(scrape).decode().splitlines()
    for each in (each for each in INSTRUMENTS if each.kind != "gauge"):
        assert any(line.startswith(each.prometheus) and trace_id in line for line in lines), each.name


def test_a_registry_is_instrumented_once_and_left_as_it_was():
    registry = prometheus_client.CollectorRegistry()
    before = listening.listeners
    uninstrument = errnorm.prometheus.instrument(registry)
    with pytest.raises(ValueError, match="http_client_request_duration"):
        errnorm.prometheus.instrument(registry)
    assert len(list(registry.collect())) == len(INSTRUMENTS)
    uninstrument()
    uninstrument()
    assert not list(registry.collect())
    assert listening.listeners == before
    errnorm.prometheus.instrument(registry)()


def test_a_registry_with_a_metric_of_that_name_is_left_as_it_was():
    registry = prometheus_client.CollectorRegistry()
    own = prometheus_client.Counter(INSTRUMENTS[3].prometheus, "the app's own", registry=registry)
    with pytest.raises(ValueError, match=INSTRUMENTS[3].prometheus.removesuffix("_total")):
        errnorm.prometheus.instrument(registry)
    assert [metric.documentation for metric in registry.collect()] == ["the app's own"]
    registry.unregister(own)
