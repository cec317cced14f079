"""An app that logs with loguru: errnorm's records and other libraries' go there too, without secrets.

What is logged with loguru itself does not come by the filter; `diagnose` would show variables, and so what they hold.
"""

import json
import logging
import sys

from loguru import logger

from errnorm.logging import RedactingFilter, SamplingFilter


class InterceptHandler(logging.Handler):
    """Hands records of the standard library's logging to loguru, errnorm's keys as `extra`."""

    def emit(self, record: logging.LogRecord) -> None:
        keys = {name: value for name, value in vars(record).items() if name.startswith("errnorm_")}
        level = record.levelname if record.levelname in logging.getLevelNamesMapping() else record.levelno
        bound = logger.bind(**keys).patch(lambda entry: entry.update(name=record.name))
        bound.opt(exception=record.exc_info).log(level, "{}", record.getMessage())


def write(line: str) -> None:
    """In ASCII: loguru writes U+2028 and its like as they are, which end a line for some who read it."""
    sys.stderr.write(json.dumps(json.loads(line)) + "\n")


def configure() -> None:
    logger.remove()
    logger.add(write, serialize=True, backtrace=False, diagnose=False)
    handler = InterceptHandler()
    handler.addFilter(SamplingFilter(interval=60))
    handler.addFilter(RedactingFilter())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
