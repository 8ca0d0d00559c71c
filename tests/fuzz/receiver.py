"""The receiver reduced to what it reads: its own connections, before routes that take every request."""

import re
from collections.abc import Sequence

from gateway.cloudevents.http import ContentMode, Envelope
from gateway.receiver.limits import ReceiverLimits
from gateway.receiver.protocol import HttpConnection
from gateway.receiver.responses import ACCEPTED, Response
from gateway.receiver.routes import CLOUDEVENTS, Exchange, Request, Routes
from gateway.receiver.service import Service
from gateway.receiver.waiting import Terms, Waiting
from tests.fuzz.reading import End, HttpRequest, Reading, Stream
from tests.support.http import WALL_TIME, Answer, answers
from tests.support.intake import FakeIntake
from tests.support.limits import limited
from tests.support.transport import FakeTransport

_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) [A-Z]")
_TERMS = Terms(ACCEPTED, None)


class EveryRoute(Routes):
    """Takes any request whatever it asks for, and keeps what was read."""

    def __init__(self, service: Service) -> None:
        super().__init__(FakeIntake(), service.limits, service.statistics, service.wall_clock)
        self.taken: list[HttpRequest] = []

    def head(self, request: Request) -> Exchange | Response:
        """Read on; the destination, which nobody asks for, remembers method and target."""
        line = (request.method + b" " + request.target).decode("latin-1")
        return Exchange(
            CLOUDEVENTS, line, Envelope(ContentMode.STRUCTURED, request.headers, None), None, _TERMS
        )

    def has_room(self, exchange: Exchange, body: bytes) -> bool:  # noqa: ARG002 - as in `Routes`
        """Always."""
        return True

    def body(self, exchange: Exchange, body: bytes) -> Response | Waiting:
        """202."""
        assert exchange.destination is not None, "from `head`"
        method, target = exchange.destination.encode("latin-1").split(b" ", 1)
        self.taken.append(HttpRequest(method, target, tuple(exchange.envelope.headers), body))
        return ACCEPTED


class Receiver:
    """One receiver for all streams, so that heads are known again as they are in production."""

    def __init__(self, limits: ReceiverLimits | None = None) -> None:
        self.service = Service(
            FakeIntake(), limits or limited(), clock=lambda: 1000.0, wall_clock=lambda: WALL_TIME
        )
        self._routes = EveryRoute(self.service)
        self.service.routes = self._routes

    def read(self, streams: Sequence[Stream]) -> list[Reading]:
        """One reading of each."""
        return [self.listen(stream)[0] for stream in streams]

    def listen(self, stream: Stream) -> tuple[Reading, list[Answer]]:
        """The reading, and what the client hears: one final answer to each request, the last a refusal."""
        connection, transport = HttpConnection(self.service), FakeTransport()
        taken: list[HttpRequest] = []
        self._routes.taken = taken
        connection.connection_made(transport)
        for piece in stream:
            connection.data_received(piece)
        was_ended = transport.has_ended
        connection.eof_received()
        heard = [answer for answer in answers(transport.written) if answer.status != 100]
        connection.connection_lost(None)
        refused = len(heard) > len(taken)
        return Reading(taken, End.REFUSED if refused else End.CLOSED if was_ended else End.IDLE), heard


TELLABLE = {200, 202, 400, 404, 405, 408, 413, 414, 415, 417, 422, 431, 501, 503, 505}
"""What anything that comes may be answered: not 500, and 502 is a bus's word."""


class WholeReceiver:
    """One receiver as it is, events and all, before an intake that takes everything."""

    def __init__(self) -> None:
        self._intake = FakeIntake()
        self.service = Service(self._intake, limited(), clock=lambda: 1000.0, wall_clock=lambda: WALL_TIME)

    def statuses(self, stream: Stream) -> list[int]:
        """What the requests of a stream are answered; 202 as often as the intake took something."""
        connection, transport = HttpConnection(self.service), FakeTransport()
        self._intake.accepted.clear()
        self._intake.asked.clear()
        connection.connection_made(transport)
        for piece in stream:
            connection.data_received(piece)
        connection.eof_received()
        statuses = [int(code) for code in _STATUS.findall(transport.written) if code != b"100"]
        connection.connection_lost(None)
        assert statuses.count(202) == len(self._intake.accepted)
        assert self.service.statistics.receiving_bytes == 0
        return statuses
