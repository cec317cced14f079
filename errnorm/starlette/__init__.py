"""The door for Starlette: the middleware, innermost, or handlers for an app that would rather have those; or both."""

from errnorm.starlette.handlers import exception_handlers
from errnorm.starlette.installing import install
from errnorm.starlette.middleware import ErrorNormalizationMiddleware, exempt
from errnorm.starlette.routes import passing, problem_types

__all__ = ["ErrorNormalizationMiddleware", "exception_handlers", "exempt", "install", "passing", "problem_types"]
