"""The correlation id of what is being answered: one name for it in our logs, our answers and our calls to vendors."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import msgspec

from errnorm.model import new_occurrence_id

_current: ContextVar[str | Inbound | None] = ContextVar("errnorm_correlation_id", default=None)

# What may be copied into logs and headers: no blank, no quote, no control character, and not too long to read.
_SAFE = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
# Where the middlewares that an app may already have keep theirs.
_OTHERS = {"asgi_correlation_id.context": "correlation_id", "django_guid.context": "guid"}


class Inbound(msgspec.Struct, eq=False):
    """The id that comes with a request, settled when somebody first asks for it, which a healthy request may never do.

    `read` gives the inbound header's value of a `request`, or None; `settled` is the id, or None as long as nobody
    asked; `outer` what a door around this one has bound.
    """

    read: Callable[[Any], str | None]
    request: Any
    settled: str | None = None
    outer: str | Inbound | None = msgspec.field(default_factory=_current.get)

    def settle(self) -> str:
        """The id to go by; doors within each other agree on one."""
        if self.settled is None:
            outer = self.outer
            self.settled = outer.settle() if isinstance(outer, Inbound) else outer or accept(self.read(self.request))
        return self.settled


def current() -> str | None:
    """The id of the current context: the one bound here, else another middleware's."""
    bound = _current.get()
    return bound.settle() if isinstance(bound, Inbound) else bound or _of_another()


def accept(inbound: str | None) -> str:
    """The id to go by for a request: what another middleware settled, else the one that came with it, else a fresh one.

    An id that is not safe to repeat is as good as none.
    """
    return _of_another() or _safe(inbound) or new_occurrence_id()


# Makes an id that of the current context, until `unbind` is given what it returned.
bind = _current.set
unbind = _current.reset


def _safe(text: object) -> str | None:
    return text if isinstance(text, str) and _SAFE.fullmatch(text) else None


def _of_another() -> str | None:
    for module, name in _OTHERS.items():
        variable = getattr(sys.modules[module], name, None) if module in sys.modules else None
        if isinstance(variable, ContextVar) and (found := _safe(variable.get(None))):
            return found
    return None
