"""One HTTP/1.1 connection: bytes in, answers out, in the parser's callbacks and without a task.

Knows asyncio's transport and httptools' parser; what a request means it asks `routes`. All answers go
through `_answer`, in the order of their requests, and are written once per readable chunk; from the first
that is not known yet on they stand in line, and are written once per turn in which some become known.
"""

import asyncio
import logging
from enum import Enum
from typing import cast

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser
from httptools.parser.errors import HttpParserInvalidMethodError

from gateway.errors import Reason
from gateway.receiver.answers import Answers
from gateway.receiver.body import Body
from gateway.receiver.flow import Flow
from gateway.receiver.framing import (
    HTTP_1_1,
    behind_whole_requests,
    body_framing,
    body_length,
    check_header_size,
    combine,
    header_too_large,
    line_too_long,
    parser_refusal,
    unknown_method,
)
from gateway.receiver.responses import (
    ACCEPTED,
    CONTINUE,
    FAILED,
    TIMED_OUT,
    RequestRefusedError,
    Response,
    malformed,
    unavailable,
)
from gateway.receiver.routes import Exchange, Request
from gateway.receiver.service import Service
from gateway.receiver.upgrade import HeadSeen
from gateway.receiver.waiting import Waiting

logger = logging.getLogger(__name__)

MAX_DISCARDED_BYTES = 256 << 10
"""The rest of a refused request that is read away to keep its connection; a larger one ends it."""
UNKNOWN_LINE = b"\0"
"""What stands for a request line that came in one chunk with the end of a request begun before."""
MAX_STRANGE_HEADS = 16
"""After so many requests in a row that are in pieces or under new heads, a connection's are not looked up."""
CONNECTION_RETRY_SECONDS = 1
"""What a client is told that finds every connection taken."""


class Phase(Enum):
    """Where a connection stands. IDLE → HEAD → BODY → IDLE; any → ENDING → CLOSING, which is final."""

    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    REFUSED = "refused"
    """Answered from its head; its body is read away."""
    ENDING = "ending"
    """Its last answer is put down, if not written; nothing more is read."""
    CLOSING = "closing"
    """Our side has ended; what still comes is thrown away, so that no reset overtakes the last answer."""


ENDED = (Phase.ENDING, Phase.CLOSING)


