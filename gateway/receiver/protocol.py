"""One HTTP/1.1 connection: bytes in, answers out, without a task.

Knows asyncio's transport; the requests come from its reader. All answers go through `answer`, in the order
of their requests, and are written once per readable chunk; from the first that is not known yet on they
stand in line, and are written once per turn in which some become known.
"""

import asyncio
import logging
import socket
from typing import cast

from gateway.errors import Reason
from gateway.receiver.answers import Answers
from gateway.receiver.flow import Flow
from gateway.receiver.limits import ReceiverLimits
from gateway.receiver.peers import peer_of
from gateway.receiver.reader import Phase, RequestReader
from gateway.receiver.responses import (
    ACCEPTED,
    CONTINUE,
    FAILED,
    TIMED_OUT,
    Response,
    malformed,
    unavailable,
)
from gateway.receiver.service import Service
from gateway.receiver.waiting import Waiting

logger = logging.getLogger(__name__)

MAX_STRANGE_HEADS = 16
"""After so many requests in a row that are in pieces or under new heads, a connection's are not looked up."""
PIECE_BYTES = 16 << 10
"""How much is read at most before a look at how much is owed: a hundred requests, or a large one."""
CONNECTION_RETRY_SECONDS = 1
"""What a client is told that finds every connection taken."""


