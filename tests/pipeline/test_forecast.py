"""How long until there is room, or none is left."""

from math import inf

import pytest

from gateway.pipeline.buffer import EVENT_OVERHEAD_BYTES, BufferStatistics
from gateway.pipeline.forecast import (
    RETRY_AFTER_MAX_SECONDS,
    RETRY_AFTER_UNKNOWN_SECONDS,
    seconds_to_full,
    seconds_until_room,
)


def buffer(
    *, held_events: int = 1000, held_bytes: int = 1_000_000, max_events: int = 1000, max_bytes: int = 1 << 30
) -> BufferStatistics:
    """Full by count, unless said otherwise."""
    return BufferStatistics(held_events, held_bytes, 0, 0, max_events, max_bytes)


def wait(statistics: BufferStatistics, rate: float, *, events: int = 1, event_bytes: int = 100) -> int:
    """What a producer is told at that rate of release."""
    return seconds_until_room(statistics, events=events, event_bytes=event_bytes, released_per_second=rate)


@pytest.mark.parametrize(
    ("events", "rate", "seconds"), [(1, 100.0, 1), (100, 50.0, 2), (101, 50.0, 3), (100, 5.0, 20)]
)
def test_room_for_events_comes_at_the_rate_of_release(events: int, rate: float, seconds: int) -> None:
    """In whole seconds, rounded up: a producer that waits so long finds room."""
    assert wait(buffer(), rate, events=events) == seconds


def test_room_for_bytes_comes_with_the_mean_event() -> None:
    """2,640 bytes are lacking with the overhead; the mean event frees 1,000: three events."""
    full = buffer(max_events=10_000, max_bytes=1_000_000)
    assert wait(full, 1.0, event_bytes=2640 - EVENT_OVERHEAD_BYTES) == 3


def test_the_answer_stays_within_its_bounds() -> None:
    """Never zero, never more than a minute."""
    assert wait(buffer(), 1e9) == 1
    assert wait(buffer(), 1e-9) == RETRY_AFTER_MAX_SECONDS


@pytest.mark.parametrize("statistics", [buffer(), buffer(held_events=0, held_bytes=0)])
def test_without_a_rate_the_answer_is_a_guess(statistics: BufferStatistics) -> None:
    """Nothing is coming free, or nothing is held: come back in a moment."""
    assert wait(statistics, 0.0) == RETRY_AFTER_UNKNOWN_SECONDS


def test_a_buffer_fills_at_its_rate_up_to_the_nearer_bound() -> None:
    """500 events of room by count; by bytes, a mean event being 1,000, room for 100."""
    by_count = buffer(held_events=500, held_bytes=500_000)
    assert seconds_to_full(by_count, filling_per_second=50) == 10
    by_bytes = buffer(held_events=500, held_bytes=500_000, max_bytes=600_000)
    assert seconds_to_full(by_bytes, filling_per_second=50) == 2


@pytest.mark.parametrize(
    ("statistics", "rate"),
    [
        (buffer(held_events=999), 0.0),
        (buffer(held_events=999), -5.0),
        (buffer(held_events=0, held_bytes=0), 5.0),
    ],
)
def test_a_buffer_that_does_not_fill_is_never_full(statistics: BufferStatistics, rate: float) -> None:
    """It empties, stands still, or holds nothing by which to judge."""
    assert seconds_to_full(statistics, filling_per_second=rate) == inf


@pytest.mark.parametrize("rate", [1.0, 0.0, -1.0])
@pytest.mark.parametrize(
    "statistics",
    [buffer(), buffer(held_events=2000), buffer(max_events=10_000, max_bytes=1_000_999)],
    ids=["by count", "over its bound", "by bytes"],
)
def test_a_full_buffer_is_full_now_at_any_rate(statistics: BufferStatistics, rate: float) -> None:
    """While all is refused it stands still; a mean event does not fit. What was restored may exceed it."""
    assert seconds_to_full(statistics, filling_per_second=rate) == 0.0
