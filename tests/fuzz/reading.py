"""What a server makes of the bytes of one connection: its requests, and how it went on after them."""

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from msgspec import Struct

Stream = Sequence[bytes]
"""What comes on one connection, in the pieces in which it comes; behind them the client ends its side."""


class HttpRequest(Struct, frozen=True):
    """One request, framing taken off."""

    method: bytes
    target: bytes
    headers: Sequence[tuple[bytes, bytes]]
    """Names in lower case, values without the blanks around them, in order; no trailers."""
    body: bytes


class End(Enum):
    """How it went on behind the last request."""

    IDLE = "idle"
    """It would have read another one."""
    CLOSED = "closed"
    """It ended the connection, as a request had asked for or its version does."""
    REFUSED = "refused"
    """What came there is no request that it takes, or not a whole one."""


class Reading(Struct, frozen=True):
    """What a server makes of one stream."""

    requests: list[HttpRequest]
    end: End


class Reader(Protocol):
    """A server, reduced to what it reads."""

    def read(self, streams: Sequence[Stream]) -> list[Reading]:
        """One reading of each stream, each on a connection of its own."""
