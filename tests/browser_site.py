"""A site on loopback that fails as asked, behind our middleware and a real server, and tells what its problem types
mean: what a browser meets.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import uvicorn

from errnorm import CanonicalError, FieldError, Normalizer, VendorError
from errnorm.asgi import ErrorNormalizationMiddleware, asked, respond
from errnorm.model import Action, Family, Fault, RetryAdvice, Verdict
from errnorm.telling.types import describe, rendered_type
from tests.failures import bare, lionbridge

LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
MESSAGES: dict[str, Any] = {
    # what an app might say: without a blank, in a language of its own, and of several lines
    "LONG_WORDS": f"{LONG} https://app.example/{'a' * 200}",
    "FOREIGN": {"cs": "Nic tu není.\nOpravdu ne.", "he": "אין כאן כלום."},
}
FAILURES: dict[str, CanonicalError] = {
    "wait": bare(429, headers={"Retry-After": "90"}),
    "soon": bare(503, headers={"Retry-After": "2"}),
    "hour": bare(503, headers={"Retry-After": "3600"}),
    "days": bare(503, headers={"Retry-After": "172800"}),
    "retry": bare(502, headers=()),
    "broken": bare(400, headers=()),
    "fields": lionbridge(205).replace(fields=(FieldError("a"), FieldError("b"))),
    "reconnect": CanonicalError(
        family=Family.AUTHENTICATION, fault=Fault.ACCOUNT, action=Action.RECONNECT, response_status=409
    ),
    "everything": CanonicalError(
        vendor="lionbridge",
        family=Family.RATE_LIMIT,
        reason="EVERYTHING",
        fault=Fault.USER,
        action=Action.RECONNECT,
        retry=RetryAdvice(Verdict.SAFE, 300),
        response_status=429,
        vendor_status=429,
        vendor_code="429",
        vendor_message="<b>Their</b> words.",
        vendor_request_id="r-1",
        fields=(FieldError("a"), FieldError("b")),
    ),
    "closed": bare(423, "risumail", headers=()),
    "long": CanonicalError(
        family=Family.CONFLICT,
        reason="LONG_WORDS",
        fault=Fault.USER,
        response_status=409,
        vendor_message=LONG,
        vendor_code=LONG,
    ),
    "foreign": CanonicalError(family=Family.CONFLICT, reason="FOREIGN", fault=Fault.USER, response_status=409),
}
SETTINGS: dict[str, Any] = {
    "support_url": "/help",
    "reconnect_url": "/connect",
    "messages": MESSAGES,
    "vendors": {"lionbridge": {"fields": {"a": "order.source_language", "b": LONG}}},
    "audience": lambda scope: dict(scope["headers"]).get(b"x-staff") == b"yes",
}
# What the pages about problem types are told of: ours alone, and what an app says in its own way.
TYPES = ("service_unavailable", "rate_limit", "csrf", "account_exists", "payload", "validation")
TYPES_OF = Normalizer(
    handle="all",
    type_base="/problems/",
    messages={"payload": MESSAGES["LONG_WORDS"], "validation": MESSAGES["FOREIGN"]},
)
HTMX = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>A shop</title>
<meta name="htmx-config" content='{"responseHandling": [{"code": ".*", "swap": true}]}'>
<script src="/script/SCRIPT"></script>
<main>
<h1>A shop</h1>
<form hx-post="/fail/NAME" hx-target="#told"><button>Order</button></form>
<div id="told"></div>
</main>
"""


_STATIC = files("django_htmx").joinpath("static", "django_htmx")
# The versions of htmx that the package django-htmx brings.
HTMX_SCRIPTS = sorted(file.name for file in _STATIC.iterdir() if re.fullmatch(r"htmx(-\d+)?\.min\.js", file.name))


async def app(scope: Any, receive: Any, send: Any) -> None:
    _, first, *rest = scope["path"].split("/")
    if first == "fail":
        raise VendorError(FAILURES[rest[0]])
    if first == "problems":
        wanted = asked(scope)
        described = describe(rest[0], TYPES_OF, wanted["language"])
        await respond(rendered_type(described, wanted["accept"]), scope, send)
        return
    kind, body = "text/html; charset=utf-8", b"<!doctype html><title>There</title><h1>There</h1>"
    if first == "script":
        kind, body = "text/javascript", _STATIC.joinpath(rest[0]).read_bytes()
    elif first == "htmx":
        body = HTMX.replace("SCRIPT", rest[0]).replace("NAME", rest[1]).encode()
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The address of the site, as long as it is up."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(ErrorNormalizationMiddleware(app, **SETTINGS), log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
