"""What batching products do, on virtual time: batches in order of arrival, and a queue of closed ones.

An entry that does not fit closes the batch and begins the next; so does the last place taken, and the
batch's time. Closed batches leave in turn, each when a slot comes free. Nothing is packed anew.
"""

from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from math import floor

from msgspec import Struct

from gateway.planning.simulation import Bus, Load

Deadline = Callable[[float], float]
"""When a batch is closed, whatever it holds, whose first entry arrived at that moment."""


class Request(Struct, frozen=True):
    """One request: when it left, and the first of its entries and the one after its last."""

    at: float
    start: int
    stop: int


def own_deadline(interval_seconds: float) -> Deadline:
    """Each batch has its own: its first entry's arrival and the interval."""
    return lambda arrived_at: arrived_at + interval_seconds


def next_tick(interval_seconds: float) -> Deadline:
    """One clock for all: the next whole multiple of the interval."""
    return lambda arrived_at: (floor(arrived_at / interval_seconds) + 1) * interval_seconds


def send_in_order(load: Load, bus: Bus, deadline: Deadline) -> Iterator[Request]:
    """Every request, in order of leaving."""
    busy: list[float] = []  # the moment at which each slot comes free
    for closed_at, start, stop in _closed(load, bus, deadline):
        at = closed_at
        if len(busy) == bus.max_in_flight:
            at = max(at, heappop(busy))
        heappush(busy, at + bus.latency_seconds)
        yield Request(at, start, stop)


def _closed(load: Load, bus: Bus, deadline: Deadline) -> Iterator[tuple[float, int, int]]:
    """The moment at which each batch is closed, and its entries."""
    arrived_at, sizes = load.arrived_at, load.sizes
    start = 0
    while start < len(sizes):
        due = deadline(arrived_at[start])
        stop = _stop(arrived_at, sizes, start, due, bus)
        closed_at = due
        if stop - start == bus.limits.max_entries:
            closed_at = arrived_at[stop - 1]
        elif stop < len(sizes):
            closed_at = min(due, arrived_at[stop])
        yield closed_at, start, stop
        start = stop


def _stop(arrived_at: Sequence[float], sizes: Sequence[int], start: int, due: float, bus: Bus) -> int:
    """The first entry after `start` that comes too late, is one too many or does not fit."""
    room, stop = bus.limits.max_bytes, start
    last = min(len(sizes), start + bus.limits.max_entries)
    while stop < last and arrived_at[stop] <= due and sizes[stop] <= room:
        room -= sizes[stop]
        stop += 1
    return stop
