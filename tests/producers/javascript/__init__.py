"""The official JavaScript SDK, as the example pins it, in a process of its own."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import Struct

from tests.producers.events import Said

EXAMPLE = Path(__file__).parents[3] / "deploy" / "examples" / "javascript"
INSTALL_SECONDS = 120

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


def node_with_sdk() -> Node:
    """Install the SDK once for each lock file, beside the Python environment, running nobody's scripts.

    Skips the test where there is no node or the installation fails.
    """
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        pytest.skip("node or npm is not installed")
    installed = Path(sys.prefix, "javascript")
    lock, stamp = (EXAMPLE / "package-lock.json").read_bytes(), installed / "installed.json"
    if not stamp.exists() or stamp.read_bytes() != lock:
        installed.mkdir(exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(EXAMPLE / name, installed)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(  # noqa: S603 - our own lock file
            command, cwd=installed, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
        if done.returncode:
            pytest.skip(f"npm ci failed: {done.stderr[-300:]}")
        stamp.write_bytes(lock)
    return Node(program, installed / "node_modules")
