"""Django, ready to serve one view: what the view does is the test's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import django
from django.urls import re_path

OURS = "errnorm.django.ErrorNormalizationMiddleware"

django.setup()


def urls_of(view: Callable[..., Any], asynchronous: bool = False) -> type:
    """A urlconf whose one view, sync or async, answers every path."""

    async def aview(request: Any) -> Any:
        return view(request)

    return type("Urls", (), {"urlpatterns": [re_path("", aview if asynchronous else view)]})
