"""What `/status` shows, as plain data: no secret, no event data."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from math import inf
from typing import Any

from msgspec import Struct, field

from gateway.sender import SenderStatus
from gateway.snapshots import (
    DestinationCounters,
    DestinationStatistics,
    Histogram,
    ReceiverStatistics,
    Snapshot,
    StorageStatistics,
)


class Process(Struct, frozen=True):
    """Which process speaks: a client that finds another one knows that its counts have begun anew."""

    pid: int = field(default_factory=os.getpid)
    started_at: float = field(default_factory=time.time)
    """Wall-clock seconds since the epoch: in a container every process may have the same id."""


def gateway_status(
    told: Mapping[str, Any], snapshot: Snapshot, process: Process, *, wall_now: float
) -> dict[str, Any]:
    """What the gateway says of itself, and the figures of a snapshot of the same moment beside it."""
    return {
        **told,
        "time": _rfc3339(wall_now),
        "process": {"pid": process.pid, "started_at": _rfc3339(process.started_at, "milliseconds")},
        "receiver": {**told.get("receiver", {}), **_receiver_status(snapshot.receiver)},
        "storage": _storage_status(snapshot.storage),
    }


def destination_status(statistics: DestinationStatistics, sender: SenderStatus) -> dict[str, Any]:
    """One destination: what it holds, how fast it goes, and what its bus last complained of."""
    counters, error = statistics.counters, statistics.last_error
    return {
        "endpoint": sender.endpoint,
        "health": statistics.health,
        **_accounts(statistics),
        "buffer_bytes": statistics.buffer_bytes,
        "buffer_max_bytes": statistics.buffer_max_bytes,
        "buffer_max_events": statistics.buffer_max_events,
        "oldest_event_age_seconds": round(statistics.oldest_age_seconds, 3),
        "seconds_to_full": _finite(statistics.seconds_to_full),
        "accepted_per_second": round(statistics.accepted_per_second, 1),
        "delivered_per_second": round(statistics.delivered_per_second, 1),
        "requests_in_flight": statistics.requests_in_flight,
        "in_flight_limit": statistics.in_flight_limit,
        "requests_per_second_limit": _finite(statistics.requests_per_second_limit),
        "bus_requests_by_outcome": counters.bus_requests,
        "requests_saved": statistics.requests_saved,
        "batches_by_reason": counters.batches,
        "histograms": _histograms(counters),
        "last_error": error and {"at": _rfc3339(error.at), "code": error.code, "message": error.message},
        "credentials_expire_at": sender.credentials_expire_at and _rfc3339(sender.credentials_expire_at),
    }


def _accounts(statistics: DestinationStatistics) -> dict[str, Any]:
    """What was accepted, and what became of it."""
    counters = statistics.counters
    return {
        "accepted": counters.accepted,
        "restored": counters.restored,
        "delivered": counters.delivered,
        "dead_lettered": sum(counters.dead_lettered.values()),
        "dead_lettered_by_reason": counters.dead_lettered,
        "dead_letters_dropped": counters.dead_letters_dropped,
        "expired": counters.expired,
        "retried_by_reason": counters.retried,
        "held": statistics.held,
        "held_by_state": {
            "buffered": statistics.buffered,
            "in_flight": statistics.in_flight,
            "retrying": statistics.retrying,
        },
        "unaccounted": statistics.unaccounted,
    }


def _histograms(counters: DestinationCounters) -> dict[str, Any]:
    return {
        "batch_events": _histogram(counters.batch_events),
        "batch_fill_ratio": _histogram(counters.batch_fill_ratio),
        "bus_request_seconds": _histogram(counters.bus_request_seconds),
        "delivery_seconds": _histogram(counters.delivery_seconds),
        "linger_seconds": _histogram(counters.linger_seconds),
    }


def _histogram(histogram: Histogram) -> dict[str, Any]:
    """Counts of values up to each bound (not added up) and, last, beyond all of them."""
    return {"bounds": histogram.bounds, "counts": histogram.counts, "sum": histogram.total}


def _receiver_status(statistics: ReceiverStatistics) -> dict[str, Any]:
    expires_at = statistics.certificate_expires_at
    return {
        "connections": statistics.connections,
        "receiving_bytes": statistics.receiving_bytes,
        "requests_by_status": {str(code): count for code, count in sorted(statistics.requests.items())},
        "events_received_by_mode": statistics.events_received,
        "events_refused_by_reason": {str(why): n for why, n in statistics.events_refused.items()},
        "certificate_expires_at": None if expires_at == inf else _rfc3339(expires_at),
    }


def _storage_status(statistics: StorageStatistics) -> dict[str, Any]:
    return {
        "journal_bytes": statistics.journal_bytes,
        "journal_failures": statistics.journal_failures,
        "records_set_aside": statistics.set_aside,
        "journal_commit_seconds": _histogram(statistics.journal_commit_seconds),
    }


def _finite(number: float) -> float | None:
    """JSON has no infinity."""
    return None if number == inf else round(number, 1)


def _rfc3339(seconds: float, timespec: str = "seconds") -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=timespec)
