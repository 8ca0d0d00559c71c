"""When the events of a sample arrive: by their own times, by an assumed rate, or by both."""

import re
from array import array
from collections.abc import Sequence
from datetime import date
from math import isnan, nan
from random import Random

UNKNOWN = nan
"""The time of an event that has none."""

_SEED = 2026
"""The same sample gives the same plan every time."""

_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)


def epoch_seconds(timestamp: str) -> float:
    """A valid date-time of RFC 3339 in seconds from 0001-01-01; a leap second is the one after it.

    Raises ValueError for the year 0, which no calendar here has.
    """
    match = _TIMESTAMP.fullmatch(timestamp)
    assert match is not None, "checked when the event was read"
    year, month, day, hours, minutes, seconds = map(int, match.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = match.groups()[6:]
    offset = (int(offset_hours) * 60 + int(offset_minutes)) * 60 if sign else 0
    whole = date(year, month, day).toordinal() * 86_400 + hours * 3600 + minutes * 60 + seconds
    return whole - (-offset if sign == "-" else offset) + float(fraction or 0)


def has_all(times: Sequence[float]) -> bool:
    """Whether every event has a time."""
    return not any(map(isnan, times))


def are_whole_seconds(times: Sequence[float]) -> bool:
    """Whether several events have times that say no more than the second."""
    return len(times) > 1 and all(time.is_integer() for time in times)


def arrivals(times: Sequence[float], *, events_per_second: float | None) -> "array[float]":
    """Seconds after the first arrival, for each event in its place.

    With a rate, events that all have times keep their rhythm and come faster or slower; others come at
    random (a Poisson process), in the order of the sample. Without one they must all have times.
    """
    if events_per_second is None:
        first = min(times, default=0.0)
        return array("d", [time - first for time in times])
    if len(times) > 1 and has_all(times) and (seconds := max(times) - min(times)):
        first, factor = min(times), len(times) / events_per_second / seconds
        return array("d", [(time - first) * factor for time in times])
    return _at_random(len(times), events_per_second)


def _at_random(events: int, events_per_second: float) -> "array[float]":
    dice, now = Random(_SEED), 0.0  # nosec B311 # noqa: S311 - arrivals, not secrets
    moments = array("d")
    for _ in range(events):
        moments.append(now)
        now += dice.expovariate(events_per_second)
    return moments
