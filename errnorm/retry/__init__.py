"""Calling again, by the vendor's advice and the law of `backoff`.

    @errnorm.retry.retrying(timeout=20)
    def order(client): ...

`retrying` is a loop of our own, on stamina; the rest is the law for loops of others: stamina's, tenacity's, urllib3's,
Celery's, circuit breakers. Nothing of them is imported before it is used.
"""

from errnorm.retry.breaking import counts_as_outage
from errnorm.retry.hooks import backoff_hook, countdown, tenacity_retry, tenacity_wait
from errnorm.retry.looping import call, delay, rerouted, retrying
from errnorm.retry.urllib3 import urllib3_retry

__all__ = [
    "backoff_hook",
    "call",
    "countdown",
    "counts_as_outage",
    "delay",
    "rerouted",
    "retrying",
    "tenacity_retry",
    "tenacity_wait",
    "urllib3_retry",
]
