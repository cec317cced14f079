"""A log's records written: one line each whatever is in them, without secrets, and without filling a disk.

For `logging.config.dictConfig`, by class name: formatters that write JSON or for people, a filter that takes secrets
out of other libraries' records, and one that keeps the first of a class of failures and counts the rest.
"""

from __future__ import annotations

from errnorm.logging.formatting import ConsoleFormatter, JSONFormatter
from errnorm.logging.redacting import RedactingFilter
from errnorm.logging.sampling import SamplingFilter, flush

__all__ = ["ConsoleFormatter", "JSONFormatter", "RedactingFilter", "SamplingFilter", "flush"]
