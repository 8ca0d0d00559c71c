"""SIGTERM under load: what got a 202 is at the bus, or on disk and at the bus after the next start."""

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from gateway.emulators.aws import AwsEmulator
from gateway.emulators.faults import Faults
from tests.support.load import accepted, document, post_all
from tests.support.process import GatewayProcess, aws_destination, until_held_is


def configuration(bus: AwsEmulator, deadline: str) -> dict[str, Any]:
    return {
        "flush": {"interval": "20ms"},
        "shutdown": {"deadline": deadline},
        "destinations": {"bus": aws_destination(bus.url)},
    }


def until_told(stop: asyncio.Event) -> Iterator[dict[str, Any]]:
    for number in count():
        if stop.is_set():
            return
        yield document(number)


async def load_and_terminate(client: aiohttp.ClientSession, gateway: GatewayProcess) -> tuple[set[str], int]:
    """Post at full speed, send SIGTERM in the middle of it; the ids accepted, and the exit code."""
    stop = asyncio.Event()
    load = asyncio.create_task(post_all(client, gateway.url, until_told(stop)))
    await until_accepted(client, gateway, 500)
    gateway.terminate()
    code = await gateway.exit_code()
    stop.set()
    return accepted(await load), code


async def until_accepted(client: aiohttp.ClientSession, gateway: GatewayProcess, events: int) -> None:
    async with asyncio.timeout(30):
        while True:
            async with client.get(f"{gateway.admin_url}/status") as answer:
                if (await answer.json())["destinations"]["bus"]["accepted"] >= events:
                    return


def arrived(bus: AwsEmulator) -> list[str]:
    return [orjson.loads(event.detail)["id"] for event in bus.received]


async def test_sigterm_under_load_delivers_everything_accepted_and_exits_with_0(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """With the bus up, each event that got a 202 is at the bus, once, when the process ends."""
    async with GatewayProcess(tmp_path, configuration(bus, "20s")) as gateway:
        ids, code = await load_and_terminate(client, gateway)
    assert code == 0
    assert sorted(arrived(bus)) == sorted(ids)
    assert not list((tmp_path / "spill").glob("bus.*"))


async def test_sigterm_with_the_bus_down_spills_and_the_next_start_delivers(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """With the bus down, exit 0 at the deadline, all of it on disk; the next start delivers each once."""
    bus.faults = Faults(down=True)
    async with GatewayProcess(tmp_path, configuration(bus, "300ms")) as gateway:
        ids, code = await load_and_terminate(client, gateway)
        assert "events were spilled for the next start" in gateway.messages()
    assert code == 0
    assert not bus.received
    (file,) = (tmp_path / "spill").glob("bus.*")
    assert len(file.read_bytes().splitlines()) == len(ids)

    bus.faults = Faults()
    async with GatewayProcess(tmp_path, configuration(bus, "20s")) as gateway:
        accounts = await until_held_is(client, gateway.admin_url, 0)
        assert accounts.total("gateway_events_restored_total") == len(ids)
        accounts.check_sum("bus")
    assert sorted(arrived(bus)) == sorted(ids)
    assert not list((tmp_path / "spill").glob("bus.*"))


async def test_without_a_spill_directory_undelivered_events_make_exit_code_1(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """`shutdown.spill = ""`: what could not be delivered is lost, said, and shown in the exit code."""
    bus.faults = Faults(down=True)
    document_ = configuration(bus, "100ms")
    document_["shutdown"]["spill"] = ""
    async with GatewayProcess(tmp_path, document_) as gateway:
        await post_all(client, gateway.url, [document(1)])
        gateway.terminate()
        assert await gateway.exit_code() == 1
    assert any("events are lost" in message for message in gateway.messages())


async def test_post_drain_ends_the_process_like_sigterm(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """`POST /drain` delivers what is held and exits with 0."""
    async with GatewayProcess(tmp_path, configuration(bus, "20s")) as gateway:
        await post_all(client, gateway.url, map(document, range(5)))
        async with client.post(f"{gateway.admin_url}/drain") as answer:
            assert answer.status == 202
        assert await gateway.exit_code() == 0
    assert len(arrived(bus)) == 5
