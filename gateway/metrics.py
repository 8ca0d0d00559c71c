"""Every metric of the gateway: what it means, where it comes from, and how it adds up over workers.

Rendered from plain snapshots at scrape; nothing on the event path knows Prometheus.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import accumulate
from math import inf

from msgspec import Struct
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from gateway import __version__
from gateway.errors import Reason
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

CONTENT_MODES = ("binary", "structured", "batched")


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


def _by_label(
    read: Callable[[ReceiverStatistics], Mapping[str, int]],
) -> Callable[[Snapshot], Iterator[Sample]]:
    def samples(snapshot: Snapshot) -> Iterator[Sample]:
        for label, value in read(snapshot.receiver).items():
            yield (str(label),), value

    return samples


def _each(
    read: Callable[[DestinationStatistics], float | Histogram],
) -> Callable[[Snapshot], Iterator[Sample]]:
    def samples(snapshot: Snapshot) -> Iterator[Sample]:
        for name, destination in snapshot.destinations.items():
            yield (name,), read(destination)

    return samples


def _each_by_label(
    read: Callable[[DestinationStatistics], Mapping[str, int]],
) -> Callable[[Snapshot], Iterator[Sample]]:
    def samples(snapshot: Snapshot) -> Iterator[Sample]:
        for name, destination in snapshot.destinations.items():
            for label, value in read(destination).items():
                yield (name, str(label)), value

    return samples


def _counter(
    name: str, text: str, labels: tuple[str, ...], read: Callable[[Snapshot], Iterable[Sample]]
) -> MetricDefinition:
    return MetricDefinition(f"gateway_{name}_total", Kind.COUNTER, text, labels, read)


def _gauge(
    name: str,
    text: str,
    labels: tuple[str, ...],
    read: Callable[[Snapshot], Iterable[Sample]],
    merge: Merge = Merge.SUM,
) -> MetricDefinition:
    return MetricDefinition(f"gateway_{name}", Kind.GAUGE, text, labels, read, merge)


def _unless_never(read: Callable[[Snapshot], Iterable[Sample]]) -> Callable[[Snapshot], Iterator[Sample]]:
    """A moment that never comes has no sample: nobody can reckon with it."""

    def samples(snapshot: Snapshot) -> Iterator[Sample]:
        return ((labels, value) for labels, value in read(snapshot) if value != inf)

    return samples


def _stored(
    read: Callable[[StorageStatistics], float | Histogram],
) -> Callable[[Snapshot], Iterator[Sample]]:
    def samples(snapshot: Snapshot) -> Iterator[Sample]:
        yield (), read(snapshot.storage)

    return samples


def _reloaded(read: Callable[[ReloadStatistics], float]) -> Callable[[Snapshot], Iterator[Sample]]:
    """The names are those that Prometheus has for its own configuration."""

    def samples(snapshot: Snapshot) -> Iterator[Sample]:
        if snapshot.reload is not None:
            yield (), read(snapshot.reload)

    return samples


def _histogram(name: str, text: str, read: Callable[[DestinationStatistics], Histogram]) -> MetricDefinition:
    return MetricDefinition(f"gateway_{name}", Kind.HISTOGRAM, text, ("destination",), _each(read))


_D = ("destination",)

METRICS: tuple[MetricDefinition, ...] = (
    _counter(
        "requests",
        "HTTP requests answered, by status code.",
        ("code",),
        _by_label(lambda receiver: {str(code): n for code, n in receiver.requests.items()}),
    ),
    _counter(
        "events_received",
        "Valid CloudEvents read, by content mode.",
        ("mode",),
        _by_label(lambda receiver: dict.fromkeys(CONTENT_MODES, 0) | receiver.events_received),
    ),
    _counter(
        "events_refused",
        "Events refused, by reason; a request refused unread or unreadable counts once.",
        ("reason",),
        _by_label(lambda receiver: dict.fromkeys(map(str, Reason), 0) | receiver.events_refused),
    ),
    _counter(
        "events_accepted",
        "Events accepted and owed to the destination since.",
        _D,
        _each(lambda destination: destination.counters.accepted),
    ),
    _counter(
        "events_restored",
        "Events taken back from disk at the start; they count as accepted again.",
        _D,
        _each(lambda destination: destination.counters.restored),
    ),
    _counter(
        "events_delivered",
        "Events that the bus has taken.",
        _D,
        _each(lambda destination: destination.counters.delivered),
    ),
    _counter(
        "events_retried",
        "Times that an event was kept for another attempt, by reason.",
        (*_D, "reason"),
        _each_by_label(lambda destination: destination.counters.retried),
    ),
    _counter(
        "events_dead_lettered",
        "Events given up and written to the dead letters, by reason.",
        (*_D, "reason"),
        _each_by_label(lambda destination: destination.counters.dead_lettered),
    ),
    _counter(
        "events_expired",
        "Events that grew older than delivery.max_age and were written to the dead letters.",
        _D,
        _each(lambda destination: destination.counters.expired),
    ),
    _counter(
        "dead_letters_dropped",
        "Dead letters that no file keeps: the oldest went for room, or no directory is configured.",
        _D,
        _each(lambda destination: destination.counters.dead_letters_dropped),
    ),
    _gauge(
        "events_held",
        "Events accepted and not yet settled, by state.",
        (*_D, "state"),
        _each_by_label(
            lambda destination: {
                "buffered": destination.buffered,
                "in_flight": destination.in_flight,
                "retrying": destination.retrying,
            }
        ),
    ),
    _gauge(
        "events_unaccounted",
        "Events accepted and neither settled nor held: lost, as with the memory of a worker that was killed.",
        _D,
        _each(lambda destination: destination.unaccounted),
    ),
    _gauge(
        "buffer_bytes",
        "Room that the held events take: their JSON and a fixed overhead for each.",
        _D,
        _each(lambda destination: destination.buffer_bytes),
    ),
    _gauge(
        "buffer_max_bytes",
        "Room that there is: buffer.max_bytes.",
        _D,
        _each(lambda destination: destination.buffer_max_bytes),
    ),
    _gauge(
        "oldest_event_age_seconds",
        "Age of the oldest held event; 0 while none is held.",
        _D,
        _each(lambda destination: destination.oldest_age_seconds),
        Merge.MAXIMUM,
    ),
    _gauge(
        "seconds_to_full",
        "When the buffer will be full if it goes on filling as in the last seconds; +Inf: never.",
        _D,
        _each(lambda destination: destination.seconds_to_full),
        Merge.MINIMUM,
    ),
    _counter(
        "batches",
        "Batches that left the buffer, by what made them leave.",
        (*_D, "reason"),
        _each_by_label(lambda destination: destination.counters.batches),
    ),
    _histogram("batch_events", "Events in a batch.", lambda destination: destination.counters.batch_events),
    _histogram(
        "batch_fill_ratio",
        "How full a batch is of the bus's limit on count or bytes, whichever is nearer.",
        lambda destination: destination.counters.batch_fill_ratio,
    ),
    _counter(
        "bus_requests",
        "Attempts to send a batch to the bus, by what came of them.",
        (*_D, "outcome"),
        _each_by_label(lambda destination: destination.counters.bus_requests),
    ),
    _histogram(
        "bus_request_seconds",
        "From the beginning of an attempt to send a batch to its answer or time-out.",
        lambda destination: destination.counters.bus_request_seconds,
    ),
    _histogram(
        "delivery_seconds",
        "From accepting an event to its delivery.",
        lambda destination: destination.counters.delivery_seconds,
    ),
    _histogram(
        "linger_seconds",
        "How long the oldest event of a batch waited before the batch left for the first time.",
        lambda destination: destination.counters.linger_seconds,
    ),
    _counter(
        "requests_saved",
        "Requests fewer than the same events would have needed in order of arrival.",
        _D,
        _each(lambda destination: destination.requests_saved),
    ),
    _gauge(
        "in_flight_limit",
        "Requests to the bus that may be in flight together now.",
        _D,
        _each(lambda destination: destination.in_flight_limit),
    ),
    _gauge(
        "requests_per_second_limit",
        "The rate that requests to the bus keep to, configured or learned under throttling; +Inf: none.",
        _D,
        _each(lambda destination: destination.requests_per_second_limit),
    ),
    _gauge(
        "credentials_expire_timestamp_seconds",
        "When the credentials of the bus expire; absent while they do not, or are not known.",
        _D,
        _unless_never(_each(lambda destination: destination.credentials_expire_at)),
        Merge.MINIMUM,
    ),
    _gauge(
        "tls_certificate_expiry_timestamp_seconds",
        "When the receiver's certificate expires; absent without one.",
        (),
        _unless_never(lambda snapshot: [((), snapshot.receiver.certificate_expires_at)]),
        Merge.MINIMUM,
    ),
    _counter(
        "tls_handshake_failures",
        "TLS handshakes of producers that came to nothing: a wrong version or certificate, silence, no TLS.",
        (),
        lambda snapshot: [((), snapshot.receiver.tls_handshake_failures)],
    ),
    _gauge(
        "connections",
        "Open connections of producers.",
        (),
        lambda snapshot: [((), snapshot.receiver.connections)],
    ),
    MetricDefinition(
        "gateway_journal_commit_seconds",
        Kind.HISTOGRAM,
        "From the begin of a group's write to the journal until it is on disk.",
        (),
        _stored(lambda storage: storage.journal_commit_seconds),
    ),
    _counter(
        "journal_failures",
        "Writes to a journal that failed: none of their events was accepted.",
        (),
        _stored(lambda storage: storage.journal_failures),
    ),
    _gauge(
        "journal_bytes",
        "What the journals' files take on disk.",
        (),
        _stored(lambda storage: storage.journal_bytes),
    ),
    _counter(
        "records_set_aside",
        "Records of journal and spill that could not be read at the start, and were set aside.",
        (),
        _stored(lambda storage: storage.set_aside),
    ),
    _gauge(
        "config_last_reload_successful",
        "Whether the last attempt to read the configuration again did well; the start counts as one.",
        (),
        _reloaded(lambda reload: reload.was_successful),
    ),
    _gauge(
        "config_last_reload_success_timestamp_seconds",
        "When a configuration was taken up last.",
        (),
        _reloaded(lambda reload: reload.succeeded_at),
    ),
    _gauge(
        "workers",
        "Processes that take events.",
        (),
        lambda snapshot: [((), snapshot.workers.alive)],
    ),
    _counter(
        "worker_restarts",
        "Workers that ended unasked, and were replaced.",
        (),
        lambda snapshot: [((), snapshot.workers.restarts)],
    ),
)


class SnapshotCollector(Collector):
    """Reads one snapshot at each scrape and shows it as Prometheus metrics."""

    def __init__(self, take_snapshot: Callable[[], Snapshot]) -> None:
        self._take_snapshot = take_snapshot

    def collect(self) -> Iterator[Metric]:
        """One family for every metric of the table."""
        snapshot = self._take_snapshot()
        for definition in METRICS:
            yield _family(definition, definition.read(snapshot))
        yield InfoMetricFamily("gateway_build", "The gateway's version.", value={"version": __version__})


def _family(definition: MetricDefinition, samples: Iterable[Sample]) -> Metric:
    name, text, labels = definition.name, definition.help, definition.labels
    if definition.kind is Kind.HISTOGRAM:
        histograms = HistogramMetricFamily(name, text, labels=labels)
        for values, histogram in samples:
            assert isinstance(histogram, Histogram), "the table says so"
            histograms.add_metric(values, _buckets(histogram), histogram.total)
        return histograms
    numbers = (CounterMetricFamily if definition.kind is Kind.COUNTER else GaugeMetricFamily)(
        name, text, labels=labels
    )
    for values, number in samples:
        assert not isinstance(number, Histogram), "the table says so"
        numbers.add_metric(values, number)
    return numbers


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Counts up to and including each bound, as Prometheus adds them up."""
    names = [*map(str, map(float, histogram.bounds)), "+Inf"]
    return list(zip(names, map(float, accumulate(histogram.counts)), strict=True))


def registry(take_snapshot: Callable[[], Snapshot]) -> CollectorRegistry:
    """The gateway's metrics and those of the process; a registry of its own, none is global."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SnapshotCollector(take_snapshot))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def render(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """The scrape in the format that `accept` asks for, and its content type."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
