"""An app's logging by dictConfig: JSON on standard error, without secrets, and an outage that does not fill a disk.

Django takes the same dictionary as LOGGING.
"""

import logging.config

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "errnorm.logging.JSONFormatter"},
        "people": {"()": "errnorm.logging.ConsoleFormatter", "stream": "ext://sys.stderr"},  # while developing
    },
    "filters": {
        "sampling": {"()": "errnorm.logging.SamplingFilter", "interval": 60},
        "redacting": {"()": "errnorm.logging.RedactingFilter"},  # for formatters that are not errnorm's
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["sampling"]},
    },
    "root": {"level": "INFO", "handlers": ["stderr"]},
}


def configure() -> None:
    logging.config.dictConfig(LOGGING)
