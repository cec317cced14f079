"""Whether a client's requests are counted already, by one of OpenTelemetry's own instrumentations of HTTP clients.

They put themselves around functions, and around those alone that are there when they come: so it is looked for in what
a request will go through.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from opentelemetry import context

_THEIRS = "opentelemetry.instrumentation."
_SUPPRESSED = getattr(context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", "suppress_http_instrumentation")
_LINKS = 20


def counted(client: Any, url: str) -> bool:
    """Whether a request of a client's is, or will be, counted."""
    if _THEIRS.rstrip(".") not in sys.modules:
        return False
    if context.get_value(_SUPPRESSED):
        return True  # by one that is further out, as it is with an adapter's session
    return any(map(_is_theirs, _ways(client, url)))


def _ways(client: Any, url: str) -> Iterator[object]:
    """The functions that a request will go through."""
    for name in ("send", "handle_request", "handle_async_request"):
        yield getattr(client, name, None)
    with suppress(Exception):  # httpx: whatever transport is for that url
        transport = client._transport_for_url(type(client.base_url)(url))  # noqa: SLF001 - nobody else knows
        yield getattr(transport, "handle_request", None)
        yield getattr(transport, "handle_async_request", None)
    if not hasattr(client, "_transport_for_url"):
        pools = sys.modules.get("urllib3.connectionpool")  # requests is on it too
        yield getattr(getattr(pools, "HTTPConnectionPool", None), "urlopen", None)
    for each in getattr(client, "_traces", ()):  # aiohttp
        yield from getattr(each._trace_config, "on_request_start", ())  # noqa: SLF001 - likewise


def _is_theirs(function: Any) -> bool:
    """Whether one of their functions is among those that are around it."""
    for _ in range(_LINKS):
        if function is None:
            break
        if any(map(_made_by_them, _parts(function))):
            return True
        function = getattr(function, "__wrapped__", None)
    return False


def _parts(function: Any) -> Iterable[Any]:
    """It, and what wrapt would call for it."""
    wrapper = getattr(function, "_self_wrapper", None)
    return function, wrapper, getattr(wrapper, "func", None)


def _made_by_them(function: Any) -> bool:
    return str(getattr(function, "__globals__", {}).get("__name__", "")).startswith(_THEIRS)
