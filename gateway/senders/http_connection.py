"""One connection of the senders' HTTP client: a request out, its answer in, and the next only then.

Knows asyncio's transport, and neither how connections are opened nor who keeps them.
"""

import asyncio
import ssl
from collections.abc import Callable
from enum import Enum, auto
from typing import cast

from gateway.errors import UnavailableError
from gateway.senders.answer import Answer
from gateway.senders.http_answer import AnswerReader

PIECE_BYTES = 256 << 10
"""Bodies up to here go out in one write; longer ones in such pieces, each when there is room for it."""


class _State(Enum):
    IDLE = auto()
    ASKING = auto()
    """From the first byte of a request until somebody has taken the answer."""
    CLOSED = auto()
    """By either side; the transport may not know it yet."""


class Connection(asyncio.Protocol):
    """Our end of one connection; `on_lost` is called when nothing is left of it."""

    def __init__(self, on_lost: Callable[["Connection"], None]) -> None:
        self.idle_since = 0.0
        """The loop's time, for whoever keeps the connection."""
        self._loop = asyncio.get_running_loop()
        self._on_lost = on_lost
        self._transport: asyncio.Transport
        self._reader = AnswerReader()
        self._state = _State.IDLE
        self._outcome: asyncio.Future[Answer | UnavailableError] | None = None
        """What is waited for. An error is a result, for nobody complains of one that is never fetched."""
        self._is_write_paused = False
        self._room: asyncio.Future[None] | None = None
        """What a long body waits for."""

    async def exchange(self, head: bytes, body: bytes) -> Answer:
        """Send a request and read its answer, which may come before all of the body is sent.

        Raises UnavailableError if it does not come, or not whole. After that, after cancelling, and after
        an early answer the connection is not `is_reusable`.
        """
        if self._state is not _State.IDLE:
            raise UnavailableError("connection_reset", "closed without an answer")
        self._state = _State.ASKING
        awaited: asyncio.Future[Answer | UnavailableError] = self._loop.create_future()
        self._outcome = awaited
        if len(body) <= PIECE_BYTES:
            self._transport.write(head + body)
        else:
            await self._write_pieces(head, body, awaited)
        outcome = await awaited
        if isinstance(outcome, UnavailableError):
            raise outcome
        if self._state is _State.ASKING and self._reader.keeps_alive and not self._has_unsent():
            self._state = _State.IDLE
            self._reader.expect()
        return outcome

    @property
    def is_reusable(self) -> bool:
        """Whether another request may go out, as far as is known here."""
        return self._state is _State.IDLE

    def close(self) -> None:
        """End the connection: at once if anything is under way, else as TLS wants it."""
        self._state = _State.CLOSED
        if self._outcome is not None or self._has_unsent():
            self._transport.abort()
        else:
            self._transport.close()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its type

    def data_received(self, data: bytes) -> None:
        """Read what came, if anything was asked for."""
        if self._outcome is None:
            self.close()  # a server speaks unasked only to take its leave
            return
        try:
            answer = self._reader.feed(data)
        except UnavailableError as error:
            self.close()
            self._settle(error)
        else:
            if answer is not None:
                self._settle(answer)

    def eof_received(self) -> None:
        """The server has ended its side, which may be the end of an answer; asyncio then ends ours."""
        self._state = _State.CLOSED
        if self._outcome is not None:
            try:
                self._settle(self._reader.end())
            except UnavailableError as error:
                self._settle(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits, and whoever keeps the connection."""
        self._state = _State.CLOSED
        self._settle(_loss(exc))
        self._on_lost(self)

    def pause_writing(self) -> None:
        """The server reads more slowly than we write."""
        self._is_write_paused = True

    def resume_writing(self) -> None:
        """The server has read."""
        self._is_write_paused = False
        self._wake_writer()

    # within

    async def _write_pieces(
        self, head: bytes, body: bytes, awaited: asyncio.Future[Answer | UnavailableError]
    ) -> None:
        """Write until all is written, or there is no need any more."""
        view = memoryview(body)
        self._transport.write(head)
        for start in range(0, len(body), PIECE_BYTES):
            if self._is_write_paused:
                self._room = self._loop.create_future()
                await self._room
            if awaited.done():
                self._state = _State.CLOSED  # the rest would be taken for a request
                return
            self._transport.write(view[start : start + PIECE_BYTES])

    def _settle(self, outcome: Answer | UnavailableError) -> None:
        """The first outcome counts."""
        awaited, self._outcome = self._outcome, None
        if awaited is not None and not awaited.done():  # done: cancelled
            awaited.set_result(outcome)
            self._wake_writer()

    def _wake_writer(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def _has_unsent(self) -> bool:
        return self._transport.get_write_buffer_size() > 0


def _loss(error: Exception | None) -> UnavailableError:
    match error:
        case None:
            return UnavailableError("connection_reset", "closed without an answer")
        case ssl.SSLError():  # TLS 1.3 tells of a refused client certificate only after the handshake
            return UnavailableError("tls_failed", str(error))
        case TimeoutError():  # the kernel's own: what was sent is not acknowledged
            return UnavailableError("timeout", str(error))
        case _:
            return UnavailableError("connection_reset", str(error) or type(error).__name__)
