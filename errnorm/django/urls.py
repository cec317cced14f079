"""The pages about problem types, to be included wherever TYPE_BASE says that they are."""

from __future__ import annotations

from django.urls import path

from errnorm.django.views import problem_type

app_name = "errnorm"
urlpatterns = [path("<slug:code>", problem_type, name="problem_type")]
