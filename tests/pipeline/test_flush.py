"""When a buffer is due, and why: numbers in, answers out."""

from collections.abc import Sequence
from math import inf

import pytest

from gateway.pipeline.buffer import Buffer
from gateway.pipeline.flush import FlushReason, FlushTiming
from tests.support.build import entries, entry


def timing(*, interval_seconds: float = 0.2, sends_when_idle: bool = False) -> FlushTiming:
    """For batches of at most ten entries and a thousand bytes."""
    return FlushTiming(
        interval_seconds=interval_seconds, sends_when_idle=sends_when_idle, max_entries=10, max_bytes=1000
    )


def buffer_of(*sizes: int, arrived_at: float = 0.0) -> Buffer:
    """A buffer that holds entries of these sizes."""
    buffer = Buffer(max_events=1000, max_bytes=10_000_000)
    if sizes:
        buffer.offer(entries(*sizes, arrived_at=arrived_at))
    return buffer


def test_an_empty_buffer_is_never_due() -> None:
    """Nothing waits, so nothing is waited for; not even when it drains."""
    when = timing(sends_when_idle=True)
    when.drain()
    assert when.due(buffer_of(), 5.0, in_flight=0) is None
    assert when.next_due(buffer_of(), 5.0, in_flight=0) == inf


def test_a_partial_batch_is_due_at_the_arrival_of_its_oldest_and_the_interval() -> None:
    """Not a tick before, and at that very moment."""
    when, buffer = timing(interval_seconds=0.1), buffer_of(1, arrived_at=0.2)
    deadline = when.next_due(buffer, 0.2, in_flight=0)
    assert deadline == 0.2 + 0.1
    assert when.due(buffer, deadline - 1e-9, in_flight=0) is None
    assert when.due(buffer, deadline, in_flight=0) is FlushReason.INTERVAL


@pytest.mark.parametrize(
    ("sizes", "full"), [((1,) * 9, False), ((1,) * 10, True), ((500, 449), False), ((500, 450), True)]
)
def test_a_buffer_with_a_batch_of_entries_or_nearly_of_bytes_is_full(
    sizes: Sequence[int], *, full: bool
) -> None:
    """Ten entries, or 95 % of the bytes: waiting would add next to nothing."""
    when, buffer = timing(), buffer_of(*sizes)
    assert when.is_full(buffer) is full
    assert when.due(buffer, 0.0, in_flight=5) is (FlushReason.FULL if full else None)


def test_with_when_idle_send_nothing_waits_while_nothing_is_in_flight() -> None:
    """There is no company to wait for; with a request out there is."""
    when, buffer = timing(sends_when_idle=True), buffer_of(1)
    assert when.due(buffer, 0.0, in_flight=0) is FlushReason.IDLE
    assert when.next_due(buffer, 0.0, in_flight=0) == 0.0
    assert when.due(buffer, 0.0, in_flight=1) is None
    assert when.next_due(buffer, 0.0, in_flight=1) == 0.2


def test_draining_makes_everything_due_at_once() -> None:
    """Whatever its age and company."""
    when, buffer = timing(), buffer_of(1)
    when.drain()
    assert when.due(buffer, 0.0, in_flight=3) is FlushReason.DRAIN
    assert when.next_due(buffer, 0.0, in_flight=3) == 0.0


def test_a_buffer_that_was_looked_through_is_full_only_once_it_has_grown() -> None:
    """Leftovers are not packed again before they can make a full batch."""
    when, buffer = timing(), buffer_of(*[90] * 11)
    when.expect_full_at(entries=13, size=1200.0)
    assert not when.is_full(buffer)
    buffer.offer([entry(size=1, arrived_at=1.0)])
    assert not when.is_full(buffer)
    buffer.offer([entry(size=1, arrived_at=1.0)])
    assert when.is_full(buffer)
    when.expect_nothing()
    assert when.is_full(buffer_of(*[1] * 10))


def test_where_every_producer_waits_nothing_else_is_waited_for() -> None:
    """Nobody is left who could bring company, whatever is in flight; one who does not wait may."""
    when, buffer = timing(), Buffer(max_events=10, max_bytes=10_000_000)
    awaited, unawaited = entries(1, 1), entries(1)
    for each in awaited:
        each.is_awaited = True
    buffer.offer(awaited)
    assert when.due(buffer, 0.0, in_flight=3) is FlushReason.IDLE
    buffer.offer(unawaited)
    assert when.due(buffer, 0.0, in_flight=3) is None
