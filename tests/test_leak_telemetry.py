"""No secret of any kind is in a label of a metric, nor in a span's name, attributes, events or status.

Planted as in the leak matrix, and in the urls, methods, operations and vendors of the requests.
"""

from __future__ import annotations

import pytest

pytest.importorskip("opentelemetry.sdk")
pytest.importorskip("prometheus_client")

import prometheus_client
from prometheus_client.openmetrics.exposition import generate_latest

import errnorm.prometheus
from errnorm import VendorError, listening
from errnorm.listening import Asked, Ended, Lagged, Polled, Retried, Waited
from errnorm.vendors import registry
from tests.sdk import instrumented
from tests.test_leak_matrix import CANARIES, NORMALIZER, each_kind, planted, urls

pytestmark = pytest.mark.once

PROFILES = (None, registry.get("stripe"))


def everything(word, failures):
    """All that can be told, with a word in every place that takes one."""
    for failure in failures:
        NORMALIZER.log(failure)
        strange = VendorError(failure.error.replace(vendor=word, operation=word, reason=word, method=word))
        for each in (failure, strange):
            for outcome in ("again", "recovered", "gave_up"):
                listening.tell(Retried(each.error, outcome))
    NORMALIZER.log(strange)
    listening.tell(Waited(word, word, 1.0, "refused"))
    listening.tell(Polled(word, word, 1.0, "failed"))
    listening.tell(Lagged(word, word, 1.0))
    for url in urls(word):
        for profile in PROFILES:
            asked = Asked(profile, word, word, url, client=word)
            for failed in (None, *failures[:3], strange):
                endings = [listener(asked) for listener in listening.listeners]
                for ending in reversed(endings):
                    ending(Ended(asked, 1.0, 401, failed))


@each_kind
def test_no_secret_is_in_a_label_or_a_span(canary):
    scrape = prometheus_client.CollectorRegistry()
    uninstrument = errnorm.prometheus.instrument(scrape)
    failures = [NORMALIZER.failure_of(made) for made in planted(canary.text)]
    try:
        with instrumented() as sdk, sdk.tracers.get_tracer("app").start_as_current_span("page"):
            everything(canary.text, failures)
            metrics = repr(list(sdk.metrics.values()))
            spans = [f"{span.to_json()} {span.name!r} {span.events!r} {span.status!r}" for span in sdk.spans]
    finally:
        uninstrument()
    told = [metrics, *spans, generate_latest(scrape).decode()]
    assert len(told) > 20
    assert "errnorm.codes.unmapped" in metrics
    assert not [text for text in told if canary.survives_in(text)]


@each_kind
def test_no_secret_is_in_what_an_event_shows_of_itself(canary):
    asked = Asked(None, None, "GET", next(urls(canary.text)), client=canary.text)
    assert not canary.survives_in(f"{asked!r} {Ended(asked, 1.0)!r}")
    assert canary.kind in CANARIES
