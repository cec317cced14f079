"""What several files of tests ask for by name."""

from __future__ import annotations

import asyncio
from copy import copy

import pytest


@pytest.fixture
def own_profile(tmp_path, monkeypatch):
    """Writes a profile of a test's own, gone when it ends, and gives the path that `paths=` takes."""
    from errnorm.vendors import registry

    registry.default.names()  # whatever is read when first needed
    monkeypatch.setattr(registry.default, "_found", None)
    for name, value in list(vars(registry.default).items()):
        if isinstance(value, dict | list | set):
            monkeypatch.setattr(registry.default, name, copy(value))

    def write(toml):
        (tmp_path / "own.toml").write_text(toml, encoding="utf-8")
        return str(tmp_path)

    return write


@pytest.fixture
def ask(settings):
    """Asks Django for what a view, made sync or async, answers; `reraise`: its client raises as it does by default."""
    from django.test import AsyncClient, Client

    from tests.django_app import urls_of

    def ask(view, asynchronous=False, *, reraise=False, **headers):
        settings.ROOT_URLCONF = urls_of(view, asynchronous)
        if asynchronous:
            return asyncio.run(AsyncClient(raise_request_exception=reraise).get("/", headers=headers))
        return Client(raise_request_exception=reraise).get("/", headers=headers)

    return ask
