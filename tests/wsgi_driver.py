"""A server of one request for any WSGI app, as strict as PEP 3333; the standard library's own check stands between."""

from __future__ import annotations

import io
from typing import Any, NamedTuple
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from tests.asgi_driver import Exchange


class Served(NamedTuple):
    """What came of one request, and what the app wrote to the server's own log."""

    exchange: Exchange
    errors: str


def environ_of(method: str = "GET", path: str = "/", headers: dict[str, str] | None = None) -> dict[str, Any]:
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": ""}
    setup_testing_defaults(environ)
    for name, value in (headers or {}).items():
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    environ["wsgi.errors"] = io.StringIO()
    return environ


def serve(app: Any, environ: dict[str, Any]) -> Served:
    """One request, as a server does it: headers go out with the first byte, and the app is closed in the end."""
    errors = environ["wsgi.errors"]  # the validator puts its own in place
    sent: list[dict[str, Any]] = []
    waiting: list[dict[str, Any]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if exc_info is not None and sent:
            raise exc_info[1].with_traceback(exc_info[2])
        assert exc_info is not None or not waiting, "started twice"
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        waiting[:] = [{"type": "http.response.start", "status": int(status[:3]), "headers": raw}]
        return write

    def write(data: bytes) -> None:
        if data:
            sent.extend(waiting if not sent else ())
            sent.append({"type": "http.response.body", "body": data, "more_body": True})

    raised: BaseException | None = None
    result: Any = None
    try:
        result = app(environ, start_response)
        for data in result:
            write(data)
        sent.extend(waiting if not sent else ())
    except BaseException as error:  # noqa: BLE001 - the test looks at it
        raised = error
    finally:
        try:
            if hasattr(result, "close"):
                result.close()
        except Exception as error:  # noqa: BLE001 - likewise
            raised = error
    return Served(Exchange(sent, raised), errors.getvalue())


def ask_wsgi(app: Any, method: str = "GET", path: str = "/", headers: dict[str, str] | None = None) -> Exchange:
    """One request through the standard library's validator, to and from our side."""
    return serve(validator(app), environ_of(method, path, headers)).exchange
