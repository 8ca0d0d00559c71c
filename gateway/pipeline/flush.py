"""When entries leave the buffer, and why. Pure: time comes in as a number.

Every open batch has its own deadline, its oldest entry's arrival plus the interval, never a global
tick: a tick costs everybody half an interval and many requests at low rates.
"""

from enum import StrEnum
from math import inf

from gateway.pipeline.buffer import Buffer

NEARLY_FULL = 0.95
"""Share of the bytes from which a batch counts as full."""


class FlushReason(StrEnum):
    """What made a batch leave: label values of `gateway_batches_total`."""

    FULL = "full"
    INTERVAL = "interval"
    IDLE = "idle"
    DRAIN = "drain"


class FlushTiming:
    """Says when a buffer is due.

    The buffer counts as full when it holds what makes one batch full; after a look that found no full
    batch in it, when it has grown by what the fullest open batch still lacks (`expect_full_at`).
    """

    def __init__(
        self, *, interval_seconds: float, sends_when_idle: bool, max_entries: int, max_bytes: int
    ) -> None:
        self.interval_seconds = interval_seconds
        self.sends_when_idle = sends_when_idle
        self._max_entries = max_entries
        self._nearly_full_bytes = NEARLY_FULL * max_bytes
        self._full_entries = max_entries
        self._full_size = self._nearly_full_bytes
        self._draining = False

    def drain(self) -> None:
        """From now on everything is due at once."""
        self._draining = True

    def expect_full_at(self, *, entries: int, size: float) -> None:
        """The buffer was looked through: it can hold a full batch again from these amounts on."""
        self._full_entries = entries
        self._full_size = size

    def expect_nothing(self) -> None:
        """Nothing is known of the buffer: it is full when it holds what fills one batch."""
        self._full_entries = self._max_entries
        self._full_size = self._nearly_full_bytes

    def is_full(self, buffer: Buffer) -> bool:
        """Whether the buffer may hold a full batch."""
        return len(buffer) >= self._full_entries or buffer.size >= self._full_size

    def due(self, buffer: Buffer, now: float, *, in_flight: int) -> FlushReason | None:
        """Why something should leave the buffer now, or None."""
        if (oldest := buffer.oldest) is None:
            return None
        if self._draining:
            return FlushReason.DRAIN
        if self.is_full(buffer):
            return FlushReason.FULL
        if self.is_past(oldest.arrived_at, now):
            return FlushReason.INTERVAL
        if buffer.is_all_awaited:  # those who could bring company wait themselves
            return FlushReason.IDLE
        if self.sends_when_idle and not in_flight:
            return FlushReason.IDLE
        return None

    def is_past(self, arrived_at: float, now: float) -> bool:
        """Whether an entry has waited for company as long as it should."""
        # The sum, not the difference: it is the very number that next_due gave as the deadline.
        return arrived_at + self.interval_seconds <= now

    def next_due(self, buffer: Buffer, now: float, *, in_flight: int) -> float:
        """The moment at which `due` will name a reason if nothing else arrives; infinity: never."""
        if (oldest := buffer.oldest) is None:
            return inf
        if self.due(buffer, now, in_flight=in_flight):
            return now
        return oldest.arrived_at + self.interval_seconds
