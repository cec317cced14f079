"""An API in Django REST framework, in one file, that orders a translation: every error of it is told in one model.

Against the fake vendor, from two terminals:

    errnorm play --vendor lionbridge --port 8001
    LIONBRIDGE_URL=http://127.0.0.1:8001/lionbridge uvicorn --app-dir examples drf_app:app

`/schema` is its OpenAPI document, and `/problems/language-pair-not-offered` what the problem of that type means.
"""

import os
from typing import Any

import httpx
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import include, path

import errnorm

settings.configure(
    SECRET_KEY="an example's",
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    INSTALLED_APPS=["rest_framework", "drf_spectacular", "errnorm.django"],
    MIDDLEWARE=[
        "django.middleware.locale.LocaleMiddleware",
        "errnorm.django.ErrorNormalizationMiddleware",  # what is raised outside of DRF's views
    ],
    REST_FRAMEWORK={
        "EXCEPTION_HANDLER": "errnorm.drf.exception_handler",
        "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "UNAUTHENTICATED_USER": None,
    },
    SPECTACULAR_SETTINGS={
        "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "errnorm.drf.document"],
    },
    ERRNORM={"HANDLE": "all", "TYPE_BASE": "/problems/"},
)
app = get_asgi_application()  # from here on the apps are loaded

from drf_spectacular.utils import extend_schema  # noqa: E402
from drf_spectacular.views import SpectacularAPIView  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

import errnorm.drf  # noqa: E402

LIONBRIDGE_URL = os.environ.get("LIONBRIDGE_URL", "https://ondemand.lionbridge.com")


class Order(serializers.Serializer[Any]):
    quote = serializers.CharField()
    copies = serializers.IntegerField(default=1, max_value=3)


class Orders(APIView):
    @extend_schema(request=Order, responses={200: Order, **errnorm.drf.responses("lionbridge")})
    def post(self, request: Request) -> Response:
        order = Order(data=request.data)
        order.is_valid(raise_exception=True)
        url = f"{LIONBRIDGE_URL}/api/quote/{order.validated_data['quote']}/authorize"
        errnorm.raise_for_error(httpx.post(url, content=b"<QuoteAuthorization/>", timeout=2), vendor="lionbridge")
        return Response(order.validated_data)


urlpatterns = [
    path("orders", Orders.as_view()),
    path("schema", SpectacularAPIView.as_view()),
    path("problems/", include("errnorm.django.urls")),
]
