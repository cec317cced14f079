"""What happens to a vendor, as series of samples, and which alerts that is to fire; each alert fires once at least, and
stays quiet once where nearly as much happens.

The samples are written as promtool takes them: `0+10x60` begins at 0 and grows by 10 sixty times, `_x30` is nothing for
thirty steps.
"""

from __future__ import annotations

from typing import NamedTuple

from errnorm.metrics import instruments
from errnorm.metrics.instruments import Instrument
from errnorm.monitoring.promql import bucket_of, counter_of

OUTAGE_PAGE, OUTAGE_TICKET = ("VendorOutage", "page"), ("VendorOutage", "ticket")
CREDENTIALS, LIMITED = ("VendorCredentialsRefused", "page"), ("VendorRateLimited", "ticket")
REPEATING_PAGE, REPEATING_TICKET = ("VendorFailureRepeating", "page"), ("VendorFailureRepeating", "ticket")
UNMAPPED, WEBHOOKS = ("VendorCodeUnmapped", "ticket"), ("VendorWebhookLag", "ticket")
THROTTLE_PAGE, THROTTLE_TICKET = ("VendorThrottleSaturated", "page"), ("VendorThrottleSaturated", "ticket")
QUOTA = ("VendorQuotaNearlySpent", "ticket")

Series = tuple[str, dict[str, str], str]  # name, labels, samples


class Scenario(NamedTuple):
    """What happens, when it is looked at (in steps), and what fires then, by name and severity."""

    title: str
    series: tuple[Series, ...]
    at: int
    fires: tuple[tuple[str, str], ...] = ()
    vendors: tuple[str, ...] = ("lionbridge", "phrase-tms", "risumail")  # to all but the last it happens


def calls(samples: str, family: str = "", status: str = "", fault: str = "vendor") -> Series:
    failed = {"errnorm_family": family, "errnorm_fault": fault, "error_type": family.upper()} if family else {}
    answered = {"http_response_status_code": status} if status else {}
    return counter_of(instruments.CALLS), {"errnorm_operation": "some-operation", **failed, **answered}, samples


def well(samples: str) -> Series:
    return calls(samples, status="200")


def failures(samples: str, alert: str, family: str = "validation", reason: str = "SOME_REASON") -> Series:
    labels = {"errnorm_family": family, "errnorm_reason": reason, "errnorm_fault": "integration"}
    return instruments.FAILURES.prometheus, {**labels, "errnorm_alert": alert}, samples


def unmapped(samples: str) -> Series:
    return instruments.UNMAPPED.prometheus, {"errnorm_operation": "some-operation"}, samples


def turns(samples: str, outcome: str) -> Series:
    labels = {"errnorm_operation": "some-operation", "errnorm_outcome": outcome}
    return counter_of(instruments.THROTTLE), labels, samples


def histogram(instrument: Instrument, labels: dict[str, str], **samples: str) -> tuple[Series, ...]:
    """Buckets by their bounds: `le_300` and `le_inf`."""
    bounds = {name: name.removeprefix("le_").replace("inf", "+Inf") for name in samples}
    return tuple((bucket_of(instrument), {**labels, "le": bounds[name]}, each) for name, each in samples.items())


def webhooks(**samples: str) -> tuple[Series, ...]:
    return histogram(instruments.WEBHOOKS, {}, **samples)


def waits(**samples: str) -> tuple[Series, ...]:
    labels = {"errnorm_operation": "some-operation", "errnorm_outcome": "admitted"}
    return histogram(instruments.THROTTLE, labels, **samples)


def quota(left: str, limit: str) -> tuple[Series, ...]:
    labels = {"errnorm_limit": "user 3600s"}
    remaining, allowed = instruments.QUOTA_REMAINING.prometheus, instruments.QUOTA_LIMIT.prometheus
    return (remaining, labels, left), (allowed, labels, limit)


BUSY = well("0+10x400")
CALM = well("0+4x100")

