"""A failure laid open: what was read, which rule decided, what a user gets, what is logged, what to do next."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from errnorm import correlation
from errnorm.answering import Normalizer
from errnorm.families import LOG_LEVELS, Verdict
from errnorm.model import VendorError
from errnorm.telling.logs import record

_VERDICTS = {
    Verdict.NEVER: "Do not send the same request again: nothing says that it would fare better",
    Verdict.SAFE: "Send the same request again",
    Verdict.IF_IDEMPOTENT: "Send the same request again only if doing it twice does no harm",
    Verdict.AFTER_REFRESH: "Refresh the credential, then send the same request once more",
}
_BRIEFLY = {"reason", "vendor_code", "vendor_message", "path"}  # what is told of one of many errors or fields
_SOURCES = {"header": "as a header says", "body": "as the body says", "profile": "as the profile says"}


def explain(
    failure: VendorError, normalizer: Normalizer, *, accept: str | None = None, language: str | None = None
) -> dict[str, Any]:
    """All that becomes of a failure, in plain JSON types: `error`, `problem`, `response` and `log`."""
    error = normalizer.judged(failure.error)
    rendered = normalizer.answer(failure, accept, language)
    return {
        "error": failure.error.to_dict(),
        "problem": normalizer.problem_for(failure, language=language).to_dict(),
        "response": {
            "status": rendered.status,
            "headers": dict(rendered.headers),
            "body": rendered.body.decode("utf-8", "replace"),
        },
        "log": {
            "level": logging.getLevelName(LOG_LEVELS[error.fault]),
            "message": str(error),
            **record(error, failure.occurrence_id, correlation.current()),
        },
    }


def advice(retry: Mapping[str, Any]) -> str:
    """Retry advice, as `to_dict` has it, in a sentence or two."""
    verdict, after_s = Verdict(retry["verdict"]), retry["after_s"]
    sentence = _VERDICTS[verdict]
    if after_s is not None:
        seconds = "1 second" if after_s == 1 else f"{after_s:g} seconds"
        pause = f"after {seconds}, {_SOURCES.get(retry['source'], 'by default')}"
        sentence += f"; any other one {pause}" if verdict is Verdict.NEVER else f", {pause}"
    elif retry["retryable"]:
        sentence += ", after a short pause that grows with each try"
    return f"{sentence}.{' Another route may succeed at once.' if retry['reroute'] else ''}"


def rule(error: Mapping[str, Any]) -> str:
    """Which row decided."""
    if error["rule"]:
        return str(error["rule"])
    status = "no status" if error["vendor_status"] is None else f"status {error['vendor_status']}"
    unknown = f"no profile knows the code {error['vendor_code']!r}; " if not error["mapped"] else ""
    return f"none of a profile: {unknown}by errnorm's own table, {status} means {error['family']}"


def said(facts: Mapping[str, Any]) -> dict[str, str]:
    """Those facts of an error, or of its log record, that say something, each as a text."""
    texts: dict[str, str] = {}
    for name, value in facts.items():
        if name.removeprefix("errnorm_") in ("fields", "others"):
            texts |= {f"{name}.{number}": _text(each) for number, each in enumerate(value)}
        elif not _goes_without_saying(name, value):
            texts[name] = _text(value)
    return texts


def _goes_without_saying(name: str, value: Any) -> bool:
    return value is None or (name.removeprefix("errnorm_") == "mapped" and value)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        known = _BRIEFLY & value.keys() or value.keys()
        return ", ".join(f"{key} {each}" for key, each in value.items() if key in known and each not in (None, False))
    return str(value).lower() if isinstance(value, bool) else str(value)


def blocks(explained: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """What a person reads of an explanation: headings, each with its lines."""
    error, response, log = explained["error"], explained["response"], explained["log"]
    keys = {key: value for key, value in log.items() if key not in ("level", "message")}
    yield "The error", columns(said(error))
    yield "The rule that decided", [rule(error)]
    status = f"HTTP {response['status']}"
    headers = [f"{name}: {value}" for name, value in response["headers"].items()]
    yield "What the user gets", [status, *headers, "", *indented(response).splitlines()]
    yield "What is logged", [f"{log['level']} {log['message']}", *columns(said(keys))]
    yield "Again?", [advice(error["retry"])]


def columns(facts: Mapping[str, str]) -> list[str]:
    """Names and texts side by side."""
    width = max(map(len, facts), default=0)
    return [f"{name:{width}}  {text}" for name, text in facts.items()]


def indented(response: Mapping[str, Any]) -> str:
    """A response's body for reading: JSON is spread over lines."""
    body = str(response["body"])
    if "json" in response["headers"].get("Content-Type", ""):
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    return body
