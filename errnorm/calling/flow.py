"""One vendor call as a flow without I/O: its turn, what is added to the request, what comes of the answer.

A door gives a client's own way to do its steps; `drive` and `drive_async` take it through the flow.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from errnorm import attempts, correlation, listening
from errnorm.answering import Normalizer, chosen
from errnorm.calling.judging import Judge
from errnorm.calling.outcome import Outcome, Sending, hopeless, note_within, outcome_of, refused
from errnorm.calling.queueing import held, pause_of, turned_away
from errnorm.calling.sealed import Headers
from errnorm.calling.steps import Close, Flow, Load, Refresh, Request, Rewind, Send, Settle, Step
from errnorm.families import IDEMPOTENT_METHODS, Verdict
from errnorm.model import VendorError
from errnorm.reading.parsing import operation_of
from errnorm.throttle import Throttle, windows
from errnorm.vendors.profile import Profile

if TYPE_CHECKING:
    from errnorm.calling import refreshing
    from errnorm.throttle import Turn, Window


class Caller:
    """Whom an app calls through a client: a vendor, or whoever answers at the url where none is named.

    `account` is whose limits count, else whoever's the key is. `awaits`: the client is an asynchronous one. `hops`: it
    shows each hop of a redirect by itself. Raises UnknownVendorError where no profile bears the name, TypeError where
    an argument is not what it should be, or `refresh` does not suit the client.
    """

    def __init__(
        self,
        normalizer: Normalizer | None = None,
        vendor: str | None = None,
        operation: str | None = None,
        *,
        account: str | None = None,
        throttle: Throttle | None = None,
        refresh: refreshing.Refresh | None = None,
        client: object = None,
        awaits: bool = False,
        hops: bool = False,
    ) -> None:
        if isinstance(client, type):
            raise TypeError(f"a client is wanted, not the class: {client.__name__}(...)")
        if not isinstance(throttle, Throttle | None):
            raise TypeError(f"throttle: an errnorm.Throttle or None is wanted, not {type(throttle).__name__}")
        self._normalizer = chosen(normalizer)
        self._judge = Judge(self._normalizer, vendor, operation)
        self._vendor = vendor
        self._operation = operation
        self._account = account
        self._client = client
        self._throttle = throttle
        self._renewal: refreshing.Renewal | None = None
        self._homes: refreshing.Homes | None = None
        if refresh is not None:
            from errnorm.calling import refreshing  # few renew anything

            self._renewal = refreshing.renewal_of(refresh, awaits=awaits)
            self._homes = refreshing.Homes() if hops else None

    def call(self, request: Request, client: object = None) -> Flow:
        """The flow of one call. Ends where there is nothing to object to, else raises VendorError.

        What a client raises that tells of no vendor's failure, a bug say, rises as it is.
        """
        call = self._prepared(request, client or self._client)
        failure = yield from self._attempt(call) if self._renewal is None else self._renewing(call, self._renewal)
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # it holds this frame

    def _prepared(self, request: Request, client: object) -> Sending:
        profile, operation = self._normalizer.reader.profile_of(self._vendor, request.url), self._operation
        if operation is None and profile is not None:
            operation = operation_of(profile, request.method, request.url)
        headers, keyed = self._correlation(request), False
        if profile is not None and (name := profile.key_header(operation)) is not None:
            keyed = name.lower() in request.header_names  # the app's own, which stays
            if client is None:
                pass  # what was answered gets no key any more
            elif keyed:
                _heed(profile, request, name)
            elif (key := _key(profile, request)) is not None:
                headers[name], keyed = key, True
        return Sending(request, profile, operation, Headers(headers), keyed, client)

    def _correlation(self, request: Request) -> dict[str, str]:
        """The correlation header, where there is an id and the app has not set one itself."""
        name, value = self._normalizer.correlation_header, correlation.current()
        return {} if value is None or name.lower() in request.header_names else {name: value}

    def _renewing(self, call: Sending, renewal: refreshing.Renewal) -> Generator[Step, Any, VendorError | None]:
        """The request, and once more where its credential is refused and can be renewed."""
        key_by = call.request.key_by
        if not self._at_home(call) or (seen := renewal.latest(key_by)) is None:
            return (yield from self._attempt(call))
        failure = yield from self._attempt(call._replace(headers=call.headers | seen.headers))
        if failure is None or not refused(failure) or not (yield Rewind()):
            return failure
        try:
            renewed: Headers = yield Refresh(renewal, key_by, seen)
        except Exception as raised:  # noqa: BLE001 - the app's own, whatever it is
            return hopeless(failure, raised)
        failure = yield from self._attempt(call._replace(headers=call.headers | renewed))
        return failure if failure is None or not refused(failure) else hopeless(failure)

    def _at_home(self, call: Sending) -> bool:
        """Whether a new credential may be sent there: where the one before was sent first, or to the vendor's own host.

        A redirect may lead anywhere (RFC 9110, 15.4).
        """
        url, profile = call.request.url, call.profile
        if self._homes is None or self._homes.knows(call.request.key_fingerprint, url):
            return True
        secure = url.lower().startswith("https:")
        return secure and profile is not None and self._normalizer.reader.profile_of(None, url) is profile

    def _attempt(self, call: Sending) -> Generator[Step, Any, VendorError | None]:
        """The request, in its turn where the vendor is known."""
        if self._throttle is not None and (profile := call.profile) is not None:
            account = self._throttle.account(self._account, call.request.key_fingerprint)
            if (turn := self._throttle.turn(profile, call.operation, account)) is not None:
                return (yield from held(turn, self._in_turn(turn, profile, call)))
        exchange = self._heard if listening.listeners else self._exchange
        return (yield from exchange(call)).failure

    def _in_turn(self, turn: Turn, profile: Profile, call: Sending) -> Generator[Step, Any, VendorError | None]:
        failure = yield from turned_away(turn, profile.name, call.operation, call.request.method)
        if failure is not None:
            failure.key_fingerprint = call.request.key_fingerprint
            return failure
        exchange = self._heard if listening.listeners else self._exchange
        answer, failure = yield from exchange(call)
        try:
            left = () if answer is None else windows(profile, answer.headers, answer.status)
            if listening.listeners:
                _tell(profile, turn, left)
            yield Settle(turn, pause_of(failure), left)
        except GeneratorExit:
            raise  # nothing can be done any more
        except BaseException:  # cancelled: nobody will see the answer
            yield Close()
            raise
        return failure

    def _exchange(self, call: Sending) -> Generator[Step, Any, Outcome]:
        """The request, sent and judged."""
        answer = None
        try:
            answer = yield Send(call.headers)
            error = yield from self._judge.answered(call.request, answer)
            if error is None:
                if not call.request.streams:
                    yield Load()
                return outcome_of(call, answer, None)
        except VendorError as within:  # another door, within this one
            yield Close()
            note_within(call, within)
            raise
        except Exception as raised:
            yield Close()
            if (error := self._judge.raised(call.request, raised)) is None:
                raise
            return outcome_of(call, answer, error, raised)
        yield Close()
        return outcome_of(call, answer, error)

    def _heard(self, call: Sending) -> Generator[Step, Any, Outcome]:
        """The same before whoever listens, where it is a request that is sent now."""
        exchange = self._exchange(call)
        if call.client is None:
            return exchange
        method, url = call.request.method, call.request.url
        hosts = self._normalizer.reader.hosts
        asked = listening.Asked(call.profile, call.operation, method, url, call.client, hosts)
        return listening.watched(exchange, asked)


def _tell(profile: Profile, turn: Turn, windows: Iterable[Window]) -> None:
    """Tells what is left of the limits that count this request; whose plan an account is on, the app alone knows."""
    for window in windows:
        if window.limit is None or window.limit.plan is None or turn.counts(window.limit):
            listening.tell(listening.Left(profile, window.limit, window.remaining))


def _key(profile: Profile, request: Request) -> str | None:
    """The key that makes all attempts of the app's call one request to the vendor; None where it needs none."""
    call = attempts.current()
    if call is None or request.method.upper() in IDEMPOTENT_METHODS:
        return None
    return call.key_for(profile.name, request.method, request.url)


def _heed(profile: Profile, request: Request, name: str) -> None:
    """The app's own key makes attempts safe only while it stays the same. With another one nothing is sent: the failure
    before rises once more, and is no longer safe to repeat.
    """
    call = attempts.current()
    if call is None or request.method.upper() in IDEMPOTENT_METHODS:
        return
    key = request.told_by((name,))
    if key is not None and (failed := call.unsteady(key, profile.name, request.method, request.url)) is not None:
        retry = msgspec.structs.replace(failed.retry, verdict=Verdict.IF_IDEMPOTENT)
        raise VendorError(failed.replace(retry=retry)) from ValueError(
            f"{name}: another key than in the attempt before, so this was not sent; make the key outside of what is "
            "repeated, or leave it to errnorm"
        )
