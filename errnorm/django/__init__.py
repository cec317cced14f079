"""The door for Django: the middleware, handlers and views, the settings that they read, and the checks over them."""

from errnorm.django.handlers import csrf_failure, handler400, handler403, handler404, handler500
from errnorm.django.middleware import ErrorNormalizationMiddleware
from errnorm.django.views import apassing, exempt, invalid, passing, problem_type

__all__ = [
    "ErrorNormalizationMiddleware",
    "apassing",
    "csrf_failure",
    "exempt",
    "handler400",
    "handler403",
    "handler404",
    "handler500",
    "invalid",
    "passing",
    "problem_type",
]
