"""Whether a connection is read from: not while its client does not read, nor while too much is owed to it."""

import asyncio


class Flow:
    """Pauses and resumes the reading of one transport, for either of two reasons or both."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.is_write_paused = False
        """Whether the client does not read its answers; set with `pause_writing` and `resume_writing`."""
        self._is_owing_too_much = False

    def pause_writing(self) -> None:
        """The client does not read."""
        self.is_write_paused = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client has read."""
        self.is_write_paused = False
        self._resume()

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
