"""What the vendor did to the app's calls is at /metrics, each failure once; a reference is in no label."""

import json
from pathlib import Path

import pytest
from fake_vendor import FakeVendor
from serving import Served, served

pytest.importorskip("starlette")
pytest.importorskip("httpx")
pytest.importorskip("uvicorn")
parser = pytest.importorskip("prometheus_client.parser")

REFUSED = "/orders/reason-code-304-under-quoteauthorization"


@pytest.fixture(scope="module")
def shop():
    arguments = ("-m", "uvicorn", "--port", "PORT", "--log-level", "warning", "telemetry_app:app")
    with (
        FakeVendor() as vendor,
        served(*arguments, cwd=Path(__file__).parent, LIONBRIDGE_URL=f"{vendor.url}/lionbridge") as shop,
    ):
        yield shop


def scraped(shop: Served) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Every sample by its name."""
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}
    for metric in parser.text_string_to_metric_families(shop.ask("GET", "/metrics").body.decode()):
        for sample in metric.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


def test_calls_and_failures_are_counted(shop: Served):
    assert shop.ask("POST", "/orders/ok").status == 200
    problem = json.loads(shop.ask("POST", REFUSED).body)
    assert shop.ask("POST", "/orders/stall").status == 504
    samples = scraped(shop)
    failures = {labels["errnorm_reason"]: count for labels, count in samples["errnorm_failures_total"]}
    assert failures == {"LANGUAGE_PAIR_NOT_OFFERED": 1, "READ_TIMEOUT": 1}
    calls = {labels["error_type"]: count for labels, count in samples["errnorm_vendor_call_duration_seconds_count"]}
    assert calls == {"": 1, "LANGUAGE_PAIR_NOT_OFFERED": 1, "READ_TIMEOUT": 1}
    waits = samples["errnorm_throttle_wait_seconds_count"]
    assert {labels["errnorm_outcome"]: count for labels, count in waits} == {"admitted": 3}
    assert problem["reference"] not in str(samples)
