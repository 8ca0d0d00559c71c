"""Whether a connection is read from: not while its client does not read, nor while too much is owed to it."""

import asyncio

from gateway.receiver.limits import ReceiverLimits


class Flow:
    """Pauses and resumes the reading of one transport, for either of two reasons or both."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.is_write_paused = False
        """Whether the client does not read its answers; set with `pause_writing` and `resume_writing`."""
        self._is_owing_too_much = False
        self._unread_bytes = 0
        self._unread_since = 0.0

    def pause_writing(self, now: float) -> None:
        """The client does not read."""
        self.is_write_paused = True
        self._unread_bytes, self._unread_since = self._transport.get_write_buffer_size(), now
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client has read."""
        self.is_write_paused = False
        self._resume()

    def is_stuck(self, limits: ReceiverLimits, now: float) -> bool:
        """Whether a client leaves too much unread, or has read nothing for as long as a request may take."""
        if not self.is_write_paused:
            return False
        unread = self._transport.get_write_buffer_size()
        if unread < self._unread_bytes:
            self._unread_since = now
        self._unread_bytes = unread
        has_stopped = now - self._unread_since >= limits.request_timeout_seconds
        return has_stopped or unread > limits.max_unread_bytes

    def owe(self, *, too_much: bool) -> None:
        """Say whether more answers are owed than more requests should be added to."""
        if too_much == self._is_owing_too_much:
            return
        self._is_owing_too_much = too_much
        if too_much:
            self._transport.pause_reading()
        else:
            self._resume()

    def _resume(self) -> None:
        if not (self.is_write_paused or self._is_owing_too_much or self._transport.is_closing()):
            self._transport.resume_reading()
