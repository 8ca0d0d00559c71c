"""The connections of the administration interface, bounded in number and in time: aiohttp bounds neither.

Who is being answered is bounded by the answer; who is not has so long for a whole head.
"""

import asyncio
from collections.abc import Callable
from typing import cast

MAX_VISITORS = 64
"""Beyond, the first that is not being answered makes place; where there is none the newest goes."""
HEAD_SECONDS = 10.0
"""From a connection's beginning, or from a request's first byte, to the end of its head."""
IDLE_SECONDS = 75.0
"""From an answer to the end of the next head."""


class Visitors:
    """Those that are there; the first has come first."""

    def __init__(self, *, head_seconds: float = HEAD_SECONDS) -> None:
        self.head_seconds = head_seconds
        self._present: dict[asyncio.BaseTransport, Visitor] = {}

    def join(self, visitor: "Visitor") -> None:
        """One more; another may have to go."""
        self._present[visitor.transport] = visitor
        if len(self._present) > MAX_VISITORS:
            waiting = (each for each in self._present.values() if not each.is_answered)
            first = next(waiting)
            self.leave(first)
            first.transport.abort()

    def leave(self, visitor: "Visitor") -> None:
        """One less."""
        self._present.pop(visitor.transport, None)

    def of(self, transport: asyncio.BaseTransport | None) -> "Visitor | None":
        """Whose that is; None if gone."""
        return self._present.get(transport) if transport is not None else None


class Visitor(asyncio.Protocol):
    """A connection in front of its handler, aiohttp's, which does all but watch the time."""

    def __init__(self, visitors: Visitors, make_handler: Callable[[], asyncio.Protocol]) -> None:
        self.transport: asyncio.Transport
        self.is_answered = False
        """Whether a whole head has come, and its answer is under way."""
        self._visitors = visitors
        self._handler = make_handler()
        self._timer: asyncio.TimerHandle | None = None
        self._has_begun = False
        """Whether the time of a head that is under way is running."""

    def begin(self) -> None:
        """A whole head has come."""
        self.is_answered = True
        self._stop()

    def end(self) -> None:
        """It is answered."""
        self.is_answered = self._has_begun = False
        self._watch(IDLE_SECONDS)

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Come in."""
        self.transport = cast("asyncio.Transport", transport)
        self._has_begun = True
        self._watch(self._visitors.head_seconds)
        self._handler.connection_made(transport)
        self._visitors.join(self)

    def data_received(self, data: bytes) -> None:
        """A head, or a part of it; what comes while another is answered is the handler's to bound."""
        if not (self.is_answered or self._has_begun):
            self._has_begun = True
            self._watch(self._visitors.head_seconds)
        self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        """The client has ended its side."""
        return self._handler.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Go."""
        self._stop()
        self._visitors.leave(self)
        self._handler.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """The client has read."""
        self._handler.resume_writing()

    # within

    def _watch(self, seconds: float) -> None:
        self._stop()
        if not self.transport.is_closing():
            self._timer = asyncio.get_running_loop().call_later(seconds, self.transport.abort)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
