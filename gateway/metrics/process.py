"""What the gateway has of the machine, under the names that every Prometheus client library has for it.

The libraries tell of one process alone, which beside workers would be the one that takes no events, while
dashboards and alerts look for the whole program. So these are sums over all its processes.
"""

from collections.abc import Callable, Iterator
from math import inf

from gateway.metrics.definition import Kind, Merge, MetricDefinition, Sample
from gateway.snapshots import ProcessStatistics, Snapshot


def _known(read: Callable[[ProcessStatistics], float]) -> Callable[[Snapshot], Iterator[Sample]]:
    """One sample, where the system tells."""

    def samples(snapshot: Snapshot) -> Iterator[Sample]:
        if (value := read(snapshot.process)) not in (0, inf):
            yield (), value

    return samples


PROCESS_METRICS: tuple[MetricDefinition, ...] = (
    MetricDefinition(
        "process_cpu_seconds_total",
        Kind.COUNTER,
        "Total user and system CPU time spent in seconds, by all processes of the gateway.",
        (),
        _known(lambda process: process.cpu_seconds),
    ),
    MetricDefinition(
        "process_resident_memory_bytes",
        Kind.GAUGE,
        "Resident memory size in bytes; what processes share counts for each.",
        (),
        _known(lambda process: process.resident_bytes),
    ),
    MetricDefinition(
        "process_virtual_memory_bytes",
        Kind.GAUGE,
        "Virtual memory size in bytes, of all processes of the gateway.",
        (),
        _known(lambda process: process.virtual_bytes),
    ),
    MetricDefinition(
        "process_open_fds",
        Kind.GAUGE,
        "Number of open file descriptors, in all processes of the gateway.",
        (),
        _known(lambda process: process.open_descriptors),
    ),
    MetricDefinition(
        "process_max_fds",
        Kind.GAUGE,
        "Maximum number of open file descriptors, all processes of the gateway together.",
        (),
        _known(lambda process: process.max_descriptors),
    ),
    MetricDefinition(
        "process_start_time_seconds",
        Kind.GAUGE,
        "Start time of the gateway since unix epoch in seconds.",
        (),
        _known(lambda process: process.started_at),
        Merge.MINIMUM,
    ),
)
