"""An app's own page as a template of Django's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.template.loader import get_template

from errnorm.django.answers import asking
from errnorm.families import Action
from errnorm.model import Problem
from errnorm.settings import SettingsError


def page_named(name: str, links: dict[str, Any]) -> Callable[[Problem], str] | str:
    """What writes a problem into the template of that name, else the file of that name. Raises SettingsError.

    The template is given `problem` and the app's `links`; and, as Django does it, the request with all that context
    processors add, but where something is broken (500 and above).
    """
    try:
        get_template(name)
    except (TemplateDoesNotExist, ImproperlyConfigured):
        if not Path(name).is_file():
            raise SettingsError(f"template: no template and no file {name!r}") from None
        return name
    except TemplateSyntaxError as error:
        raise SettingsError(f"template: {name}: {error}") from None

    def page(problem: Problem) -> str:
        known = links if problem.action is Action.RECONNECT else links | {"reconnect_url": None}
        request = asking.get() if problem.status < 500 else None
        return get_template(name).render({"problem": problem, **known}, request)

    return page
