"""Every figure of one destination at one moment, gathered from its parts."""

from math import inf

from gateway.pipeline.account import Account
from gateway.pipeline.backlog import Backlog
from gateway.pipeline.buffer import Buffer
from gateway.pipeline.burial import Burial
from gateway.pipeline.forecast import seconds_to_full
from gateway.pipeline.in_flight import InFlight
from gateway.pipeline.pressure import Pressure
from gateway.snapshots import DestinationStatistics


def census(
    account: Account,
    buffer: Buffer,
    backlog: Backlog,
    in_flight: InFlight,
    burial: Burial,
    pressure: Pressure,
    now: float,
) -> DestinationStatistics:
    """The statistics of the destination that these are parts of: every entry it holds is counted once."""
    room, counters = buffer.statistics(), account.counters
    sent, unburied = [*burial.writing, *in_flight.entries()], burial.waiting
    oldest = min([backlog.oldest_arrival(), *[entry.arrived_at for entry in (*sent, *unburied)]])
    accepted_per_second = account.accepted_rate.per_second(counters.accepted, now)
    released_per_second = account.released_rate.per_second(account.settled, now)
    return DestinationStatistics(
        counters=counters,
        buffered=backlog.buffered,
        in_flight=len(sent),
        retrying=backlog.retrying + len(unburied),
        buffer_bytes=room.held_bytes,
        buffer_max_bytes=room.max_bytes,
        buffer_max_events=room.max_events,
        oldest_age_seconds=max(0.0, now - oldest) if oldest < inf else 0.0,
        seconds_to_full=seconds_to_full(room, filling_per_second=accepted_per_second - released_per_second),
        requests_saved=counters.requests_saved + backlog.requests_saved,
        in_flight_limit=pressure.limit,
        requests_in_flight=len(in_flight.tasks),
        requests_per_second_limit=pressure.requests_per_second_limit,
        accepted_per_second=accepted_per_second,
        delivered_per_second=account.delivered_rate.per_second(counters.delivered, now),
        health=pressure.health,
        last_error=account.last_error,
    )
