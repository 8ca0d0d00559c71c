"""An Amazon-shaped bus, as cheap as it can be: `python -m benchmarks.load.bus`.

Reads each request whole, takes every entry, believes every signature, and counts. The emulator, which
checks, costs more than the gateway that is to be measured. `GET /received` tells the counts.
"""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol, cast

import orjson
from httptools import HttpRequestParser
from msgspec import Struct

from benchmarks.load.serve import run, serve

_MAX_REQUEST_ENTRIES = 10
_HEAD = (
    b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: 00000000-0000-4000-8000-000000000000\r\n"
    b"Content-Type: application/x-amz-json-1.1\r\nContent-Length: %d\r\n\r\n%b"
)


class Received(Struct):
    """All that was taken so far."""

    events: int = 0
    requests: int = 0


class Book(Protocol):
    """Keeps what arrives."""

    received: Received

    def take(self, entries: Sequence[Any]) -> None:
        """Keep the entries of one request; called before it is answered."""


class CountsOnly:
    """The cheapest book."""

    def __init__(self) -> None:
        self.received = Received()

    def take(self, entries: Sequence[Any]) -> None:
        """Count them."""
        self.received.events += len(entries)
        self.received.requests += 1


class BusConnection(asyncio.Protocol):
    """One connection of a sender or of the benchmark."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._parser = HttpRequestParser(self)
        self._operation = b""
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse what came, which answers it."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """Forget the request before."""
        self._operation, self._body = b"", b""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Only one matters."""
        if name.lower() == b"x-amz-target":
            self._operation = value

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        self._body += piece

    def on_message_complete(self) -> None:
        """Answer as EventBridge does."""
        answer = self._answer()
        self._transport.write(_HEAD % (len(answer), answer))

    def _answer(self) -> bytes:
        match self._operation:
            case b"AWSEvents.PutEvents":
                entries: list[Any] = orjson.loads(self._body)["Entries"]
                self._book.take(entries)
                return _taken(len(entries))
            case b"AWSEvents.DescribeEventBus":
                return b'{"Name":"default","Arn":"arn:aws:events:us-east-1:123456789012:event-bus/default"}'
            case _:
                received = self._book.received
                return orjson.dumps({"events": received.events, "requests": received.requests})


@lru_cache(_MAX_REQUEST_ENTRIES)
def _taken(entries: int) -> bytes:
    ids = [{"EventId": f"00000000-0000-4000-8000-{number:012}"} for number in range(entries)]
    return orjson.dumps({"FailedEntryCount": 0, "Entries": ids})


async def main() -> None:
    """Serve until killed."""
    book = CountsOnly()
    await serve(lambda: BusConnection(book))


if __name__ == "__main__":
    run(main())
