"""Again, when, or never: what a failed attempt means. Pure: clock and dice come in as numbers."""

import heapq
from collections.abc import Sequence
from enum import StrEnum
from math import inf

from msgspec import Struct

from gateway.entry import Entry
from gateway.sender import Retry, RetryAlone


class GiveUpReason(StrEnum):
    """Why an entry is given up: label values of `gateway_events_dead_lettered_total`, and `expired`."""

    REJECTED = "rejected"
    """The bus refused it for good."""
    ATTEMPTS = "attempts"
    """It was sent as often as configured."""
    UNDELIVERABLE = "undeliverable"
    """Restored from disk, and its destination, as configured now, can never take it."""
    EXPIRED = "expired"
    """It grew older than `delivery.max_age`."""


class RetryAt(Struct, frozen=True):
    """Send it again at this monotonic time."""

    due: float


class GiveUp(Struct, frozen=True):
    """Never send it again."""

    reason: GiveUpReason


class RetryPolicy(Struct, frozen=True):
    """When a failed entry is sent again. Durations in seconds; `max_attempts` 0: only age counts."""

    max_attempts: int
    max_age_seconds: float
    backoff_initial_seconds: float
    backoff_max_seconds: float

    def decide(
        self, outcome: Retry | RetryAlone, entry: Entry, *, now: float, jitter: float
    ) -> RetryAt | GiveUp:
        """What becomes of `entry` after the attempt that it has just counted; `jitter` in [0, 1)."""
        if self.is_expired(entry, now):
            return GiveUp(GiveUpReason.EXPIRED)
        bounds = [self.max_attempts or inf]
        if isinstance(outcome, Retry) and outcome.max_attempts is not None:
            bounds.append(outcome.max_attempts)
        if entry.attempt >= min(bounds):
            return GiveUp(GiveUpReason.ATTEMPTS)
        return RetryAt(now + self.backoff_seconds(entry.attempt, jitter))

    def backoff_seconds(self, attempt: int, jitter: float) -> float:
        """The wait after the attempt of that number (from 1): doubling, the upper half of it at random."""
        doublings = min(attempt - 1, 63)
        ceiling = min(self.backoff_max_seconds, self.backoff_initial_seconds * 2.0**doublings)
        return ceiling * (0.5 + 0.5 * jitter)

    def is_expired(self, entry: Entry, now: float) -> bool:
        """Whether it has been held for as long as it may."""
        return self.expires_at(entry) <= now

    def expires_at(self, entry: Entry) -> float:
        """The monotonic time from which on it is too old."""
        return entry.arrived_at + self.max_age_seconds


class Company(StrEnum):
    """With whom entries are sent again."""

    ANY = "any"
    """Packed anew with whatever else waits."""
    SAME = "same"
    """These and no others, as one request: a half of a refused one, or a single unclear entry."""


class Waiting(Struct, frozen=True):
    """Entries that are to be sent again together, oldest first."""

    entries: Sequence[Entry]
    company: Company


class RetryQueue:
    """Entries that wait for their next attempt, by the time it is due."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Waiting]] = []
        self._added = 0
        self.waiting_events = 0

    def add(self, entries: Sequence[Entry], due: float, company: Company = Company.ANY) -> None:
        """Keep `entries` until `due`."""
        self._added += 1  # ties leave in the order in which they came
        heapq.heappush(self._heap, (due, self._added, Waiting(entries, company)))
        self.waiting_events += len(entries)

    def next_due(self) -> float:
        """When the first is due; infinity: none waits."""
        return self._heap[0][0] if self._heap else inf

    def pop_due(self, now: float) -> Waiting | None:
        """The first that is due, or None."""
        return self.pop_next() if self.next_due() <= now else None

    def pop_next(self) -> Waiting | None:
        """The first, due or not."""
        if not self._heap:
            return None
        _, _, waiting = heapq.heappop(self._heap)
        self.waiting_events -= len(waiting.entries)
        return waiting

    def hasten(self, latest: float) -> None:
        """Make all of them due at that time, or before: what they waited for is over."""
        self._heap = [(min(due, latest), order, waiting) for due, order, waiting in self._heap]
        heapq.heapify(self._heap)

    def remove_expired(self, policy: RetryPolicy, now: float) -> list[Entry]:
        """Take out the entries that have grown too old."""
        expired: list[Entry] = []
        kept: list[tuple[float, int, Waiting]] = []
        for due, order, waiting in self._heap:
            if not policy.is_expired(waiting.entries[0], now):
                kept.append((due, order, waiting))
                continue
            expired += [entry for entry in waiting.entries if policy.is_expired(entry, now)]
            if fresh := [entry for entry in waiting.entries if not policy.is_expired(entry, now)]:
                kept.append((due, order, Waiting(fresh, waiting.company)))
        self._heap = kept
        heapq.heapify(self._heap)
        self.waiting_events -= len(expired)
        return expired

    def oldest_arrival(self) -> float:
        """The earliest arrival among them; infinity: none waits."""
        return min((w.entries[0].arrived_at for _, _, w in self._heap), default=inf)

    def entries(self) -> list[Entry]:
        """Every entry that waits, the first due first."""
        return [entry for _, _, waiting in sorted(self._heap) for entry in waiting.entries]

    def give_back(self) -> list[Entry]:
        """The same, no longer waiting."""
        entries = self.entries()
        self._heap.clear()
        self.waiting_events = 0
        return entries
