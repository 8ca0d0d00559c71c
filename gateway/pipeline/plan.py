"""Which entries leave together: cuts batches out of a buffer. Pure: no clock, no bus.

A bounded window of the oldest entries is packed, the full batches among them are planned once and
kept until sent, and the rest goes back: packing the whole backlog at every flush would be quadratic.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from operator import attrgetter

from msgspec import Struct

from gateway.entry import Batch, Entry
from gateway.pipeline.buffer import Buffer
from gateway.pipeline.flush import FlushReason, FlushTiming
from gateway.pipeline.pack import next_fit, pack
from gateway.sender import Limits

WINDOW_ENTRIES = 512
"""Oldest entries that one packing looks at: above some hundreds the batches get no better."""

NEARLY_FULL = 0.95
"""Share of the bytes from which a batch counts as full."""


class PlannedBatch(Struct, frozen=True):
    """A batch that is ready to be sent, and what made it leave the buffer."""

    batch: Batch
    reason: FlushReason


class Planner:
    """Cuts the next batch when one is due; entries it has planned are still held by the buffer."""

    def __init__(self, buffer: Buffer, timing: FlushTiming, limits: Limits) -> None:
        self._buffer = buffer
        self._timing = timing
        self._limits = limits
        self._planned: deque[PlannedBatch] = deque()
        self.waiting_events = 0
        """Entries planned and not yet sent."""
        self.requests_saved = 0
        """Batches fewer than the same entries would have made in order of arrival."""

    def next_batch(self, now: float, *, in_flight: int) -> PlannedBatch | None:
        """The batch to send now, or None: nothing is due."""
        if not self._planned:
            reason = self._timing.due(self._buffer, now, in_flight=in_flight)
            if reason is not None:
                self._plan(reason, now)
        if not self._planned:
            return None
        planned = self._planned.popleft()
        self.waiting_events -= len(planned.batch.entries)
        return planned

    def next_due(self, now: float, *, in_flight: int) -> float:
        """When `next_batch` will have one if nothing else arrives."""
        return now if self._planned else self._timing.next_due(self._buffer, now, in_flight=in_flight)

    def give_back(self) -> list[Entry]:
        """Every entry that is planned and not sent, no longer planned."""
        entries = [entry for planned in self._planned for entry in planned.batch.entries]
        self._planned.clear()
        self.waiting_events = 0
        return entries

    @property
    def oldest_planned(self) -> Entry | None:
        """The oldest entry of the batch that leaves next."""
        return self._planned[0].batch.entries[0] if self._planned else None

    def _plan(self, reason: FlushReason, now: float) -> None:
        """Pack the window; plan what may leave, put back what may not."""
        window = self._buffer.take(WINDOW_ENTRIES)
        limits = self._limits
        sizes = [entry.size for entry in window]
        bins = pack(sizes, max_entries=limits.max_entries, max_bytes=limits.max_bytes)
        batches = [Batch.of([window[index] for index in indexes]) for indexes in bins]
        usual = sorted(sizes)[len(sizes) // 10]
        leaving = [
            PlannedBatch(batch, why)
            for batch in batches
            if (why := self._why_leave(batch, reason, now, usual_size=usual)) is not None
        ]
        if not leaving and (reason is FlushReason.IDLE or len(window) == WINDOW_ENTRIES):
            # Nothing to wait for; or a whole window without one full batch, and more behind it.
            leaving = [PlannedBatch(batches[0], reason)]
        self._planned.extend(leaving)
        self.waiting_events += sum([len(planned.batch.entries) for planned in leaving])
        self._count_saved(leaving)
        self._put_back(batches, leaving)

    def _why_leave(
        self, batch: Batch, reason: FlushReason, now: float, *, usual_size: int
    ) -> FlushReason | None:
        if reason is FlushReason.DRAIN:
            return reason
        if self._is_full(batch, usual_size=usual_size):
            return FlushReason.FULL
        if self._timing.is_past(batch.entries[0].arrived_at, now):
            return FlushReason.INTERVAL
        return None

    def _is_full(self, batch: Batch, *, usual_size: int) -> bool:
        """No entry fits any more, or none as the small ones among those waiting (their lowest tenth)."""
        limits = self._limits
        return (
            len(batch.entries) >= limits.max_entries
            or batch.size >= NEARLY_FULL * limits.max_bytes
            or batch.size + usual_size > limits.max_bytes
        )

    def _count_saved(self, leaving: Sequence[PlannedBatch]) -> None:
        entries = in_order_of_arrival(planned.batch for planned in leaving)
        in_order = next_fit(
            [entry.size for entry in entries],
            max_entries=self._limits.max_entries,
            max_bytes=self._limits.max_bytes,
        )
        self.requests_saved += max(0, len(in_order) - len(leaving))

    def _put_back(self, batches: Sequence[Batch], leaving: Sequence[PlannedBatch]) -> None:
        """Restore what stays, and tell the timing how much more makes the fullest of it full."""
        gone = {id(planned.batch) for planned in leaving}
        staying = [batch for batch in batches if id(batch) not in gone]
        if not staying:
            self._timing.expect_nothing()
            return
        behind = len(self._buffer) > 0
        self._buffer.restore(in_order_of_arrival(staying))
        if behind:
            self._timing.expect_nothing()
            return
        limits = self._limits
        self._timing.expect_full_at(
            entries=len(self._buffer) + min(limits.max_entries - len(b.entries) for b in staying),
            size=self._buffer.size + min(NEARLY_FULL * limits.max_bytes - b.size for b in staying),
        )


def in_order_of_arrival(batches: Iterable[Batch]) -> list[Entry]:
    """The entries of `batches`, oldest first."""
    entries = [entry for batch in batches for entry in batch.entries]
    entries.sort(key=attrgetter("arrived_at"))
    return entries