class HttpConnection(asyncio.Protocol):
    """The receiver's end of one connection.

    When its reader has ended and nothing is owed any more our side ends (it is closing); what still comes is
    thrown away, so that no reset overtakes the last answer.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._transport: asyncio.Transport
        self._flow: Flow
        self._reader = RequestReader(service, self)
        self._answers = Answers(service, self)
        self._unread = b""
        """What came and is not read, because too much is owed."""
        self._peer: str | None = None
        self._ends_at = 0.0
        self._answers_left = service.limits.max_requests_per_connection
        """The last of them says so, and is counted on; 1: the connection is old."""
        self._is_closing = False
        self._has_client_ended = False
        self._strange_heads = 0
        """Requests since the last whose head was known."""

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the receiver's connections; beyond a limit be told so, beyond twice the limit be gone."""
        self._transport = cast("asyncio.Transport", transport)
        self._flow = Flow(self._transport)
        service = self._service
        self._reader.since = service.clock()
        self._ends_at = service.end_of_age()
        self._peer = peer_of(transport.get_extra_info("peername"))
        times_taken = service.join(self, self._peer)
        if times_taken > 1:
            self._transport.abort()
        elif times_taken:
            self._end_with(unavailable(Reason.NO_ROOM, CONNECTION_RETRY_SECONDS, closes=True))
        else:
            self.judge()

    def data_received(self, data: bytes) -> None:
        """Read what came, which answers it; then write the answers."""
        reader = self._reader
        may_be_known = reader.phase is Phase.IDLE and self._strange_heads < MAX_STRANGE_HEADS
        if may_be_known and self._answer_known(data):
            return
        if reader.phase is Phase.ENDED:
            return
        if len(data) > PIECE_BYTES:
            self._read_pieces(data)
        else:
            reader.read(data)
            if may_be_known:
                self._remember(data)
        self._write()

    def eof_received(self) -> bool:
        """The client has ended its side: a request cut short is none. What it is owed it still gets.

        Then the transport is kept (True), else it closes itself; one that has no half cannot be kept.
        """
        self._has_client_ended = True
        if self._reader.is_receiving:
            self._end_with(malformed(400, "the connection ended within the request"))
        elif self._answers.line:
            self._reader.end()
        return bool(self._answers.line) and self._transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Give back what was held."""
        self._is_closing = True
        self._reader.close()
        self._answers.drop()
        self._service.leave(self, self._peer)

    def pause_writing(self) -> None:
        """The client does not read its answers, so no more of its requests are read."""
        self._flow.pause_writing(self._service.clock())

    def resume_writing(self) -> None:
        """The client has read."""
        self._flow.resume_writing()

    # the receiver's side

    @property
    def has_open_request(self) -> bool:
        """Whether there is a request that has begun to come and is not answered."""
        return self._reader.is_receiving or bool(self._answers.line)

    def write_known(self) -> None:
        """Write the answers that are known from the front of the line on; the last owed may be the last."""
        if self._transport.is_closing() or self._write_accepted():
            return
        answers, reader = self._answers, self._reader
        held_up = answers.hold_client_up
        ends = reader.phase is Phase.ENDED or (self._service.is_draining and not reader.is_receiving)
        if answers.advance(ends=ends):
            reader.end()
        if reader.phase is Phase.IDLE or (held_up and not answers.hold_client_up):
            reader.since = self._service.clock()
        if self._unread:
            unread, self._unread = self._unread, b""
            self._read_pieces(unread)
        self._flow.owe(too_much=answers.is_full)
        self._write()

    def _write_accepted(self) -> bool:
        """Write the only answer that is owed, if it is the usual one: 2 µs less than the long way."""
        line, reader, service = self._answers.line, self._reader, self._service
        if len(line) != 1 or reader.phase is not Phase.IDLE or service.is_draining:
            return False
        answer = line[0][0]
        if not isinstance(answer, Waiting) or not answer.is_plainly_accepted:
            return False
        line.clear()
        reader.since = service.clock()
        self._write_202()
        return True

    def check_time(self, now: float) -> None:
        """End what has lasted too long at `now`: a request, a pause between two, our wait for the end."""
        lasted = now - self._reader.since
        limits = self._service.limits
        if self._flow.is_stuck(limits, now):
            self._transport.abort()
            return
        if now >= self._ends_at:
            self._answers_left = min(self._answers_left, 1)
        match self._reader.phase:
            case Phase.IDLE if lasted >= self._patience_seconds(limits):
                self.close_idle()
            case Phase.HEAD | Phase.BODY if lasted >= limits.request_timeout_seconds:
                if not self._answers.hold_client_up:
                    self._end_with(TIMED_OUT)
            case Phase.BODY if self._reader.is_in_the_way(now):
                self._end_with(TIMED_OUT)
            case Phase.REFUSED if lasted >= limits.request_timeout_seconds:
                self._reader.end()
                self._write()
            case Phase.ENDED if self._is_closing and lasted >= limits.linger_seconds:
                self._transport.abort()

    def close_idle(self) -> None:
        """End the connection now if no request is under way."""
        if self._reader.phase is not Phase.IDLE or self._answers.line:
            return
        self._reader.end()
        self._is_closing = True
        if self._flow.is_write_paused:
            self._transport.abort()
        else:
            self._transport.close()

    def abort(self) -> None:
        """End the connection whatever is under way."""
        self._transport.abort()

    def judge(self) -> None:
        """Find out whether the client may post; if not, a head that others may send is not known here."""
        if self._is_unix:
            return
        refusal = self._service.access.refuse_connection(self._transport.get_extra_info("peercert"))
        self._reader.refusal = refusal
        self._strange_heads = 0 if refusal is None else MAX_STRANGE_HEADS

    def renew(self) -> None:
        """End with the next answer, unless on a Unix socket."""
        if not self._is_unix:
            self._answers_left = min(self._answers_left, 1)

    # the reader's side

    def answer(self, answer: Response | Waiting, *, is_head: bool = False, keeps_alive: bool = True) -> None:
        """Put down the answer to the oldest request without one; it is written with the chunk's others."""
        service, answers = self._service, self._answers
        self._answers_left -= 1
        keeps_alive = keeps_alive and self._answers_left > 0
        closes = service.is_draining or not keeps_alive
        if answer is ACCEPTED and not closes and not answers.line:
            service.statistics.requests[202] += 1
            answers.encoded.append(service.writer.accepted)
        elif isinstance(answer, Waiting) or answers.line:
            answers.put_in_line(answer, is_head=is_head)
            self._flow.owe(too_much=answers.is_full)
            if not keeps_alive or (isinstance(answer, Response) and answer.closes):
                self._reader.end()
        else:
            closes = closes or answer.closes
            answers.put(answer, is_head=is_head, closes=closes)
            if closes:
                self._reader.end()

    def tell_to_continue(self) -> None:
        """Put down an interim answer."""
        self._answers.put_interim(CONTINUE)

    # within

    @property
    def _is_unix(self) -> bool:
        """Whether it came to a Unix socket."""
        connection: socket.socket | None = self._transport.get_extra_info("socket")
        return connection is not None and connection.family == socket.AF_UNIX

    def _patience_seconds(self, limits: ReceiverLimits) -> float:
        """How long to wait for the next request."""
        if self._answers_left == limits.max_requests_per_connection:  # it would be the first
            return min(limits.first_byte_timeout_seconds, limits.idle_timeout_seconds)
        return limits.idle_timeout_seconds

    def _answer_known(self, data: bytes) -> bool:
        """Answer `data` without the parser, which is between two requests, if that cannot make a difference.

        It cannot for one whole request under a known head, when there is room for it.
        """
        service = self._service
        known = service.heads.recall(data)
        if known is None or not service.routes.has_room(*known):
            return False
        self._strange_heads = 0
        try:
            answer = service.routes.body(*known)
        except Exception:  # as in the parser's callbacks: the top of a request
            logger.exception("a request failed")
            self._end_with(FAILED)
            return True
        self._reader.since = service.clock()
        if answer is ACCEPTED and self._owes_nothing():
            self._answers_left -= 1
            self._write_202()
        else:
            self.answer(answer)
            self._write()
        return True

    def _owes_nothing(self) -> bool:
        """Whether an answer may go out as it is: none stands before it, and it is not the last."""
        answers = self._answers
        is_last = self._answers_left <= 1 or self._service.is_draining
        return not (is_last or answers.line or answers.encoded)

    def _write_202(self) -> None:
        """Write the usual answer."""
        service = self._service
        service.statistics.requests[202] += 1
        self._transport.write(service.writer.accepted)

    def _read_pieces(self, data: bytes) -> None:
        """Read a chunk that may hold thousands of requests, until too much is owed; keep the rest."""
        for start in range(0, len(data), PIECE_BYTES):
            if self._reader.phase is Phase.ENDED:
                return
            if self._answers.is_full:
                self._unread = data[start:]
                self._flow.owe(too_much=True)  # answers that stand in line may have become known, and large
                return
            self._reader.read(data[start : start + PIECE_BYTES])

    def _remember(self, data: bytes) -> None:
        """Know the head again, if `data` was one request, whole and found good."""
        self._strange_heads += 1
        reader = self._reader
        if reader.phase is Phase.IDLE and reader.exchange is not None and reader.answers == 1:
            self._service.heads.remember(data, reader.exchange)

    def _write(self) -> None:
        """Write what is known, and end our side behind the last answer."""
        answers = self._answers
        if encoded := answers.encoded:
            self._transport.write(encoded[0] if len(encoded) == 1 else b"".join(encoded))
            encoded.clear()
        if self._reader.phase is Phase.ENDED and not answers.line and not self._is_closing:
            self._close()

    def _end_with(self, response: Response) -> None:
        """The connection's last answer."""
        self.answer(response, keeps_alive=False)
        self._write()

    def _close(self) -> None:
        """End our side; the client's end, or the sweep, ends the connection."""
        self._is_closing = True
        self._reader.since = self._service.clock()
        if self._transport.can_write_eof() and not self._has_client_ended:
            self._transport.write_eof()
        else:
            self._transport.close()
        self._service.on_connection_ended()