# A step is a minute.
BY_MINUTES = (
    Scenario("all is well", (BUSY,), 70),
    # Outage: the share that may fail is 1 %.
    Scenario(
        "a burst of 503s in a quiet day",
        (BUSY, calls("_x210 30+30x3 120x9", "unavailable", "503")),
        216,
        (OUTAGE_PAGE,),
    ),
    Scenario(
        "ten minutes after the burst",
        (BUSY, calls("_x210 30+30x3 120x30", "unavailable", "503")),
        226,
        (OUTAGE_TICKET,),
    ),
    Scenario("6.5 % time out", (well("0+187x120"), calls("0+13x120", "timeout")), 90, (OUTAGE_PAGE, OUTAGE_TICKET)),
    Scenario("5.5 % time out", (well("0+189x120"), calls("0+11x120", "timeout")), 90, (OUTAGE_TICKET,)),
    Scenario("0.9 % fail", (well("0+991x120"), calls("0+9x120", "server", "500")), 90),
    Scenario("the only four calls fail", (CALM, calls("_x50 4x9", "connection", fault="network")), 57),
    Scenario("users' mistakes are no outage", (BUSY, calls("0+10x100", "validation", "422", "user")), 90),
    # Credentials: the counter comes to be with the first refusal.
    Scenario(
        "three refusals at once", (CALM, calls("_x50 3x9", "authentication", "401", "integration")), 52, (CREDENTIALS,)
    ),
    Scenario("two refusals at once", (CALM, calls("_x50 2x9", "authentication", "401", "integration")), 52),
    Scenario("a scope is lost", (CALM, calls("_x50 1+1x9", "permission", "403", "integration")), 56, (CREDENTIALS,)),
    Scenario("a few refusals among many calls", (well("0+50x100"), calls("0+5x100", "permission", "403")), 90),
    Scenario("some more", (well("0+50x100"), calls("0+7x100", "permission", "403")), 90, (CREDENTIALS,)),
    Scenario(
        "an app that calls seldom",
        (well("1x62 2x40"), calls("_x60 1x19 2x20", "authentication", "401", "integration")),
        90,
        (CREDENTIALS,),
    ),
    Scenario("it is refused once", (well("1x100"), calls("_x60 1x40", "authentication", "401", "integration")), 90),
    Scenario("users' own keys", (CALM, calls("_x50 9x9", "authentication", "401", "user")), 52),
    Scenario(
        "what was counted while nobody looked",
        (well("0+4x60 _x30 360+4x20"), calls("500x60 _x30 500x20", "authentication", "401", "integration")),
        92,
    ),
    # A failure class
    Scenario("a class to note, five times", (CALM, failures("_x65 5x9", "ticket")), 67, (REPEATING_TICKET,)),
    Scenario("four times", (CALM, failures("_x65 4x9", "ticket")), 67),
    Scenario("a class to page, three times", (CALM, failures("_x65 3x9", "page")), 67, (REPEATING_PAGE,)),
    Scenario("twice", (CALM, failures("_x65 2x9", "page")), 67),
    Scenario("a class to count", (CALM, failures("_x65 500x9", "count")), 67),
    Scenario("a few refusals over an hour", (CALM, failures("0+1x100", "page", "permission")), 90, (REPEATING_TICKET,)),
    Scenario(
        "many refusals, for which somebody was paged",
        (
            CALM,
            calls("_x50 9x30", "authentication", "401", "integration"),
            failures("_x50 9x30", "page", "authentication"),
        ),
        53,
        (CREDENTIALS,),
    ),
    Scenario(
        "of them and of another class",
        (
            CALM,
            calls("_x50 9x30", "authentication", "401", "integration"),
            failures("_x50 9x30", "page", "authentication", "A_KEY"),
            failures("_x50 9x30", "ticket", reason="ANOTHER"),
        ),
        70,
        (REPEATING_TICKET,),
    ),
    Scenario(
        "five classes, each once", (CALM, *(failures("_x65 1x9", "ticket", reason=f"R{n}") for n in range(5))), 67
    ),
    # Codes
    Scenario("an unmapped code", (CALM, unmapped("_x65 1x9")), 67, (UNMAPPED,)),
    Scenario("one of yesterday", (CALM, unmapped("7x100")), 90),
    # Webhooks
    Scenario(
        "late webhooks", (CALM, *webhooks(le_300="0+93x100", le_600="0+100x100", le_inf="0+100x100")), 30, (WEBHOOKS,)
    ),
    Scenario("a few late ones", (CALM, *webhooks(le_300="0+96x100", le_600="0+100x100", le_inf="0+100x100")), 30),
    # Throttle
    Scenario(
        "6 % find no turn", (BUSY, turns("0+94x100", "admitted"), turns("0+6x100", "refused")), 30, (THROTTLE_PAGE,)
    ),
    Scenario("4 % find no turn", (BUSY, turns("0+96x100", "admitted"), turns("0+4x100", "refused")), 30),
    Scenario("four find no turn", (BUSY, turns("9x100", "admitted"), turns("_x25 4x30", "refused")), 29),
    Scenario("a wait", (BUSY, *waits(le_10="0+93x100", le_20="0+100x100", le_inf="0+100x100")), 30, (THROTTLE_TICKET,)),
    Scenario("a shorter wait", (BUSY, *waits(le_10="0+96x100", le_20="0+100x100", le_inf="0+100x100")), 30),
    # Quota: of a vendor whose answers tell what is left
    *(
        each._replace(vendors=("github", "risumail"))
        for each in (
            Scenario("a tenth is not left", (CALM, *quota("9x100", "100x100")), 30, (QUOTA,)),
            Scenario("more is left", (CALM, *quota("11x100", "100x100")), 30),
            Scenario(
                "of two accounts in turn one has little left",
                (CALM, *quota("5 " + "90 90 5 " * 20, "100x100")),
                30,
                (QUOTA,),
            ),
            Scenario("of two accounts in turn both have enough", (CALM, *quota("12 " + "90 12 " * 30, "100x100")), 30),
            Scenario("it was renewed", (CALM, *quota("5x29 100x60", "100x100")), 45),
            Scenario("nobody has asked for an hour", (well("100x100"), *quota("9x100", "100x100")), 90),
        )
    ),
)

# A step is half an hour.
BY_HALF_HOURS = (
    Scenario("429s grow within a day", (well("0+300x60"), calls("0x49 6+6x9", "rate_limit", "429")), 53, (LIMITED,)),
    Scenario("as many 429s as ever", (well("0+98x60"), calls("0+2x60", "rate_limit", "429")), 53),
    Scenario("many, as ever", (well("0+94x60"), calls("0+6x60", "rate_limit", "429")), 53, (LIMITED,)),
    Scenario("one user's guessing", (well("0+50x60"), calls("0+50x60", "rate_limit", "429", "user")), 53),
    Scenario(
        "1.2 % fail for three days",
        (well("0+988x150"), calls("0+12x150", "upstream", "502")),
        148,
        (OUTAGE_TICKET,),
    ),
    Scenario("0.8 % fail for three days", (well("0+992x150"), calls("0+8x150", "upstream", "502")), 148),
    Scenario("they failed half a day ago", (well("0+900x50"), calls("0+900x3 2700x40", "upstream", "502")), 30),
)
