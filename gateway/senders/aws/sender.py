"""Sends batches to Amazon EventBridge: `PutEvents`, signed and posted directly."""

import logging
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from http import HTTPStatus

import orjson

from gateway import __version__
from gateway.entry import Batch
from gateway.errors import BlockedError, RefusedError
from gateway.event import Event
from gateway.sender import Limits, Outcome, SenderStatus
from gateway.senders.aws.config import AwsConfig, endpoint_of, limits_of, region_of
from gateway.senders.aws.credentials import ChainCredentials, CredentialSource, StaticCredentials
from gateway.senders.aws.entry import EntryFormat
from gateway.senders.aws.outcomes import Failure, Verdict, read_failure, read_outcomes
from gateway.senders.http import Answer, HttpClient, http_date
from gateway.senders.sigv4 import Credentials, Signer
from gateway.senders.single_flight import SingleFlight

_log = logging.getLogger(__name__)


class _Operation(StrEnum):
    PUT_EVENTS = "AWSEvents.PutEvents"
    DESCRIBE_EVENT_BUS = "AWSEvents.DescribeEventBus"


class AwsSender:
    """One EventBridge bus. `clock` gives wall-clock seconds since the epoch, for signatures."""

    def __init__(self, config: AwsConfig, clock: Callable[[], float] = time.time) -> None:
        self._limits = limits_of(config)
        self._event_bus = config.event_bus
        self._region = region_of(config)
        self._url = endpoint_of(config)
        self._format = EntryFormat(
            event_bus=config.event_bus,
            detail=config.detail,
            resources=config.resources,
            max_event_bytes=self._limits.max_entry_bytes,
        )
        self._http = HttpClient(user_agent=f"gateway/{__version__}")
        self._credentials = _source_of(config)
        self._signed_with: Credentials | None = None
        self._signers: dict[_Operation, Signer] = {}
        self._clock = clock
        self._clock_error_seconds = 0.0
        """What the bus's clock is ahead of ours; looked at only after it complained."""
        self._look_up_bus = SingleFlight(self._describe_bus)
        self._bus_is_known = False
        self._told_of_missing_right = False

    @property
    def limits(self) -> Limits:
        """As configured; by default 10 entries and 256 KiB a request, all of it for one event if need be."""
        return self._limits

    def admit(self, event: Event) -> int:
        """The event's size by EventBridge's formula; see `EntryFormat.size` for what it raises."""
        return self._format.size(event)

    async def send(self, batch: Batch) -> Sequence[Outcome]:
        """One `PutEvents`. The first is preceded by `DescribeEventBus`, and so is one after trouble.

        For EventBridge answers 200 to events for a bus that does not exist, and drops them.
        """
        try:
            if not self._bus_is_known:
                await self._look_up_bus()
            answer = await self._call(_Operation.PUT_EVENTS, self._format.frame(batch.entries))
        except BlockedError:
            self._bus_is_known = False
            raise
        return read_outcomes(answer, len(batch.entries))

    def status(self) -> SenderStatus:
        """The endpoint's origin, and when the credentials expire."""
        return SenderStatus(str(self._url.origin()), self._credentials.expire_at())

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _describe_bus(self) -> None:
        """Raises BlockedError if the bus is missing, and what else `_call` raises."""
        try:
            await self._call(_Operation.DESCRIBE_EVENT_BUS, orjson.dumps({"Name": self._event_bus}))
        except BlockedError as error:
            if error.code == "ResourceNotFoundException":
                raise BlockedError(
                    error.code, f'event bus "{self._event_bus}": {error.message}', request_id=error.request_id
                ) from error
            if error.code != "AccessDeniedException":
                raise
            self._tell_of_missing_right(error)
        except RefusedError as error:  # the question, not an event: no entry must be given up for it
            raise BlockedError(error.code, error.message, request_id=error.request_id) from error
        self._bus_is_known = True

    def _tell_of_missing_right(self, error: BlockedError) -> None:
        if self._told_of_missing_right:
            return
        self._told_of_missing_right = True
        _log.warning(
            "no right to look up the event bus: events for a bus that does not exist would be lost unseen",
            extra={
                "event_bus": self._event_bus,
                "request_id": error.request_id,
                "right": "events:DescribeEventBus",
            },
        )

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
            renewed = await self._credentials.renew()
            return renewed if renewed != used else None
        return None

    async def _post(self, operation: _Operation, body: bytes, credentials: Credentials) -> Answer:
        if credentials != self._signed_with:
            self._prepare_signers(credentials)
        headers = self._signers[operation].sign(body, self._clock() + self._clock_error_seconds)
        return await self._http.post(self._url, headers, body)

    def _prepare_signers(self, credentials: Credentials) -> None:
        host = self._url.host_port_subcomponent or ""
        for operation in _Operation:
            self._signers[operation] = Signer(
                credentials,
                region=self._region,
                service="events",
                headers={
                    "content-type": "application/x-amz-json-1.1",
                    "host": host,
                    "x-amz-target": operation,
                },
            )
        self._signed_with = credentials


def _source_of(config: AwsConfig) -> CredentialSource:
    if not config.access_key_id:
        return ChainCredentials()
    return StaticCredentials(
        Credentials(config.access_key_id, config.secret_access_key, config.session_token)
    )
