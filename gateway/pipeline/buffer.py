"""The bounded store of entries that wait for one bus. Pure: knows no clock, loop or bus.

Room is held from `offer` to `release`: what waits here, what is in flight and what awaits a retry
count together. One number bounds memory, and it is the number that refuses.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from operator import attrgetter
from sys import getsizeof

from msgspec import Struct

from gateway.entry import Entry
from gateway.event import Event

EVENT_OVERHEAD_BYTES = 640
"""What CPython 3.11 needs for one held event beside its JSON: two Structs, four short strings, two
floats, and the allocator's rounding (measured by `python -m benchmarks.memory`)."""

SHORT_BYTES = 1024
"""In an event with less JSON than that no attribute can be so long that the overhead does not cover it
(but for the odd one in a script of four bytes a character)."""


class BufferStatistics(Struct, frozen=True):
    """How full the buffer is: `held` counts everything not yet settled, `waiting` what can be taken."""

    held_events: int
    held_bytes: int
    waiting_events: int
    waiting_size: int
    max_events: int
    max_bytes: int


class Buffer:
    """Entries in order of arrival, bounded in events and bytes. Entries that come back lead."""

    def __init__(self, *, max_events: int, max_bytes: int) -> None:
        self.max_events = max_events
        self.max_bytes = max_bytes
        self._waiting: deque[Entry] = deque()
        self._waiting_size = 0
        self._waiting_awaited = 0
        self._held_events = 0
        self._held_bytes = 0

    def __len__(self) -> int:
        """How many entries can be taken."""
        return len(self._waiting)

    @property
    def size(self) -> int:
        """What the entries that can be taken add up to, as their bus counts."""
        return self._waiting_size

    @property
    def is_all_awaited(self) -> bool:
        """Whether of all that can be taken somebody waits for the delivery."""
        return 0 < self._waiting_awaited == len(self._waiting)

    @property
    def held(self) -> int:
        """Entries offered or reserved, and not yet released."""
        return self._held_events

    @property
    def oldest(self) -> Entry | None:
        """The entry that the next `take` starts with."""
        return self._waiting[0] if self._waiting else None

    def has_room(self, events: int, event_bytes: int) -> bool:
        """Whether `events` events with `event_bytes` bytes of JSON together would be taken now."""
        return (
            self._held_events + events <= self.max_events
            and self._held_bytes + event_bytes + events * EVENT_OVERHEAD_BYTES <= self.max_bytes
        )

    def could_ever_hold(self, events: int, event_bytes: int) -> bool:
        """Whether they would fit if nothing else were held."""
        return events <= self.max_events and event_bytes + events * EVENT_OVERHEAD_BYTES <= self.max_bytes

    def offer(self, entries: Sequence[Entry]) -> bool:
        """Take all of `entries` or none; False is backpressure."""
        if not self.reserve(entries):
            return False
        self.enter(entries)
        return True

    def reserve(self, entries: Sequence[Entry]) -> bool:
        """Hold room for all of `entries` or for none, until they `enter` or are released."""
        events = len(entries)
        held_events = self._held_events + events
        held_bytes = self._held_bytes + json_bytes(entries) + events * EVENT_OVERHEAD_BYTES
        if held_events > self.max_events or held_bytes > self.max_bytes:
            return False
        self._held_events, self._held_bytes = held_events, held_bytes
        return True

    def enter(self, entries: Sequence[Entry]) -> None:
        """Let entries wait, in order of arrival, that have room."""
        self._waiting += entries
        self._waiting_size += sum_of_sizes(entries)
        if entries[0].is_awaited:  # they are of one request
            self._waiting_awaited += len(entries)

    def hold(self, entries: Sequence[Entry]) -> None:
        """Hold room for entries that an earlier life of the process accepted: never refused."""
        self._held_events += len(entries)
        self._held_bytes += json_bytes(entries) + len(entries) * EVENT_OVERHEAD_BYTES

    def entries(self) -> list[Entry]:
        """All that can be taken, oldest first; they stay."""
        return list(self._waiting)

    def take(self, max_entries: int) -> list[Entry]:
        """The oldest entries, at most so many; their room stays held."""
        waiting = self._waiting
        if len(waiting) <= max_entries:
            taken = list(waiting)
            waiting.clear()
            self._waiting_size = self._waiting_awaited = 0
            return taken
        taken = [waiting.popleft() for _ in range(max_entries)]
        self._waiting_size -= sum_of_sizes(taken)
        if self._waiting_awaited:
            self._waiting_awaited -= _awaited(taken)
        return taken

    def restore(self, entries: Sequence[Entry]) -> None:
        """Put entries that were taken back in front of all that arrived after them; never refused.

        The order of arrival is what deadlines rest on: the first entry is always the oldest.
        """
        if not entries:
            return
        waiting, newest = self._waiting, max([entry.arrived_at for entry in entries])
        older: list[Entry] = []  # few: what is taken comes from the front
        while waiting and waiting[0].arrived_at < newest:
            older.append(waiting.popleft())
        waiting.extendleft(reversed(in_order_of_arrival([*entries, *older])))
        self._waiting_size += sum_of_sizes(entries)
        self._waiting_awaited += _awaited(entries)

    def release(self, entries: Sequence[Entry]) -> None:
        """They are settled: their room is free again."""
        self._held_events -= len(entries)
        self._held_bytes -= json_bytes(entries) + len(entries) * EVENT_OVERHEAD_BYTES
        assert self._held_events >= len(self._waiting), "released what was never offered"

    def statistics(self) -> BufferStatistics:
        """A snapshot for metrics."""
        return BufferStatistics(
            held_events=self._held_events,
            held_bytes=self._held_bytes,
            waiting_events=len(self._waiting),
            waiting_size=self._waiting_size,
            max_events=self.max_events,
            max_bytes=self.max_bytes,
        )


def event_bytes(event: Event) -> int:
    """What an event takes beside the fixed overhead: its JSON, and long attributes once more.

    Those are held as text as well, at up to four bytes a character (PEP 393).
    """
    size = len(event.json)
    if size < SHORT_BYTES:
        return size
    return size + getsizeof(event.id) + getsizeof(event.source) + getsizeof(event.traceparent or "")


def json_bytes(entries: Sequence[Entry]) -> int:
    """What their events take beside the fixed overhead."""
    if len(entries) == 1:  # the usual request; a generator costs 0.5 µs more
        return event_bytes(entries[0].event)
    return sum([event_bytes(entry.event) for entry in entries])


def sum_of_sizes(entries: Sequence[Entry]) -> int:
    """What the bus counts for them together."""
    if len(entries) == 1:
        return entries[0].size
    return sum([entry.size for entry in entries])


def _awaited(entries: Sequence[Entry]) -> int:
    return sum([entry.is_awaited for entry in entries])


def in_order_of_arrival(entries: Iterable[Entry]) -> list[Entry]:
    """`entries`, oldest first; those of the same moment keep their order."""
    return sorted(entries, key=attrgetter("arrived_at"))
