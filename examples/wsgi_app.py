"""An app of nothing but WSGI that orders a translation: whatever a vendor or a bug does to it, users get an answer.

    LIONBRIDGE_URL=http://127.0.0.1:8001/lionbridge waitress-serve --port=8000 --call examples.wsgi_app:app

or, with the standard library's server: `python examples/wsgi_app.py 8000`.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from wsgiref.simple_server import make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import requests

import errnorm.requests
from errnorm.wsgi import ErrorNormalizationMiddleware

LIONBRIDGE_URL = os.environ.get("LIONBRIDGE_URL", "https://ondemand.lionbridge.com")
lionbridge = errnorm.requests.install(requests.Session(), vendor="lionbridge")


def shop(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    _, what, *rest = environ["PATH_INFO"].split("/")
    if what == "orders":
        lionbridge.post(f"{LIONBRIDGE_URL}/api/quote/{rest[0]}/authorize", data=b"<QuoteAuthorization/>", timeout=2)
    elif what == "bug":
        raise ZeroDivisionError("secret-4242")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return pieces(*rest) if what == "pieces" else [b"well"]


def pieces(first: str, then: str) -> Iterator[bytes]:
    """The first may come too early for a failure, which then is answered, or too late."""
    if first != "none":
        yield first.encode()
    lionbridge.get(f"{LIONBRIDGE_URL}/api/quote/{then}", timeout=2)
    yield b"well"


app = ErrorNormalizationMiddleware(shop, handle="all")

if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), app).serve_forever()
