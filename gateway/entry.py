"""An event on its way to one bus, and the batches that carry it."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from gateway.event import Event


class Receipt(Protocol):
    """Told once for each of its entries what became of it; None stands for nobody waits."""

    def delivered(self, entry: "Entry", event_id: str | None) -> None:
        """The bus has it, under `event_id` where the bus says so."""

    def given_up(self, entry: "Entry", code: str, message: str) -> None:
        """It is dead-lettered or expired."""

    def kept(self, entry: "Entry") -> None:
        """The process ends before the bus took it; it is on disk for the next start."""

    def lost(self, entry: "Entry") -> None:
        """The process ends before the bus took it, and no disk has it: who still waits can send it again."""

    def keeps(self, entry: "Entry") -> bool:
        """Whether it stands on disk already as it is, so that a crash does not lose it."""


class Entry(Struct, gc=False):
    """One event waiting for one bus. `size` is what that bus counts, not what we send."""

    event: Event
    size: int
    arrived_at: float
    """Monotonic seconds at which the gateway took it; earlier than the process's start if restored."""
    attempt: int = 0
    """Sends so far that count against `delivery.max_attempts`."""
    receipt: Receipt | None = None
    is_awaited: bool = False
    """Whether its producer waits for the delivery, and so sends nothing more before it."""


class Batch(Struct, frozen=True):
    """The entries of one request to a bus, in ascending order of arrival, and the sum of their sizes."""

    entries: Sequence[Entry]
    size: int

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> "Batch":
        """A batch of `entries`, sized."""
        return cls(entries, sum(entry.size for entry in entries))
