"""What operators watch: rules and alerts for Prometheus and a dashboard for Grafana, from the vendors' profiles."""

from __future__ import annotations

from collections.abc import Iterable

from errnorm.monitoring.alerts import alerting_rules
from errnorm.monitoring.dashboard import dashboard
from errnorm.monitoring.promql import Selection
from errnorm.monitoring.rules import recording_rules
from errnorm.monitoring.words import Vendor
from errnorm.monitoring.yaml import dumps

LOWEST = 0.9  # below it the alerts for outages would ask for more failures than there are calls
OBJECTIVE = 0.99  # of a vendor's calls are to go well: few vendors promise more, and retries mend what is left


def export(vendors: Iterable[str], *, job: str | None = None, objective: float = OBJECTIVE) -> dict[str, str]:
    """The files for these vendors, which are known by their names: names of files to texts, the same each time.

    `job` is the app's name in Prometheus, where others' metrics are there too; `objective` the share of calls that must
    not fail at the vendor's or on the way there, at least 0.9 and below 1. Raises UnknownVendorError and ValueError.
    """
    import json

    if not LOWEST <= objective < 1:
        meant = f"; did you mean {objective / 100:g}?" if 100 * LOWEST <= objective < 100 else ""
        raise ValueError(f"objective: must be a share, at least {LOWEST} and below 1, not {objective!r}{meant}")
    names = tuple(sorted(set(vendors)))
    known = [Vendor.named(name) for name in names]
    alerts = [alerting_rules(vendor, Selection((vendor.name,), job), objective) for vendor in known]
    return {
        "errnorm_rules.yaml": dumps({"groups": recording_rules(Selection(names, job))}),
        "errnorm_alerts.yaml": dumps({"groups": alerts}),
        "errnorm_dashboard.json": json.dumps(dashboard(known, job), indent=2, ensure_ascii=False) + "\n",
    }
