"""The contract's own lines do what they promise: a Django app's."""

import types
from typing import Any

import pytest

import errnorm
from tests.loopback import Reply, Vendor, closed_port

django = pytest.importorskip("django")
httpx = pytest.importorskip("httpx")
pytest.importorskip("pytest_django")

SETTINGS = """\
INSTALLED_APPS += ["errnorm.django"]                                  # system checks; optional
MIDDLEWARE += ["errnorm.django.ErrorNormalizationMiddleware"]         # last: innermost
ERRNORM = {"VENDORS": {"lionbridge": {"messages": {"304": _("That language pair is not on offer.")}}}}
"""
VIEWS = """\
def order(request):
    response = errnorm.raise_for_error(httpx.post(URL, content=xml), vendor="lionbridge")
    return JsonResponse(...)                       # a failure is answered by the middleware, httpx.ConnectError too
"""
REFUSED = Reply(409, {}, b"<Quote><Error><ReasonCode>304</ReasonCode></Error></Quote>")


def ask(settings: Any, url: str) -> Any:
    """What a client of the app gets whose vendor is at a url."""
    django.setup()
    from django.http import HttpResponse
    from django.test import Client
    from django.urls import path
    from django.utils.translation import gettext_lazy

    own: dict[str, Any] = {"INSTALLED_APPS": [], "MIDDLEWARE": [], "_": gettext_lazy}
    exec(SETTINGS, own)
    views: dict[str, Any] = {"__name__": "shop", "errnorm": errnorm, "httpx": httpx, "URL": url, "xml": b"<Quote/>"}
    exec(VIEWS, views)
    views["JsonResponse"] = lambda ellipsis: HttpResponse("ordered")
    urls: Any = types.ModuleType("urls")
    urls.urlpatterns = [path("order", views["order"])]
    for name in ("INSTALLED_APPS", "MIDDLEWARE", "ERRNORM"):
        setattr(settings, name, own[name])
    settings.ROOT_URLCONF = urls
    return Client().get("/order")


def test_an_order_that_goes_through(settings):
    with Vendor(Reply(200, {}, b"<Quote/>")) as vendor:
        assert ask(settings, vendor.url).content == b"ordered"


def test_an_order_that_is_refused(settings):
    with Vendor(REFUSED) as vendor:
        response = ask(settings, vendor.url)
    assert response.status_code == 409
    assert response.json()["detail"] == "That language pair is not on offer."


def test_a_vendor_that_cannot_be_reached(settings):
    response = ask(settings, f"http://127.0.0.1:{closed_port()}")
    assert (response.status_code, response.json()["code"]) == (502, "service_unavailable")
