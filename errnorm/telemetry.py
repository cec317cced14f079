"""OpenTelemetry: what happens between an app and its vendors, as metrics and spans, on its API alone.

    errnorm.telemetry.instrument()

Where an HTTP client instrumentation of OpenTelemetry counts a client's requests already, they are not counted a second
time: the span is then that of the operation, around the request's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from opentelemetry import context, metrics, trace

from errnorm import attempts
from errnorm.listening import Asked, Ended, Noted, listen
from errnorm.metrics import bounding
from errnorm.metrics.counting import counted
from errnorm.metrics.instruments import ERROR_TYPE, INSTRUMENTS, OTHER, REQUESTS, Instrument
from errnorm.metrics.measuring import measured, request_attributes
from errnorm.model import reference_of
from errnorm.redaction import redact_url

OCCURRENCE = "errnorm.occurrence_id"
REFERENCE = "errnorm.reference"
_recording_by: list[metrics.MeterProvider] = []


def instrument(
    meter_provider: metrics.MeterProvider | None = None, tracer_provider: trace.TracerProvider | None = None
) -> Callable[[], None]:
    """Records from now on, by the process's own providers unless others are given; what comes back ends it.

    Raises ValueError where these record already: everything would be counted twice.
    """
    from errnorm import __version__

    meters, tracers = meter_provider or metrics.get_meter_provider(), tracer_provider or trace.get_tracer_provider()
    if meters in _recording_by:
        raise ValueError("errnorm.telemetry is instrumented already, by the same meter provider")
    meter, tracer = meters.get_meter("errnorm", __version__), tracers.get_tracer("errnorm", __version__)
    leave = listen(_Recorder(meter, tracer).hear)
    _recording_by.append(meters)

    def uninstrument() -> None:
        leave()
        with suppress(ValueError):
            _recording_by.remove(meters)

    return uninstrument


class _Recorder:
    """The instruments of a meter, and the spans of a tracer."""

    def __init__(self, meter: metrics.Meter, tracer: trace.Tracer) -> None:
        self._record_by = {each.name: _recording(each, meter) for each in INSTRUMENTS}
        self._tracer = tracer

    def hear(self, event: object) -> Callable[[Ended], None] | None:
        if isinstance(event, Asked):
            return self._begun(event)
        self._record(event)
        if isinstance(event, Noted):
            _name(trace.get_current_span(), event.occurrence_id)
        return None

    def _record(self, event: object, *, but: Instrument | None = None) -> None:
        for each, value, attributes in measured(event):
            if each is not but:
                self._record_by[each.name](value, attributes)

    def _begun(self, asked: Asked) -> Callable[[Ended], None]:
        """Opens a span in which the request runs."""
        there = asked.url is None or counted(asked.client, asked.url)
        kind = trace.SpanKind.INTERNAL if there else trace.SpanKind.CLIENT
        span = self._tracer.start_span(_internal(asked) if there else _client(asked), kind=kind)
        token = context.attach(trace.set_span_in_context(span))
        return partial(self._ended, span, token, there)

    def _ended(self, span: trace.Span, token: Any, there: bool, ended: Ended) -> None:
        """What is recorded has the span for an exemplar."""
        try:
            self._record(ended, but=REQUESTS if there else None)
            if span.is_recording():
                _describe(span, ended)
        finally:
            span.end()
            if trace.get_current_span() is span:  # else nobody awaits us any more, and this is another's context
                context.detach(token)


def _recording(each: Instrument, meter: metrics.Meter) -> Callable[..., None]:
    if each.kind == "gauge":
        return meter.create_gauge(each.name, each.unit, each.description).set
    if each.kind == "counter":
        return meter.create_counter(each.name, each.unit, each.description).add
    return meter.create_histogram(
        each.name, each.unit, each.description, explicit_bucket_boundaries_advisory=each.buckets
    ).record


def _client(asked: Asked) -> str:
    """By the semantic conventions: the method and the route, where the profile knows it."""
    method = bounding.method((asked.method or "").upper())
    template = asked.profile and asked.operation and asked.profile.operations.get(asked.operation)
    return template or ("HTTP" if method == OTHER else method)


def _internal(asked: Asked) -> str:
    operation = bounding.operation(asked.profile, asked.operation)
    return " ".join(filter(None, (bounding.vendor(asked.profile), operation)))


def _describe(span: trace.Span, ended: Ended) -> None:
    attributes = request_attributes(ended)
    span.set_attributes(attributes)
    if ended.asked.url is not None:
        span.set_attribute("url.full", redact_url(ended.asked.url))
    if (call := attempts.current()) is not None and call.number > 1:
        span.set_attribute("http.request.resend_count", call.number - 1)
    if ERROR_TYPE in attributes:
        span.set_status(trace.StatusCode.ERROR)
    if ended.failure is not None:
        _name(span, ended.failure.occurrence_id)


def _name(span: trace.Span, occurrence_id: str) -> None:
    """So that whoever has the reference finds the trace."""
    span.set_attributes({OCCURRENCE: occurrence_id, REFERENCE: reference_of(occurrence_id)})
