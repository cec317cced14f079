"""Views that order a translation. None of them handles a failure: the middleware does."""

import httpx
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

import errnorm

XML = b"<QuoteAuthorization/>"


def url_of(quote: str) -> str:
    return f"{settings.LIONBRIDGE_URL}/api/quote/{quote}/authorize"


@require_POST
def order(request: HttpRequest) -> HttpResponse:
    quote = request.POST["quote"]
    errnorm.raise_for_error(httpx.post(url_of(quote), content=XML, timeout=2), vendor="lionbridge")
    return JsonResponse({"quote": quote, "state": "ordered"})


@require_POST
async def order_async(request: HttpRequest) -> HttpResponse:
    quote = request.POST["quote"]
    async with httpx.AsyncClient(timeout=2) as client:
        errnorm.raise_for_error(await client.post(url_of(quote), content=XML), vendor="lionbridge")
    return JsonResponse({"quote": quote, "state": "ordered"})


def services(request: HttpRequest) -> HttpResponse:
    """No word of errnorm here: where the vendor cannot be reached, httpx.ConnectError climbs to the middleware."""
    response = httpx.get(f"{settings.LIONBRIDGE_URL}/api/services/ok", params=request.GET.dict(), timeout=2)
    return HttpResponse(response.text, content_type="text/plain")


def bug(request: HttpRequest) -> HttpResponse:
    """A mistake of our own is none of a vendor's: it stays Django's."""
    return HttpResponse(1 / int(request.GET.get("by", 0)))
