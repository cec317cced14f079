"""What a problem type means, for whoever follows its URI: told of the type itself, of no occurrence."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from hashlib import sha256
from html import escape
from string import Template
from typing import Any, NamedTuple, Protocol

from errnorm import _json
from errnorm.families import FAMILIES, Action, Family, Fault, family_of, response_status_of, verdict_of
from errnorm.model import CanonicalError, Problem, Rendered, RetryAdvice
from errnorm.telling.negotiation import MediaType, media_type
from errnorm.telling.own import own_problem
from errnorm.telling.problem import title_of, told_apart
from errnorm.telling.rendering import Site, labels, markup_of
from errnorm.telling.texts import Messages, detail_for, reason_of
from errnorm.telling.words import (
    ACTIONS,
    ALIKE,
    FRAMEWORK,
    OTHER_PHRASE,
    TITLES,
    WAITING_HELPS,
    WAITING_IS_NO_HELP,
    phrase_of,
)
from errnorm.vendors import registry
from errnorm.vendors.profile import Profile, Then, several


class Settled(Protocol):
    """What of an app's settings decides what its problem types are: a Normalizer is one."""

    @property
    def handle(self) -> str: ...
    @property
    def audience(self) -> Any: ...
    @property
    def type_base(self) -> str | None: ...
    @property
    def vendors(self) -> Iterable[str]: ...
    def judged(self, error: CanonicalError, /) -> CanonicalError: ...
    def messages_for(self, error: CanonicalError, /) -> tuple[Messages, ...]: ...


class Described(NamedTuple):
    """A problem type in a language: its code and URI, what it is called, what it means, and what helps."""

    code: str
    type: str
    title: str
    status: int
    means: str
    action: Action
    helps: str
    language: str


def describe(code: str, normalizer: Settled, language: str | None = None) -> Described | None:
    """The problem type of that code, as this app would tell it; None where nobody is ever told it.

    `code` is that of a problem, or the end of its URI; `language` a tag or an Accept-Language header.
    """
    code = code.lower().replace("-", "_")
    ways = (_of_framework, _of_vendors) if normalizer.handle == "all" else (_of_vendors, _of_framework)
    found = (way(code, normalizer, language) for way in ways)
    return next((described for described in found if described is not None), None)


def codes(normalizer: Settled) -> list[str]:
    """Every code that this app may tell anybody."""
    known = {*ALIKE, *FAMILIES, *_statuses(), *_reasons(_profiles())}
    return sorted(code for code in known if describe(code, normalizer) is not None)


