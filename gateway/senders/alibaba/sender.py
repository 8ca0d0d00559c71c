"""Sends batches to Alibaba Cloud EventBridge: `putEvents`, signed and posted directly."""

import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from uuid import uuid4

from gateway import __version__
from gateway.entry import Batch
from gateway.event import Event
from gateway.sender import Limits, Outcome, SenderStatus
from gateway.senders.alibaba.config import AlibabaConfig, limits_of, url_of
from gateway.senders.alibaba.credentials import default_chain
from gateway.senders.alibaba.entry import EntryFormat
from gateway.senders.alibaba.outcomes import read_failure, read_outcomes
from gateway.senders.alibaba.signing import Signer
from gateway.senders.answer import Answer
from gateway.senders.credentials.access_key import AccessKey
from gateway.senders.credentials.chain import CredentialSource, FixedCredentials
from gateway.senders.http import HttpClient
from gateway.senders.verdict import Verdict
from gateway.senders.wording import without


class AlibabaSender:
    """One EventBridge bus.

    `clock` gives wall-clock seconds since the epoch, for signatures; `monotonic` paces renewals.
    """

    def __init__(
        self,
        config: AlibabaConfig,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits_of(config)
        self._url = url_of(config)
        self._format = EntryFormat(event_bus=config.event_bus, max_event_bytes=self._limits.max_entry_bytes)
        self._http = HttpClient(user_agent=f"gateway/{__version__}")
        self._credentials = _source_of(config, clock, monotonic)
        self._signed_with: AccessKey | None = None
        self._signer: Signer | None = None
        self._clock = clock

    @property
    def limits(self) -> Limits:
        """As configured; by default 16 events and 256 KiB a request, 64 KiB an event."""
        return self._limits

    def admit(self, event: Event) -> int:
        """The event's size by EventBridge's formula; see `EntryFormat.size` for what it raises."""
        return self._format.size(event)

    async def send(self, batch: Batch) -> Sequence[Outcome]:
        """One `putEvents`, and a second where only expired credentials stood in its way."""
        answer = await self._put_events(self._format.frame(batch.entries))
        return read_outcomes(answer, [entry.event.id for entry in batch.entries])

    def status(self) -> SenderStatus:
        """The endpoint's origin, and when the credentials expire."""
        return SenderStatus(str(self._url.origin()), self._credentials.expire_at())

    async def aclose(self) -> None:
        """Close the connections, and end a renewal of credentials under way."""
        await self._credentials.aclose()
        await self._http.aclose()

    async def _put_events(self, body: bytes) -> Answer:
        """An answer with status 200. Raises what the failure of the last request means."""
        key = await self._credentials.current()
        answer = await self._post(body, key)
        if answer.status == HTTPStatus.OK:
            return answer
        failure = read_failure(answer, self._clock())
        if failure.verdict is not Verdict.EXPIRED or (renewed := await self._credentials.renew(key)) == key:
            raise failure.error()
        answer = await self._post(body, renewed)
        if answer.status != HTTPStatus.OK:
            raise read_failure(answer, self._clock()).error()
        return answer

    async def _post(self, body: bytes, key: AccessKey) -> Answer:
        if self._signer is None or key != self._signed_with:
            self._signer, self._signed_with = Signer(key), key
        headers = self._signer.sign(body, self._clock(), nonce=str(uuid4()))
        return without(await self._http.post(self._url, headers, body), key.secret, key.security_token)


def _source_of(
    config: AlibabaConfig, clock: Callable[[], float], monotonic: Callable[[], float]
) -> CredentialSource[AccessKey]:
    if not config.access_key_id:
        return default_chain(clock=clock, monotonic=monotonic)
    return FixedCredentials(AccessKey(config.access_key_id, config.access_key_secret, config.security_token))