class HttpConnection(asyncio.Protocol):
    """The receiver's end of one connection."""

    def __init__(self, service: Service) -> None:
        # For the connection's life.
        self._service = service
        self._transport: asyncio.Transport
        self._flow: Flow
        self._body = Body(service)
        self.on_body = self._body.add
        """The parser's: a piece of the body."""
        self._answers = Answers(service, self)
        self._parser = HttpRequestParser(self)
        self._phase = Phase.IDLE
        self._since = 0.0
        """When the phase or the request began; 0.0: within this chunk, to be noted at its end."""
        self._has_client_ended = False
        self._strange_heads = 0
        """Requests since the last whose head was known."""
        # For one readable chunk.
        self._in_line_before = 0
        """Answers that stand in line from chunks before."""
        self._chunk_bytes = 0
        # For one request.
        self._line = b""
        """Of a request line that came in pieces, what came before the target."""
        self._method = b""
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        """Of a head that came in pieces, the bytes of the pieces but its first."""
        self._keeps_alive = True
        self._upgrade_framing = b""
        """Of a request that offers another protocol: the header line that frames its body."""
        self._exchange: Exchange | None = None
        """None until the head is found good."""

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the receiver's connections; beyond their limit be told so, beyond twice the limit be gone."""
        self._transport = cast("asyncio.Transport", transport)
        self._flow = Flow(self._transport)
        service = self._service
        self._since = service.clock()
        present = len(service.connections)
        service.connections.add(self)
        if present >= 2 * service.limits.max_connections:
            self._transport.abort()
        elif present >= service.limits.max_connections:
            self._answer(unavailable(Reason.NO_ROOM, CONNECTION_RETRY_SECONDS, closes=True))
            self._write()

    def data_received(self, data: bytes) -> None:
        """Parse what came, which answers it; then write the answers, and note the time."""
        before = self._phase
        may_be_known = before is Phase.IDLE and self._strange_heads < MAX_STRANGE_HEADS
        if (may_be_known and self._answer_known(data)) or before in ENDED:
            return
        self._chunk_bytes = len(data)
        self._in_line_before = len(self._answers.line)
        self._feed(data, before)
        if may_be_known:
            self._remember(data)
        if not self._since:
            self._since = self._service.clock()
            if self._phase is Phase.HEAD and not self._target:
                self._line = behind_whole_requests(data) if before is Phase.IDLE else UNKNOWN_LINE
        elif self._phase is not Phase.IDLE:
            self._watch(data)
        if self._headers and self._is_receiving and self._may_be_too_large():
            self._watch_lines()
        if self._answers.encoded:
            self._write()

    def eof_received(self) -> bool:
        """The client has ended its side: a request cut short is none. What it is owed it still gets.

        Then the transport is kept (True), else it closes itself; one that has no half cannot be kept.
        """
        self._has_client_ended = True
        if self._is_receiving:
            self._end_with(malformed(400, "the connection ended within the request"))
        elif self._answers.line:
            self._end()
        return bool(self._answers.line) and self._transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Give back what was held."""
        self._phase = Phase.CLOSING
        self._body.release()
        self._answers.drop()
        del self._parser  # it holds this object's methods, and is held by it
        self._service.connections.discard(self)
        self._service.on_connection_ended()

    def pause_writing(self) -> None:
        """The client does not read its answers, so no more of its requests are read."""
        self._flow.pause_writing()

    def resume_writing(self) -> None:
        """The client has read."""
        self._flow.resume_writing()

    # the receiver's side

    @property
    def has_open_request(self) -> bool:
        """Whether there is a request that has begun to come and is not answered."""
        return self._is_receiving or bool(self._answers.line)

    def write_known(self) -> None:
        """Write the answers that are known from the front of the line on; the last owed may be the last."""
        if self._phase is Phase.CLOSING:
            return
        answers = self._answers
        ends = self._phase is Phase.ENDING or (self._service.is_draining and not self._is_receiving)
        if answers.advance(ends=ends):
            self._end()
        if not answers.encoded:
            return
        if self._phase is Phase.IDLE:
            self._since = self._service.clock()
        self._flow.owe(too_much=answers.is_full)
        self._write()

    def check_time(self, now: float) -> None:
        """End what has lasted too long at `now`: a request, a pause between two, our wait for the end."""
        lasted = now - self._since
        limits = self._service.limits
        match self._phase:
            case Phase.IDLE if lasted >= limits.idle_timeout_seconds:
                self.close_idle()
            case Phase.HEAD | Phase.BODY if lasted >= limits.request_timeout_seconds:
                self._end_with(TIMED_OUT)
            case Phase.REFUSED if lasted >= limits.request_timeout_seconds:
                self._end_without_answer()
            case Phase.CLOSING if lasted >= limits.linger_seconds:
                self._transport.abort()

    def close_idle(self) -> None:
        """End the connection now if no request is under way."""
        if self._phase is not Phase.IDLE or self._answers.line:
            return
        self._phase = Phase.CLOSING
        if self._flow.is_write_paused:
            self._transport.abort()
        else:
            self._transport.close()

    def abort(self) -> None:
        """End the connection whatever is under way."""
        self._transport.abort()

    # the parser's side

    def on_message_begin(self) -> None:
        """A request's first byte; after an answer that ends the connection there is no next request."""
        if self._phase is not Phase.IDLE:
            raise _Ended
        self._phase = Phase.HEAD
        self._since = 0.0
        self._target = self._line = b""
        self._headers = []
        self._head_bytes = 0
        self._exchange = None

    def on_url(self, piece: bytes) -> None:
        """The request target, or a piece of it."""
        self._target = self._target + piece if self._target else piece
        if len(self._target) > self._service.limits.max_request_line_bytes:
            raise RequestRefusedError(line_too_long(self._service.limits))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header line, or a trailer's: those are kept until the request's end and never read."""
        self._headers.append((name.lower(), value.rstrip()))

    def on_headers_complete(self) -> None:
        """The head is complete: refuse the request, or know how to read its body."""
        parser, headers = self._parser, self._headers
        limits = self._service.limits
        self._method = parser.get_method()
        if self._since or self._may_be_too_large():
            check_header_size(headers, limits)  # most heads come whole, and are small
        version = parser.get_http_version()
        fields = combine(headers)
        length = body_length(version, fields)
        self._keeps_alive = version == HTTP_1_1 and parser.should_keep_alive()
        self._headers = []
        if parser.should_upgrade():
            self._upgrade_framing = body_framing(length)
        decision = self._service.routes.head(Request(self._method, self._target, headers, fields, length))
        waits = version == HTTP_1_1 and length != 0 and b"expect" in fields
        if isinstance(decision, Response):
            self._refuse(decision, rest=MAX_DISCARDED_BYTES + 1 if length is None or waits else length)
            return
        self._exchange = decision
        self._phase = Phase.BODY
        self._body.expect(length or 0)
        if waits:
            self._answers.put_interim(CONTINUE)

    def on_message_complete(self) -> None:
        """The request is complete, and so is its answer."""
        if self._upgrade_framing:
            return  # llhttp skips the body, but it is still to come
        if self._headers:  # a trailer; the parser does heed its Connection, and will read nothing after it
            self._keeps_alive = self._keeps_alive and self._parser.should_keep_alive()
        if self._phase is Phase.BODY:
            assert self._exchange is not None, "found good before its body"
            self._answer(self._service.routes.body(self._exchange, self._body.take()))
        if self._phase is Phase.BODY or self._phase is Phase.REFUSED:
            self._phase = Phase.IDLE
            self._since = 0.0

    # within

    @property
    def _is_receiving(self) -> bool:
        return self._phase in (Phase.HEAD, Phase.BODY)

    @property
    def _answers_in_chunk(self) -> int:
        """How many requests of this chunk have been answered, known or not."""
        return len(self._answers.encoded) + len(self._answers.line) - self._in_line_before

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
            response = service.routes.body(*known)
        except Exception:  # as in the parser's callbacks: the top of a request
            logger.exception("a request failed")
            self._end_with(FAILED)
            return True
        self._answer(response)
        self._since = service.clock()
        if self._answers.encoded:
            self._write()
        return True

    def _remember(self, data: bytes) -> None:
        """Know the head again, if `data` was one request, whole and found good."""
        self._strange_heads += 1
        if self._phase is Phase.IDLE and self._exchange is not None and self._answers_in_chunk == 1:
            self._service.heads.remember(data, self._exchange)

    def _feed(self, data: bytes, before: Phase) -> None:
        """Give `data` to the parser, and whatever stops it its answer."""
        pieces: list[bytes | memoryview] = [data]
        while pieces and self._phase not in ENDED:
            piece = pieces.pop()
            try:
                self._parser.feed_data(piece)
            except HttpParserUpgrade as upgrade:
                pieces += memoryview(piece)[upgrade.args[0] :], self._decline_upgrade()
            except HttpParserError as error:
                self._stop(error, data, before)

    def _decline_upgrade(self) -> bytes:
        """Go on in HTTP/1.1 where another protocol was offered: a server may ignore that (RFC 9110 7.8).

        llhttp takes the rest for the other protocol. A fresh parser, told by the head returned here how
        the body is framed, reads it for what it is.
        """
        head = b"POST / HTTP/1.1\r\n" + self._upgrade_framing + b"\r\n\r\n"
        self._upgrade_framing = b""
        self._parser = HttpRequestParser(HeadSeen(self))
        return head

    def _read_line(self, data: bytes, before: Phase) -> None:
        """Answer a method that the parser does not know, once the request line is there."""
        if before is Phase.IDLE:
            line = behind_whole_requests(data)
        else:
            line = UNKNOWN_LINE if self._answers_in_chunk or before is not Phase.HEAD else self._line + data
        try:
            if (target := unknown_method(line, self._service.limits)) is None:
                return
        except RequestRefusedError as error:
            self._end_with(error.response)
        else:
            self._end_with(self._service.routes.refuse_method(target))

    def _stop(self, error: HttpParserError, data: bytes, before: Phase) -> None:
        """Answer what stopped the parser for good: the client's fault, or ours."""
        cause = error.__context__
        match self._phase:
            case Phase.ENDING | Phase.CLOSING:
                pass  # the last answer is given, and what comes behind it gets none
            case Phase.REFUSED:
                self._end_without_answer()
            case _ if isinstance(error, HttpParserInvalidMethodError):
                self._read_line(data, before)
            case _ if not isinstance(error, HttpParserCallbackError):
                self._end_with(parser_refusal(error))
            case _ if isinstance(cause, RequestRefusedError):
                self._end_with(cause.response)
            case _ if isinstance(cause, Exception):
                logger.error("a request failed", exc_info=cause)
                self._end_with(FAILED)
            case _:
                raise cause or error

    def _watch(self, data: bytes) -> None:
        """Bound what comes in pieces and is neither target, whole header line nor content of the body."""
        limits = self._service.limits
        if self._phase is Phase.HEAD:
            if not self._target:
                self._line += data
            self._head_bytes += len(data)
            if self._head_bytes > limits.max_request_line_bytes + limits.max_header_bytes:
                self._end_with(header_too_large(limits))
        elif self._phase is Phase.BODY and self._body.is_silent(len(data)):
            self._end_with(header_too_large(limits))

    def _may_be_too_large(self) -> bool:
        """Whether the header lines are worth adding up; behind the first chunk `_watch` counts the bytes."""
        limits = self._service.limits
        return self._chunk_bytes > limits.max_header_bytes or len(self._headers) > limits.max_header_lines

    def _watch_lines(self) -> None:
        """Bound what is kept of a head, or of a trailer, whose end has not come: it may never come."""
        try:
            check_header_size(self._headers, self._service.limits)
        except RequestRefusedError as refusal:
            self._end_with(refusal.response)

    def _refuse(self, response: Response, *, rest: int) -> None:
        """Answer before the body; read a small `rest` of it away, end the connection over a large one."""
        if rest > MAX_DISCARDED_BYTES:
            self._keeps_alive = False
        self._answer(response)
        self._method = b""
        if self._phase not in ENDED:
            self._phase = Phase.REFUSED

    def _answer(self, answer: Response | Waiting) -> None:
        """Put down the answer to the oldest request without one; it is written with the chunk's others."""
        service, answers = self._service, self._answers
        closes = service.is_draining or not self._keeps_alive
        if answer is ACCEPTED and not closes and not answers.line:
            service.statistics.requests[202] += 1
            answers.encoded.append(service.writer.accepted)
        elif isinstance(answer, Waiting) or answers.line:
            answers.put_in_line(answer, is_head=self._method == b"HEAD")
            self._flow.owe(too_much=answers.is_full)
            if not self._keeps_alive or (isinstance(answer, Response) and answer.closes):
                self._end()
        else:
            closes = closes or answer.closes
            answers.put(answer, is_head=self._method == b"HEAD", closes=closes)
            if closes:
                self._end()

    def _write(self) -> None:
        encoded = self._answers.encoded
        self._transport.write(encoded[0] if len(encoded) == 1 else b"".join(encoded))
        encoded.clear()
        if self._phase is Phase.ENDING and not self._answers.line:
            self._close()

    def _end_with(self, response: Response) -> None:
        """The connection's last answer."""
        self._keeps_alive = False
        self._answer(response)
        if self._answers.encoded:
            self._write()

    def _end(self) -> None:
        """Read no more: the last answer is put down."""
        self._phase = Phase.ENDING
        self._body.release()

    def _end_without_answer(self) -> None:
        """The last answer was put down before, and may be written by now."""
        self._end()
        if not self._answers.encoded and not self._answers.line:
            self._close()

    def _close(self) -> None:
        """End our side; the client's end, or the sweep, ends the connection."""
        self._phase = Phase.CLOSING
        self._since = self._service.clock()
        self._body.release()
        if self._transport.can_write_eof() and not self._has_client_ended:
            self._transport.write_eof()
        else:
            self._transport.close()
        self._service.on_connection_ended()


class _Ended(Exception):  # noqa: N818 - it is no error: it stops a parser that has come to the end
    """There is no next request on this connection."""
