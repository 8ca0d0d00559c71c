"""A transport without a socket: it keeps what is written and remembers what it was told."""

import asyncio
from typing import Any


class FakeTransport(asyncio.Transport):
    """Takes everything at once; tests look at its public fields."""

    def __init__(self, peername: object = None) -> None:
        super().__init__({"peername": peername})
        self.unread_bytes = 0
        """What the other side has not read of what is written."""
        self.writes: list[bytes] = []
        self.has_written_eof = False
        self.is_closed = False
        self.is_aborted = False
        self.is_reading_paused = False

    @property
    def written(self) -> bytes:
        """Everything written so far."""
        return b"".join(self.writes)

    @property
    def has_ended(self) -> bool:
        """Whether our side of the connection has ended, in whatever way."""
        return self.has_written_eof or self.is_closed or self.is_aborted

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        """Keep `data`; a write after the end is an error, as it is for a socket."""
        assert not self.has_ended, "written after the end"
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        """As the test says."""
        return self.unread_bytes

    def can_write_eof(self) -> bool:
        """As TCP and Unix sockets do."""
        return True

    def write_eof(self) -> None:
        """End our side."""
        self.has_written_eof = True

    def close(self) -> None:
        """End both sides, what is written first."""
        self.is_closed = True

    def abort(self) -> None:
        """End both sides at once."""
        self.is_aborted = True

    def is_closing(self) -> bool:
        """Whether it was closed or aborted."""
        return self.is_closed or self.is_aborted

    def pause_reading(self) -> None:
        """The protocol wants no more for now."""
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        """The protocol wants more."""
        self.is_reading_paused = False


class WholeTransport(FakeTransport):
    """As TLS has it: one side cannot end without the other."""

    def can_write_eof(self) -> bool:
        """Never."""
        return False
