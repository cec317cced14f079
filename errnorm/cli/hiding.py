"""Which of the answers below 400 are failures: what tells those that failed from those that went well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from errnorm.cli.guessing import CODES, Seen, folded, guess, is_step
from errnorm.reading.bodies import Body
from errnorm.reading.nodes import leads, opened, text_of
from errnorm.reading.paths import Exchange, View
from errnorm.reading.plans import any_of
from errnorm.vendors.profile import When

STRONG = 7  # what a code's name must weigh: an id or a name is there too where all went well

# What a value in lower case says of the whole body, by the plain name under which it stands: that it failed, that not.
_SAYS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    **dict.fromkeys(
        ("success", "ok", "succeeded", "successful", "issuccess", "issuccessful"),
        (frozenset({"false", "0", "no"}), frozenset({"true", "1", "yes"})),
    ),
    **dict.fromkeys(
        ("error", "iserror", "haserror", "haserrors", "failed", "failure"),
        (frozenset({"true", "1"}), frozenset({"false", "0"})),
    ),
    **dict.fromkeys(
        ("status", "result", "outcome", "type"),
        (frozenset({"error", "errors", "fail", "failed", "failure", "nok", "ko"}), frozenset({"ok", "success"})),
    ),
    **dict.fromkeys(
        ("code", "errorcode", "errcode", "errno", "resultcode", "returncode"),
        (frozenset[str](), frozenset({"0", "ok", "success"})),
    ),
}
_WORDS = ("status", "result", "outcome", "type")  # further down they are those of a job or a thing
_ERRORS = ("error", "errors", "fault", "exception", "errorcode", "errormessage", "faultcode", "faultstring")
_DEEP = 2  # steps from the top


class Answer(NamedTuple):
    """An exchange as it is judged; `failed` is what somebody said of it."""

    status: int | None
    body: Body
    failed: bool | None


class Apart(NamedTuple):
    """Which of the answers failed, which of these are sure of it or of the contrary, and what tells so below 400."""

    failed: list[bool]
    sure: list[bool]
    conditions: list[dict[str, Any]]


def tell_apart(answers: Sequence[Answer]) -> Apart:
    """Guesses which answers failed; where nobody says so and nothing tells, one below 400 went well."""
    senses = [_sense(each) for each in answers]
    told = [_fails_anyhow(each) for each in answers]
    conditions: list[dict[str, Any]] = []
    for condition in _candidates(answers, senses, told):
        holds = any_of((msgspec.convert(condition, When),), "failed")
        held = [not sure and _holds(holds, each) for each, sure in zip(answers, told, strict=True)]
        if any(held) and not any(here and sense is False for here, sense in zip(held, senses, strict=True)):
            conditions.append(condition)
            told = [sure or here for sure, here in zip(told, held, strict=True)]
    failed = [here or each.failed is True for here, each in zip(told, answers, strict=True)]
    sure = [here or sense is False for here, sense in zip(told, senses, strict=True)]
    return Apart(failed, sure, conditions)


def _fails_anyhow(answer: Answer) -> bool:
    """Whether it is a failure without a word in the profile: by its status, or for want of one that says otherwise."""
    return answer.failed is None if answer.status is None else answer.status >= 400


def _holds(holds: Any, answer: Answer) -> bool:
    view = View(Exchange(answer.status), answer.body, attributes=True)
    view.error = view.root
    return bool(holds(view))


def _sense(answer: Answer) -> bool | None:
    """Whether it failed, as somebody says, or else its own flags; None where none does."""
    if answer.failed is not None or answer.status is None or answer.status >= 400:
        return answer.failed
    says = [(text.lower() in bad, text.lower() in good) for _, text, bad, good in _flags(answer.body)]
    return True if any(bad for bad, _ in says) else False if any(good for _, good in says) else None


def _candidates(
    answers: Sequence[Answer], senses: Sequence[bool | None], sure: Sequence[bool]
) -> Iterator[dict[str, Any]]:
    """Conditions that may tell failures, the clearest first."""
    open_ = [each for each, known, sense in zip(answers, sure, senses, strict=True) if not known and sense is not False]
    flags: dict[str, list[str]] = {}
    for each in open_:
        for path, text, bad, _ in _flags(each.body):
            if text.lower() in bad and text not in flags.setdefault(path, []):
                flags[path].append(text)
    yield from ({"where": {path: texts}} for path, texts in flags.items() if texts)
    paths = dict.fromkeys(path for each in open_ for path, name, node in _nodes(each.body) if _is_error(name, node))
    yield from ({"present": [path]} for path in paths)
    known = [Seen(each.status, {}, each.body.tree) for each, known in zip(answers, sure, strict=True) if known]
    labelled = [Seen(each.status, {}, each.body.tree) for each in open_ if each.failed]
    yield from _as_elsewhere([*known, *labelled])
    if any(each.body.kind in ("json", "xml") for each in answers):
        yield {"body": "html"}


def _as_elsewhere(failures: Sequence[Seen]) -> Iterator[dict[str, Any]]:
    """Code and message together, where they lie in what failed for certain."""
    read = guess(failures).read
    for top in read["error"]:
        for code in read.get("code", ()):
            for message in read.get("message", ()):
                places = [_absolute(top, code), _absolute(top, message)]
                if CODES.get(folded(code.rpartition("/")[2]), 0) >= STRONG and message != ".":
                    yield {"present": list(dict.fromkeys(places))}


def _absolute(top: str, path: str) -> str:
    return path if path.startswith("/") else f"{top.rstrip('/')}/{path}"


def _flags(body: Body) -> Iterator[tuple[str, str, frozenset[str], frozenset[str]]]:
    """Values whose name promises a word on how it went: the path, the text, what would be bad and what good."""
    for path, name, node in _nodes(body):
        if name in _SAYS and (text := text_of(node)) and (name not in _WORDS or path.count("/") == 1):
            yield (path, text, *_SAYS[name])


def _is_error(name: str, node: Any) -> bool:
    """Whether there is an error, which a flag or a number does not say by being there."""
    return name in _ERRORS and leads(node) and not isinstance(node, bool | int | float)


def _nodes(body: Body) -> Iterator[tuple[str, str, Any]]:
    """What lies near the top of a body: paths, plain names, nodes."""
    waiting = [("", body.tree)]
    while waiting:
        above, node = waiting.pop(0)
        node = opened(node)
        for name, value in node.items() if isinstance(node, dict) else ():
            if is_step(name):
                path = f"{above}/{name}"
                yield path, folded(name), value
                if path.count("/") < _DEEP:
                    waiting.append((path, value))
