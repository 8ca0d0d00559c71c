"""How long until there is room, or none is left: straight lines through the rates of now. Pure."""

from math import ceil, inf

from gateway.pipeline.buffer import EVENT_OVERHEAD_BYTES, BufferStatistics

RETRY_AFTER_MAX_SECONDS = 60
RETRY_AFTER_UNKNOWN_SECONDS = 5
"""What a refused producer is told while no room is coming free at all."""


def seconds_until_room(
    buffer: BufferStatistics, *, events: int, event_bytes: int, released_per_second: float
) -> int:
    """When `events` events of `event_bytes` bytes together should fit: whole seconds, 1 to 60."""
    if released_per_second <= 0 or not buffer.held_events:
        return RETRY_AFTER_UNKNOWN_SECONDS
    bytes_each = buffer.held_bytes / buffer.held_events
    lacking_events = buffer.held_events + events - buffer.max_events
    lacking_bytes = buffer.held_bytes + event_bytes + events * EVENT_OVERHEAD_BYTES - buffer.max_bytes
    lacking = max(lacking_events, lacking_bytes / bytes_each, 1)
    return max(1, min(RETRY_AFTER_MAX_SECONDS, ceil(lacking / released_per_second)))


def is_full(buffer: BufferStatistics) -> bool:
    """Whether another event like those held, which is one of their mean bytes, would be refused.

    Room for a smaller one alone does not count, as nobody may send such. An empty buffer is never full.
    """
    return bool(buffer.held_events) and _room_in_mean_events(buffer) < 1


def seconds_to_full(buffer: BufferStatistics, *, filling_per_second: float) -> float:
    """When the buffer will be full if it goes on filling by so many events a second; infinity: never.

    A full one is full now, though it stand still: then everything is refused.
    """
    if is_full(buffer):
        return 0.0
    if not buffer.held_events or filling_per_second <= 0:
        return inf
    return _room_in_mean_events(buffer) / filling_per_second


def _room_in_mean_events(buffer: BufferStatistics) -> float:
    """How many more events would fit; of a buffer that holds one at least, whose mean they have."""
    bytes_each = buffer.held_bytes / buffer.held_events
    room_by_bytes = (buffer.max_bytes - buffer.held_bytes) / bytes_each
    return min(buffer.max_events - buffer.held_events, room_by_bytes)
