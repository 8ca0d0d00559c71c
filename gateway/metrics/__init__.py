"""Every metric of the gateway: what it means, where it comes from, and how it adds up over workers.

Rendered from plain snapshots at scrape; nothing on the event path knows Prometheus.
"""

from gateway.metrics.definition import Kind, Merge, MetricDefinition
from gateway.metrics.scrape import SnapshotCollector, registry, render
from gateway.metrics.table import METRICS

__all__ = ["METRICS", "Kind", "Merge", "MetricDefinition", "SnapshotCollector", "registry", "render"]
