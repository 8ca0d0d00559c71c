"""The official JavaScript SDK in a process of its own."""

import asyncio
import json
import os
from pathlib import Path

from msgspec import Struct

from tests.producers.events import Said

SECONDS = 30.0
"""Far more than a start of node takes: a bound, so that a fault fails and does not hang."""


class Node(Struct, frozen=True):
    """A node program that finds the SDK."""

    program: str
    modules: Path

    async def post(self, url: str, mode: str, events: list[Said]) -> list[str]:
        """Send `events` in one process; returns the bodies of the answers, empty for what was accepted."""
        process = await asyncio.create_subprocess_exec(
            self.program,
            str(Path(__file__).with_name("post.js")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "NODE_PATH": str(self.modules)},
        )
        asked = json.dumps({"url": url, "mode": mode, "events": events}).encode()
        try:
            told, errors = await asyncio.wait_for(process.communicate(asked), SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, errors.decode()
        answers: list[str] = json.loads(told)
        return answers
