"""A Starlette app that orders a translation through a client with errnorm in it. None of its views handles a failure.

Against the fake vendor, from two terminals:

    errnorm play --vendor lionbridge --port 8001
    LIONBRIDGE_URL=http://127.0.0.1:8001/lionbridge uvicorn --app-dir examples starlette_app:app
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

import errnorm.httpx
import errnorm.starlette

LIONBRIDGE_URL = os.environ.get("LIONBRIDGE_URL", "https://ondemand.lionbridge.com")
normalizer = errnorm.Normalizer(
    vendors={"lionbridge": {"messages": {"304": {"de": "Dieses Sprachpaar gibt es nicht.", "en": "No such pair."}}}}
)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[None]:
    async with httpx.AsyncClient(base_url=LIONBRIDGE_URL, timeout=2) as client:
        app.state.lionbridge = errnorm.httpx.install(client, vendor="lionbridge", normalizer=normalizer)
        yield


async def order(request: Request) -> JSONResponse:
    quote = request.path_params["quote"]
    await request.app.state.lionbridge.post(f"/api/quote/{quote}/authorize", content=b"<QuoteAuthorization/>")
    return JSONResponse({"quote": quote, "state": "ordered"})


async def services(request: Request) -> PlainTextResponse:
    response = await request.app.state.lionbridge.get("/api/services/ok")
    return PlainTextResponse(response.text)


async def bug(request: Request) -> PlainTextResponse:
    """A mistake of our own is none of a vendor's: it stays Starlette's."""
    return PlainTextResponse(str(1 / int(request.query_params.get("by", 0))))


app = Starlette(
    lifespan=lifespan,
    middleware=[Middleware(errnorm.starlette.ErrorNormalizationMiddleware, normalizer=normalizer)],  # innermost: last
    routes=[
        Route("/orders/{quote}", order, methods=["POST"]),
        Route("/services", services),
        Route("/bug", bug),
    ],
)
