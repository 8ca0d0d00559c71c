"""A whole receiver on loopback, and the JavaScript SDK, installed beside the Python environment."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.receiver.server import ListenTcp, Receiver
from tests.producers.javascript import Node
from tests.support.intake import FakeIntake
from tests.support.limits import limited

JAVASCRIPT = Path(__file__).with_name("javascript")
INSTALL_SECONDS = 120


@pytest.fixture
def intake() -> FakeIntake:
    """Where the events arrive."""
    return FakeIntake()


@pytest.fixture
async def url(intake: FakeIntake) -> AsyncIterator[str]:
    """Where producers send to."""
    receiver = Receiver(intake, limited(), [ListenTcp("127.0.0.1", 0)])
    try:
        (bound,) = await receiver.start()
        assert isinstance(bound, ListenTcp)
        yield f"http://{bound.host}:{bound.port}/events"
    finally:
        await receiver.aclose(asyncio.get_running_loop().time())


@pytest.fixture(scope="session")
def node() -> Node:
    """Node with the SDK; installed once for each lock file, without running anybody's scripts."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        pytest.skip("node or npm is not installed")
    installed = Path(sys.prefix, "javascript")
    lock, stamp = (JAVASCRIPT / "package-lock.json").read_bytes(), installed / "installed.json"
    if not stamp.exists() or stamp.read_bytes() != lock:
        installed.mkdir(exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(JAVASCRIPT / name, installed)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(  # noqa: S603 - our own lock file
            command, cwd=installed, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
        if done.returncode:
            pytest.skip(f"npm ci failed: {done.stderr[-300:]}")
        stamp.write_bytes(lock)
    return Node(program, installed / "node_modules")
