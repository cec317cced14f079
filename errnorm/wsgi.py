"""The door for any WSGI app: a vendor's failure that climbs out of it becomes an answer, and nothing else changes."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from errnorm.answering import Normalizer
from errnorm.asgi import Asked, settled
from errnorm.correlation import Inbound, bind, unbind
from errnorm.model import Rendered, VendorError
from errnorm.telling.words import phrase_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_logger = logging.getLogger("errnorm.wsgi")
# Whoever tests or debugs an app says by one of these that it wants exceptions rather than answers.
_THROW = ("x-wsgiorg.throw_errors", "paste.throw_errors")


class ErrorNormalizationMiddleware:
    """PEP 3333. Settings are those of `Normalizer`, or one that is ready made.

    A vendor's failure is answered as long as no byte was sent, be it that the app has started a response; else it is
    logged and rises. Everything else rises untouched. With `handle="all"` that is answered too where nothing was sent:
    then nobody further out can see it, so that it is logged with its traceback at ERROR, or written to `wsgi.errors`
    where nobody listens to logs; and it rises instead where `environ` says so (`x-wsgiorg.throw_errors`).
    What is exempt passes by: by its path, or by `environ["errnorm.exempt"]`.
    """

    def __init__(self, app: WSGIApplication, normalizer: Normalizer | None = None, **settings: Any) -> None:
        self.app = app
        self.normalizer = settled(normalizer, settings)
        self.id_of = partial(header, name=self.normalizer.correlation_header)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serves one request."""
        exchange = _Exchange(self, environ, start_response)
        token = bind(exchange.inbound)
        try:
            result = self.app(environ, exchange.start)
        except Exception as raised:
            body = exchange.answered(raised)
            if body is None:
                raise
            return body
        finally:
            unbind(token)
        files = environ.get("wsgi.file_wrapper")
        if isinstance(result, list | tuple) or (isinstance(files, type) and isinstance(result, files)):
            return result  # all is there; or a server may have a faster way to send it, if it gets to know it
        return _Watched(result, exchange)

    def answer(self, environ: WSGIEnvironment, failure: VendorError) -> Rendered:
        """The answer for who asked in this environ."""
        audience = self.normalizer.audience_of(environ)
        return self.normalizer.answer(failure, **asked(environ), audience=audience)

    def is_exempt(self, environ: WSGIEnvironment) -> bool:
        """Whether all of a request is left to the app."""
        path = str(environ.get("PATH_INFO", "")).encode("latin-1", "replace").decode("utf-8", "replace")
        return bool(environ.get("errnorm.exempt")) or self.normalizer.exempts(path)


class _Exchange:
    """One request, and how far its response has got."""

    def __init__(
        self, door: ErrorNormalizationMiddleware, environ: WSGIEnvironment, start_response: StartResponse
    ) -> None:
        self._door, self._environ, self._start_response = door, environ, start_response
        self.inbound = Inbound(door.id_of, environ)
        self.started = self.begun = False

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Callable[[bytes], object]:
        """What the app has for `start_response`: the same, with the id that its calls to vendors went out with."""
        self.started = True
        if self.inbound.settled is not None:
            headers = _marked(headers, self._door.normalizer.correlation_header, self.inbound.settled)
        again = () if exc_info is None else (exc_info,)
        write = self._start_response(status, headers, *again)

        def watched(data: bytes) -> object:
            self.begun = self.begun or bool(data)
            return write(data)

        return watched

    def answered(self, raised: Exception) -> list[bytes] | None:
        """The body of our answer to what the app raised, which is started; None where it has to rise."""
        door = self._door
        failure = None if door.is_exempt(self._environ) else door.normalizer.failure_of(raised)
        if failure is None:
            return self._answered_unexpected(raised)
        if self.begun:
            self.log(failure, raised, truncated=True)
            return None
        return self._sent(door.answer(self._environ, failure), raised)

    def _answered_unexpected(self, raised: Exception) -> list[bytes] | None:
        normalizer, environ = self._door.normalizer, self._environ
        if normalizer.handle != "all" or self.begun or self._door.is_exempt(environ):
            return None
        if any(environ.get(key) for key in _THROW):
            return None
        rendered = normalizer.answer_own(500, **asked(environ), raised=raised)
        body = self._sent(rendered, raised)
        if body is not None:
            _report(raised, environ)
        return body

    def _sent(self, rendered: Rendered, raised: Exception) -> list[bytes] | None:
        """Starts our response, in place of the app's where it had started one; None where that was sent already."""
        status, headers = f"{rendered.status} {phrase_of(rendered.status)}", list(rendered.headers)
        if not self.started:
            self._start_response(status, headers)
        else:
            try:
                self._start_response(status, headers, sys.exc_info())
            except Exception as again:
                if again is not raised:
                    raise
                return None
        return [] if self._environ.get("REQUEST_METHOD") == "HEAD" else [rendered.body]

    def log(self, failure: VendorError, raised: Exception, *, truncated: bool) -> None:
        """Logs what has to rise."""
        self._door.normalizer.log(failure, truncated=truncated)
        with suppress(AttributeError):
            raised.__errnorm_logged__ = True  # type: ignore[attr-defined]  # for whoever meets it further out

    def log_late(self, raised: Exception) -> None:
        """Logs a vendor's failure that came when the whole response was sent."""
        failure = None if self._door.is_exempt(self._environ) else self._door.normalizer.failure_of(raised)
        if failure is not None:
            self.log(failure, raised, truncated=False)


