"""`ERRNORM`, read when first needed and again when a test changes it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

from errnorm.answering import Normalizer
from errnorm.django.pages import page_named
from errnorm.policy import keywords
from errnorm.settings import SettingsError


@lru_cache(maxsize=1)
def settled() -> Normalizer:
    """The normalizer that `ERRNORM` describes. Raises SettingsError where that is off."""
    own = getattr(settings, "ERRNORM", {})
    if not isinstance(own, Mapping):
        raise SettingsError(f"must be a dict, not {type(own).__name__}")
    known = keywords(own)
    if isinstance(known.get("template"), str):
        links = {name: known.get(name) for name in ("support_url", "reconnect_url")}
        known["template"] = page_named(known["template"], links)
    return Normalizer(**known)


def _forget(*, setting: str, **_: Any) -> None:
    if setting in {"ERRNORM", "TEMPLATES"}:
        settled.cache_clear()


setting_changed.connect(_forget, dispatch_uid="errnorm")
