"""The port to a bus: what a sender must do, what it may answer, and how one is plugged in.

Knows no bus and no pipeline; both sides meet here.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from gateway.entry import Batch
from gateway.errors import ConfigFault
from gateway.event import Event


class Limits(Struct, frozen=True):
    """What one request to the bus may hold, in the bus's own count of bytes."""

    max_entries: int
    max_bytes: int
    max_entry_bytes: int


class RetryReason(StrEnum):
    """Why an entry is sent again: label values of `gateway_events_retried_total`."""

    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    FAILED = "failed"
    """The bus failed this entry and may take it later."""
    UNCLEAR = "unclear"
    """No verdict on this entry could be read."""
    SPLIT = "split"
    """Its request was refused, and is sent again in halves."""
    BLOCKED = "blocked"
    """An operator must mend something first."""
    DEAD_LETTER_FAILED = "dead_letter_failed"
    """It could not be written to the dead letters, so it is kept."""


class Delivered(Struct, frozen=True, gc=False):
    """The bus has taken the entry, and named it `event_id` if it names events."""

    event_id: str | None = None


class Retry(Struct, frozen=True):
    """Not taken now; worth another attempt after a backoff, in whatever company."""

    code: str
    message: str = ""
    request_id: str | None = None
    reason: RetryReason = RetryReason.FAILED
    max_attempts: int | None = None
    """For codes of which nobody knows whether they pass: a bound beside the configured one."""


class RetryAlone(Struct, frozen=True):
    """The verdict was unclear in company: the entry is sent again in a request of its own."""

    code: str
    message: str = ""
    request_id: str | None = None


class Hold(Struct, frozen=True):
    """Something an operator must mend: the entry waits and spends no attempt."""

    code: str
    message: str = ""
    request_id: str | None = None


class Rejected(Struct, frozen=True):
    """The bus will never take this entry."""

    code: str
    message: str = ""
    request_id: str | None = None


Outcome = Delivered | Retry | RetryAlone | Hold | Rejected


class SenderStatus(Struct, frozen=True):
    """What `/status` shows of a sender; never a secret."""

    endpoint: str
    credentials_expire_at: float | None = None
    """Wall-clock seconds since the epoch, or None: they do not expire, or are not known yet."""


class Sender(Protocol):
    """Speaks one bus's API for one destination.

    `admit` is pure and fast: it is called for each event inside the producer's request. `send` makes
    one request and no retry of its own (one renewal of credentials excepted); it may be cancelled at
    any await, and the caller bounds its time. `aclose` may be called twice.
    """

    @property
    def limits(self) -> Limits:
        """What a request may hold; constant for the sender's life."""

    def admit(self, event: Event) -> int:
        """The event's size as this bus counts it.

        Raises EventTooLargeError if no request can hold it, UndeliverableEventError if the bus can
        never take it.
        """

    async def send(self, batch: Batch) -> Sequence[Outcome]:
        """One outcome for each entry, in the batch's order. Raises SendError for no usable answer."""

    def status(self) -> SenderStatus:
        """Where it sends and until when its credentials last."""

    async def aclose(self) -> None:
        """Give back connections and files."""


class SenderPlugin(Struct, frozen=True):
    """What a module under the entry-point group `gateway.senders` offers, named by the type it serves."""

    config_type: type[Struct]
    """The destination's own keys: a frozen Struct with defaults; its fields may be of the types in
    `gateway.units` and `gateway.secret`."""
    check: Callable[[Any], Iterable[ConfigFault]]
    """Every fault that types alone do not show, keys relative to the destination; reads no network."""
    create: Callable[[Any], Sender]
    """Builds a sender from a checked configuration; opens nothing until the first send."""
