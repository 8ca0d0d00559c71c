"""Files that change below a running gateway, what it says of that, and commands that end by themselves."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.process import GatewayProcess, clean_environment, toml, with_free_ports

TAKEN_UP = "the configuration is taken up"
NOT_TAKEN_UP = "the configuration is not taken up; the former one stays"


def put(path: Path, content: bytes) -> None:
    """Change a file in one step, as whoever rotates secrets does."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.rename(path)


async def until_counted(gateway: GatewayProcess, message: str, times: int) -> None:
    """Wait until a message was logged so often."""
    async with asyncio.timeout(20):
        while gateway.messages().count(message) < times:
            await gateway.until_more_is_logged()


async def run_to_end(directory: Path, document_: Mapping[str, Any], command: str) -> tuple[int, str]:
    """The exit code of a command, and all that it wrote."""
    path = directory / "other.toml"
    path.write_text(toml(with_free_ports(document_)))
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "gateway", command, "--config", str(path)],
        cwd=directory, env=clean_environment(), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stderr + ended.stdout