def rendered_type(described: Described, accept: str | None = None) -> Rendered:
    """The page about a problem type; its facts as JSON for programs, in plain text for people without a browser."""
    media = media_type(accept)
    if media is MediaType.HTML:
        content, body = f"{media}; charset=utf-8", _html(described)
    elif media is MediaType.TEXT:
        content, body = f"{media}; charset=utf-8", _text(described)
    else:
        content, body = "application/json", _json.dumps(_plain(described))
    headers = [
        ("Content-Type", content),
        ("Content-Length", str(len(body))),
        ("Content-Language", described.language),
        ("Cache-Control", "no-cache"),
        ("Vary", "Accept, Accept-Language"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    if media is MediaType.HTML:
        headers += [("Content-Security-Policy", _policy()), ("Referrer-Policy", "no-referrer")]
    return Rendered(200, tuple(headers), body)


# --- what there is ---


def _of_framework(code: str, normalizer: Settled, language: str | None) -> Described | None:
    """What an app answers by itself: a status, or what is finer than one."""
    if code in FRAMEWORK:  # the one of them that is no status
        status, name = 403, code
    elif (status := _statuses().get(code, 0)) and code not in ALIKE:
        name = ""
    else:
        return None
    own = own_problem(status, _NOBODYS, language=language, code=name or None, type_base=normalizer.type_base)
    helps = title_of(ACTIONS[own.action], own.language)
    return Described(own.code, own.type, own.title, status, own.detail, own.action, helps, own.language)


def _of_vendors(code: str, normalizer: Settled, language: str | None) -> Described | None:
    """What an app answers to failures of vendors; of those that look alike to users, only an integrator is told."""
    for made in _errors(code, normalizer.vendors):
        error = normalizer.judged(made)
        alike = code if code in ALIKE else None
        if alike or told_apart(error):
            return _described(code, error, alike, normalizer, language)
        if normalizer.audience is not None:
            waiting = error.retry.retryable or error.action in {Action.WAIT, Action.RETRY}
            return _described(code, error, WAITING_HELPS if waiting else WAITING_IS_NO_HELP, normalizer, language)
    return None


def _described(
    code: str, error: CanonicalError, alike: str | None, normalizer: Settled, language: str | None
) -> Described:
    # a callable finds texts for failures that happened, and none has
    messages = [own for own in normalizer.messages_for(error) if not callable(own)]
    means, spoken = detail_for(error, messages, alike, language)
    title = title_of(TITLES[alike or error.family], spoken)
    base = normalizer.type_base
    uri = f"{base}{code.replace('_', '-')}" if base else "about:blank"
    helps = title_of(ACTIONS[error.action], spoken)
    return Described(code, uri, title, error.response_status, means, error.action, helps, spoken)


def _errors(code: str, vendors: Iterable[str]) -> Iterator[CanonicalError]:
    """Failures that go by a code, those of the app's own vendors first."""
    if code in _ALIKE:
        yield _ALIKE[code]
    elif code in FAMILIES:
        yield _error(Then(family=Family(code), fault=Fault.USER), None, None)
    found = _reasons(_profiles()).get(code, ())
    first = set(vendors)
    for profile, then, status in sorted(found, key=lambda each: each[0].name not in first):
        yield _error(then, status, profile)


def _error(then: Then, status: int | None, profile: Profile | None) -> CanonicalError:
    family = then.family or family_of(status)
    defaults = FAMILIES[family]
    fault = then.fault or defaults.fault
    action = then.action or (defaults.user_action if fault is Fault.USER else defaults.action)
    return CanonicalError(
        vendor=None if profile is None or profile.dialect else profile.name,
        dialect=profile.name if profile is not None and profile.dialect else None,
        family=family,
        reason=then.reason or family.upper(),
        fault=fault,
        action=action,
        retry=RetryAdvice(then.retry or verdict_of(family, None, None)),
        response_status=then.response_status or response_status_of(family, fault, action, status),
    )


_ALIKE = {
    WAITING_HELPS: _error(Then(family=Family.UNAVAILABLE), None, None),
    WAITING_IS_NO_HELP: _error(Then(family=Family.UNKNOWN, fault=Fault.INTEGRATION), None, None),
}
_NOBODYS = "00000000-0000-4000-8000-000000000000"  # the id of an occurrence that there was not


@cache
def _statuses() -> dict[str, int]:
    """Statuses by the code that an own error of that status has."""
    return {
        own_problem(status, _NOBODYS).code: status for status in range(400, 600) if phrase_of(status) != OTHER_PHRASE
    }


def _profiles() -> tuple[Profile, ...]:
    return tuple(registry.get(name) for name in registry.default.names())


@lru_cache(maxsize=2)
def _reasons(profiles: tuple[Profile, ...]) -> dict[str, list[tuple[Profile, Then, int | None]]]:
    """All rows that give a reason, by its code, with the status that they are about where they say it."""
    found: dict[str, list[tuple[Profile, Then, int | None]]] = {}
    for profile in profiles:
        of_rules = ((rule.then, next(iter(several(rule.when.status)), None)) for rule in profile.rules)
        of_codes = ((then, None) for then in profile.codes.values())
        of_statuses = ((then, status) for status, then in profile.statuses.items())
        for then, status in (*of_rules, *of_codes, *of_statuses):
            if reason := reason_of(then):
                found.setdefault(reason.lower(), []).append((profile, then, status))
    return found


# --- how it is written ---


def _plain(described: Described) -> dict[str, Any]:
    plain = described._asdict()
    del plain["language"]
    return plain | {"action": described.action.value}


def _text(described: Described) -> bytes:
    label = labels(described.language)
    parts = (
        described.title,
        f"{described.code}\n{label['status']} {described.status}",
        f"{label['means']}\n{described.means}",
        f"{label['helps']}\n{described.helps}",
    )
    return ("\n\n".join(parts) + "\n").encode("utf-8", "replace")


def _html(described: Described) -> bytes:
    code, uri, title, status, means, action, helps, language = described
    problem = Problem(uri, title, status, means, "", "", code, action, language=language)
    markup = markup_of(problem, Site()) | {"helps": escape(helps)}
    return Template(_source()).substitute(markup).encode("utf-8", "replace")


@cache
def _source() -> str:
    from importlib.resources import files

    return files("errnorm.telling").joinpath("types.html").read_text("utf-8")


@cache
def _policy() -> str:
    """The page has one style and no script, and asks nobody for anything."""
    style = re.search("<style>(.*?)</style>", _source(), re.DOTALL)
    digest = b64encode(sha256((style[1] if style else "").encode()).digest()).decode()
    nothing = ("default-src", "base-uri", "form-action", "frame-ancestors")
    return "; ".join((*(f"{name} 'none'" for name in nothing), f"style-src 'sha256-{digest}'", "img-src data:"))
