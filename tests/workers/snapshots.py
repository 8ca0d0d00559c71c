"""Snapshots of a worker with whatever figures a property wants."""

from typing import Any

from hypothesis import strategies as st

from gateway.snapshots import (
    DestinationCounters,
    DestinationStatistics,
    Histogram,
    LastError,
    ProcessStatistics,
    ReceiverStatistics,
    Snapshot,
    StorageStatistics,
)
from gateway.workers.merge import HEALTH

counts = st.integers(0, 1000)
labelled = st.dictionaries(st.sampled_from(["one", "two", "three"]), counts)
seconds = st.integers(0, 100).map(float)
values = st.lists(st.integers(0, 600), max_size=5)
errors = st.none() | st.builds(LastError, seconds, st.just("code"), st.just("message"))


def counters(**figures: Any) -> DestinationCounters:
    """Of a destination to which nothing has happened but what is said."""
    return DestinationCounters(**figures)


def statistics(**figures: Any) -> DestinationStatistics:
    """Of a destination that has just started, but for what is said."""
    nothing: dict[str, Any] = dict.fromkeys(DestinationStatistics.__struct_fields__, 0)
    return DestinationStatistics(
        **nothing | {"counters": counters(), "health": "up", "last_error": None} | figures
    )


def snapshot(**destinations: DestinationStatistics) -> Snapshot:
    """Of a gateway with those destinations."""
    return Snapshot(ReceiverStatistics(), destinations, StorageStatistics())


def observed(histogram: Histogram, observations: list[int]) -> Histogram:
    """The same histogram, when it has counted them."""
    for value in observations:
        histogram.observe(value)
    return histogram


@st.composite
def some_counters(draw: st.DrawFn) -> DestinationCounters:
    """Any that a worker may have."""
    drawn = DestinationCounters()
    for name in DestinationCounters.__struct_fields__:
        match getattr(drawn, name):
            case Histogram() as histogram:
                observed(histogram, draw(values))
            case dict():
                setattr(drawn, name, draw(labelled))
            case _:
                setattr(drawn, name, draw(counts))
    return drawn


@st.composite
def some_statistics(draw: st.DrawFn) -> DestinationStatistics:
    """Any that a worker may have."""
    numbers: dict[str, Any] = {name: draw(counts) for name in DestinationStatistics.__struct_fields__}
    return DestinationStatistics(
        **numbers
        | {
            "counters": draw(some_counters()),
            "health": draw(st.sampled_from(HEALTH)),
            "last_error": draw(errors),
        }
    )


@st.composite
def some_snapshot(draw: st.DrawFn) -> Snapshot:
    """Any that a worker may have; workers have the same destinations."""
    storage = StorageStatistics(
        journal_failures=draw(counts), journal_bytes=draw(counts), set_aside=draw(counts)
    )
    observed(storage.journal_commit_seconds, draw(values))
    receiver = ReceiverStatistics(
        draw(st.dictionaries(st.sampled_from([202, 400, 503]), counts)),
        draw(labelled),
        draw(labelled),
        connections=draw(counts),
        tls_handshake_failures=draw(counts),
    )
    process = ProcessStatistics(
        cpu_seconds=draw(seconds),
        resident_bytes=draw(counts),
        open_descriptors=draw(counts),
        started_at=1 + draw(seconds),
    )
    destinations = {"a": draw(some_statistics()), "b": draw(some_statistics())}
    return Snapshot(receiver, destinations, storage, process=process)
