"""One destination on virtual time, with a bus that takes everything after the same while. Pure.

The buffer, the flush timing, the packing and the bound of requests in flight are the gateway's own; only
the loop around them is another: it jumps from one moment at which something happens to the next.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from math import inf

from msgspec import Struct

from gateway.entry import Batch, Entry
from gateway.event import Event
from gateway.pipeline.backlog import Backlog
from gateway.pipeline.buffer import Buffer
from gateway.pipeline.flush import FlushTiming
from gateway.pipeline.pressure import Pressure
from gateway.pipeline.retry import RetryPolicy
from gateway.sender import Limits

_NO_BOUND = 1 << 62
_NO_RETRY = RetryPolicy(
    max_attempts=0, max_age_seconds=inf, backoff_initial_seconds=inf, backoff_max_seconds=inf
)
_EVENT = Event(id="", source="", type="", time=None, traceparent=None, json=b"", received_at=0.0)
"""Stands for all of them: what is packed is their sizes."""


class FlushSetting(Struct, frozen=True, order=True):
    """What is varied."""

    sends_when_idle: bool
    interval_seconds: float


class Bus(Struct, frozen=True, kw_only=True):
    """What a bus takes at once, and how long its answer takes."""

    limits: Limits
    latency_seconds: float
    max_in_flight: int
    max_requests_per_second: float = 0
    """0: no limit of ours."""


class Load(Struct, frozen=True):
    """What arrives for one destination, in order of arrival."""

    arrived_at: Sequence[float]
    """Seconds."""
    sizes: Sequence[int]
    """As the bus counts."""


class Sent(Struct, frozen=True):
    """One request."""

    at: float
    batch: Batch


class Simulation:
    """One run of one load; the room is boundless, and `most_held` says what was needed of it."""

    def __init__(self, load: Load, bus: Bus, setting: FlushSetting) -> None:
        self._load = load
        self._latency_seconds = bus.latency_seconds
        self._buffer = Buffer(max_events=_NO_BOUND, max_bytes=_NO_BOUND)
        timing = FlushTiming(
            interval_seconds=setting.interval_seconds,
            sends_when_idle=setting.sends_when_idle,
            max_entries=bus.limits.max_entries,
            max_bytes=bus.limits.max_bytes,
        )
        self._backlog = Backlog(self._buffer, timing, bus.limits, _NO_RETRY)
        self._pressure = Pressure(
            max_in_flight=bus.max_in_flight, max_requests_per_second=bus.max_requests_per_second
        )
        self._in_flight: deque[Sent] = deque()
        self._arrived = 0
        self._wake_at = inf
        self._has_slot = True
        self.most_held = 0
        """Events that were held at once."""

    @property
    def requests_saved(self) -> int:
        """Requests fewer than in order of arrival, so far."""
        return self._backlog.requests_saved

    def run(self) -> Iterator[Sent]:
        """Every request until all is answered, in order of sending."""
        while (now := self._arrive()) < inf:
            self._answer(now)
            yield from self._advance(now)

    def _arrive(self) -> float:
        """Take what arrives up to the next moment at which there may be something to do; that moment."""
        until = min(self._wake_at, self._next_answer())
        arrived_at = self._load.arrived_at
        while self._arrived < len(arrived_at) and (now := arrived_at[self._arrived]) <= until:
            was_empty = not len(self._buffer)
            self._take(now)
            # Most arrivals only join those that wait: 2 µs saved for each of them.
            if now == until or (self._has_slot and (was_empty or self._backlog.is_full)):
                return now
        return until

    def _take(self, now: float) -> None:
        """All that arrives at one moment."""
        arrived_at, sizes = self._load.arrived_at, self._load.sizes
        entries: list[Entry] = []
        while self._arrived < len(arrived_at) and arrived_at[self._arrived] == now:
            entries.append(Entry(_EVENT, sizes[self._arrived], now))
            self._arrived += 1
        self._buffer.offer(entries)
        self.most_held = max(self.most_held, self._buffer.held)

    def _next_answer(self) -> float:
        return self._in_flight[0].at + self._latency_seconds if self._in_flight else inf

    def _answer(self, now: float) -> None:
        while self._next_answer() <= now:
            in_flight = len(self._in_flight)
            self._buffer.release(self._in_flight.popleft().batch.entries)
            self._pressure.answered(now, seconds=self._latency_seconds, in_flight=in_flight)

    def _advance(self, now: float) -> Iterator[Sent]:
        """Send all that may go now, and find out when there will be more to do."""
        pressure, backlog, in_flight = self._pressure, self._backlog, self._in_flight
        while (allowed := pressure.next_allowed(len(in_flight))) <= now:
            departure = backlog.next_departure(now, in_flight=len(in_flight), probing=False)
            if departure is None:
                break
            sent = Sent(now, departure.batch)
            in_flight.append(sent)
            pressure.sent(now)
            yield sent
        self._has_slot = allowed <= now
        self._wake_at = backlog.next_due(now, in_flight=len(in_flight)) if self._has_slot else allowed
