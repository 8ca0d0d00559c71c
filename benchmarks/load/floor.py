"""What no server on uvloop can go below: parses nothing, answers 202. `python -m benchmarks.load.floor`."""

import asyncio
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


if __name__ == "__main__":
    run(serve(Floor))
