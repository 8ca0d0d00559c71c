"""Requests out of bytes: the parser's callbacks, and all that it leaves to us while a request comes.

Knows httptools' parser and no transport; what a request means it asks `routes`, and what comes of it
it tells the connection, in the order of the requests.
"""

import logging
from enum import Enum
from typing import Protocol

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser
from httptools.parser.errors import HttpParserInvalidMethodError

from gateway.receiver.body import Body
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
from gateway.receiver.responses import FAILED, RequestRefusedError, Response
from gateway.receiver.routes import Exchange, Request
from gateway.receiver.service import Service
from gateway.receiver.upgrade import HeadSeen
from gateway.receiver.waiting import Waiting

logger = logging.getLogger(__name__)

MAX_DISCARDED_BYTES = 256 << 10
"""The rest of a refused request that is read away to keep its connection; a larger one ends it."""
UNKNOWN_LINE = b"\0"
"""What stands for a request line that came in one chunk with the end of a request begun before."""


class Phase(Enum):
    """Where the reading stands. IDLE → HEAD → BODY → IDLE; any → ENDED, which is final."""

    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    REFUSED = "refused"
    """Answered from its head; its body is read away."""
    ENDED = "ended"
    """The last answer is given, if not written; what still comes is thrown away."""


class Answering(Protocol):
    """A connection, as its reader sees it."""

    def answer(self, answer: Response | Waiting, *, is_head: bool, keeps_alive: bool) -> None:
        """The answer to the next request; ends the reading (`RequestReader.end`) if it is the last."""

    def tell_to_continue(self) -> None:
        """The client waits with its body until it is told."""


class RequestReader:
    """Reads the requests of one connection, and has each answered as soon as it can be."""

    def __init__(self, service: Service, connection: Answering) -> None:
        # For the connection's life.
        self._service = service
        self._connection = connection
        self._body = Body(service)
        self.on_body = self._body.add
        """The parser's: a piece of the body."""
        self._parser = HttpRequestParser(self)
        self.refusal: Response | None = None
        """The answer to every request: the client may not post."""
        self.phase = Phase.IDLE
        self.since = 0.0
        """When the phase or the request began; 0.0: within this chunk, to be noted at its end."""
        # For one readable chunk.
        self.answers = 0
        """How many it has brought, interim ones too."""
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
        self.exchange: Exchange | None = None
        """None until the head is found good."""

    # the connection's side

    @property
    def is_receiving(self) -> bool:
        """Whether there is a request that has begun to come and is not answered."""
        return self.phase in (Phase.HEAD, Phase.BODY)

    def is_in_the_way(self, now: float) -> bool:
        """Whether its body comes too slowly for the room that it holds and others may need."""
        return self._body.is_in_the_way(now)

    def read(self, data: bytes) -> None:
        """Parse what came, which answers it; then note the time."""
        before = self.phase
        self.answers = 0
        self._chunk_bytes = len(data)
        self._feed(data, before)
        if not self.since:
            self.since = self._service.clock()
            if self.phase is Phase.HEAD and not self._target:
                self._line = behind_whole_requests(data) if before is Phase.IDLE else UNKNOWN_LINE
        elif self.phase is not Phase.IDLE:
            self._watch(data)
        if self._headers and self.is_receiving and self._may_be_too_large():
            self._watch_lines()

    def end(self) -> None:
        """Read no more."""
        self.phase = Phase.ENDED
        self._body.release()

    def close(self) -> None:
        """End, and let go of the connection, and of the parser, which holds this object's methods."""
        self.end()
        del self._parser, self._connection

    # the parser's side

    def on_message_begin(self) -> None:
        """A request's first byte; after an answer that ends the connection there is no next request."""
        if self.phase is not Phase.IDLE:
            raise _Ended
        self.phase = Phase.HEAD
        self.since = 0.0
        self._target = self._line = b""
        self._headers = []
        self._head_bytes = 0
        self.exchange = None

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
        if self.since or self._may_be_too_large():
            check_header_size(headers, limits)  # most heads come whole, and are small
        version = parser.get_http_version()
        fields = combine(headers)
        length = body_length(version, fields)
        self._keeps_alive = version == HTTP_1_1 and parser.should_keep_alive()
        self._headers = []
        if parser.should_upgrade():
            self._upgrade_framing = body_framing(length)
        decision = self.refusal or self._service.routes.head(
            Request(self._method, self._target, headers, fields, length)
        )
        waits = version == HTTP_1_1 and length != 0 and b"expect" in fields
        if isinstance(decision, Response):
            self._refuse(decision, rest=MAX_DISCARDED_BYTES + 1 if length is None or waits else length)
            return
        self.exchange = decision
        self.phase = Phase.BODY
        self._body.expect()
        if waits:
            self.answers += 1
            self._connection.tell_to_continue()

    def on_message_complete(self) -> None:
        """The request is complete, and so is its answer."""
        if self._upgrade_framing:
            return  # llhttp skips the body, but it is still to come
        if self._headers:  # a trailer; the parser does heed its Connection, and will read nothing after it
            self._keeps_alive = self._keeps_alive and self._parser.should_keep_alive()
        if self.phase is Phase.BODY:
            assert self.exchange is not None, "found good before its body"
            answer = self._service.routes.body(self.exchange, self._body.take())
            self.answers += 1
            self._connection.answer(answer, is_head=False, keeps_alive=self._keeps_alive)
        if self.phase is Phase.BODY or self.phase is Phase.REFUSED:
            self.phase = Phase.IDLE
            self.since = 0.0

    # within

    def _feed(self, data: bytes, before: Phase) -> None:
        """Give `data` to the parser, and whatever stops it its answer."""
        pieces: list[bytes | memoryview] = [data]
        while pieces and self.phase is not Phase.ENDED:
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
            line = UNKNOWN_LINE if self.answers or before is not Phase.HEAD else self._line + data
        try:
            if (target := unknown_method(line, self._service.limits)) is None:
                return
        except RequestRefusedError as error:
            self._end_with(error.response)
        else:
            self._end_with(self.refusal or self._service.routes.refuse_method(target))

    def _stop(self, error: HttpParserError, data: bytes, before: Phase) -> None:
        """Answer what stopped the parser for good: the client's fault, or ours."""
        cause = error.__context__
        match self.phase:
            case Phase.ENDED:
                pass  # the last answer is given, and what comes behind it gets none
            case Phase.REFUSED:
                self.end()  # it has its answer
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
        if self.phase is Phase.HEAD:
            if not self._target:
                self._line += data
            self._head_bytes += len(data)
            if self._head_bytes > limits.max_request_line_bytes + limits.max_header_bytes:
                self._end_with(header_too_large(limits))
        elif self.phase is Phase.BODY and self._body.is_silent(len(data)):
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
        if self.phase is not Phase.ENDED:
            self.phase = Phase.REFUSED

    def _answer(self, response: Response) -> None:
        self.answers += 1
        self._connection.answer(response, is_head=self._method == b"HEAD", keeps_alive=self._keeps_alive)

    def _end_with(self, response: Response) -> None:
        """The connection's last answer."""
        self._keeps_alive = False
        self._answer(response)


class _Ended(Exception):  # noqa: N818 - it is no error: it stops a parser that has come to the end
    """There is no next request on this connection."""
