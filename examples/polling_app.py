"""A Starlette app that waits for a vendor's work: its webhook wakes it, and polling is for webhooks that get lost.

    VENDOR_URL=http://127.0.0.1:8001 uvicorn --app-dir examples polling_app:app

With several processes, `WAKE_REDIS=redis://127.0.0.1:6379/0`: the webhook may come to another one than waits.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import errnorm.files
import errnorm.polling
import errnorm.starlette

VENDOR_URL = os.environ.get("VENDOR_URL", "https://cloud.memsource.com/web")
REDIS = os.environ.get("WAKE_REDIS")
DEADLINE_S = float(os.environ.get("DEADLINE_S", "600"))
OURS = errnorm.files.Files(types=(".docx", ".xlsx", ".txt"), max_bytes=10_000_000, max_files=20)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[None]:
    async with httpx.AsyncClient(base_url=VENDOR_URL, timeout=5) as client:
        app.state.phrase = client
        yield


async def upload(request: Request) -> JSONResponse:
    """What the vendor would refuse never gets there; the answer says what to change."""
    async with request.form() as form:
        errnorm.files.check(form, vendor="phrase-tms", limits=OURS)
        return JSONResponse({"accepted": len(form.multi_items())})


async def work(request: Request) -> JSONResponse:
    """Waits until the work is done. (An app with longer work than this does the same in a worker.)"""
    key = request.path_params["key"]
    client: httpx.AsyncClient = request.app.state.phrase
    job = errnorm.polling.Job("phrase-tms", key=key, deadline=DEADLINE_S, redis=REDIS)
    outcome = await job.wait_async(
        lambda: client.get(f"/api2/v1/async/{key}"),
        done=lambda response: response.json()["asyncResponse"] is not None,
    )
    return JSONResponse({"polls": outcome.polls, "woken": outcome.woken, "lag_s": outcome.lag_s})


async def webhook(request: Request) -> Response:
    """What the vendor calls. (First of all, a real one makes sure that it is the vendor.)"""
    event = await request.json()
    key, at = event["asyncRequest"]["id"], event.get("timestamp")
    await errnorm.polling.wake_async(key, at=at, vendor="phrase-tms", redis=REDIS)
    return Response(status_code=204)


app = Starlette(
    lifespan=lifespan,
    middleware=[Middleware(errnorm.starlette.ErrorNormalizationMiddleware)],
    routes=[
        Route("/files", upload, methods=["POST"]),
        Route("/work/{key}", work),
        Route("/webhooks/phrase", webhook, methods=["POST"]),
    ],
)
