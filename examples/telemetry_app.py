"""A Starlette app whose calls to a vendor are counted for Prometheus, at /metrics.

Against the fake vendor, from three terminals:

    errnorm play --vendor lionbridge --port 8001
    LIONBRIDGE_URL=http://127.0.0.1:8001/lionbridge uvicorn --app-dir examples telemetry_app:app
    curl -X POST http://127.0.0.1:8000/orders/ok http://127.0.0.1:8000/orders/stall; curl http://127.0.0.1:8000/metrics

With OpenTelemetry it is `errnorm.telemetry.instrument()` instead, once its providers are set: the names are the same.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import errnorm.httpx
import errnorm.prometheus
import errnorm.starlette

LIONBRIDGE_URL = os.environ.get("LIONBRIDGE_URL", "https://ondemand.lionbridge.com")


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[None]:
    uninstrument = errnorm.prometheus.instrument()
    async with httpx.AsyncClient(base_url=LIONBRIDGE_URL, timeout=2) as client:
        app.state.lionbridge = errnorm.httpx.install(client, vendor="lionbridge")
        yield
    uninstrument()


async def order(request: Request) -> JSONResponse:
    quote = request.path_params["quote"]
    await request.app.state.lionbridge.post(f"/api/quote/{quote}/authorize", content=b"<QuoteAuthorization/>")
    return JSONResponse({"quote": quote, "state": "ordered"})


async def metrics(request: Request) -> Response:  # noqa: ARG001
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


app = Starlette(
    lifespan=lifespan,
    middleware=[Middleware(errnorm.starlette.ErrorNormalizationMiddleware)],  # innermost: last
    routes=[
        Route("/orders/{quote}", order, methods=["POST"]),
        Route("/metrics", metrics),
    ],
)
