"""What one worker has done in all its lives, so that no counter falls when it dies. Pure.

What the dead one held is neither forgotten nor counted twice: until its successor has spoken it is still
held, on disk or nowhere; then it is accepted by the successor, which has taken it back, or it is missing.
"""

from collections.abc import Collection, Mapping
from math import inf

from msgspec.structs import replace

from gateway.snapshots import DestinationStatistics, ProcessStatistics, Snapshot
from gateway.workers.merge import merged


class Lives:
    """`journaled` are the destinations whose events are on disk while they are held."""

    def __init__(self, journaled: Collection[str]) -> None:
        self._journaled = frozenset(journaled)
        self._past: list[Snapshot] = []
        """At most one: all lives that are over and settled."""
        self._last: Snapshot | None = None
        """The last word of a life that has ended, and whose successor has not spoken yet."""
        self._had_time = False
        """Whether that life ended in order: then it has settled nothing after its last word."""
        self._current: Snapshot | None = None

    def heard(self, snapshot: Snapshot) -> Mapping[str, int]:
        """A snapshot of the life that goes on; what its predecessor held and nobody has, by destination."""
        lost: dict[str, int] = {}
        if (last := self._last) is not None:
            self._last = None
            settled = {}
            for name, each in last.destinations.items():
                restored = _restored(snapshot, name)
                can_have_settled = name in self._journaled and not self._had_time
                settled[name] = _succeeded(each, restored, can_have_settled=can_have_settled)
                if (missing := settled[name].unaccounted - each.unaccounted) > 0:
                    lost[name] = missing
            self._past = [merged([*self._past, _at_rest(replace(last, destinations=settled))])]
        self._current = snapshot
        return lost

    def ended(self, *, in_order: bool) -> None:
        """The life is over; in order if it has said so, with everything settled or kept."""
        if self._current is not None:
            self._last, self._current, self._had_time = self._current, None, in_order

    def held_by_the_dead(self) -> Mapping[str, int]:
        """What the memory of a life held that was killed, and no journal has; by destination."""
        if self._last is None or self._had_time:
            return {}
        return {name: each.held for name, each in self._last.destinations.items()
                if each.held and name not in self._journaled}  # fmt: skip

    def total(self) -> Snapshot:
        """All lives together."""
        now = [self._current] if self._current is not None else []
        before = [_at_rest(self._last)] if self._last is not None else []
        return merged([*self._past, *before, *now])


def _restored(snapshot: Snapshot, name: str) -> int:
    return snapshot.destinations[name].counters.restored if name in snapshot.destinations else 0


def _succeeded(
    last: DestinationStatistics, restored: int, *, can_have_settled: bool
) -> DestinationStatistics:
    """A life's last word when its successor has taken back what there was.

    What was taken back counts as accepted there. What a journal owes no more was settled between the last
    word and the end, and so delivered, but for the few that may have become dead letters.
    """
    counters = last.counters
    taken_back = min(last.held, restored)
    settled = last.held - taken_back if can_have_settled else 0
    return replace(
        last,
        counters=replace(
            counters, accepted=counters.accepted - taken_back, delivered=counters.delivered + settled
        ),
        buffered=0,
        in_flight=0,
        retrying=0,
        buffer_bytes=0,
        oldest_age_seconds=0.0,
    )


def _at_rest(snapshot: Snapshot) -> Snapshot:
    """Without what only a living process has: room, requests, connections, rates, memory."""
    return Snapshot(
        replace(snapshot.receiver, connections=0, receiving_bytes=0, certificate_expires_at=inf),
        {name: _stopped(each) for name, each in snapshot.destinations.items()},
        replace(snapshot.storage, journal_bytes=0),
        replace(snapshot.workers, alive=0),
        ProcessStatistics(cpu_seconds=snapshot.process.cpu_seconds),
    )


def _stopped(statistics: DestinationStatistics) -> DestinationStatistics:
    return replace(
        statistics,
        buffered=statistics.held,
        in_flight=0,
        retrying=0,
        buffer_max_bytes=0,
        buffer_max_events=0,
        seconds_to_full=inf,
        in_flight_limit=0,
        requests_in_flight=0,
        requests_per_second_limit=0.0,
        accepted_per_second=0.0,
        delivered_per_second=0.0,
        health="up",
        credentials_expire_at=inf,
    )
