"""The door for Django: the middleware, the settings that it reads, and the checks that watch over both."""

from errnorm.django.middleware import ErrorNormalizationMiddleware

__all__ = ["ErrorNormalizationMiddleware"]
