"""However many failures come, with whatever vendors, codes, paths, operations and reasons: labels stay within bounds.

What may stand in each is computed from the profiles, and so is how many series there can be.
"""

import gc
import random
import resource
import string
from collections import defaultdict
from pathlib import Path

import pytest

import errnorm
from errnorm import Normalizer, VendorError, listening
from errnorm.families import Family, Fault
from errnorm.listening import Asked, Ended, Left
from errnorm.metrics import bounding
from errnorm.metrics.instruments import (
    ALERT,
    CALLS,
    ERROR_TYPE,
    FAILURES,
    FAMILY,
    FAULT,
    LIMIT,
    OPERATION,
    OTHER,
    OUTCOME,
    OUTCOMES,
    REASON,
    REQUESTS,
    STATUS,
    UNMAPPED,
    VENDOR,
)
from errnorm.metrics.measuring import measured
from errnorm.reading.outcomes import OUTCOMES as TRANSPORT
from errnorm.vendors import registry
from errnorm.vendors.profile import Limit

NAMES = registry.default.names()
PROFILES = {name: registry.get(name) for name in NAMES}
DIALECTS = [row for profile in PROFILES.values() if profile.dialect for _, row in profile.rows()]
VENDORS = [name for name, profile in PROFILES.items() if not profile.dialect]
STATM = Path("/proc/self/statm")
SOME = ("lionbridge", "phase", "stripe", "github", "phrase-tms", "aws-s3")
STATUSES = (0, 99, 200, 400, 401, 404, 409, 422, 429, 500, 503, 599, 600, 999)
OWN = {OTHER, "THROTTLED", "CIRCUIT_OPEN", "JOB_DEADLINE_EXCEEDED"}
OWN |= {family.upper() for family in Family} | {outcome.reason for outcome in TRANSPORT.values()}
HOSTS = {f"*{host}" if host.startswith(".") else host for profile in PROFILES.values() for host in profile.hosts}
ROWS = {row.reason for profile in PROFILES.values() for _, row in profile.rows()}
ALLOWED = {
    VENDOR: {*VENDORS, OTHER},
    OPERATION: {operation for profile in PROFILES.values() for operation in profile.operations} | {OTHER},
    FAMILY: set(Family),
    FAULT: set(Fault),
    REASON: OWN | ROWS,
    ERROR_TYPE: OWN | ROWS,
    ALERT: {"page", "ticket", "count"},
    OUTCOME: {outcome for outcomes in OUTCOMES.values() for outcome in outcomes},
    LIMIT: {bounding.limit(limit) for profile in PROFILES.values() for limit in profile.limits} | {OTHER},
    STATUS: set(range(100, 600)),
    "http.request.method": {*bounding.METHODS, OTHER},
    "server.address": HOSTS | {OTHER},
    "server.port": {80, 443},
}


def bound(name):
    """How many series of failures a vendor can have, by its profile; `_OTHER` has the dialects'."""
    profile = PROFILES.get(name)
    rows = [*DIALECTS, *([row for _, row in profile.rows()] if profile else [])]
    of_rows = sum(1 if row.family else len(Family) for row in rows)
    classes = of_rows + len(TRANSPORT) + len(Family) * len(Fault)
    return (len(profile.operations if profile else ()) + 2) * classes * len(ALLOWED[ALERT])


class Series:
    """The label sets that were told of, by instrument, and the values of each label."""

    def __init__(self):
        self.sets, self.values = defaultdict(set), defaultdict(set)

    def hear(self, event):
        if isinstance(event, Asked):
            return self.hear
        for instrument, _, attributes in measured(event):
            self.sets[instrument].add(tuple(attributes.items()))
        return None

    def of_labels(self):
        values = defaultdict(set)
        for sets in self.sets.values():
            for each in sets:
                for name, value in each:
                    values[name].add(value)
        return values


@pytest.fixture
def series():
    series = Series()
    leave = listening.listen(series.hear)
    yield series
    leave()


def word(chance, length=12):
    return "".join(chance.choices(string.ascii_letters + string.digits, k=length))


def failure(chance):
    """A failure of some vendor's, or of nobody's, with something new in every place."""
    name, new = chance.choice((*SOME, None)), word(chance)
    known = PROFILES[name or "generic"]
    code = chance.choice((new, *list(known.codes)[:20]))
    url = f"https://{chance.choice((new, 'api.stripe.com', 'x.y.' + new))}.example/{new}/{word(chance)}"
    if "xml" in known.speaks:
        body = f"<Error><ReasonCode>{code}</ReasonCode><SimpleMessage>{new}</SimpleMessage></Error>"
    else:
        body = f'{{"error": {{"code": "{code}", "type": "{code}", "message": "{new}"}}, "code": "{code}"}}'
    operation = chance.choice((None, new, *list(known.operations)[:5]))
    status = chance.choice(STATUSES)
    error = errnorm.parse(body, status=status, vendor=name, url=url, method="POST", operation=operation)
    match chance.randrange(8):
        case 0:
            error = error.replace(reason=new.upper())
        case 1:
            error = error.replace(vendor=new)  # from another process, say
    return VendorError(error)


