"""What `/status` shows, as plain data: no secret, no event data."""

from datetime import UTC, datetime
from math import inf
from typing import Any

from gateway.sender import SenderStatus
from gateway.snapshots import DestinationStatistics


def destination_status(statistics: DestinationStatistics, sender: SenderStatus) -> dict[str, Any]:
    """One destination: what it holds, how fast it goes, and what its bus last complained of."""
    counters, error = statistics.counters, statistics.last_error
    return {
        "endpoint": sender.endpoint,
        "health": statistics.health,
        "accepted": counters.accepted,
        "delivered": counters.delivered,
        "dead_lettered": sum(counters.dead_lettered.values()),
        "expired": counters.expired,
        "held": statistics.held,
        "held_by_state": {
            "buffered": statistics.buffered,
            "in_flight": statistics.in_flight,
            "retrying": statistics.retrying,
        },
        "unaccounted": statistics.unaccounted,
        "buffer_bytes": statistics.buffer_bytes,
        "buffer_max_bytes": statistics.buffer_max_bytes,
        "oldest_event_age_seconds": round(statistics.oldest_age_seconds, 3),
        "seconds_to_full": _finite(statistics.seconds_to_full),
        "accepted_per_second": round(statistics.accepted_per_second, 1),
        "delivered_per_second": round(statistics.delivered_per_second, 1),
        "requests_in_flight": statistics.requests_in_flight,
        "in_flight_limit": statistics.in_flight_limit,
        "requests_per_second_limit": _finite(statistics.requests_per_second_limit),
        "last_error": error and {"at": _rfc3339(error.at), "code": error.code, "message": error.message},
        "credentials_expire_at": sender.credentials_expire_at and _rfc3339(sender.credentials_expire_at),
    }


def _finite(number: float) -> float | None:
    """JSON has no infinity."""
    return None if number == inf else round(number, 1)


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
