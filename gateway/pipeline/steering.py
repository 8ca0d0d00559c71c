"""What steers a destination, made of its settings: when batches leave, and how hard the bus is asked."""

from gateway.pipeline.backlog import Backlog
from gateway.pipeline.buffer import Buffer
from gateway.pipeline.flush import FlushTiming
from gateway.pipeline.pressure import Pressure
from gateway.pipeline.settings import DestinationSettings
from gateway.sender import Sender


def new_backlog(buffer: Buffer, sender: Sender, settings: DestinationSettings) -> Backlog:
    """An empty backlog for what `buffer` holds and `sender` sends."""
    timing = FlushTiming(
        interval_seconds=settings.flush_interval_seconds,
        sends_when_idle=settings.sends_when_idle,
        max_entries=sender.limits.max_entries,
        max_bytes=sender.limits.max_bytes,
    )
    return Backlog(buffer, timing, sender.limits, settings.retry)


def asks_alike(settings: DestinationSettings, others: DestinationSettings) -> bool:
    """Whether what was learned of the bus under the ones holds under the others."""
    return (settings.max_in_flight, settings.max_requests_per_second) == (
        others.max_in_flight,
        others.max_requests_per_second,
    )


def new_pressure(settings: DestinationSettings) -> Pressure:
    """Pressure on a bus that nothing is known of yet."""
    return Pressure(
        max_in_flight=settings.max_in_flight, max_requests_per_second=settings.max_requests_per_second
    )
