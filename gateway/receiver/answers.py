"""The answers of a connection: those to be written next, and the line from the first not known yet on.

HTTP/1.1 has no names for answers, only their order (RFC 9112 9.3.2), and the disk and the buses keep to
none. Knows no transport: the connection writes what is `encoded`.
"""

import asyncio
import logging
from collections import deque

from gateway.receiver.responses import ACCEPTED, FAILED, Response
from gateway.receiver.service import Connection, Service
from gateway.receiver.waiting import Waiting

logger = logging.getLogger(__name__)

MAX_OWED = 128
"""With so many answers owed no more requests are read, those of a piece that was begun excepted."""
MAX_OWED_BYTES = 1 << 20
"""The same for the bodies of answers that are known, behind one that is not."""
_RESOLUTION_SECONDS = 0.001
"""A timer of libuv counts milliseconds, and may come within one."""

Slot = tuple[Response | Waiting | bytes, bool]
"""An answer, or the bytes of an interim one, and whether it is HEAD's."""


class Answers:
    """The answers of one connection, in the order of its requests, whenever they become known.

    One timer watches them all: it is set for the first that runs out, and not moved when that one is
    answered before, so that a wait costs no timer of its own.
    """

    def __init__(self, service: Service, connection: Connection) -> None:
        self.encoded: list[bytes] = []
        """Counted, and to be written next."""
        self.line: deque[Slot] = deque()
        """Those behind; empty, or the first is not known, or `Service.write_soon` was asked for."""
        self._owed_bytes = 0
        """Of the bodies in line that are known."""
        self._service = service
        self._connection: Connection | None = connection
        """None once nobody reads the answers."""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    @property
    def is_full(self) -> bool:
        """Whether no more requests shall be read."""
        return len(self.line) >= MAX_OWED or self._owed_bytes >= MAX_OWED_BYTES

    @property
    def hold_client_up(self) -> bool:
        """Whether its request cannot go on for our sake.

        It is not read as too much is owed, or its client waits to be told to send the body: behind that
        nothing stands in line.
        """
        return self.is_full or (bool(self.line) and isinstance(self.line[-1][0], bytes))

    def put(self, response: Response, *, is_head: bool, closes: bool) -> None:
        """One that is known, when none is in line."""
        service = self._service
        statistics = service.statistics
        statistics.requests[response.status] += 1
        if response is ACCEPTED and not (closes or is_head):
            self.encoded.append(service.writer.accepted)
            return
        for reason, count in response.refused:
            statistics.events_refused[reason] += count
        encode = service.writer.encode_head if is_head else service.writer.encode
        self.encoded.append(encode(response, closes=closes))

    def put_interim(self, answer: bytes) -> None:
        """An interim answer, which counts for none."""
        if self.line:
            self.line.append((answer, False))
        else:
            self.encoded.append(answer)

    def put_in_line(self, answer: Response | Waiting, *, is_head: bool) -> None:
        """One that is not known yet, or behind such a one."""
        self.line.append((answer, is_head))
        if isinstance(answer, Waiting):
            answer.since = self._service.clock()
            answer.then = self._heard
            self._heard(answer)
        else:
            self._owed_bytes += len(answer.body)

    def advance(self, *, ends: bool) -> bool:
        """Put what is known from the front of the line on; if the connection `ends`, its last answer says so.

        Returns whether it ends: an answer that closes it may have others behind it.
        """
        line = self.line
        while line and (answer := _known(line[0][0])) is not None:
            slot, is_head = line.popleft()
            self._owed_bytes -= _body_bytes(slot)
            if isinstance(answer, bytes):
                self.encoded.append(answer)
            else:
                ends = ends or answer.closes
                self.put(answer, is_head=is_head, closes=ends and not line)
        return ends

    def drop(self) -> None:
        """The client is gone: its events stay accepted, and who tells of them tells nobody."""
        for answer, _ in self.line:
            if isinstance(answer, Waiting):
                answer.forget()
        self.line.clear()
        self._connection = None
        if self._timer is not None:
            self._timer.cancel()

    def _heard(self, waiting: Waiting) -> None:
        """It has an answer, or waits for something else now."""
        if not waiting.is_known:
            self._watch(waiting.since + waiting.patience_seconds)
            return
        self._owed_bytes += waiting.body_bytes
        if self.line[0][0] is waiting and self._connection is not None:
            self._service.write_soon(self._connection)

    def _watch(self, moment: float) -> None:
        """See to it that `_expire` comes at that moment at the latest."""
        if self._timer is not None:
            if self._timer_at <= moment:
                return
            self._timer.cancel()
        self._timer_at = moment
        delay = max(0.0, moment - self._service.clock())
        self._timer = asyncio.get_running_loop().call_later(delay, self._expire)

    def _expire(self) -> None:
        """End the waits that have lasted long enough, and watch the others."""
        self._timer = None
        now = self._service.clock() + _RESOLUTION_SECONDS
        for answer, _ in tuple(self.line):
            if isinstance(answer, Waiting) and not answer.is_known:
                moment = answer.since + answer.patience_seconds
                if moment <= now:
                    answer.expire()
                else:
                    self._watch(moment)


def _body_bytes(answer: Response | Waiting | bytes) -> int:
    match answer:
        case Waiting():
            return answer.body_bytes
        case Response():
            return len(answer.body)
    return 0


def _known(answer: Response | Waiting | bytes) -> Response | bytes | None:
    if not isinstance(answer, Waiting):
        return answer
    if not answer.is_known:
        return None
    try:
        return answer.response()
    except Exception:  # the top of a request
        logger.exception("a request failed")
        return FAILED