def asked(chance):
    """A request of anybody's to anywhere."""
    profile = chance.choice((None, *map(PROFILES.get, SOME)))
    hosts = [host.removeprefix(".").replace("*", word(chance)) for host in profile.hosts] if profile else []
    host = chance.choice((word(chance), f"{word(chance)}.{chance.choice(hosts or ['example'])}", *hosts))
    port = chance.choice(("", ":443", ":80", f":{chance.randrange(70_000)}"))
    url = f"{chance.choice(('http', 'https', word(chance)))}://{host}{port}/{word(chance)}"
    operation = chance.choice((None, word(chance), *(profile.operations if profile else ())))
    return Asked(profile, operation, chance.choice(("GET", "post", word(chance, 4))), url)


def within_bounds(series):
    for name, values in series.of_labels().items():
        assert values <= ALLOWED[name], f"{name}: {values - ALLOWED[name]}"
    by_vendor = defaultdict(int)
    for each in series.sets[FAILURES]:
        by_vendor[dict(each)[VENDOR]] += 1
    for name, count in by_vendor.items():
        assert count <= bound(name), name


def another(chance, failed):
    """The same with another code and operation, as if it had been read from a body too, which takes its time."""
    new = word(chance)
    operations = PROFILES[failed.error.vendor].operations if failed.error.vendor in PROFILES else ()
    operation = chance.choice((None, new, *list(operations)[:5]))
    return VendorError(failed.error.replace(vendor_code=new, operation=operation, mapped=chance.random() < 0.5))


def burst(chance, count, series):
    normalizer, failed = Normalizer(), failure(chance)
    for number in range(count):
        failed = another(chance, failed) if number % 4 else failure(chance)
        normalizer.log(failed)
        if number % 10 == 0:
            status, ending = chance.choice((None, *STATUSES)), chance.choice((None, failed))
            series.hear(Ended(asked(chance), chance.random(), status, ending))


def resident():
    """Bytes that the process holds now."""
    gc.collect()
    return int(STATM.read_text(encoding="ascii").split()[1]) * resource.getpagesize()


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Nobody reads the records; a burst fills no disk."""
    monkeypatch.setattr("errnorm.answering.log", lambda *args, **more: None)


def test_twenty_thousand_failures_of_any_kind_stay_within_bounds(series):
    burst(random.Random(6), 20_000, series)
    within_bounds(series)
    assert {FAILURES, UNMAPPED, REQUESTS, CALLS} <= set(series.sets)
    assert len(series.of_labels()[VENDOR]) == len(SOME) + 1


@pytest.mark.once
@pytest.mark.skipif(not STATM.exists(), reason="nobody says how much memory a process has")
def test_a_million_failures_stay_within_bounds_and_memory_stays_flat(series):
    prometheus_client = pytest.importorskip("prometheus_client")
    from errnorm import prometheus

    chance, scrape = random.Random(7), prometheus_client.CollectorRegistry()
    uninstrument = prometheus.instrument(scrape)
    burst(chance, 500_000, series)
    counted, held = len(series.sets[FAILURES]), resident()
    burst(chance, 500_000, series)
    uninstrument()
    within_bounds(series)
    assert len(series.sets[FAILURES]) <= 1.1 * counted
    assert resident() - held < 24 * 1024 * 1024
    assert counted < 20_000


def test_a_limit_has_a_name_of_its_own_among_those_of_its_vendor():
    for profile in PROFILES.values():
        read = [(limit.operation, bounding.limit(limit)) for limit in profile.limits if limit.remaining is not None]
        assert len(read) == len(set(read)), profile.name


def test_a_limit_of_nobodys_has_no_name(series):
    listening.tell(Left(PROFILES["github"], None, 3))
    within_bounds(series)
    assert series.of_labels()[LIMIT] == {OTHER}


@pytest.mark.parametrize("name", VENDORS)
def test_a_vendors_hosts_are_known_and_no_others(name):
    profile = PROFILES[name]
    for host in profile.hosts:
        full = f"tenant{host}" if host.startswith(".") else host.replace("*", "tenant")
        address, port = bounding.server(profile, f"https://{full}/secret?q=1")
        assert (address in HOSTS, port) == (True, 443)
        assert "tenant" not in address
    assert bounding.server(profile, "https://attacker.example/x") == (OTHER, 443)
    assert bounding.server(profile, "https://own.example:8443/x", {"own.example"}) == ("own.example", None)
    for broken in ("", "http://[", "http://a:99999999/x", "//", "http://"):
        assert bounding.server(profile, broken)[0] == OTHER


def test_a_limit_of_the_apps_own_is_named_by_whom_and_how_long():
    assert bounding.limit(Limit(5, 60.0, per="address", plan="Free")) == "address 60s, Free"
