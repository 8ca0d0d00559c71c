"""Everything a destination holds that is not in flight, and which of it leaves next. Pure.

Joins the buffer, the planner and the entries that await a retry; every question that takes a clock is
given the time.
"""

from collections.abc import Sequence
from math import inf

from msgspec import Struct

from gateway.entry import Batch, Entry
from gateway.pipeline.buffer import Buffer
from gateway.pipeline.flush import FlushReason, FlushTiming
from gateway.pipeline.plan import Planner
from gateway.pipeline.retry import Company, RetryPolicy, RetryQueue
from gateway.pipeline.settlement import Again
from gateway.sender import Limits

SWEEP_SECONDS = 1.0
"""How often entries that await a retry are searched for expired ones."""


class Departure(Struct, frozen=True):
    """A batch to send now. `reason` is None for entries sent again in the company they had."""

    batch: Batch
    reason: FlushReason | None


class Backlog:
    """Entries on their way to one bus, until they leave and after they come back."""

    def __init__(self, buffer: Buffer, timing: FlushTiming, limits: Limits, policy: RetryPolicy) -> None:
        self._buffer = buffer
        self._timing = timing
        self._planner = Planner(buffer, timing, limits)
        self._policy = policy
        self._retries = RetryQueue()
        self._next_sweep = -inf

    @property
    def buffered(self) -> int:
        """Entries that wait for company."""
        return len(self._buffer) + self._planner.waiting_events

    @property
    def retrying(self) -> int:
        """Entries that wait to be sent again."""
        return self._retries.waiting_events

    @property
    def requests_saved(self) -> int:
        """Requests fewer than in order of arrival."""
        return self._planner.requests_saved

    @property
    def is_full(self) -> bool:
        """Whether a full batch may be waiting."""
        return self._timing.is_full(self._buffer)

    def next_departure(self, now: float, *, in_flight: int, probing: bool) -> Departure | None:
        """The batch that leaves now. With `probing` one is found even if all await a retry."""
        if together := self._collect_due(now):
            return Departure(Batch.of(together), None)
        if planned := self._planner.next_batch(now, in_flight=in_flight):
            return Departure(planned.batch, planned.reason)
        if probing and (waiting := self._retries.pop_next()):
            return Departure(Batch.of(waiting.entries), None)
        return None

    def next_due(self, now: float, *, in_flight: int) -> float:
        """When `next_departure` will find something if nothing else happens; infinity: never."""
        return min(self._retries.next_due(), self._planner.next_due(now, in_flight=in_flight))

    def send_again(self, again: Again) -> None:
        """Take back entries that failed, until they are due."""
        self._retries.add(again.entries, again.due, again.company)

    def put_back(self, entries: Sequence[Entry]) -> None:
        """Take back entries whose attempt does not count."""
        self._buffer.restore(entries)

    def hasten(self, latest: float) -> None:
        """Whatever its backoff, nothing waits longer than until then."""
        self._retries.hasten(latest)

    def drain(self, now: float) -> None:
        """From now on everything leaves at once."""
        self._timing.drain()
        self._retries.hasten(now)

    def remove_expired(self, now: float) -> list[Entry]:
        """Take out the entries that have grown too old."""
        policy, buffer = self._policy, self._buffer
        if (planned := self._planner.oldest_planned) is not None and policy.is_expired(planned, now):
            buffer.restore(self._planner.give_back())
        expired: list[Entry] = []
        while (oldest := buffer.oldest) is not None and policy.is_expired(oldest, now):
            expired += buffer.take(1)
        if self._next_sweep <= now:
            self._next_sweep = now + SWEEP_SECONDS
            expired += self._retries.remove_expired(policy, now)
        return expired

    def next_expiry(self) -> float:
        """When `remove_expired` should look again; infinity: nothing is held."""
        heads = (self._planner.oldest_planned, self._buffer.oldest)
        moments = [self._policy.expires_at(head) for head in heads if head is not None]
        if self._retries.waiting_events:
            moments.append(self._next_sweep)
        return min(moments, default=inf)

    def oldest_arrival(self) -> float:
        """The earliest arrival among them; infinity: none is held."""
        heads = (self._planner.oldest_planned, self._buffer.oldest)
        moments = [head.arrived_at for head in heads if head is not None]
        return min([*moments, self._retries.oldest_arrival()])

    def entries(self) -> list[Entry]:
        """Every entry; they stay."""
        return self._planner.entries() + self._buffer.entries() + self._retries.entries()

    def give_back(self) -> list[Entry]:
        """Every entry, no longer held here; their room stays held in the buffer."""
        return self._planner.give_back() + self._buffer.take(len(self._buffer)) + self._retries.give_back()

    def _collect_due(self, now: float) -> Sequence[Entry] | None:
        """Let what is due wait for company again; up to entries that leave now, as they are."""
        for_any_company: list[Entry] = []
        together: Sequence[Entry] | None = None
        while together is None and (waiting := self._retries.pop_due(now)):
            if waiting.company is Company.ANY:
                for_any_company += waiting.entries
            else:
                together = waiting.entries
        self._buffer.restore(for_any_company)
        return together
