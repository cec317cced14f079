"""A dashboard for Grafana: how each vendor does, how much of its limits is used, and what fails."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from errnorm.metrics.instruments import CALLS, OPERATION, label
from errnorm.monitoring.panels import CHOSEN, Panel, rows
from errnorm.monitoring.promql import counter_of, quoted
from errnorm.monitoring.words import Vendor

_WIDTH = 24  # of Grafana's grid
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard(vendors: Sequence[Vendor], job: str | None = None) -> dict[str, Any]:
    """The dashboard in the classic form, which every Grafana from 10 on reads."""
    # one for each app may stand beside another
    uid = "errnorm-vendors" if job is None else f"errnorm-{hashlib.sha256(job.encode()).hexdigest()[:12]}"
    return {
        "uid": uid,
        "title": "Vendors" if job is None else f"Vendors of {job}",
        "description": "Made by errnorm from the profiles of " + ", ".join(vendor.name for vendor in vendors) + ".",
        "tags": ["errnorm"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "",
        "links": [_link(vendor) for vendor in vendors if vendor.docs],
        "templating": {"list": list(_variables(vendors, job))},
        "annotations": {"list": []},
        "panels": list(_laid_out(rows(vendors))),
    }


def _laid_out(rows: dict[str, tuple[Panel, ...]]) -> Iterator[dict[str, Any]]:
    """The panels of each row side by side, as many as there is room for."""
    x = y = number = 0
    for title, panels in rows.items():
        number, y = number + 1, y + (8 if x else 0)
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": _place(0, y, _WIDTH, 1),
        }
        x, y = 0, y + 1
        for panel in panels:
            if x + panel.width > _WIDTH:
                x, y = 0, y + 8
            number += 1
            yield {"id": number, **_as_data(panel), "gridPos": _place(x, y, panel.width, 8)}
            x += panel.width


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _as_data(panel: Panel) -> dict[str, Any]:
    scale = {"min": 0} if panel.most is None else {"min": 0, "max": panel.most}
    return {
        "type": panel.kind,
        "title": panel.title,
        **({"description": panel.description} if panel.description else {}),
        "datasource": _SOURCE,
        "targets": [{"refId": "A", "datasource": _SOURCE, "expr": panel.query, **_asked(panel)}],
        "fieldConfig": {"defaults": {"unit": panel.unit, **scale}, "overrides": []},
        **_SHOWN[panel.kind],
    }


def _asked(panel: Panel) -> dict[str, Any]:
    """How a query is asked, and what its lines are called."""
    if panel.kind == "table":
        return {"format": "table", "instant": True, "range": False}
    instant = panel.kind == "stat"
    exemplars = {} if instant else {"exemplar": "_bucket{" in panel.query}
    legend = " ".join(f"{{{{{label(name)}}}}}" for name in panel.by)
    return {"legendFormat": legend, "instant": instant, "range": not instant, **exemplars}


_SHOWN: dict[str, dict[str, Any]] = {
    "timeseries": {
        "options": {
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    },
    "stat": {
        "options": {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "none",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "auto",
            "wideLayout": True,
            "percentChangeColorMode": "standard",
            "showPercentChange": False,
        }
    },
    "table": {
        "options": {"showHeader": True, "cellHeight": "sm", "frameIndex": 0},
        "transformations": [
            {
                "id": "organize",
                "options": {
                    "excludeByName": dict.fromkeys(("Time", "Value", "__name__", "alertstate"), True),
                    "indexByName": {},
                    "renameByName": {},
                },
            }
        ],
    },
}


def _variables(vendors: Sequence[Vendor], job: str | None) -> Iterator[dict[str, Any]]:
    yield {"name": "datasource", "type": "datasource", "label": "Source", "query": "prometheus", "hide": 0}
    calls = counter_of(CALLS)
    of_job = "" if job is None else f"job={quoted(job)}"
    yield _query("job", "Job", f"label_values({calls}{{{of_job}}}, job)")
    names = [vendor.name for vendor in vendors]
    options = [{"text": name, "value": name, "selected": False} for name in names]
    everything = {"text": "All", "value": "$__all"}
    yield {
        "name": "vendor",
        "type": "custom",
        "label": "Vendor",
        "query": ",".join(names),
        "options": [{**everything, "selected": True}, *options],
        "current": {"text": ["All"], "value": ["$__all"], "selected": True},
        "includeAll": True,
        "multi": True,
        "hide": 0,
    }
    yield _query("operation", "Operation", f"label_values({calls}{{{CHOSEN}}}, {label(OPERATION)})")


def _query(name: str, title: str, query: str) -> dict[str, Any]:
    """A variable whose values are those that are there; all of them include none, for a metric without that label."""
    return {
        "name": name,
        "type": "query",
        "label": title,
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "current": {"text": ["All"], "value": ["$__all"], "selected": True},
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "refresh": 2,
        "sort": 1,
        "hide": 0,
    }


def _link(vendor: Vendor) -> dict[str, Any]:
    return {
        "title": vendor.name,
        "type": "link",
        "url": vendor.docs,
        "icon": "doc",
        "tooltip": f"What {vendor.name} says of its errors",
        "targetBlank": True,
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "tags": [],
    }
