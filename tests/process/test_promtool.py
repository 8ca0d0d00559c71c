"""Prometheus's own tool reads what a gateway shows."""

import asyncio
import shutil
from pathlib import Path

import aiohttp
import pytest

from gateway.emulators.aws import AwsEmulator
from tests.support.load import document, post_all
from tests.support.process import GatewayProcess, aws_destination, until_held_is

PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is missing (Debian package prometheus)")
async def test_promtool_finds_nothing_wrong_with_the_metrics(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """`promtool check metrics` passes, lint rules included."""
    async with GatewayProcess(tmp_path, {"destinations": {"bus": aws_destination(bus.url)}}) as gateway:
        await post_all(client, gateway.url, map(document, range(20)))
        await until_held_is(client, gateway.admin_url, 0)
        async with client.get(f"{gateway.admin_url}/metrics") as answer:
            metrics = await answer.read()
    assert PROMTOOL is not None
    process = await asyncio.create_subprocess_exec(
        PROMTOOL, "check", "metrics",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate(metrics)
    assert (process.returncode, said) == (0, b"")
