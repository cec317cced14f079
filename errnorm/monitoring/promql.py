"""Expressions of PromQL, made of the instruments."""

from __future__ import annotations

import json

from errnorm.metrics.instruments import OPERATION, VENDOR, Instrument, label

WINDOWS = {"5m": 300, "30m": 1800, "1h": 3600, "2h": 7200, "6h": 21_600, "1d": 86_400, "3d": 259_200}  # in seconds
BY_VENDOR = ("job", label(VENDOR))
BY_OPERATION = (*BY_VENDOR, label(OPERATION))
_WATCHED = '{__name__=~"errnorm_.+"}'


class Selection:
    """Whose series are meant: those of some vendors, and of one job or all."""

    def __init__(self, vendors: tuple[str, ...], job: str | None = None) -> None:
        vendor = f"{label(VENDOR)}={quoted(vendors[0])}" if len(vendors) == 1 else one_of(label(VENDOR), vendors)
        self._always = (vendor,) if job is None else (f"job={quoted(job)}", vendor)

    def of(self, name: str, *matchers: str) -> str:
        """The series of that name."""
        return f"{name}{{{', '.join((*self._always, *matchers))}}}"

    def grown(self, instrument: Instrument, window: str, *matchers: str) -> str:
        """By how much each counter grew within a window.

        `increase` sees nothing of a counter that comes to be with its first failure. So one that was not there when the
        window began counts in full, if anything of its job was: else nobody knows since when it counts. In a window of
        many hours one failure more or less is no matter, and starts of the app begin counters anew.
        """
        counter = self.of(counter_of(instrument), *matchers)
        if WINDOWS[window] > WINDOWS["1h"]:
            return f"increase({counter}[{window}])"
        return (
            f"{counter}\n"
            f"  unless {counter} offset {window}\n"
            f"  and on (job) {_WATCHED} offset {window}\n"
            f"or increase({counter}[{window}])"
        )


def counter_of(instrument: Instrument) -> str:
    """The name of the counter in an instrument."""
    return f"{instrument.prometheus}_count" if instrument.kind == "histogram" else instrument.prometheus


def bucket_of(instrument: Instrument) -> str:
    """The name of a histogram's buckets."""
    return f"{instrument.prometheus}_bucket"


def summed(labels: tuple[str, ...], expression: str) -> str:
    """The sum of an expression by labels."""
    return f"sum by ({', '.join(labels)}) (\n{indented(expression)}\n)"


def p95(labels: tuple[str, ...], selector: str, window: str) -> str:
    """The 95th percentile of the histogram whose buckets a selector names."""
    return f"histogram_quantile(0.95, sum by ({', '.join((*labels, 'le'))}) (rate({selector}[{window}])))"


def one_of(name: str, values: tuple[str, ...]) -> str:
    """A matcher for any of some words."""
    return f"{name}=~{quoted('|'.join(values))}"


def quoted(text: str) -> str:
    """A string of PromQL."""
    return json.dumps(text, ensure_ascii=False)


def indented(text: str) -> str:
    """Two spaces further in."""
    return "\n".join(f"  {line}" for line in text.splitlines())
