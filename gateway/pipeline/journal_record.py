"""One record of the journal as its file holds it: an event, who owes it, and a checksum over all of it. Pure.

A record is a number, a `body` that never changes, and a `state` that says what has become of it since.
Both carry a checksum, so that bytes found in a damaged file are known for what they are.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from zlib import crc32

from msgspec import Struct

from gateway.event import Event

_HEAD = struct.Struct(">dH")
"""When it was received, and the length of its destinations' names."""

_NUMBERED_HEAD = struct.Struct(">qdH")
"""The same behind the record's number: what the checksum begins with."""

_NUMBER_BYTES = 8
_SUM_BYTES = 4


class Record(Struct, frozen=True, gc=False):
    """What a record's body says."""

    number: int
    received_at: float
    destinations: tuple[str, ...]
    """Who was to have it, in the order that `State.settled` counts them."""
    json: bytes


class State(Struct, frozen=True, gc=False):
    """What has become of a record since it was written."""

    attempts: int = 0
    settled: int = 0
    """A bit for each destination that owes it no more, the first destination's the lowest."""


UNTOUCHED = State()


def body_of(number: int, event: Event, destinations: str) -> bytes:
    """The bytes kept under that number; `destinations` are names joined by commas."""
    return _body(number, event.received_at, destinations.encode(), event.json)


def body_again(record: Record) -> bytes:
    """The bytes that a record was read from."""
    return _body(record.number, record.received_at, ",".join(record.destinations).encode(), record.json)


def read_body(number: int, body: object) -> Record | None:
    """The record, or None if these are not the bytes that were written under that number."""
    if not isinstance(body, bytes) or len(body) < _SUM_BYTES + _HEAD.size:
        return None
    if crc32(memoryview(body)[_SUM_BYTES:], _seed(number)) != int.from_bytes(body[:_SUM_BYTES], "big"):
        return None
    received_at, length = _HEAD.unpack_from(body, _SUM_BYTES)
    start = _SUM_BYTES + _HEAD.size
    return Record(number, received_at, _names(body[start : start + length]), body[start + length :])


def state_text(number: int, state: State) -> str:
    """The state as its column holds it: nothing for a record that nothing has happened to."""
    if state == UNTOUCHED:
        return ""
    text = f"{state.attempts}.{state.settled}"
    return f"{text}.{crc32(text.encode(), _seed(number))}"


def read_state(number: int, text: object) -> State:
    """The state; of one that cannot be read, that nothing is settled: sending twice can be mended."""
    if not isinstance(text, str) or not text:
        return UNTOUCHED
    said, _, total = text.rpartition(".")
    if total != str(crc32(said.encode(errors="replace"), _seed(number))):
        return UNTOUCHED
    attempts, settled = said.split(".")
    return State(int(attempts), int(settled))


def owing(record: Record, state: State) -> Sequence[str]:
    """The destinations that still owe the record."""
    return [name for bit, name in enumerate(record.destinations) if not state.settled >> bit & 1]


def _body(number: int, received_at: float, names: bytes, json: bytes) -> bytes:
    head = _NUMBERED_HEAD.pack(number, received_at, len(names)) + names
    return b"".join((crc32(json, crc32(head)).to_bytes(_SUM_BYTES, "big"), head[_NUMBER_BYTES:], json))


@lru_cache(256)
def _names(joined: bytes) -> tuple[str, ...]:
    """Kept, since many records of a file share them."""
    return tuple(joined.decode().split(","))


def _seed(number: int) -> int:
    """A body under another's number is not taken for its own."""
    return crc32(number.to_bytes(_NUMBER_BYTES, "big", signed=True))
