"""Sends batches to Huawei Cloud EventGrid: events published to a channel, authenticated and posted directly.

The vendor's current documents call the operation one for debugging; there is no other that publishes
custom events to a channel.
"""

import time
from collections.abc import Callable, Sequence

from gateway import __version__
from gateway.entry import Batch
from gateway.event import Event
from gateway.secret import Secret
from gateway.sender import Limits, Outcome, SenderStatus
from gateway.senders.credentials.access_key import AccessKey
from gateway.senders.http import HttpClient
from gateway.senders.huawei.config import HuaweiConfig, limits_of, project_id_of, url_of
from gateway.senders.huawei.credentials import source_of
from gateway.senders.huawei.entry import CONTENT_TYPE, EntryFormat
from gateway.senders.huawei.keys import Credentials
from gateway.senders.huawei.outcomes import read_outcomes
from gateway.senders.huawei.signing import Signer
from gateway.senders.verdict import Failure, Verdict
from gateway.senders.wording import without


class HuaweiSender:
    """One channel of EventGrid.

    `clock` gives wall-clock seconds since the epoch, for signatures; `monotonic` paces renewals.
    """

    def __init__(
        self,
        config: HuaweiConfig,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits_of(config)
        self._url = url_of(config)
        self._project_id = project_id_of(config)
        self._format = EntryFormat(extensions=config.extensions, max_entry_bytes=self._limits.max_entry_bytes)
        self._http = HttpClient(user_agent=f"gateway/{__version__}")
        self._credentials = source_of(config, clock=clock, monotonic=monotonic)
        self._signed_with: AccessKey | None = None
        self._signer: Signer | None = None
        self._clock = clock

    @property
    def limits(self) -> Limits:
        """As configured; by default 20 events and 255 KiB a request, 64 KiB and a comma for one of them."""
        return self._limits

    def admit(self, event: Event) -> int:
        """The bytes of the event in a request; see `EntryFormat.size` for what it raises."""
        return self._format.size(event)

    async def send(self, batch: Batch) -> Sequence[Outcome]:
        """One request; after renewed credentials, where the bus calls the last ones expired, one more."""
        body = self._format.frame(batch.entries)
        ids = [entry.event.id for entry in batch.entries]
        credentials = await self._credentials.current()
        outcomes = await self._post(body, ids, credentials)
        if (
            isinstance(outcomes, Failure)
            and outcomes.verdict is Verdict.EXPIRED
            and (renewed := await self._credentials.renew(credentials)) != credentials
        ):
            outcomes = await self._post(body, ids, renewed)
        if isinstance(outcomes, Failure):
            raise outcomes.error()
        return outcomes

    def status(self) -> SenderStatus:
        """The endpoint's origin, and when the credentials expire."""
        return SenderStatus(str(self._url.origin()), self._credentials.expire_at())

    async def aclose(self) -> None:
        """Close the connections, and end a renewal under way."""
        await self._credentials.aclose()
        await self._http.aclose()

    async def _post(
        self, body: bytes, ids: Sequence[str], credentials: Credentials
    ) -> Sequence[Outcome] | Failure:
        answer = await self._http.post(self._url, self._headers(body, credentials), body)
        return read_outcomes(without(answer, *_secrets_of(credentials)), ids, self._clock())

    def _headers(self, body: bytes, credentials: Credentials) -> dict[str, str]:
        if isinstance(credentials, AccessKey):
            return self._signer_for(credentials).sign(body, self._clock())
        return {"content-type": CONTENT_TYPE, "x-auth-token": credentials.text.reveal()}

    def _signer_for(self, key: AccessKey) -> Signer:
        if self._signer is None or key != self._signed_with:
            headers = {
                "content-type": CONTENT_TYPE,
                "host": self._url.host_port_subcomponent or "",
                "x-project-id": self._project_id,
            }
            self._signer = Signer(key, path=self._url.raw_path, headers=headers)
            self._signed_with = key
        return self._signer


def _secrets_of(credentials: Credentials) -> tuple[Secret, ...]:
    if isinstance(credentials, AccessKey):
        return credentials.secret, credentials.security_token
    return (credentials.text,)
