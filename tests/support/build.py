"""Builders with every default, so that a test shows only what it is about."""

import json

from gateway.entry import Entry, Receipt
from gateway.event import Event
from gateway.pipeline.retry import RetryPolicy
from gateway.pipeline.settings import DestinationSettings

WALL_AT_START = 1_767_225_600.0
"""2026-01-01T00:00:00Z: the wall clock when a virtual clock stands at 0."""


def event(
    id: str = "1",  # noqa: A002 - the attribute's name
    *,
    source: str = "/tests",
    type: str = "test",  # noqa: A002 - likewise
    json_bytes: int = 0,
    received_at: float = WALL_AT_START,
) -> Event:
    """A valid event; `json_bytes` is the least length of its JSON."""
    attributes = {"specversion": "1.0", "id": id, "source": source, "type": type, "data": ""}
    lacking = json_bytes - len(_compact(attributes))
    attributes["data"] = "x" * max(0, lacking)
    return Event(
        id=id,
        source=source,
        type=type,
        time=None,
        traceparent=None,
        json=_compact(attributes),
        received_at=received_at,
    )


def events(count: int, *, json_bytes: int = 0) -> list[Event]:
    """So many events, with ids from "0" on."""
    return [event(str(index), json_bytes=json_bytes) for index in range(count)]


def entry(
    id: str = "1",  # noqa: A002 - likewise
    *,
    size: int = 1,
    arrived_at: float = 0.0,
    attempt: int = 0,
    receipt: Receipt | None = None,
    of: Event | None = None,
) -> Entry:
    """An entry of `size` as its bus counts."""
    return Entry(event(id) if of is None else of, size, arrived_at, attempt, receipt)


def entries(*sizes: int, arrived_at: float = 0.0) -> list[Entry]:
    """Entries of these sizes that arrived together, with ids from "0" on."""
    return [entry(str(index), size=size, arrived_at=arrived_at) for index, size in enumerate(sizes)]


def policy(
    *,
    max_attempts: int = 0,
    max_age_seconds: float = 3600.0,
    backoff_initial_seconds: float = 0.1,
    backoff_max_seconds: float = 30.0,
) -> RetryPolicy:
    """The configuration's defaults."""
    return RetryPolicy(max_attempts, max_age_seconds, backoff_initial_seconds, backoff_max_seconds)


def settings(
    *,
    max_events: int = 100_000,
    max_bytes: int = 64 << 20,
    flush_interval_seconds: float = 0.2,
    sends_when_idle: bool = False,
    max_in_flight: int = 16,
    max_requests_per_second: float = 0,
    request_timeout_seconds: float = 10.0,
    retry: RetryPolicy | None = None,
) -> DestinationSettings:
    """The configuration's defaults."""
    return DestinationSettings(
        max_events=max_events,
        max_bytes=max_bytes,
        flush_interval_seconds=flush_interval_seconds,
        sends_when_idle=sends_when_idle,
        max_in_flight=max_in_flight,
        max_requests_per_second=max_requests_per_second,
        request_timeout_seconds=request_timeout_seconds,
        retry=policy() if retry is None else retry,
    )


def _compact(attributes: dict[str, str]) -> bytes:
    return json.dumps(attributes, separators=(",", ":")).encode()
