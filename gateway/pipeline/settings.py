"""What a destination is told from outside: the operator's settings, and where time and chance come from."""

from collections.abc import Callable

from msgspec import Struct

from gateway.pipeline.retry import RetryPolicy


class DestinationSettings(Struct, frozen=True, kw_only=True):
    """What an operator tunes; durations in seconds, sizes in bytes."""

    max_events: int
    max_bytes: int
    flush_interval_seconds: float
    sends_when_idle: bool
    max_in_flight: int
    max_requests_per_second: float
    request_timeout_seconds: float
    retry: RetryPolicy


class Clocks(Struct, frozen=True):
    """Where time and chance come from: a test brings its own."""

    monotonic: Callable[[], float]
    wall: Callable[[], float]
    jitter: Callable[[], float]
    """A random number in [0, 1)."""
