"""Ways to fail that no other test of a whole process takes: killed with events held, a name, a disk."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from gateway.emulators.aws import AwsEmulator
from gateway.emulators.faults import Faults
from tests.support.confinement import refusal, sandbox
from tests.support.load import accepted, document, post_all
from tests.support.process import (
    EXIT_SECONDS,
    GatewayProcess,
    aws_destination,
    clean_environment,
    scrape,
    toml,
    until_held_is,
    with_free_ports,
)

EVENTS = 40
UNKNOWN_NAME = "http://" + "x" * 64 + ".invalid:4010"
"""A label has at most 63 characters (RFC 1035 2.3.4): no server is asked for this one."""


def configuration(endpoint: str, **sections: Any) -> dict[str, Any]:
    return {
        "flush": {"interval": "20ms"},
        "destinations": {"bus": aws_destination(endpoint)},
        **sections,
    }


def arrived(bus: AwsEmulator) -> list[str]:
    return sorted(orjson.loads(event.detail)["id"] for event in bus.received)


async def test_what_is_held_in_memory_alone_is_lost_to_a_kill(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Without a journal, as is said: the next start takes nothing back, and goes on."""
    bus.faults = Faults(down=True)
    async with GatewayProcess(tmp_path, configuration(bus.url)) as gateway:
        assert len(accepted(await post_all(client, gateway.url, map(document, range(EVENTS))))) == EVENTS
        gateway.kill()
        await gateway.exit_code()
    bus.faults = Faults()
    async with GatewayProcess(tmp_path, configuration(bus.url)) as gateway:
        await post_all(client, gateway.url, [document(EVENTS)])
        accounts = await until_held_is(client, gateway.admin_url, 0)
    assert accounts.total("gateway_events_restored_total") == 0
    assert arrived(bus) == [f"event-{EVENTS}"]


async def test_a_drain_that_is_killed_in_its_last_five_seconds_loses_nothing(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """All is on disk by then, without a journal too: whoever has less patience than the deadline may kill."""
    bus.faults = Faults(down=True)
    drained = configuration(bus.url, shutdown={"deadline": "5s"})
    async with GatewayProcess(tmp_path, drained) as gateway:
        ids = accepted(await post_all(client, gateway.url, map(document, range(EVENTS))))
        gateway.terminate()
        async with asyncio.timeout(EXIT_SECONDS):
            while not list((tmp_path / "spill").glob("bus.*.jsonl")):
                await scrape(client, gateway.admin_url)
        gateway.kill()
        assert await gateway.exit_code() == -9
    bus.faults = Faults()
    async with GatewayProcess(tmp_path, drained) as gateway:
        accounts = await until_held_is(client, gateway.admin_url, 0)
    assert accounts.total("gateway_events_restored_total") == EVENTS
    assert arrived(bus) == sorted(ids)


async def test_events_wait_for_a_bus_whose_name_is_not_known(
    client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """They are accepted and held, and `/status` has the reason."""
    async with GatewayProcess(tmp_path, configuration(UNKNOWN_NAME)) as gateway:
        statuses = await post_all(client, gateway.url, map(document, range(EVENTS)))
        async with asyncio.timeout(EXIT_SECONDS):
            while (status := await status_of(client, gateway))["health"] != "down":
                pass
    assert len(accepted(statuses)) == EVENTS
    assert status["last_error"]["code"] == "name_not_resolved"
    assert (status["held"], status["dead_lettered"]) == (EVENTS, 0)


async def status_of(client: aiohttp.ClientSession, gateway: GatewayProcess) -> dict[str, Any]:
    """The destination's part of `/status`."""
    async with client.get(f"{gateway.admin_url}/status") as answer:
        found: dict[str, Any] = (await answer.json())["destinations"]["bus"]
        return found


async def test_a_start_on_a_disk_that_is_read_only_is_refused_with_every_key(
    bus: AwsEmulator, tmp_path: Path
) -> None:
    """Before anything listens: exit code 2, and the system's words."""
    if reason := refusal():
        pytest.skip(reason)
    path = tmp_path / "gateway.toml"
    path.write_text(toml(with_free_ports(configuration(bus.url, buffer={"journal": "journal"}))))
    process = await asyncio.create_subprocess_exec(
        *sandbox([]), sys.executable, "-m", "gateway", "run", "--config", str(path),
        cwd=tmp_path, stderr=asyncio.subprocess.PIPE, env=clean_environment(),
    )  # fmt: skip
    _, complaint = await asyncio.wait_for(process.communicate(), EXIT_SECONDS)
    faults = dict(line.split(": ", 1) for line in complaint.decode().splitlines())
    assert process.returncode == 2
    assert faults.keys() == {
        "destinations.bus.buffer.journal",
        "destinations.bus.dead_letters.path",
        "shutdown.spill",
    }
    assert {fault.rpartition(": ")[2] for fault in faults.values()} == {"Read-only file system"}
