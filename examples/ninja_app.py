"""An API in Django Ninja, in one file, that orders a translation: every error of it is told in one model.

Against the fake vendor, from two terminals:

    errnorm play --vendor lionbridge --port 8001
    LIONBRIDGE_URL=http://127.0.0.1:8001/lionbridge uvicorn --app-dir examples ninja_app:app

`/openapi.json` is its OpenAPI document, and `/problems/language-pair-not-offered` what the problem of that type means.
"""

import os
from typing import Any

import httpx
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest
from django.urls import include, path

import errnorm

settings.configure(
    SECRET_KEY="an example's",
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    INSTALLED_APPS=["errnorm.django"],
    MIDDLEWARE=[
        "django.middleware.locale.LocaleMiddleware",
        "errnorm.django.ErrorNormalizationMiddleware",  # what is raised outside of the API
    ],
    ERRNORM={"HANDLE": "all", "TYPE_BASE": "/problems/"},
)
app = get_asgi_application()  # from here on the apps are loaded

from ninja import Field, Form, NinjaAPI, Schema  # noqa: E402

import errnorm.ninja  # noqa: E402

LIONBRIDGE_URL = os.environ.get("LIONBRIDGE_URL", "https://ondemand.lionbridge.com")
api = NinjaAPI(title="Orders")
errnorm.ninja.install(api)


class Order(Schema):
    quote: str
    copies: int = Field(1, le=3)


@api.post("/orders", response=Order, openapi_extra=errnorm.ninja.responses("lionbridge"))
async def order(request: HttpRequest, order: Form[Order]) -> Any:  # noqa: ARG001 - Ninja goes by the name
    async with httpx.AsyncClient(timeout=2) as client:
        url = f"{LIONBRIDGE_URL}/api/quote/{order.quote}/authorize"
        response = await client.post(url, content=b"<QuoteAuthorization/>")
    errnorm.raise_for_error(response, vendor="lionbridge")
    return order


urlpatterns = [
    path("", api.urls),
    path("problems/", include("errnorm.django.urls")),
]
