"""System checks: what is off in `ERRNORM` and in `MIDDLEWARE`, told before a request finds out."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

from errnorm.django.conf import settled
from errnorm.django.middleware import ErrorNormalizationMiddleware
from errnorm.settings import SettingsError

MIDDLEWARE = "errnorm.django.ErrorNormalizationMiddleware"


def check_settings(**_: Any) -> list[checks.CheckMessage]:
    """errnorm.E001: a setting is off."""
    try:
        settled()
    except SettingsError as error:
        return [checks.Error(f"ERRNORM: {error}", id="errnorm.E001")]
    return []


def check_middleware(**_: Any) -> list[checks.CheckMessage]:
    """errnorm.W001: the middleware is missing. errnorm.W002: it is not the last, so that others see failures first."""
    installed = [_is_ours(path) for path in settings.MIDDLEWARE]
    if not any(installed):
        hint = f"Add {MIDDLEWARE!r} at the end of MIDDLEWARE."
        return [checks.Warning("errnorm is installed, but its middleware is not.", hint=hint, id="errnorm.W001")]
    if not installed[-1]:
        hint = "Make it the last: the middlewares behind it may answer a vendor's failure before it does."
        return [checks.Warning(f"{MIDDLEWARE} is not the innermost middleware.", hint=hint, id="errnorm.W002")]
    return []


def _is_ours(path: str) -> bool:
    """Whether a path leads to our middleware, under whatever name, or to a class made of it."""
    try:
        found = import_string(path)
    except ImportError:
        return False  # Django says so itself
    return isinstance(found, type) and issubclass(found, ErrorNormalizationMiddleware)
