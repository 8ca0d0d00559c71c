"""A request's body while it comes: its bytes, and the room they hold among all that are being read.

Knows no connection and no parser; what is over a limit it refuses by raising the answer.
"""

from gateway.errors import Reason
from gateway.receiver.responses import RequestRefusedError, unavailable
from gateway.receiver.routes import RECEIVING_RETRY_SECONDS
from gateway.receiver.service import Service


class Body:
    """The bodies of one connection, one after the other.

    A body holds what has come of it, from `expect` until `take` or `release`: a client that declares much
    and sends nothing takes no room from anybody. What comes at other times belongs to a refused request
    and is dropped.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._statistics = service.statistics
        self._too_large = service.routes.too_large
        self._is_expected = False
        self._bytes: bytes | bytearray = b""
        self._seen_bytes = 0
        self._seen_at = 0.0
        """When it was last looked at; 0.0: not yet."""
        self._progress = 0
        self._silent_bytes = 0
        """Of a chunked body, the bytes since the last that were its content: extensions and trailers."""

    def expect(self) -> None:
        """Keep what comes from now on."""
        self._is_expected = True
        self._progress = -1
        self._seen_at = 0.0

    def add(self, piece: bytes) -> None:
        """A piece of it; most come in one. Raises RequestRefusedError over a limit."""
        if not self._is_expected:
            return
        held = len(self._bytes) + len(piece)
        receiving = self._statistics.receiving_bytes + len(piece)
        limits = self._service.limits
        if held > limits.max_body_bytes:
            raise RequestRefusedError(self._too_large())
        if receiving > limits.max_receiving_bytes:
            raise RequestRefusedError(unavailable(Reason.NO_ROOM, RECEIVING_RETRY_SECONDS))
        self._statistics.receiving_bytes = receiving
        if not self._bytes:
            self._bytes = piece
        else:
            if isinstance(self._bytes, bytes):
                self._bytes = bytearray(self._bytes)  # many small pieces would weigh more than their bytes
            self._bytes += piece

    def is_silent(self, count: int) -> bool:
        """Whether, `count` more bytes having come, too many of them in a row were no content."""
        grown = len(self._bytes) != self._progress
        self._progress = len(self._bytes)
        self._silent_bytes = 0 if grown else self._silent_bytes + count
        return self._silent_bytes > self._service.limits.max_header_bytes

    def is_in_the_way(self, now: float) -> bool:
        """Whether it is too slow for the room that it holds and others may need; to be asked now and then."""
        limits = self._service.limits
        rate = limits.min_body_bytes_per_second
        held, seen_bytes, seen_at = len(self._bytes), self._seen_bytes, self._seen_at
        self._seen_bytes, self._seen_at = held, now
        is_scarce = self._statistics.receiving_bytes > limits.max_receiving_bytes // 2
        return is_scarce and seen_at > 0 and held >= rate and held - seen_bytes < rate * (now - seen_at)

    def take(self) -> bytes:
        """The whole of it; its room is free."""
        body = bytes(self._bytes)
        self.release()
        return body

    def release(self) -> None:
        """Forget what came, and free its room."""
        self._is_expected = False
        self._statistics.receiving_bytes -= len(self._bytes)
        self._bytes = b""
