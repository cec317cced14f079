"""The example app as one is operated: its log as JSON, each request a trace, which goes to a file a span a line.

Served in a process of its own, from the folder of the examples: see `operated`.
"""

from __future__ import annotations

import os
from pathlib import Path

import logs_stdlib
import telemetry_app
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

import errnorm.telemetry

logs_stdlib.configure()
spans = Path(os.environ["ERRNORM_TEST_SPANS"]).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - as long as we live
provider = TracerProvider(resource=Resource({}))
provider.add_span_processor(
    SimpleSpanProcessor(ConsoleSpanExporter(out=spans, formatter=lambda span: f"{span.to_json(indent=None)}\n"))
)
trace.set_tracer_provider(provider)
errnorm.telemetry.instrument()  # its metrics go to nobody: those are prometheus-client's here


async def app(scope, receive, send):
    """What an instrumentation for ASGI does: a span around each request."""
    if scope["type"] != "http":
        return await telemetry_app.app(scope, receive, send)
    name = f"{scope['method']} {scope['path'].split('/')[1]}"
    with trace.get_tracer("server").start_as_current_span(name, kind=trace.SpanKind.SERVER):
        return await telemetry_app.app(scope, receive, send)
