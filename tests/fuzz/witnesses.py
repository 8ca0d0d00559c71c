"""Two servers that others wrote, as witnesses for what HTTP/1.1 says: h11 and the one of Node."""

import shutil
import subprocess
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import h11
import msgspec
from msgspec import Struct

from tests.fuzz.reading import End, HttpRequest, Reading, Stream

_SCRIPT = Path(__file__).with_name("node.js")
_MAX_HEAD_BYTES = 1 << 20
NODE_SECONDS = 300.0


class H11:
    """python-hyper/h11, each request of a connection read by a `Connection` of its own.

    It refuses the line breaks before a request that a server SHOULD ignore (RFC 9112 2.2): they are left out.
    """

    def read(self, streams: Sequence[Stream]) -> list[Reading]:
        """One reading of each."""
        return [self._read(stream) for stream in streams]

    def _read(self, stream: Stream) -> Reading:
        requests: list[HttpRequest] = []
        pieces = deque(stream)
        try:
            while _skip_line_breaks(pieces):
                request, goes_on = _H11Request(pieces).read()
                requests.append(request)
                if not goes_on:
                    return Reading(requests, End.CLOSED)
        except h11.RemoteProtocolError:
            return Reading(requests, End.REFUSED)
        return Reading(requests, End.IDLE)


def _skip_line_breaks(pieces: deque[bytes]) -> bool:
    """Whether anything else is left in `pieces`, which begins with it then."""
    while pieces:
        if piece := pieces.popleft().lstrip(b"\r\n"):
            pieces.appendleft(piece)
            return True
    return False


class _H11Request:
    """Reads one request from the front of `pieces`, and puts back what is behind it."""

    def __init__(self, pieces: deque[bytes]) -> None:
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD_BYTES)
        self._pieces = pieces

    def read(self) -> tuple[HttpRequest, bool]:
        """The request, and whether there may be another one. Raises h11.RemoteProtocolError."""
        head = self._next_event()
        assert isinstance(head, h11.Request), "the first event of all"
        body = b""
        while isinstance(event := self._next_event(), h11.Data):
            body += bytes(event.data)
        if rest := self._connection.trailing_data[0]:
            self._pieces.appendleft(rest)
        request = HttpRequest(head.method, head.target, tuple(head.headers), body)
        return request, self._goes_on()

    def _next_event(self) -> object:
        while (event := self._connection.next_event()) is h11.NEED_DATA:
            self._connection.receive_data(self._pieces.popleft() if self._pieces else b"")
        return event

    def _goes_on(self) -> bool:
        """Answered with 404: that opens no tunnel."""
        self._connection.send(h11.Response(status_code=404, headers=[(b"content-length", b"0")]))
        self._connection.send(h11.EndOfMessage())
        return self._connection.our_state is not h11.MUST_CLOSE


class _NodeRequest(Struct):
    method: str
    target: str
    headers: list[str]
    body: str


class _NodeReading(Struct):
    requests: list[_NodeRequest]
    end: End


class Node:
    """Node's `http`, in a process that reads all streams and is gone."""

    @staticmethod
    def is_available() -> bool:
        """Whether it is installed."""
        return shutil.which("node") is not None

    def read(self, streams: Sequence[Stream]) -> list[Reading]:
        """One reading of each."""
        done = subprocess.run(  # noqa: S603 - our own script
            ("node", _SCRIPT),  # noqa: S607 - whichever node there is
            input=b"".join(map(_framed, streams)),
            capture_output=True,
            check=True,
            timeout=NODE_SECONDS,
        )
        lines = done.stdout.splitlines()
        assert len(lines) == len(streams), "Node ended before the last stream"
        return [_reading(line) for line in lines]


def _framed(stream: Stream) -> bytes:
    pieces = (len(piece).to_bytes(4) + piece for piece in stream)
    return len(stream).to_bytes(4) + b"".join(pieces)


def _reading(line: bytes) -> Reading:
    found = msgspec.json.decode(line, type=_NodeReading)
    return Reading([_request(each) for each in found.requests], found.end)


def _request(found: _NodeRequest) -> HttpRequest:
    texts = [text.encode("latin-1") for text in found.headers]
    headers = tuple(zip((name.lower() for name in texts[::2]), texts[1::2], strict=True))
    return HttpRequest(
        found.method.encode("latin-1"), found.target.encode("latin-1"), headers, found.body.encode("latin-1")
    )