class _Watched:
    """What an app gives piece by piece, perhaps failing in between."""

    def __init__(self, result: Iterable[bytes], exchange: _Exchange) -> None:
        self._result, self._exchange = result, exchange
        self._pieces: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        exchange = self._exchange
        token = bind(exchange.inbound)
        try:
            if self._pieces is None:
                self._pieces = iter(self._result)
            piece = next(self._pieces)
            exchange.begun = exchange.begun or bool(piece)
            return piece
        except StopIteration:
            raise
        except Exception as raised:
            body = exchange.answered(raised)
            if body is None:
                raise
            self._pieces = iter(body)
        finally:
            unbind(token)
        return next(self._pieces)

    def close(self) -> None:
        """Lets the app close what it opened, also where it failed."""
        close = getattr(self._result, "close", None)
        if close is None:
            return
        token = bind(self._exchange.inbound)
        try:
            close()
        except Exception as raised:
            self._exchange.log_late(raised)
            raise
        finally:
            unbind(token)


def header(environ: WSGIEnvironment, name: str) -> str | None:
    """A request header's value."""
    value = environ.get(f"HTTP_{name.upper().replace('-', '_')}")
    return None if value is None else str(value)


def asked(environ: WSGIEnvironment) -> Asked:
    """What a request accepts, in which language, and whether htmx asks for what goes into a part of the page: a boosted
    link and the history want a whole one.
    """
    whole = (header(environ, "HX-Boosted"), header(environ, "HX-History-Restore-Request"))
    return {
        "accept": header(environ, "Accept"),
        "language": header(environ, "Accept-Language"),
        "fragment": header(environ, "HX-Request") == "true" and "true" not in whole,
    }


def _marked(headers: list[tuple[str, str]], name: str, value: str) -> list[tuple[str, str]]:
    """The app's own headers with the correlation id, unless it has set one; a copy, for the list is the app's."""
    known = any(key.lower() == name.lower() for key, _ in headers)
    return headers if known else [*headers, (name, value)]


def _report(raised: Exception, environ: WSGIEnvironment) -> None:
    """Tells of an unexpected error as a server would that it rose to."""
    try:
        _logger.error(  # always: an error tracker may listen without a handler
            "Exception on %s %r",
            environ.get("REQUEST_METHOD"),
            environ.get("PATH_INFO"),
            exc_info=(type(raised), raised, raised.__traceback__),
        )
        if _is_heard(_logger):
            return
    except Exception:  # noqa: BLE001, S110 - whatever listens must not take the user's answer away, nor the bug itself
        pass
    with suppress(Exception):
        traceback.print_exception(raised, file=environ["wsgi.errors"])


def _is_heard(logger: logging.Logger | None) -> bool:
    while logger is not None:
        if not all(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False
