"""HTTP/1.1 by hand: requests as bytes, answers read from bytes, and a connection to try them on."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from gateway.receiver.access import OPEN, Access
from gateway.receiver.limits import ReceiverLimits
from gateway.receiver.protocol import HttpConnection
from gateway.receiver.service import Service
from gateway.snapshots import ReceiverStatistics
from tests.support.intake import FakeIntake
from tests.support.limits import limited
from tests.support.transport import FakeTransport

EVENT = b'{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"n":1}}'
STRUCTURED = b"Content-Type: application/cloudevents+json"
BATCHED = b"Content-Type: application/cloudevents-batch+json"
WALL_TIME = 1_700_000_000.0


def request(
    *lines: bytes,
    method: bytes = b"POST",
    target: bytes = b"/",
    version: bytes = b"HTTP/1.1",
    host: bytes | None = b"Host: gateway.example",
    body: bytes | None = None,
) -> bytes:
    """A request with those header lines; `body` comes with its Content-Length."""
    start = b" ".join((method, target, version))
    length = [] if body is None else [b"Content-Length: %d" % len(body)]
    head = [start, *([] if host is None else [host]), *lines, *length]
    return b"".join(line + b"\r\n" for line in head) + b"\r\n" + (body or b"")


def delivery(*lines: bytes, body: bytes = EVENT, **parts: Any) -> bytes:
    """A structured event, POSTed."""
    return request(STRUCTURED, *lines, body=body, **parts)


def chunked(*pieces: bytes, lines: Iterable[bytes] = (), trailer: bytes = b"") -> bytes:
    """A structured event in chunks."""
    head = request(STRUCTURED, b"Transfer-Encoding: chunked", *lines)
    return (
        head
        + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        + b"0\r\n"
        + trailer
        + b"\r\n"
    )


class Answer(NamedTuple):
    """One answer as a client reads it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> Any:
        """The body as problem details."""
        assert self.headers["content-type"] == "application/problem+json"
        return json.loads(self.body)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)

    @property
    def closes(self) -> bool:
        """Whether the connection ends with it."""
        return self.headers.get("connection") == "close"


def answers(data: bytes) -> list[Answer]:
    """Every answer in `data`, which must hold nothing else."""
    found = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("ascii").split("\r\n")
        version, status, _ = status_line.split(" ", 2)
        assert version == "HTTP/1.1"
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        assert len(headers) == len(lines), "a field is there twice"
        length = 0 if status == "100" else int(headers["content-length"])
        found.append(Answer(int(status), headers, data[:length]))
        data = data[length:]
    return found


class Wire:
    """One connection to a receiver without a socket, and the clock that both go by.

    The clock stands still but for `pass_time`, unless it is given `clock`.
    """

    def __init__(
        self,
        limits: ReceiverLimits | None = None,
        intake: FakeIntake | None = None,
        *,
        clock: Callable[[], float] | None = None,
        access: Access = OPEN,
    ) -> None:
        self.now = 1000.0
        self.wall_time = WALL_TIME
        self.intake = intake or FakeIntake()
        self.service = Service(
            self.intake,
            limits or limited(),
            clock=clock or (lambda: self.now),
            wall_clock=lambda: self.wall_time,
            access=access,
        )
        self.connection, self.transport = self.connect()

    def connect(self, peername: object = None) -> tuple[HttpConnection, FakeTransport]:
        """One more connection, from that address."""
        connection, transport = HttpConnection(self.service), FakeTransport(peername)
        connection.connection_made(transport)
        return connection, transport

    def send(self, data: bytes, *, piece: int = 0) -> list[Answer]:
        """Every answer so far, once `data` has come in pieces of that size (0: whole)."""
        for start in range(0, len(data), piece or max(1, len(data))):
            self.connection.data_received(data[start : start + (piece or len(data))])
        return answers(self.transport.written)

    def pass_time(self, seconds: float) -> None:
        """Let the clock go on, and the receiver look at it."""
        self.now += seconds
        self.wall_time += seconds
        self.service.sweep()

    @property
    def statistics(self) -> ReceiverStatistics:
        """The receiver's counts."""
        return self.service.statistics

    @property
    def refused(self) -> dict[str, int]:
        """The refusals that were counted, zeros left out."""
        return {reason: count for reason, count in self.statistics.events_refused.items() if count}

    @property
    def statuses(self) -> dict[int, int]:
        """The answers that were counted, zeros left out."""
        return {status: count for status, count in self.statistics.requests.items() if count}
