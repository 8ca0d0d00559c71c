"""What the small servers of the benchmarks share: uvloop, a free port of loopback, the "ready" line."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

HOST = "127.0.0.1"


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


async def serve(protocol: Callable[[], asyncio.Protocol], *, port: int = 0) -> None:
    """Listen with `protocol` until cancelled, on a free port if `port` is 0."""
    server = await asyncio.get_running_loop().create_server(protocol, HOST, port, backlog=1024)
    announce(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def announce(port: int) -> None:
    """Say on standard error where to send requests."""
    sys.stderr.write(json.dumps({"message": "ready", "receiver": [f"http://{HOST}:{port}"]}) + "\n")
    sys.stderr.flush()
