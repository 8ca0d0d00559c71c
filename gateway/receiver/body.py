"""A request's body while it comes: its bytes, and the room they hold among all that are being read.

Knows no connection and no parser; what is over a limit it refuses by raising the answer.
"""

from gateway.errors import Reason
from gateway.receiver.responses import RequestRefusedError, unavailable
from gateway.receiver.routes import RECEIVING_RETRY_SECONDS
from gateway.receiver.service import Service


class Body:
    """The bodies of one connection, one after the other.

    A body has room from `expect` on (a declared length) or as it comes (chunks), until `take` or
    `release`. What comes at other times belongs to a refused request and is dropped.
    """

    def __init__(self, service: Service) -> None:
        self._limits = service.limits
        self._statistics = service.statistics
        self._too_large = service.routes.too_large
        self._is_expected = False
        self._bytes: bytes | bytearray = b""
        self._reserved = 0
        """What of `receiving_bytes` is this body's."""
        self._progress = 0
        self._silent_bytes = 0
        """Of a chunked body, the bytes since the last that were its content: extensions and trailers."""

    def expect(self, length: int) -> None:
        """Hold room for `length` bytes; 0 where it is not known, or there are none."""
        self._is_expected = True
        self._progress = -1
        self._reserved = length
        self._statistics.receiving_bytes += length

    def add(self, piece: bytes) -> None:
        """A piece of it; most come in one. Raises RequestRefusedError over a limit."""
        if not self._is_expected:
            return
        if not self._bytes:
            self._bytes = piece
        else:
            if isinstance(self._bytes, bytes):
                self._bytes = bytearray(
                    self._bytes
                )  # many small pieces would weigh far more than their bytes
            self._bytes += piece
        if len(self._bytes) > self._reserved:
            self._grow(len(piece))

    def is_silent(self, count: int) -> bool:
        """Whether, `count` more bytes having come, too many of them in a row were no content."""
        grown = len(self._bytes) != self._progress
        self._progress = len(self._bytes)
        self._silent_bytes = 0 if grown else self._silent_bytes + count
        return self._silent_bytes > self._limits.max_header_bytes

    def take(self) -> bytes:
        """The whole of it; its room is free."""
        body = bytes(self._bytes)
        self.release()
        return body

    def release(self) -> None:
        """Forget what came, and free its room."""
        self._is_expected = False
        self._bytes = b""
        self._statistics.receiving_bytes -= self._reserved
        self._reserved = 0

    def _grow(self, count: int) -> None:
        """Hold `count` more bytes of a chunked body, if there is room for them."""
        if len(self._bytes) > self._limits.max_body_bytes:
            raise RequestRefusedError(self._too_large())
        if self._statistics.receiving_bytes + count > self._limits.max_receiving_bytes:
            raise RequestRefusedError(unavailable(Reason.NO_ROOM, RECEIVING_RETRY_SECONDS))
        self._reserved += count
        self._statistics.receiving_bytes += count
