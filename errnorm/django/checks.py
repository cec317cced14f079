"""System checks: what is off in `ERRNORM` and around it, told before a request finds out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from django.conf import global_settings, settings
from django.core import checks
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.urls import get_resolver
from django.utils.module_loading import import_string

from errnorm.answering import Normalizer
from errnorm.django import handlers
from errnorm.django.conf import settled
from errnorm.django.middleware import ErrorNormalizationMiddleware
from errnorm.settings import SettingsError, messages_in
from errnorm.telling.negotiation import lookup

MIDDLEWARE: Final = "errnorm.django.ErrorNormalizationMiddleware"
CSRF_VIEW: Final = "errnorm.django.csrf_failure"


def check_settings(**_: Any) -> list[checks.CheckMessage]:
    """errnorm.E001: a setting is off."""
    try:
        settled()
    except SettingsError as error:
        return [checks.Error(f"ERRNORM: {error}", id="errnorm.E001")]
    return []


def check_middleware(**_: Any) -> list[checks.CheckMessage]:
    """errnorm.E002: a middleware of ours for something else than Django. errnorm.W001: the middleware is missing.
    errnorm.W002: it is not the last, so that others see failures first. errnorm.W006: it is there twice.
    """
    installed = [_is_ours(path) for path in settings.MIDDLEWARE]
    if others := [path for path in settings.MIDDLEWARE if _namesake(path) and not _is_ours(path)]:
        message = f"{others[0]} in MIDDLEWARE is not made for Django."
        return [checks.Error(message, hint=f"Django's is {MIDDLEWARE!r}.", id="errnorm.E002")]
    if not any(installed):
        hint = f"Add {MIDDLEWARE!r} at the end of MIDDLEWARE."
        return [checks.Warning("errnorm is installed, but its middleware is not.", hint=hint, id="errnorm.W001")]
    if not installed[-1]:
        hint = "Make it the last: the middlewares behind it may answer a vendor's failure before it does."
        return [checks.Warning(f"{MIDDLEWARE} is not the innermost middleware.", hint=hint, id="errnorm.W002")]
    if installed.count(True) > 1:
        message = f"{MIDDLEWARE} is in MIDDLEWARE {installed.count(True)} times."
        return [checks.Warning(message, hint="Leave only the last, which is the innermost.", id="errnorm.W006")]
    return []


def check_handlers(**_: Any) -> list[checks.CheckMessage]:
    """errnorm.W003: with HANDLE "all", Django still answers what the CSRF protection refuses. errnorm.W004: it no
    longer looks at an app's templates for errors.
    """
    normalizer = _settled()
    if normalizer is None or normalizer.handle != "all":
        return []
    found: list[checks.CheckMessage] = []
    if settings.CSRF_FAILURE_VIEW == global_settings.CSRF_FAILURE_VIEW and _protects():
        hint = f"Set CSRF_FAILURE_VIEW = {CSRF_VIEW!r}, or to a view of your own."
        message = "HANDLE is 'all', but a form that the CSRF protection refuses is answered by Django."
        found.append(checks.Warning(message, hint=hint, id="errnorm.W003"))
    if unused := [f"{status}.html" for status in _OURS if _has(f"{status}.html") and not _names_handler(status)]:
        hint = "Name Django's handlers in the URLconf to keep them, or make one of them the TEMPLATE for all errors."
        message = f"HANDLE is 'all', so that nothing uses these templates: {', '.join(unused)}."
        found.append(checks.Warning(message, hint=hint, id="errnorm.W004"))
    return found


def check_texts(**_: Any) -> list[checks.CheckMessage]:
    """errnorm.W005: a text of the app's own is not there in each of its LANGUAGES, where it names these."""
    normalizer = _settled()
    if normalizer is None or not settings.USE_I18N or settings.LANGUAGES == global_settings.LANGUAGES:
        return []
    languages = [tag for tag, _ in settings.LANGUAGES]
    found: list[checks.CheckMessage] = []
    for address, text in _texts(normalizer):
        missing = [tag for tag in languages if not lookup((tag,), text, "")]
        if missing:
            message = f"ERRNORM: {address}: no text in {', '.join(missing)}."
            hint = "Whoever reads these gets a general text of errnorm's in theirs, or in English."
            found.append(checks.Warning(message, hint=hint, id="errnorm.W005"))
    return found


CHECKS = (check_settings, check_middleware, check_handlers, check_texts)
_OURS = (400, 403, 404, 500)


def _settled() -> Normalizer | None:
    try:
        return settled()
    except SettingsError:
        return None  # errnorm.E001 says so


def _texts(normalizer: Normalizer) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The app's own texts that are given by language, each with its address."""
    general, by_vendor = messages_in(normalizer.messages)
    tables = [("MESSAGES", general), *((f"MESSAGES.vendors.{name}", own) for name, own in by_vendor.items())]
    for name, vendor in normalizer.vendors.items():
        tables.append((f"VENDORS.{name}.messages", messages_in(vendor.get("messages", {}))[0]))
    for address, table in tables:
        for key, text in table.items() if isinstance(table, Mapping) else ():
            if isinstance(text, Mapping):
                yield f"{address}.{key}", text


def _is_ours(path: str) -> bool:
    """Whether a path leads to our middleware, under whatever name, or to a class made of it."""
    return _leads_to(path, ErrorNormalizationMiddleware)


def _namesake(path: str) -> bool:
    """Whether a path is that of a middleware of ours, whatever it is made for."""
    package, _, name = path.rpartition(".")
    return package.partition(".")[0] == "errnorm" and name == MIDDLEWARE.rpartition(".")[2]


def _protects() -> bool:
    from django.middleware.csrf import CsrfViewMiddleware

    return any(_leads_to(path, CsrfViewMiddleware) for path in settings.MIDDLEWARE)


def _leads_to(path: str, kind: type[Any]) -> bool:
    try:
        found = import_string(path)
    except ImportError:
        return False  # Django says so itself
    return isinstance(found, type) and issubclass(found, kind)


def _has(template: str) -> bool:
    try:
        get_template(template)
    except TemplateDoesNotExist:
        return False
    except Exception:  # noqa: BLE001 - there is one, and Django says what is off in it
        return True
    return True


def _names_handler(status: int) -> bool:
    """Whether the URLconf has a handler of its own, which is not ours."""
    own = getattr(get_resolver().urlconf_module, f"handler{status}", None)
    ours: Iterable[object] = (None, f"errnorm.django.handler{status}", getattr(handlers, f"handler{status}"))
    return own not in ours
