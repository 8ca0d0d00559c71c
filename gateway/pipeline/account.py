"""The books of one destination: what was counted, how fast, and what the bus last complained of."""

import logging
from collections.abc import Iterable, Sequence
from enum import StrEnum

from gateway.entry import Batch
from gateway.pipeline.delivery import Attempt, BusOutcome
from gateway.pipeline.flush import FlushReason
from gateway.pipeline.pressure import Health
from gateway.pipeline.rate import Rate
from gateway.pipeline.retry import GiveUpReason
from gateway.pipeline.settlement import GivenUp, Settlement
from gateway.sender import Delivered, Limits, RetryReason
from gateway.snapshots import DestinationCounters, LastError, count

log = logging.getLogger(__name__)


class Account:
    """Raises the counters of one destination, and logs trouble when it changes, never each time."""

    def __init__(self, destination: str) -> None:
        self._destination = destination
        self._health = Health.UP
        """As it was last told of."""
        self.counters = DestinationCounters(
            dead_lettered=_zero(reason for reason in GiveUpReason if reason is not GiveUpReason.EXPIRED),
            retried=_zero(RetryReason),
            batches=_zero(FlushReason),
            bus_requests=_zero(BusOutcome),
        )
        self.accepted_rate = Rate()
        self.delivered_rate = Rate()
        self.released_rate = Rate()
        self.last_error: LastError | None = None

    @property
    def settled(self) -> int:
        """Entries that are delivered, dead-lettered or expired."""
        counters = self.counters
        return counters.delivered + counters.expired + sum(counters.dead_lettered.values())

    def sample(self, now: float) -> None:
        """Note where the counters stand, for their rates."""
        self.accepted_rate.sample(self.counters.accepted, now)
        self.delivered_rate.sample(self.counters.delivered, now)
        self.released_rate.sample(self.settled, now)

    def flushed(
        self, batch: Batch, reason: FlushReason, limits: Limits, now: float, *, is_probe: bool
    ) -> None:
        """A batch leaves the buffer, within these limits; as a probe if the bus did not take events."""
        counters = self.counters
        count(counters.batches, reason)
        size = len(batch.entries)
        counters.batch_events.observe(size)
        counters.batch_fill_ratio.observe(max(size / limits.max_entries, batch.size / limits.max_bytes))
        oldest = batch.entries[0]
        if not oldest.attempt and not is_probe:  # those have waited for the bus, not for company
            counters.linger_seconds.observe(max(0.0, now - oldest.arrived_at))

    def answered(self, result: Attempt, seconds: float, wall_now: float) -> None:
        """A request came to an end after `seconds`."""
        count(self.counters.bus_requests, result.outcome)
        self.counters.bus_request_seconds.observe(seconds)
        if result.outcome is BusOutcome.DELIVERED:
            return
        if result.error is not None:
            self.last_error = LastError(wall_now, result.error.code, result.error.message)
            return
        for outcome in result.outcomes:
            if not isinstance(outcome, Delivered):
                self.last_error = LastError(wall_now, outcome.code, outcome.message)
                return

    def settled_batch(self, settlement: Settlement, now: float) -> None:
        """The delivered and the retried entries of an answered batch."""
        counters = self.counters
        if settlement.delivered:
            counters.delivered += len(settlement.delivered)
            self._observe_delivery([entry.arrived_at for entry, _ in settlement.delivered], now)
        for reason, amount in settlement.retried.items():
            count(counters.retried, reason, amount)

    def buried(self, given_up: Sequence[GivenUp], dropped: int) -> None:
        """Entries given up are in the dead letters; `dropped` letters are kept nowhere."""
        for each in given_up:
            if each.reason is GiveUpReason.EXPIRED:
                self.counters.expired += 1
            else:
                count(self.counters.dead_lettered, each.reason)
        self.counters.dead_letters_dropped += dropped
        first = given_up[0]
        log.error("events were given up", extra={
            "destination": self._destination, "events": len(given_up), "reason": first.reason,
            "code": first.code, "detail": first.message, "request_id": first.request_id})  # fmt: skip
        if dropped:
            log.error("dead letters were dropped", extra={
                "destination": self._destination, "events": dropped})  # fmt: skip

    def unburied(self, events: int) -> None:
        """Dead letters could not be written, and wait for the disk."""
        count(self.counters.retried, RetryReason.DEAD_LETTER_FAILED, events)

    def health_is(self, after: Health) -> None:
        """Log how the bus answers, when that changes; also across a change of the sender."""
        before, self._health = self._health, after
        if before is after:
            return
        trouble = self.last_error
        extra = {"destination": self._destination, "before": before, "now": after}
        if after is Health.UP:
            log.info("the bus takes events again", extra=extra)
        elif trouble is not None:
            extra |= {"code": trouble.code, "detail": trouble.message}
            log.warning("the bus does not take events as it should", extra=extra)

    def _observe_delivery(self, arrivals: Sequence[float], now: float) -> None:
        histogram = self.counters.delivery_seconds
        shortest, longest = now - max(arrivals), now - min(arrivals)
        total = len(arrivals) * now - sum(arrivals)
        if not histogram.observe_range(shortest, longest, count=len(arrivals), total=total):
            for arrived_at in arrivals:
                histogram.observe(now - arrived_at)


def _zero(labels: Iterable[StrEnum]) -> dict[str, int]:
    """A counter for each label: a series that appears only with its first event hides that event."""
    return dict.fromkeys(map(str, labels), 0)
