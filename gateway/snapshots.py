"""Plain counts that parts of the gateway keep and others read: the ground of metrics and `/status`.

A counter is an integer on an object, raised in passing and read when somebody asks; nothing here
knows Prometheus. How a figure adds up over several workers stands with its metric.
"""

from bisect import bisect_left
from collections.abc import Sequence

from msgspec import Struct, field


class Histogram:
    """Counts of observations up to each of `bounds` (ascending), and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count `value` once."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def observe_range(self, low: float, high: float, *, count: int, total: float) -> bool:
        """Count `count` values between `low` and `high` that add up to `total`, if one bucket holds all.

        False, and nothing is counted, where they fall into several: then observe each.
        """
        index = bisect_left(self.bounds, low)
        if index != bisect_left(self.bounds, high):
            return False
        self.counts[index] += count
        self.total += total
        return True


class ReceiverStatistics(Struct):
    """What the receiver has seen, over all its connections."""

    requests: dict[int, int] = field(default_factory=dict)
    """Answers by status code."""
    events_received: dict[str, int] = field(default_factory=dict)
    """Valid events read, by content mode: binary, structured, batched."""
    events_refused: dict[str, int] = field(default_factory=dict)
    """Events refused, by `Reason`; a request refused unread or unreadable counts once."""
    connections: int = 0
    receiving_bytes: int = 0
    """Bodies being read at this moment, all connections together."""
