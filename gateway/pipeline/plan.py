"""Which entries leave together: cuts batches out of a buffer. Pure: no clock, no bus.

A bounded window of the oldest entries is packed, the full batches among them are planned once and
kept until sent, and the rest goes back: packing the whole backlog at every flush would be quadratic.
"""

from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from gateway.entry import Batch, Entry
from gateway.pipeline.buffer import Buffer
from gateway.pipeline.flush import NEARLY_FULL, FlushReason, FlushTiming
from gateway.pipeline.pack import next_fit, pack
from gateway.sender import Limits

WINDOW_ENTRIES = 512
"""Oldest entries that one packing looks at: above some hundreds the batches get no better. More only
where a single batch takes more."""

LEAVING_SHARE = 1 / 2
"""Share of a window that leaves, however full, while more wait behind it: so an entry is packed twice on
average at most, and a window without a full batch stops nothing."""

GROWTH_SHARE = 1 / 32
"""Share by which leftovers must have grown to be packed again: at every arrival it would be quadratic."""


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
        self._window_entries = max(WINDOW_ENTRIES, limits.max_entries)
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

    def entries(self) -> list[Entry]:
        """Every entry that is planned and not sent."""
        return [entry for planned in self._planned for entry in planned.batch.entries]

    def give_back(self) -> list[Entry]:
        """The same, no longer planned."""
        entries = self.entries()
        self._planned.clear()
        self.waiting_events = 0
        return entries

    @property
    def oldest_planned(self) -> Entry | None:
        """The oldest entry of the batch that leaves next."""
        return self._planned[0].batch.entries[0] if self._planned else None

    def _plan(self, reason: FlushReason, now: float) -> None:
        """Pack the window; plan what may leave, put back what may not."""
        limits = self._limits
        if self._buffer.size <= limits.max_bytes and len(self._buffer) >= limits.max_entries:
            # All that waits would fit by size, so only the count binds: order of arrival is optimal.
            self._leave_in_order(reason)
            return
        window = self._buffer.take(self._window_entries)
        sizes = [entry.size for entry in window]
        usual = sorted(sizes)[len(sizes) // 10]
        cuts = [
            _Cut(indexes, Batch.of([window[index] for index in indexes]))
            for indexes in self._pack(window, sizes)
        ]
        for cut in cuts:
            cut.why_leave = self._why_leave(cut.batch, reason, now, usual_size=usual)
        self._let_leave(cuts, reason, at_least=self._least_leaving(len(window), reason))
        self._leave([cut for cut in cuts if cut.why_leave is not None], window)
        self._stay([cut for cut in cuts if cut.why_leave is None], window)

    def _pack(self, window: Sequence[Entry], sizes: Sequence[int]) -> list[list[int]]:
        """Places in the window, batch by batch. Raises ValueError for a size that no batch can have."""
        try:
            return pack(sizes, max_entries=self._limits.max_entries, max_bytes=self._limits.max_bytes)
        except ValueError:
            self._buffer.restore(window)  # a bug of ours, which must not lose them
            raise

    def _leave_in_order(self, reason: FlushReason) -> None:
        batch = Batch.of(self._buffer.take(self._limits.max_entries))
        why = reason if reason is FlushReason.DRAIN else FlushReason.FULL
        self._planned.append(PlannedBatch(batch, why))
        self.waiting_events += len(batch.entries)
        self._timing.expect_nothing()

    def _why_leave(
        self, batch: Batch, reason: FlushReason, now: float, *, usual_size: int
    ) -> FlushReason | None:
        """What makes `batch` leave, or None; `usual_size` is the lowest tenth of the sizes that wait."""
        limits = self._limits
        is_full = len(batch.entries) >= limits.max_entries or batch.size >= NEARLY_FULL * limits.max_bytes
        if reason is FlushReason.DRAIN:
            return reason if is_full or not len(self._buffer) else None
        if is_full:
            return FlushReason.FULL
        if not len(self._buffer) and self._timing.is_past(batch.entries[0].arrived_at, now):
            return FlushReason.INTERVAL  # with more behind the window it rather leads the next one
        return FlushReason.FULL if batch.size + usual_size > limits.max_bytes else None

    def _least_leaving(self, window_entries: int, reason: FlushReason) -> int:
        """How many entries of the window leave, full or not."""
        if len(self._buffer):
            return int(window_entries * LEAVING_SHARE)
        return 1 if reason is FlushReason.IDLE else 0

    def _let_leave(self, cuts: Sequence["_Cut"], reason: FlushReason, *, at_least: int) -> None:
        """Let the oldest batches leave as well, until so many entries do."""
        lacking = at_least - sum([len(cut.indexes) for cut in cuts if cut.why_leave is not None])
        for cut in cuts:
            if lacking <= 0:
                return
            if cut.why_leave is None:
                cut.why_leave = reason
                lacking -= len(cut.indexes)

    def _leave(self, cuts: Sequence["_Cut"], window: Sequence[Entry]) -> None:
        """Plan the batches, and count what arrival's own order would have cost."""
        self._planned.extend([PlannedBatch(cut.batch, cut.why_leave) for cut in cuts if cut.why_leave])
        entries = _in_order(cuts, window)
        self.waiting_events += len(entries)
        in_order = next_fit(
            [entry.size for entry in entries],
            max_entries=self._limits.max_entries,
            max_bytes=self._limits.max_bytes,
        )
        self.requests_saved += max(0, len(in_order) - len(cuts))

    def _stay(self, cuts: Sequence["_Cut"], window: Sequence[Entry]) -> None:
        """Put the entries back, and tell the timing how much more makes the fullest batch of them full."""
        buffer, limits = self._buffer, self._limits
        is_all = not len(buffer)
        buffer.restore(_in_order(cuts, window))
        if not (cuts and is_all):
            self._timing.expect_nothing()
            return
        entries = min([limits.max_entries - len(cut.indexes) for cut in cuts])
        size = min([NEARLY_FULL * limits.max_bytes - cut.batch.size for cut in cuts])
        self._timing.expect_full_at(
            entries=len(buffer) + max(entries, int(len(buffer) * GROWTH_SHARE)),
            size=buffer.size + max(size, buffer.size * GROWTH_SHARE),
        )


class _Cut(Struct):
    """A batch cut out of a window, at these places of it, and what makes it leave."""

    indexes: Sequence[int]
    batch: Batch
    why_leave: FlushReason | None = None


def _in_order(cuts: Sequence[_Cut], window: Sequence[Entry]) -> list[Entry]:
    return [window[index] for index in sorted([index for cut in cuts for index in cut.indexes])]
