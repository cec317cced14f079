"""An app of nothing but ASGI that orders a translation, over HTTP and over a websocket.

LIONBRIDGE_URL=http://127.0.0.1:8001/lionbridge uvicorn --app-dir examples asgi_app:app
"""

import os

import httpx

import errnorm.httpx
from errnorm.asgi import ErrorNormalizationMiddleware, Receive, Scope, Send

LIONBRIDGE_URL = os.environ.get("LIONBRIDGE_URL", "https://ondemand.lionbridge.com")


async def order(quote: str) -> None:
    async with httpx.AsyncClient(base_url=LIONBRIDGE_URL, timeout=2) as client:
        lionbridge = errnorm.httpx.install(client, vendor="lionbridge")
        await lionbridge.post(f"/api/quote/{quote}/authorize", content=b"<QuoteAuthorization/>")


async def shop(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        return
    _, what, quote = scope["path"].split("/")
    if scope["type"] == "websocket":
        await receive()
        if what == "welcome":
            await send({"type": "websocket.accept"})
        await order(quote)
        await send({"type": "websocket.close"})
    else:
        if what == "bug":
            raise ZeroDivisionError("secret-4242")
        await order(quote)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"well"})


app = ErrorNormalizationMiddleware(shop, handle="all")
