"""A moment as an operator names it: by the clock, or so long ago. Pure."""

from datetime import datetime

from gateway.cloudevents.attributes import is_timestamp
from gateway.units import Duration


def moment(text: str, *, now: float) -> float:
    """Wall-clock seconds since the epoch: an RFC 3339 time, or a duration back from `now`.

    Raises ValueError for anything else.
    """
    if (seconds := instant(text)) is not None:
        return seconds
    try:
        return now - Duration.parse(text)
    except ValueError:
        raise ValueError('expected a time like "2026-01-31T08:00:00Z" or a duration like "2h"') from None


def instant(text: str) -> float | None:
    """An RFC 3339 time in seconds since the epoch; None for anything else, leap seconds and year 0."""
    if not is_timestamp(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).timestamp()
    except (ValueError, OverflowError):
        return None
