"""Where the views are."""

from django.urls import path

from shop import views

urlpatterns = [
    path("orders", views.order),
    path("async-orders", views.order_async),
    path("services", views.services),
    path("bug", views.bug),
]
