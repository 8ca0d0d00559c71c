"""What no server on uvloop can go below: parses nothing, answers 202.

`python -m benchmarks.load.floor [BUSY_MICROSECONDS]`: so long it is busy before each answer, to be
deducted again. For the kernel's part of an answer is not the same at every pace: to a server that keeps
up with them, producers never sleep; those that a slower one keeps waiting it also has to wake.
"""

import asyncio
import sys
import time
from typing import cast

from benchmarks.load.serve import run, serve

_ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class Floor(asyncio.Protocol):
    """Takes every readable chunk for one request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - the point is to ignore it
        """Answer."""
        self._transport.write(_ACCEPTED)


class BusyFloor(Floor):
    """Answers late."""

    def __init__(self, busy_microseconds: float) -> None:
        self._busy_seconds = busy_microseconds * 1e-6

    def data_received(self, data: bytes) -> None:
        """Use CPU time, then answer."""
        end = time.thread_time() + self._busy_seconds
        while time.thread_time() < end:
            pass
        super().data_received(data)


def main(arguments: list[str]) -> None:
    """Serve until killed."""
    busy_microseconds = float(arguments[0]) if arguments else 0.0
    run(serve(lambda: BusyFloor(busy_microseconds) if busy_microseconds else Floor()))


if __name__ == "__main__":
    main(sys.argv[1:])
