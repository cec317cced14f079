"""A Flask app that orders a translation. Flask handles exceptions itself, so that its own error handler asks errnorm.

LIONBRIDGE_URL=http://127.0.0.1:8001/lionbridge flask --app examples/flask_app run
"""

import os

import requests
from flask import Flask, Response, abort, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

import errnorm.requests
from errnorm.wsgi import ErrorNormalizationMiddleware

LIONBRIDGE_URL = os.environ.get("LIONBRIDGE_URL", "https://ondemand.lionbridge.com")
normalizer = errnorm.Normalizer()
lionbridge = errnorm.requests.install(requests.Session(), vendor="lionbridge", normalizer=normalizer)

app = Flask(__name__)
# for what handlers do not see: the id of a request that calls to vendors go out with, and streams that break off
app.wsgi_app = ErrorNormalizationMiddleware(app.wsgi_app, normalizer)


@app.errorhandler(Exception)
def answer(raised: Exception) -> ResponseReturnValue:
    """Answers vendors' failures, and Flask's own errors in the same way.

    A bug is raised again: Flask logs it, tells who listens, and comes back with it as an InternalServerError, unless
    the app is tested or debugged.
    """
    accept, language = request.headers.get("Accept"), request.headers.get("Accept-Language")
    fragment = request.headers.get("HX-Request") == "true"
    failure = normalizer.failure_of(raised)
    if failure is not None:
        told, headers = normalizer.answer(failure, accept, language, fragment=fragment), []
    elif not isinstance(raised, HTTPException):
        raise raised
    elif raised.code is None or raised.code < 400:
        return raised  # a redirect
    else:
        told = normalizer.answer_own(raised.code, accept, language, raised=raised, fragment=fragment)
        headers = [(name, value) for name, value in raised.get_headers() if name != "Content-Type"]
    return Response(told.body, told.status, [*told.headers, *headers])


@app.post("/orders/<quote>")
def order(quote: str) -> dict[str, str]:
    lionbridge.post(f"{LIONBRIDGE_URL}/api/quote/{quote}/authorize", data=b"<QuoteAuthorization/>", timeout=2)
    return {"quote": quote, "state": "ordered"}


@app.get("/closed")
def closed() -> str:
    abort(403)


@app.get("/bug")
def bug() -> str:
    return str(1 / int(request.args.get("by", 0)))
