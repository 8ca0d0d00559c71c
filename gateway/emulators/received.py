"""What an emulated bus remembers: the newest events and requests, and counts of all there were.

Knows no bus and no HTTP. Memory is bounded in number and in bytes: the oldest records go first.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct, field


class Document(Protocol):
    """A record that can be shown: as what `msgspec.json.encode` takes."""

    def document(self) -> dict[str, Any]:
        """Its members for the control interface."""


EventT = TypeVar("EventT", bound=Document)
T = TypeVar("T")


class Keep(Struct, frozen=True):
    """How much is remembered."""

    events: int = 10_000
    requests: int = 1_000
    event_bytes: int = 64 * 1024 * 1024
    """Of all remembered events together, as the bus counts them."""


class ReceivedRequest(Struct, frozen=True):
    """One request, as it was answered."""

    number: int
    """Counted from 1."""
    time: float
    """Wall-clock seconds since the epoch."""
    operation: str | None = None
    """None: the request named none that the bus knows."""
    status: int | None = None
    """None: the connection was reset."""
    code: str | None = None
    """The bus's code for a request that was refused as a whole."""
    entries: int = 0
    size: int = 0
    """Of all entries, as the bus counts."""
    results: tuple[str | None, ...] = ()
    """For each entry the code it failed with, or None: the bus took it."""

    def document(self) -> dict[str, Any]:
        """All members by name."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


class Dropped(Struct, Generic[EventT], frozen=True):
    """An event that was answered as taken and then silently went nowhere."""

    reason: str
    event: EventT

    def document(self) -> dict[str, Any]:
        """The event's members and the reason."""
        return {"reason": self.reason, **self.event.document()}


class Statistics(Struct):
    """Counts since the start; clearing what is remembered changes none of them."""

    requests: int = 0
    operations: dict[str, int] = field(default_factory=dict)
    """Requests by what they asked for, whatever the answer."""
    answers: dict[int, int] = field(default_factory=dict)
    """Requests answered, by HTTP status."""
    resets: int = 0
    """Requests answered by resetting their connection."""
    refusals: dict[str, int] = field(default_factory=dict)
    """Requests refused as a whole, by code."""
    entries: int = 0
    """Entries of all requests that could be read."""
    events_received: int = 0
    """Entries taken and delivered."""
    bytes_received: int = 0
    """Their sizes, as the bus counts."""
    events_dropped: dict[str, int] = field(default_factory=dict)
    """Entries answered as taken and silently dropped, by reason."""
    entries_failed: dict[str, int] = field(default_factory=dict)
    """Entries that failed by themselves in a request that was processed, by code."""
    faults: dict[str, int] = field(default_factory=dict)
    """Faults injected, by kind."""


class Record(Generic[EventT]):
    """The memory of one emulated bus: written by the bus, read by tests and the control interface."""

    def __init__(self, keep: Keep = Keep()) -> None:  # noqa: B008 - frozen
        self.events: Ring[EventT] = Ring(keep.events, keep.event_bytes)
        self.dropped: Ring[Dropped[EventT]] = Ring(keep.events, keep.event_bytes)
        self.requests: Ring[ReceivedRequest] = Ring(keep.requests, keep.event_bytes)
        self.statistics = Statistics()
        self._arrived = asyncio.Event()

    def next_number(self) -> int:
        """The number of the request that begins now."""
        self.statistics.requests += 1
        return self.statistics.requests

    def turn_away(self, wall_clock: float, status: int | None = None, code: str | None = None) -> None:
        """Remember a request that was not read: refused with a status, or its connection reset."""
        self.finish(ReceivedRequest(self.next_number(), wall_clock, status=status, code=code))

    def deliver(self, event: EventT, size: int) -> None:
        """Remember an event as delivered."""
        self.statistics.events_received += 1
        self.statistics.bytes_received += size
        self.events.append(event, size)

    def drop(self, event: EventT, size: int, reason: str) -> None:
        """Remember an event as silently dropped."""
        count(self.statistics.events_dropped, reason)
        self.dropped.append(Dropped(reason, event), size)

    def finish(self, request: ReceivedRequest) -> None:
        """Remember a request as answered, and wake those who wait for events."""
        statistics = self.statistics
        statistics.entries += request.entries
        if request.operation is not None:
            count(statistics.operations, request.operation)
        if request.status is None:
            statistics.resets += 1
        else:
            count(statistics.answers, request.status)
        if request.code is not None:
            count(statistics.refusals, request.code)
        for code in request.results:
            if code is not None:
                count(statistics.entries_failed, code)
        self.requests.append(request)
        self._arrived.set()

    async def until_received(self, events: int) -> None:
        """Wait until that many events were delivered since the start."""
        while self.statistics.events_received < events:
            self._arrived.clear()
            await self._arrived.wait()

    def clear(self) -> None:
        """Forget events and requests; the counts stay."""
        for ring in (self.events, self.dropped, self.requests):
            ring.clear()


class Ring(Generic[T]):
    """The newest records, bounded in number and in bytes; at least the newest one is kept."""

    def __init__(self, max_count: int, max_bytes: int) -> None:
        self._records: deque[tuple[T, int]] = deque()
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._bytes = 0

    def append(self, record: T, size: int = 0) -> None:
        """Keep `record`, and let the oldest go until the bounds hold."""
        records = self._records
        records.append((record, size))
        self._bytes += size
        while len(records) > 1 and (len(records) > self._max_count or self._bytes > self._max_bytes):
            self._bytes -= records.popleft()[1]

    def newest(self, limit: int) -> list[T]:
        """The last `limit` records, newest last."""
        start = max(0, len(self._records) - limit)
        return [record for record, _ in list(self._records)[start:]]

    def clear(self) -> None:
        """Forget all."""
        self._records.clear()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[T]:
        return (record for record, _ in self._records)


def count(counts: dict[Any, int], key: str | int) -> None:
    """Raise the count of `key` by one."""
    counts[key] = counts.get(key, 0) + 1
