"""What a metric is: its name, type and labels, how it is read from a snapshot, and how it adds up."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from math import inf

from msgspec import Struct

from gateway.snapshots import (
    DestinationStatistics,
    Histogram,
    ReceiverStatistics,
    ReloadStatistics,
    Snapshot,
    StorageStatistics,
)

Sample = tuple[tuple[str, ...], float | Histogram]
"""The values of a metric's labels, and its own."""


class Kind(StrEnum):
    """The Prometheus type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Merge(StrEnum):
    """How a metric adds up over several workers."""

    SUM = "sum"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"


class MetricDefinition(Struct, frozen=True):
    """One metric; `read` takes its samples out of a snapshot."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    read: Callable[[Snapshot], Iterable[Sample]]
    merge: Merge = Merge.SUM


def by_label(
    read: Callable[[ReceiverStatistics], Mapping[str, int]],
) -> Callable[[Snapshot], Iterator[Sample]]:
    """The receiver's counts, a sample for each of their labels."""

    def samples(snapshot: Snapshot) -> Iterator[Sample]:
        for label, value in read(snapshot.receiver).items():
            yield (str(label),), value

    return samples


def each(
    read: Callable[[DestinationStatistics], float | Histogram],
) -> Callable[[Snapshot], Iterator[Sample]]:
    """A sample for each destination."""

    def samples(snapshot: Snapshot) -> Iterator[Sample]:
        for name, destination in snapshot.destinations.items():
            yield (name,), read(destination)

    return samples


def each_by_label(
    read: Callable[[DestinationStatistics], Mapping[str, int]],
) -> Callable[[Snapshot], Iterator[Sample]]:
    """Counts of each destination, a sample for each of their labels."""

    def samples(snapshot: Snapshot) -> Iterator[Sample]:
        for name, destination in snapshot.destinations.items():
            for label, value in read(destination).items():
                yield (name, str(label)), value

    return samples


def counter(
    name: str, text: str, labels: tuple[str, ...], read: Callable[[Snapshot], Iterable[Sample]]
) -> MetricDefinition:
    """What only rises; its name is to have neither prefix nor `_total`."""
    return MetricDefinition(f"gateway_{name}_total", Kind.COUNTER, text, labels, read)


def gauge(
    name: str,
    text: str,
    labels: tuple[str, ...],
    read: Callable[[Snapshot], Iterable[Sample]],
    merge: Merge = Merge.SUM,
) -> MetricDefinition:
    """What rises and falls; its name is to have no prefix."""
    return MetricDefinition(f"gateway_{name}", Kind.GAUGE, text, labels, read, merge)


def unless_never(read: Callable[[Snapshot], Iterable[Sample]]) -> Callable[[Snapshot], Iterator[Sample]]:
    """A moment that never comes has no sample: nobody can reckon with it."""

    def samples(snapshot: Snapshot) -> Iterator[Sample]:
        return ((labels, value) for labels, value in read(snapshot) if value != inf)

    return samples


def stored(
    read: Callable[[StorageStatistics], float | Histogram],
) -> Callable[[Snapshot], Iterator[Sample]]:
    """One sample, of the disk."""

    def samples(snapshot: Snapshot) -> Iterator[Sample]:
        yield (), read(snapshot.storage)

    return samples


def reloaded(read: Callable[[ReloadStatistics], float]) -> Callable[[Snapshot], Iterator[Sample]]:
    """One sample, where there is a file to read again."""

    def samples(snapshot: Snapshot) -> Iterator[Sample]:
        if snapshot.reload is not None:
            yield (), read(snapshot.reload)

    return samples


def histogram(name: str, text: str, read: Callable[[DestinationStatistics], Histogram]) -> MetricDefinition:
    """Observations at each destination; its name is to have no prefix."""
    return MetricDefinition(f"gateway_{name}", Kind.HISTOGRAM, text, ("destination",), each(read))
