"""An app that logs with structlog: errnorm's records and other libraries' come out as its own do, without secrets."""

import logging.config

import structlog

CHAIN: list[structlog.typing.Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),  # errnorm's keys
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,  # before the filter, which cleans the text
]
FORMATTER = {
    "()": structlog.stdlib.ProcessorFormatter,
    "foreign_pre_chain": CHAIN,
    "processors": [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.JSONRenderer(),
    ],
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"structlog": FORMATTER},
    "filters": {
        "redacting": {"()": "errnorm.logging.RedactingFilter"},
        "sampling": {"()": "errnorm.logging.SamplingFilter", "interval": 60},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "structlog",
            "filters": ["sampling", "redacting"],
        },
    },
    "root": {"level": "INFO", "handlers": ["stderr"]},
}


def configure() -> None:
    logging.config.dictConfig(LOGGING)
    structlog.configure(
        processors=[*CHAIN, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
