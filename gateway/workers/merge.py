"""Several snapshots as one: figures add up as the table of metrics says. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct, structs

from gateway.snapshots import (
    DestinationStatistics,
    Histogram,
    LastError,
    ProcessStatistics,
    ReceiverStatistics,
    Snapshot,
    StorageStatistics,
    WorkersStatistics,
)

HEALTH = ("up", "throttled", "down", "blocked")
"""From the best to the worst."""


def merged(snapshots: Sequence[Snapshot]) -> Snapshot:
    """All of them together; of none, a gateway without destinations or workers."""
    names = dict.fromkeys(name for each in snapshots for name in each.destinations)
    return Snapshot(
        _total(ReceiverStatistics(), [each.receiver for each in snapshots]),
        {name: _destination([s.destinations[name] for s in snapshots if name in s.destinations])
         for name in names},
        _total(StorageStatistics(), [each.storage for each in snapshots]),
        _total(WorkersStatistics(alive=0), [each.workers for each in snapshots]),
        process=merged_processes(each.process for each in snapshots),
    )  # fmt: skip


def merged_processes(processes: Iterable[ProcessStatistics]) -> ProcessStatistics:
    """What they have of the machine, all of them together; memory that they share counts for each."""
    return _total(ProcessStatistics(), processes)


def _destination(parts: Sequence[DestinationStatistics]) -> DestinationStatistics:
    first, *others = parts
    for other in others:
        first = _added(first, other)
    return first


def _latest(one: LastError | None, other: LastError | None) -> LastError | None:
    return max(filter(None, (one, other)), key=lambda error: error.at, default=None)


def _worst(one: str, other: str) -> str:
    return max(one, other, key=HEALTH.index)


_NOT_SUMS: Mapping[str, Callable[[Any, Any], Any]] = {
    "oldest_age_seconds": max,
    "seconds_to_full": min,
    "credentials_expire_at": min,
    "certificate_expires_at": min,
    "started_at": min,
    "health": _worst,
    "last_error": _latest,
}


_S = TypeVar("_S", bound=Struct)


def _total(nothing: _S, parts: Iterable[_S]) -> _S:
    for part in parts:
        nothing = _added(nothing, part)
    return nothing


def _added(one: _S, other: _S) -> _S:
    """Field by field."""
    return structs.replace(one, **{
        name: _NOT_SUMS.get(name, _sum)(getattr(one, name), getattr(other, name))
        for name in one.__struct_fields__
    })  # fmt: skip


def _sum(one: Any, other: Any) -> Any:
    """Both numbers, both counts by label, both histograms of the same bounds, or both Structs of such."""
    if isinstance(one, Struct):
        return _added(one, other)
    if isinstance(one, Mapping):
        return {label: one.get(label, 0) + other.get(label, 0) for label in {**one, **other}}
    if isinstance(one, Histogram):
        both = Histogram(one.bounds)
        both.add(one)
        both.add(other)
        return both
    return one + other
