"""OpenTelemetry's own SDK, with what it recorded in memory."""

from __future__ import annotations

from contextlib import contextmanager

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import errnorm.telemetry


class Sdk:
    """Providers, and what came of them; further `readers` see the same metrics."""

    def __init__(self, *readers):
        self._reader, self._exporter = InMemoryMetricReader(), InMemorySpanExporter()
        self.meters = MeterProvider([self._reader, *readers], resource=Resource({}), shutdown_on_exit=False)
        self.tracers = TracerProvider(resource=Resource({}), shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def spans(self):
        """Those that have ended, in that order."""
        return self._exporter.get_finished_spans()

    @property
    def metrics(self):
        """By scope and name."""
        data = self._reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        return {(scope.scope.name, metric.name): metric for scope in scopes for metric in scope.metrics}

    def points(self, instrument):
        """What errnorm recorded of an instrument: the attributes without the `errnorm.` and how much, or how often."""
        return self.points_of(instrument)[0]

    def points_of(self, *instruments):
        """The same of several, read at once: some SDKs tell of a gauge no second time."""
        metrics = self.metrics
        found = [metrics.get(("errnorm", instrument.name)) for instrument in instruments]
        return [
            [(_short(point.attributes), _amount(point)) for point in metric.data.data_points] if metric else []
            for metric in found
        ]

    def raw(self, instrument):
        return self.metrics["errnorm", instrument.name].data.data_points

    def close(self):
        self.meters.shutdown()
        self.tracers.shutdown()


def _short(attributes):
    return {name.removeprefix("errnorm."): value for name, value in attributes.items()}


def _amount(point):
    return point.value if hasattr(point, "value") else point.count


@contextmanager
def instrumented(*readers):
    """The SDK, with errnorm telling it what happens."""
    sdk = Sdk(*readers)
    uninstrument = errnorm.telemetry.instrument(sdk.meters, sdk.tracers)
    try:
        yield sdk
    finally:
        uninstrument()
        sdk.close()
