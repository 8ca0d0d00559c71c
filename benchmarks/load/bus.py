"""A bus of each vendor's shape, as cheap as it can be: `python -m benchmarks.load.bus [DELAY_SECONDS]`.

Reads each request whole, takes every entry, believes every signature, and counts. The emulators, which
check, cost more than the gateway that is to be measured. Answers are those of Amazon's PutEvents, Alibaba
Cloud's PutEvents and Huawei Cloud's "Publishing Events", DELAY_SECONDS late if it is given.
`GET /received` tells the counts.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol, cast

import msgspec
import orjson
from httptools import HttpRequestParser
from msgspec import Struct

from benchmarks.load.serve import run, serve

ALIBABA_PATH = b"/openapi/putEvents"
_MAX_REQUEST_ENTRIES = 10
_TRACE_ID = "7ad5be28-d4fd-4d3c-b8b2-0f3a1b6ec2ee"
_DESCRIPTION = b'{"Name":"default","Arn":"arn:aws:events:us-east-1:123456789012:event-bus/default"}'
_HEAD = (
    b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: 00000000-0000-4000-8000-000000000000\r\n"
    b"Content-Type: application/x-amz-json-1.1\r\nContent-Length: %d\r\n\r\n%b"
)


class Received(Struct):
    """All that was taken so far."""

    events: int = 0
    requests: int = 0
    arrived_at: float = 0.0
    """When the last request was read whole: monotonic seconds, which all processes of a machine share."""
    answered_at: float = 0.0
    """When the last answer was written."""


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

    def __init__(self, book: Book, delay_seconds: float = 0.0) -> None:
        self._book = book
        self._delay_seconds = delay_seconds
        self._parser = HttpRequestParser(self)
        self._path = b""
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
        self._path, self._operation, self._body = b"", b"", b""

    def on_url(self, url: bytes) -> None:
        """Alibaba and Huawei name what is asked for here."""
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Amazon does here; no other matters."""
        if name.lower() == b"x-amz-target":
            self._operation = value

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        self._body += piece

    def on_message_complete(self) -> None:
        """Answer as the vendor does."""
        if self._path == b"/received":
            self._write(orjson.dumps(msgspec.to_builtins(self._book.received)))
        elif self._operation == b"AWSEvents.DescribeEventBus":
            self._write(_DESCRIPTION)
        else:
            self._answer_events()

    def _answer_events(self) -> None:
        self._book.received.arrived_at = time.monotonic()
        answer = self._take()
        if self._delay_seconds:
            asyncio.get_running_loop().call_later(self._delay_seconds, self._write_late, answer)
        else:
            self._write_late(answer)

    def _take(self) -> bytes:
        body = orjson.loads(self._body)
        if self._operation:
            self._book.take(body["Entries"])
            return _taken_by_aws(len(body["Entries"]))
        if self._path == ALIBABA_PATH:
            self._book.take(body)
            return _taken_by_alibaba(body)
        self._book.take(body["events"])
        return _taken_by_huawei(body["events"])

    def _write_late(self, answer: bytes) -> None:
        self._book.received.answered_at = time.monotonic()
        self._write(answer)

    def _write(self, answer: bytes) -> None:
        self._transport.write(_HEAD % (len(answer), answer))


@lru_cache(_MAX_REQUEST_ENTRIES)
def _taken_by_aws(entries: int) -> bytes:
    ids = [{"EventId": f"00000000-0000-4000-8000-{number:012}"} for number in range(entries)]
    return orjson.dumps({"FailedEntryCount": 0, "Entries": ids})


def _taken_by_alibaba(events: Sequence[Any]) -> bytes:
    results = [{"EventId": event["id"], "TraceId": _TRACE_ID} for event in events]
    return orjson.dumps({"RequestId": _TRACE_ID, "FailedEntryCount": 0, "EntryList": results})


def _taken_by_huawei(events: Sequence[Any]) -> bytes:
    results = [{"error_code": None, "error_msg": None, "event_id": event["id"]} for event in events]
    return orjson.dumps({"failed_count": 0, "events": results})


async def main(delay_seconds: float) -> None:
    """Serve until killed."""
    book = CountsOnly()
    await serve(lambda: BusConnection(book, delay_seconds))


if __name__ == "__main__":
    run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.0))
