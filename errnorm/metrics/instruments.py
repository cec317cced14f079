"""What is measured, in one table: telemetry records by it, alerts and dashboards read by it."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]

OTHER = "_OTHER"  # what no profile knows, so that no stranger makes a label
THROTTLED = "THROTTLED"  # the reason where the throttle refused a request, which was never sent

VENDOR = "errnorm.vendor"
OPERATION = "errnorm.operation"  # a name of the profile's, never a path
FAMILY = "errnorm.family"  # left out where all is well, as are the next three
REASON = "errnorm.reason"
FAULT = "errnorm.fault"
ERROR_TYPE = "error.type"  # the reason
STATUS = "http.response.status_code"  # left out where no answer came
ALERT = "errnorm.alert"  # page, ticket, count
OUTCOME = "errnorm.outcome"  # see OUTCOMES
LIMIT = "errnorm.limit"  # a name for one of the profile's limits

# From the semantic conventions of OpenTelemetry for HTTP; vendors that translate or think take longer than that.
_HTTP = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_CALL = (*_HTTP, 20.0, 30.0, 60.0, 120.0)
_WAIT = (0.0, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
_LONG = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 10_800.0, 43_200.0, 86_400.0)


class Instrument(NamedTuple):
    """One metric.

    `name` is OpenTelemetry's and `prometheus` what that becomes there, without the `_bucket`, `_sum` and `_count` of a
    histogram; `attributes` are those beside the vendor's and the operation's; `buckets` are a histogram's upper bounds.
    A unit in braces is one that Prometheus does not put into the name, as it would do with "1".
    """

    name: str
    prometheus: str
    kind: Kind
    unit: str
    description: str
    attributes: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """All attributes, by their names in Prometheus."""
        return tuple(map(label, (VENDOR, OPERATION, *self.attributes)))


def label(attribute: str) -> str:
    """What an attribute's name becomes in Prometheus: errnorm.vendor is errnorm_vendor."""
    return attribute.replace(".", "_")


REQUESTS = Instrument(
    "http.client.request.duration",
    "http_client_request_duration_seconds",
    "histogram",
    "s",
    "Duration of HTTP client requests.",
    ("http.request.method", "server.address", "server.port", STATUS, ERROR_TYPE, FAMILY, REASON, FAULT),
    _HTTP,
)
# What the throttle refused is no call: it is among the throttle's waits.
CALLS = Instrument(
    "errnorm.vendor.call.duration",
    "errnorm_vendor_call_duration_seconds",
    "histogram",
    "s",
    "Duration of single requests to a vendor, each attempt for itself.",
    (FAMILY, FAULT, ERROR_TYPE, STATUS),
    _CALL,
)
FAILURES = Instrument(
    "errnorm.failures",
    "errnorm_failures_total",
    "counter",
    "{failure}",
    "Failures of vendors that were answered or logged, each once.",
    (FAMILY, REASON, FAULT, ALERT),
)
RETRIES = Instrument(
    "errnorm.retries",
    "errnorm_retries_total",
    "counter",
    "{attempt}",
    "Further attempts, and what became of the calls that needed them.",
    (OUTCOME,),
)
THROTTLE = Instrument(
    "errnorm.throttle.wait",
    "errnorm_throttle_wait_seconds",
    "histogram",
    "s",
    "Time that requests spent waiting for their turn.",
    (OUTCOME,),
    _WAIT,
)
QUOTA_REMAINING = Instrument(
    "errnorm.quota.remaining",
    "errnorm_quota_remaining",
    "gauge",
    "{request}",
    "What is left of a limit, as the vendor's answers say.",
    (LIMIT,),
)
QUOTA_LIMIT = Instrument(
    "errnorm.quota.limit",
    "errnorm_quota_limit",
    "gauge",
    "{request}",
    "What a limit allows, as far as it is documented.",
    (LIMIT,),
)
POLLS = Instrument(
    "errnorm.poll.duration",
    "errnorm_poll_duration_seconds",
    "histogram",
    "s",
    "Time from the start of a vendor's job to its end.",
    (OUTCOME,),
    _LONG,
)
WEBHOOKS = Instrument(
    "errnorm.webhook.lag",
    "errnorm_webhook_lag_seconds",
    "histogram",
    "s",
    "Time from an event at the vendor's to the webhook that tells of it.",
    (),
    _LONG,
)
UNMAPPED = Instrument(
    "errnorm.codes.unmapped",
    "errnorm_codes_unmapped_total",
    "counter",
    "{failure}",
    "Failures with a code that no profile maps.",
)

INSTRUMENTS = (
    REQUESTS,
    CALLS,
    FAILURES,
    RETRIES,
    THROTTLE,
    QUOTA_REMAINING,
    QUOTA_LIMIT,
    POLLS,
    WEBHOOKS,
    UNMAPPED,
)
OUTCOMES = {
    RETRIES.name: ("again", "recovered", "gave_up"),
    THROTTLE.name: ("admitted", "refused"),
    POLLS.name: ("done", "failed", "deadline"),
}
