"""A FastAPI app that orders a translation, and whose OpenAPI document tells what may go wrong with that.

LIONBRIDGE_URL=http://127.0.0.1:8001/lionbridge uvicorn --app-dir examples fastapi_app:app
"""

import os

import httpx
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import Response
from pydantic import BaseModel

import errnorm.fastapi
import errnorm.httpx

LIONBRIDGE_URL = os.environ.get("LIONBRIDGE_URL", "https://ondemand.lionbridge.com")
normalizer = errnorm.Normalizer(handle="all", type_base="/problems/")


class Order(BaseModel):
    quote: str
    pages: int = 1


app = FastAPI()
app.add_middleware(CORSMiddleware, allow_origins=["https://app.example"])
app.router.routes.append(errnorm.fastapi.problem_types(normalizer))
errnorm.fastapi.install(app, normalizer)


@app.post("/orders", responses=errnorm.fastapi.responses("lionbridge", normalizer=normalizer))
async def order(order: Order) -> Order:
    async with httpx.AsyncClient(base_url=LIONBRIDGE_URL, timeout=2) as client:
        lionbridge = errnorm.httpx.install(client, vendor="lionbridge", normalizer=normalizer)
        await lionbridge.post(f"/api/quote/{order.quote}/authorize", content=b"<QuoteAuthorization/>")
    return order


@app.get("/files/{name}", responses=errnorm.fastapi.responses("lionbridge", normalizer=normalizer))
async def file(name: str) -> Response:
    """A vendor's answer passed on as it comes, unless it is a failure."""
    async with httpx.AsyncClient(base_url=LIONBRIDGE_URL, timeout=2) as client:
        return await errnorm.fastapi.passing(await client.get(f"/api/files/{name}"), vendor="lionbridge")


@app.get("/bug")
async def bug(by: int = 0) -> float:
    return 1 / by
