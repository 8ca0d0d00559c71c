"""Rates and recovery from counts of deliveries over time. Pure: times are monotonic seconds."""

from bisect import bisect_left
from collections.abc import Sequence
from statistics import median

from msgspec import Struct

WINDOW_SECONDS = 1.0
"""The rate has to hold in every window of this length. Flushes come some five times a second."""
FULL_SHARE = 0.9
"""Of the rate before: what counts as full speed again, since a steady rate is never quite steady."""


class Count(Struct, frozen=True):
    """How many events had been delivered at a moment."""

    at: float
    events: int


def rate(first: Count, last: Count) -> float:
    """Events a second between two moments; 0 if they are the same."""
    return (last.events - first.events) / (last.at - first.at) if last.at > first.at else 0.0


def rate_between(counts: Sequence[Count], begin: float, end: float) -> float:
    """Events a second over all counts of that time; 0 if there are fewer than two."""
    within = [count for count in counts if begin <= count.at <= end]
    return rate(within[0], within[-1]) if within else 0.0


def recovery_seconds(counts: Sequence[Count], *, returned_at: float, full_rate: float) -> float | None:
    """How long after `returned_at` deliveries were at `full_rate` for good; None: never.

    That is the end of the first step between two counts that is as fast, if every window that begins
    there or later is too. `counts` are in order, and end with the load.
    """
    counts = [count for count in counts if count.at >= returned_at]
    settled = _last_slow_window(counts, full_rate) + 1
    for before, after in zip(counts[settled:], counts[settled + 1 :], strict=False):
        if rate(before, after) >= full_rate:
            return after.at - returned_at
    return None


def _last_slow_window(counts: Sequence[Count], full_rate: float) -> int:
    """The index of the count at which the last window below `full_rate` begins; -1: there is none."""
    for index in range(len(counts) - 1, -1, -1):
        end = bisect_left(counts, counts[index].at + WINDOW_SECONDS, key=_at)
        if end < len(counts) and rate(counts[index], counts[end]) < full_rate:
            return index
    return -1


def _at(count: Count) -> float:
    return count.at


def growth(first: Sequence[int], last: Sequence[int]) -> float:
    """The median of `last` against that of `first`: 0.1 is a tenth more."""
    return median(last) / median(first) - 1
