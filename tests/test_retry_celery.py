"""A task of Celery's is repeated by the same law, with the same keys in whichever worker it runs again."""

import logging

import pytest

pytest.importorskip("httpx")
pytest.importorskip("celery")

import httpx
from celery import Celery
from celery.contrib.testing.worker import start_worker

import errnorm.httpx
from errnorm import attempts, retry
from errnorm.backoff import BUDGET
from errnorm.families import Verdict
from errnorm.model import CanonicalError, RetryAdvice, VendorError
from tests.loopback import Reply, Trouble, Vendor

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def order():
    """A task, of an app on a broker in memory, with a worker in a thread of this process."""
    app = Celery("errnorm-test", broker="memory://", backend="cache+memory://")
    app.conf.update(worker_hijack_root_logger=False, broker_connection_retry_on_startup=False)

    @app.task(bind=True, name="order", max_retries=5)
    def order(self, url, attempts):
        with httpx.Client() as client, retry.call(self.request.id, self.request.retries + 1):
            errnorm.httpx.install(client, vendor="stripe", throttle=None)
            try:
                return client.post(url).status_code
            except VendorError as raised:
                seconds = retry.countdown(raised, self.request.retries, attempts=attempts, base=0.0)
                if seconds is None:
                    return str(raised)
                raise self.retry(exc=raised, countdown=seconds) from raised

    level = logging.root.level  # Celery sets it for the whole process
    with start_worker(app, perform_ping_check=False, pool="solo", shutdown_timeout=10):
        yield lambda url, attempts=4: order.delay(url, attempts).get(timeout=30)
    logging.root.setLevel(level)


@pytest.fixture(autouse=True)
def budget():
    BUDGET.refill()
    yield
    BUDGET.refill()


def test_a_task_is_repeated_with_the_keys_of_its_first_run(order):
    with Vendor(Reply(trouble=Trouble.RESET), Reply(503), Reply(200)) as vendor:
        assert [order(vendor.url), order(vendor.url)] == [200, 200]
        keys = [request.headers["idempotency-key"] for request in vendor.requests]
    assert len(keys) == 4
    assert (len(set(keys[:3])), len(set(keys))) == (1, 2)


@pytest.mark.parametrize(
    ("reply", "calls"), [(Reply(402), 1), (Reply(503, {"Retry-After": "7200"}), 1), (Reply(503), 3)]
)
def test_a_task_gives_up_by_the_law(order, reply, calls):
    with Vendor(reply) as vendor:
        assert order(vendor.url, attempts=3).startswith("stripe ")
        assert len(vendor.requests) == calls


def failure(after=None, verdict=Verdict.SAFE, **facts):
    return VendorError(CanonicalError(vendor="acme", retry=RetryAdvice(verdict, after), **facts))


def test_a_queue_may_wait_longer():
    assert 600.0 <= retry.countdown(failure(600.0)) <= 600.5
    assert retry.countdown(failure(3_601.0)) is None
    assert retry.countdown(failure(), 3) is None
    assert 0.0 <= retry.countdown(failure(), 9, attempts=20, base=1.0) <= 512.0
    assert retry.countdown(ValueError("a bug")) is None


def test_a_task_without_a_key_of_its_own_does_not_send_another_key():
    with attempts.begin() as call:
        call.key_for("acme", "POST", "/")
        assert retry.countdown(failure(method="POST", sent=True)) is None
    with attempts.begin("task-1") as call:
        call.key_for("acme", "POST", "/")
        assert retry.countdown(failure(method="POST", sent=True)) is not None
