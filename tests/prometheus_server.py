"""A real Prometheus for one test: Debian's, on a port of its own, for which a minute lasts a second.

with Prometheus(folder, seconds_for_minutes(rules), {"shop": 8000}) as prometheus:
    prometheus.query("up")
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.operated import free_port
from tests.test_monitoring import PROMTOOL

PROGRAM = None if PROMTOOL is None else Path(PROMTOOL).with_name("prometheus")  # Debian has them side by side


def seconds_for_minutes(rules: str) -> str:
    """Rules in which a minute is a second; their names stay as they are."""

    def shorter(found: re.Match[str]) -> str:
        before, number, unit = found.groups()
        return before + {"m": f"{number}s", "h": f"{number}m", "d": f"{24 * int(number)}m"}[unit]

    return re.sub(r"(\[|offset |for: )(\d+)([mhd])\b", shorter, rules)


class Prometheus:
    """Debian's, in a folder: it scrapes the ports, by their jobs, twice a second."""

    def __init__(self, folder: Path, rules: list[str], jobs: dict[str, int]) -> None:
        self._folder, self._port = folder, free_port()
        config = {
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
            "rule_files": rules,
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]} for job, port in jobs.items()
            ],
        }
        (folder / "prometheus.yaml").write_text(json.dumps(config), encoding="utf-8")  # which is YAML too

    def __enter__(self) -> Self:
        command = [
            str(PROGRAM),
            f"--config.file={self._folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--enable-feature=exemplar-storage",
        ]
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        for _ in range(600):
            try:
                self.query("1")
            except OSError:
                time.sleep(0.05)
            else:
                return self
        raise AssertionError((self._folder / "prometheus.log").read_text())

    def __exit__(self, *raised: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    def query(self, expression: str, **more: Any) -> list[dict]:
        return self.ask("query_range" if more else "query", query=expression, **more)["result"]

    def ask(self, what: str, **parameters: Any) -> Any:
        with urlopen(f"http://127.0.0.1:{self._port}/api/v1/{what}?{urlencode(parameters)}", timeout=20) as answer:
            return json.load(answer)["data"]
