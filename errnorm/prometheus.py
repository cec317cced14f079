"""Prometheus: what happens between an app and its vendors, counted for a scrape by prometheus-client.

    errnorm.prometheus.instrument()

The names and labels are those that OpenTelemetry's metrics have in Prometheus, so that one file of rules serves both.
Where a span of OpenTelemetry is running, exemplars name its trace.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import prometheus_client as client

from errnorm.listening import Asked, listen
from errnorm.metrics.instruments import INSTRUMENTS, Instrument, label
from errnorm.metrics.measuring import measured


def instrument(registry: client.CollectorRegistry | None = None) -> Callable[[], None]:
    """Counts from now on into a registry, the process's own unless another is given; what comes back ends it.

    Raises ValueError where the registry has these metrics already.
    """
    registry = client.REGISTRY if registry is None else registry
    scrape = _Scrape(registry)
    leave = listen(scrape.hear)

    def uninstrument() -> None:
        leave()
        scrape.close()

    return uninstrument


class _Scrape:
    """The metrics of one registry."""

    def __init__(self, registry: client.CollectorRegistry) -> None:
        self._registry = registry
        self._metrics: dict[str, Any] = {}
        try:
            for each in INSTRUMENTS:
                self._metrics[each.name] = _metric(each, registry)
        except ValueError:
            self.close()
            raise

    def close(self) -> None:
        """A second time nothing is left to do."""
        while self._metrics:
            self._registry.unregister(self._metrics.popitem()[1])

    def hear(self, event: object) -> Callable[[object], None] | None:
        if isinstance(event, Asked):
            return self._record
        self._record(event)
        return None

    def _record(self, event: object) -> None:
        for each, value, attributes in measured(event):
            values = {label(name): value for name, value in attributes.items()}
            series = self._metrics[each.name].labels(**(dict.fromkeys(each.labels, "") | values))
            if each.kind == "gauge":
                series.set(value)
            elif each.kind == "counter":
                series.inc(value, _exemplar())
            else:
                series.observe(value, _exemplar())


def _metric(each: Instrument, registry: client.CollectorRegistry) -> Any:
    if each.kind == "gauge":
        return client.Gauge(
            each.prometheus, each.description, each.labels, registry=registry, multiprocess_mode="mostrecent"
        )
    if each.kind == "counter":
        return client.Counter(each.prometheus, each.description, each.labels, registry=registry)
    return client.Histogram(each.prometheus, each.description, each.labels, registry=registry, buckets=each.buckets)


def _exemplar() -> dict[str, str] | None:
    """The span that is running, where OpenTelemetry is there and samples it."""
    if (trace := sys.modules.get("opentelemetry.trace")) is None:
        return None
    context = trace.get_current_span().get_span_context()
    if not (context.is_valid and context.trace_flags.sampled):
        return None
    return {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}
