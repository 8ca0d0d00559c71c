"""The scrape: the table's metrics as Prometheus reads them, in the format that it asks for."""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector
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
from gateway.metrics.definition import Kind, MetricDefinition, Sample
from gateway.metrics.table import METRICS
from gateway.snapshots import Histogram, Snapshot


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
    """The gateway's metrics and those of this interpreter; a registry of its own, none is global."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SnapshotCollector(take_snapshot))
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def render(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """The scrape in the format that `accept` asks for, and its content type; nonsense asks for none."""
    encode, content_type = _encoder(accept)
    return encode(registry), content_type


def _encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    if not accept.isascii():  # a version that is asked for stands in the content type of the answer
        return choose_encoder("")
    try:
        return choose_encoder(accept)
    except TypeError:  # its comparison of versions, where one is no number
        return choose_encoder("")
