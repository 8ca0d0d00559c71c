"""Plain counts that parts of the gateway keep and others read: the ground of metrics and `/status`.

A counter is an integer on an object, raised in passing and read when somebody asks; nothing here
knows Prometheus. How a figure adds up over several workers stands with its metric.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from math import inf

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

    def add(self, other: "Histogram") -> None:
        """Count everything that `other`, of the same bounds, has counted."""
        self.counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        self.total += other.total


class ReceiverStatistics(Struct):
    """What the receiver has seen, over all its connections."""

    requests: dict[int, int] = field(default_factory=dict)
    """Answers by status code."""
    events_received: dict[str, int] = field(default_factory=dict)
    """Valid events read, by content mode: binary, structured, batched."""
    events_refused: dict[str, int] = field(default_factory=dict)
    """Events refused, by `Reason`; a request refused unread or unreadable counts once."""
    connections: int = 0
    tls_handshake_failures: int = 0
    """Connections that came to no end of their handshake, but for those that we ended."""
    receiving_bytes: int = 0
    """Bodies being read at this moment, all connections together."""
    certificate_expires_at: float = inf
    """Wall-clock seconds since the epoch; infinity: there is no certificate."""


SECONDS_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
BATCH_EVENTS_BOUNDS = (1, 2, 3, 5, 7, 10, 12, 14, 16, 18, 20, 50, 100, 500)
FILL_RATIO_BOUNDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


class StorageStatistics(Struct):
    """What the disk was asked for and gave, over every journal and the spill."""

    journal_commit_seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS_BOUNDS))
    """From the begin of a group's write until it is on disk."""
    journal_failures: int = 0
    """Writes that failed: none of their events was accepted."""
    journal_bytes: int = 0
    """What the journals' files take on disk."""
    set_aside: int = 0
    """Records of journal and spill that could not be read at the start."""

    def add(self, other: "StorageStatistics") -> None:
        """Count everything that `other` has counted."""
        self.journal_commit_seconds.add(other.journal_commit_seconds)
        self.journal_failures += other.journal_failures
        self.journal_bytes += other.journal_bytes
        self.set_aside += other.set_aside


class WorkersStatistics(Struct, frozen=True):
    """The processes that take events."""

    alive: int = 1
    restarts: int = 0
    """Those that have ended unasked, and were replaced."""


class ProcessStatistics(Struct, frozen=True, kw_only=True):
    """What processes have of the machine; 0 where the system does not tell."""

    cpu_seconds: float = 0.0
    """User's and system's, since the start."""
    resident_bytes: int = 0
    virtual_bytes: int = 0
    open_descriptors: int = 0
    max_descriptors: int = 0
    started_at: float = inf
    """Wall-clock seconds since the epoch; infinity: not known."""


class ReloadStatistics(Struct, frozen=True, kw_only=True):
    """What came of the last reload of the configuration; the start counts as one that did well."""

    at: float
    """Wall-clock seconds since the epoch."""
    succeeded_at: float
    """The same, of the last one that was taken up."""
    faults: tuple[str, ...] = ()
    """Why the former configuration stays; empty: the new one was taken up."""

    @property
    def was_successful(self) -> bool:
        """Whether the configuration in use is the one that was read last."""
        return not self.faults


class DestinationCounters(Struct):
    """What has happened at one destination since the start. Raised by the pipeline alone."""

    accepted: int = 0
    restored: int = 0
    delivered: int = 0
    expired: int = 0
    dead_lettered: dict[str, int] = field(default_factory=dict)
    """By `GiveUpReason`."""
    dead_letters_dropped: int = 0
    """Dead letters that no file keeps: the oldest went for room, or there is no directory."""
    retried: dict[str, int] = field(default_factory=dict)
    """By `RetryReason`."""
    batches: dict[str, int] = field(default_factory=dict)
    """By `FlushReason`."""
    bus_requests: dict[str, int] = field(default_factory=dict)
    """By `BusOutcome`."""
    requests_saved: int = 0
    """Under former settings: `DestinationStatistics` has them all."""
    batch_events: Histogram = field(default_factory=lambda: Histogram(BATCH_EVENTS_BOUNDS))
    batch_fill_ratio: Histogram = field(default_factory=lambda: Histogram(FILL_RATIO_BOUNDS))
    bus_request_seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS_BOUNDS))
    delivery_seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS_BOUNDS))
    linger_seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS_BOUNDS))


class LastError(Struct, frozen=True):
    """The last trouble a bus gave: its code and words, never an event's."""

    at: float
    """Wall-clock seconds since the epoch."""
    code: str
    message: str


class DestinationStatistics(Struct, frozen=True, kw_only=True):
    """One destination at one moment: taken in one step, so that its sums hold."""

    counters: DestinationCounters
    buffered: int
    in_flight: int
    retrying: int
    buffer_bytes: int
    buffer_max_bytes: int
    buffer_max_events: int
    oldest_age_seconds: float
    seconds_to_full: float
    requests_saved: int
    in_flight_limit: int
    requests_in_flight: int
    requests_per_second_limit: float
    """Configured or learned under throttling; infinity: none."""
    accepted_per_second: float
    delivered_per_second: float
    health: str
    last_error: LastError | None
    credentials_expire_at: float = inf
    """Wall-clock seconds since the epoch; infinity: they do not expire, or are not known yet."""

    @property
    def held(self) -> int:
        """Buffered, in flight and awaiting a retry."""
        return self.buffered + self.in_flight + self.retrying

    @property
    def unaccounted(self) -> int:
        """Accepted - (delivered + dead-lettered + expired + held): 0, or something is lost or doubled."""
        counters = self.counters
        settled = counters.delivered + sum(counters.dead_lettered.values()) + counters.expired
        return counters.accepted - settled - self.held


class Snapshot(Struct, frozen=True):
    """The whole gateway at one moment, taken in one step."""

    receiver: ReceiverStatistics
    destinations: Mapping[str, DestinationStatistics]
    storage: StorageStatistics
    workers: WorkersStatistics = WorkersStatistics()
    process: ProcessStatistics = ProcessStatistics()
    reload: ReloadStatistics | None = None
    """None where there is no file to read again, as in a worker: its supervisor reads for all."""


def count(counters: dict[str, int], label: str, amount: int = 1) -> None:
    """Raise the counter of that label."""
    counters[label] = counters.get(label, 0) + amount
