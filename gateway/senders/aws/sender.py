"""Sends batches to Amazon EventBridge: `PutEvents`, signed and posted directly."""

import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from http import HTTPStatus

import orjson

from gateway import __version__
from gateway.entry import Batch
from gateway.errors import BlockedError
from gateway.event import Event
from gateway.sender import Limits, Outcome, SenderStatus
from gateway.senders.answer import Answer, http_date
from gateway.senders.aws.config import AwsConfig, endpoint_of, limits_of, region_of
from gateway.senders.aws.credentials import default_chain
from gateway.senders.aws.entry import EntryFormat
from gateway.senders.aws.outcomes import read_failure, read_outcomes
from gateway.senders.aws.presence import BusPresence
from gateway.senders.credentials.chain import CredentialSource, FixedCredentials
from gateway.senders.http import HttpClient
from gateway.senders.sigv4 import Credentials, RequestSigner, Signer
from gateway.senders.sigv4a import AsymmetricSigner
from gateway.senders.verdict import Failure, Verdict
from gateway.senders.wording import without

_SERVICE = "events"


class _Operation(StrEnum):
    PUT_EVENTS = "AWSEvents.PutEvents"
    DESCRIBE_EVENT_BUS = "AWSEvents.DescribeEventBus"


class AwsSender:
    """One EventBridge bus, behind its region's endpoint or a global one.

    `clock` gives wall-clock seconds since the epoch, for signatures; `monotonic` paces renewals and the looks
    at the bus.
    """

    def __init__(
        self,
        config: AwsConfig,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits_of(config)
        self._region = region_of(config)
        self._is_global = bool(config.endpoint_id)
        self._url = endpoint_of(config)
        self._format = EntryFormat(
            event_bus=config.event_bus,
            detail=config.detail,
            resources=config.resources,
            max_event_bytes=self._limits.max_entry_bytes,
            endpoint_id=config.endpoint_id,
        )
        self._http = HttpClient(user_agent=f"gateway/{__version__}")
        self._credentials = _source_of(config, clock, monotonic)
        self._signed_with: Credentials | None = None
        self._signers: dict[_Operation, RequestSigner] = {}
        self._clock = clock
        self._clock_error_seconds = 0.0
        """What the bus's clock is ahead of ours; looked at only after it complained."""
        self._describe_body = orjson.dumps({"Name": config.event_bus})
        self._presence = BusPresence(self._describe_bus, event_bus=config.event_bus, clock=monotonic)

    @property
    def limits(self) -> Limits:
        """As configured; by default 10 entries and 256 KiB a request, all of it for one event if need be."""
        return self._limits

    def admit(self, event: Event) -> int:
        """The event's size by EventBridge's formula; see `EntryFormat.size` for what it raises."""
        return self._format.size(event)

    async def send(self, batch: Batch) -> Sequence[Outcome]:
        """One `PutEvents`, preceded now and then by a look whether the bus is there: see `BusPresence`."""
        try:
            # Behind a global endpoint nobody looks. DescribeEventBus knows no EndpointId: it asks one
            # region, and a region without its bus, or without answers, is just what the endpoint is
            # there to pass over. Which two regions those are, the id does not say.
            if not self._is_global:
                await self._presence.ensure()
            answer = await self._call(_Operation.PUT_EVENTS, self._format.frame(batch.entries))
        except BlockedError:
            self._presence.forget()
            raise
        return read_outcomes(answer, len(batch.entries))

    def status(self) -> SenderStatus:
        """The endpoint's origin, and when the credentials expire."""
        return SenderStatus(str(self._url.origin()), self._credentials.expire_at())

    async def aclose(self) -> None:
        """Close the connections, and end a renewal of credentials under way."""
        await self._credentials.aclose()
        await self._http.aclose()

    async def _describe_bus(self) -> Answer:
        return await self._call(_Operation.DESCRIBE_EVENT_BUS, self._describe_body)

    async def _call(self, operation: _Operation, body: bytes) -> Answer:
        """An answer with status 200, after one more try where credentials or clock were to blame."""
        credentials = await self._credentials.current()
        answer = await self._post(operation, body, credentials)
        if answer.status == HTTPStatus.OK:
            return answer
        failure = read_failure(answer, self._clock())
        if (mended := await self._mend(failure, answer, credentials)) is None:
            raise failure.error()
        answer = await self._post(operation, body, mended)
        if answer.status != HTTPStatus.OK:
            raise read_failure(answer, self._clock()).error()
        return answer

    async def _mend(self, failure: Failure, answer: Answer, used: Credentials) -> Credentials | None:
        """The credentials to sign with again, or None where signing again cannot help."""
        if failure.verdict is Verdict.CLOCK:
            if (bus_time := http_date(answer.headers.get("Date", ""))) is not None:
                self._clock_error_seconds = bus_time - self._clock()
            return used
        if failure.verdict is Verdict.EXPIRED:
            renewed = await self._credentials.renew(used)
            return renewed if renewed != used else None
        return None

    async def _post(self, operation: _Operation, body: bytes, credentials: Credentials) -> Answer:
        if credentials != self._signed_with:
            self._prepare_signers(credentials)
        headers = self._signers[operation].sign(body, self._clock() + self._clock_error_seconds)
        answer = await self._http.post(self._url, headers, body)
        return without(answer, credentials.secret_access_key, credentials.session_token)

    def _prepare_signers(self, credentials: Credentials) -> None:
        for operation in _Operation:
            self._signers[operation] = self._signer(credentials, operation)
        self._signed_with = credentials

    def _signer(self, credentials: Credentials, operation: _Operation) -> RequestSigner:
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "host": self._url.host_port_subcomponent or "",
            "x-amz-target": operation,
        }
        if self._is_global:
            return AsymmetricSigner(credentials, service=_SERVICE, headers=headers)
        return Signer(credentials, region=self._region, service=_SERVICE, headers=headers)


def _source_of(
    config: AwsConfig, clock: Callable[[], float], monotonic: Callable[[], float]
) -> CredentialSource[Credentials]:
    if not config.access_key_id:
        return default_chain(clock, monotonic)
    return FixedCredentials(Credentials(config.access_key_id, config.secret_access_key, config.session_token))
