"""What a profile has to say to whoever is called by an alert."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from errnorm.cli.listing import about, in_words
from errnorm.families import Action, Family, Fault
from errnorm.metrics.bounding import limit
from errnorm.metrics.instruments import REASON, label
from errnorm.vendors import registry
from errnorm.vendors.profile import Limit

LONG = 600  # seconds; a shorter window is spent and renewed before anybody has looked
_MOST = 8  # that are named; a list of forty is read by nobody
_TO_DO = {
    Action.NONE: "Nothing but the request itself can be changed: see in the log which one it is, and stop sending it.",
    Action.RETRY: "It may pass by itself. If it stays, take the request id that the log has to the vendor's support.",
    Action.WAIT: "It passes with time. If it stays, look at what holds it, with the request id that the log has.",
    Action.FIX_INPUT: "See in the log what was sent, and let the app check that before it sends it.",
    Action.RECONNECT: "The owner of the account has to connect it again.",
    Action.ASK_ADMIN: "An administrator has to look at the account at the vendor's: key, scopes, settings, billing.",
    Action.CONTACT_SUPPORT: (
        "See in the log which request it was: it is the app that has to be mended, or the profile, or else it is a "
        "matter for the vendor's support, with the vendor's request id."
    ),
}


class Vendor(NamedTuple):
    """A vendor as its profile tells of it; `rows` are its rows as `errnorm vendors NAME` shows them."""

    name: str
    docs: str
    limits: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    rerouted: tuple[str, ...]  # the reasons for which another route may succeed
    quotas: tuple[str, ...]  # the limits of which answers tell what is left, as metrics name them

    @classmethod
    def named(cls, name: str) -> Vendor:
        """Raises UnknownVendorError."""
        profile = registry.get(name)
        known = about(profile)
        rerouted = (then.reason for _, then in profile.rows() if then.reroute and then.reason)
        rows, limits = known["rows"], map(in_words, known["limits"])
        quotas = (limit(each) for each in profile.limits if _is_quota(each))
        once = map(tuple, map(dict.fromkeys, (rerouted, quotas)))
        return cls(name, literal(profile.docs), tuple(limits), tuple(rows), *once)

    @property
    def documented(self) -> str:
        """A sentence on the limits, "" if none is known."""
        return f" Documented limits: {listed(self.limits)}." if self.limits else ""

    def known(self, families: Iterable[Family]) -> str:
        """A sentence on the failures of these families that are no user's doing, "" if the profile knows none."""
        wanted = {family.value for family in families}
        rows = (row for row in self.rows if row["family"] in wanted and row["fault"] != Fault.USER)
        named = listed(dict.fromkeys(f"{row['reason']} ({row['when']})" for row in rows))
        return f" Known to mean that: {named}." if named else ""

    @property
    def action(self) -> str:
        """What to do about a failure class: a template of Prometheus that goes by the alert's reason."""
        by_action: dict[str, dict[str, None]] = {}
        for row in self.rows:
            if row["fault"] != Fault.USER and row["action"] != Action.CONTACT_SUPPORT:
                by_action.setdefault(row["action"], {})[row["reason"]] = None
        branches = [
            f'if match "^({"|".join(reasons)})$" $labels.{label(REASON)} -}}}}\n{_TO_DO[Action(action)]}\n{{{{- else '
            for action, reasons in sorted(by_action.items())
        ]
        otherwise = _TO_DO[Action.CONTACT_SUPPORT]
        return f"{{{{ {''.join(branches)}-}}}}\n{otherwise}\n{{{{- end }}}}" if branches else otherwise


def _is_quota(limit: Limit) -> bool:
    """Whether it can be seen how much is left of it, and there is time to do something about it."""
    return limit.remaining is not None and limit.requests is not None and limit.seconds >= LONG


def listed(words: Iterable[str]) -> str:
    """Words in a row, the first few of them, as text that is no template."""
    words = list(words)
    more = [f"{len(words) - _MOST} more"] if len(words) > _MOST else []
    return literal("; ".join([*words[:_MOST], *more]))


def literal(text: str) -> str:
    """A text that Prometheus shows as it is, braces and all."""
    return text.replace("{{", '{{ "{{" }}')
