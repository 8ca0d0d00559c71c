"""The receive path without a socket: bytes into `data_received`, an answer into a transport that drops it.

Prints CPU microseconds a request: for a protocol that parses nothing and answers 202 (the floor), and
for the receiver with structured, binary and pipelined requests. Run as
`python -m benchmarks.micro.receive [--requests N] [--profile]`.
"""

# ruff: noqa: ARG002 - what is measured against ignores what it is given

import argparse
import asyncio
import cProfile
import platform
import pstats
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from gateway.admission import ACCEPTED, Admission, Caller
from gateway.config import ReceiverConfig
from gateway.event import Event
from gateway.receiver.protocol import HttpConnection
from gateway.receiver.service import Service
from gateway.wiring import receiver_limits

EVENT_BYTES = 440
PIPELINED = 16
ROUNDS = 5


class OpenIntake:
    """Takes everything and keeps nothing."""

    def knows(self, destination: str) -> bool:
        """One destination."""
        return destination == "orders"

    def foresee(self, body_bytes: int, destination: str | None) -> Admission:
        """There is always room."""
        return ACCEPTED

    def accept(
        self, events: Sequence[Event], destination: str | None, caller: Caller | None = None
    ) -> Admission:
        """Taken, every time."""
        return ACCEPTED


class Nowhere(asyncio.Transport):
    """A transport whose writes cost nothing."""

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        """Drop it."""


class Floor(asyncio.Protocol):
    """What no server can go below: an answer to each chunk, unread."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by its type

    def data_received(self, data: bytes) -> None:
        """Answer."""
        self.transport.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")


def structured(number: int) -> bytes:
    """The request of the measurements: a 440-byte event under nine header lines."""
    head = (
        b'{"specversion":"1.0","id":"%012d","source":"/orders/eu","type":"com.example.order.created",'
        % number
    )
    head += b'"time":"2024-01-01T00:00:00Z","datacontenttype":"application/json","data":{"text":"'
    body = head + b"x" * (EVENT_BYTES - len(head) - len(b'"}}')) + b'"}}'
    return _request(b"Content-Type: application/cloudevents+json", body=body)


def binary(number: int) -> bytes:
    """The same event with its attributes as header fields."""
    return _request(
        b"Content-Type: application/json",
        b"ce-specversion: 1.0",
        b"ce-id: %012d" % number,
        b"ce-source: /orders/eu",
        b"ce-type: com.example.order.created",
        b"ce-time: 2024-01-01T00:00:00Z",
        body=b'{"text":"' + b"x" * 240 + b'"}',
    )


def _request(*lines: bytes, body: bytes) -> bytes:
    usual = (
        b"POST /events HTTP/1.1",
        b"Host: 127.0.0.1:8080",
        b"User-Agent: producer/1.0",
        b"Accept: */*",
        b"Accept-Encoding: gzip, deflate",
        b"Connection: keep-alive",
        b"X-Request-Id: 00000000-0000-4000-8000-000000000000",
    )
    return b"\r\n".join((*usual, *lines, b"Content-Length: %d" % len(body), b"", body))


def measure(connect: Callable[[], asyncio.Protocol], chunks: Sequence[bytes], requests: int) -> float:
    """The best of several rounds, each on a connection of its own, in CPU microseconds a request."""
    best = float("inf")
    for _ in range(ROUNDS):
        protocol = connect()
        protocol.connection_made(Nowhere())
        began = time.process_time()
        for chunk in chunks:
            protocol.data_received(chunk)
        best = min(best, time.process_time() - began)
    return best / requests * 1e6


def receiver() -> HttpConnection:
    """A connection of its own."""
    return HttpConnection(
        Service(OpenIntake(), receiver_limits(ReceiverConfig()), clock=time.monotonic, wall_clock=time.time)
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--requests", type=int, default=20_000)
    arguments.add_argument("--profile", action="store_true", help="where the time of a structured event goes")
    options = arguments.parse_args()
    count = options.requests - options.requests % PIPELINED
    events = [structured(number) for number in range(count)]
    if options.profile:
        with cProfile.Profile() as profile:
            measure(receiver, events, count)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    commit = subprocess.run(
        ("git", "rev-parse", "--short", "HEAD"),  # noqa: S607 - whichever git there is
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    print(
        f"commit {commit}, Python {platform.python_version()}, {count} requests of {EVENT_BYTES}-byte events"
    )
    together = [b"".join(events[start : start + PIPELINED]) for start in range(0, count, PIPELINED)]
    rows = {
        "floor": measure(Floor, events, count),
        "structured": measure(receiver, events, count),
        "binary": measure(receiver, [binary(number) for number in range(count)], count),
        f"structured, {PIPELINED} pipelined": measure(receiver, together, count),
    }
    for name, microseconds in rows.items():
        print(f"{name:<28}{microseconds:8.2f} µs")


if __name__ == "__main__":
    main()
