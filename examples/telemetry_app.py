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
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import errnorm.httpx
import errnorm.logging
import errnorm.prometheus
import errnorm.starlette
from errnorm.throttle import Limit, Throttle

LIONBRIDGE_URL = os.environ.get("LIONBRIDGE_URL", "https://ondemand.lionbridge.com")
LIONBRIDGE_KEY = os.environ.get("LIONBRIDGE_KEY", "unset")
REQUESTS_A_MINUTE = int(os.environ.get("LIONBRIDGE_REQUESTS_A_MINUTE", "30"))  # as agreed with the vendor


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[None]:
    uninstrument = errnorm.prometheus.instrument()
    throttle = Throttle(limits={"lionbridge": [Limit(requests=REQUESTS_A_MINUTE, seconds=60, per="merchant")]})
    headers = {"Authorization": f"Bearer {LIONBRIDGE_KEY}"}
    async with httpx.AsyncClient(base_url=LIONBRIDGE_URL, headers=headers, timeout=2) as client:
        app.state.lionbridge = errnorm.httpx.install(client, vendor="lionbridge", throttle=throttle)
        yield
    uninstrument()
    errnorm.logging.flush()  # uvicorn ends by the signal that stops it, which is not Python's own end


async def order(request: Request) -> JSONResponse:
    quote = request.path_params["quote"]
    await request.app.state.lionbridge.post(f"/api/quote/{quote}/authorize", content=b"<QuoteAuthorization/>")
    return JSONResponse({"quote": quote, "state": "ordered"})


async def metrics(request: Request) -> Response:
    """In the form that is asked for: Prometheus asks for OpenMetrics, which has exemplars."""
    write, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(write(REGISTRY), media_type=media_type)


app = Starlette(
    lifespan=lifespan,
    middleware=[Middleware(errnorm.starlette.ErrorNormalizationMiddleware)],  # innermost: last
    routes=[
        Route("/orders/{quote}", order, methods=["POST"]),
        Route("/metrics", metrics),
    ],
)
