"""The beginning and the end of a process: signals of every kind, failed starts, crashes, two in one place."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from gateway.emulators.aws import AwsEmulator
from gateway.emulators.faults import FailEntries, Faults
from tests.support.load import accepted, document, post_all
from tests.support.process import (
    GatewayProcess,
    aws_destination,
    clean_environment,
    toml,
    until_held_is,
    with_free_ports,
)


def configuration(bus: AwsEmulator, deadline: str = "20s") -> dict[str, Any]:
    return {
        "flush": {"interval": "10ms"},
        "delivery": {"backoff_initial": "5s"},
        "shutdown": {"deadline": deadline},
        "destinations": {"bus": aws_destination(bus.url)},
    }


def arrived(bus: AwsEmulator) -> list[str]:
    return sorted(orjson.loads(event.detail)["id"] for event in bus.received)


async def test_sighup_ends_nothing(bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path) -> None:
    """A closed terminal must not lose what is held: the configuration is read again, and that is all."""
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        await post_all(client, gateway.url, [document(1)])
        os.kill(gateway.pid, signal.SIGHUP)
        await gateway.until_logged("the configuration is taken up")
        await post_all(client, gateway.url, [document(2)])
        await until_held_is(client, gateway.admin_url, 0)
        gateway.terminate()
        assert await gateway.exit_code() == 0
    assert arrived(bus) == ["event-1", "event-2"]


async def test_a_second_signal_spills_at_once(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Whoever presses Ctrl-C twice does not wait for the deadline, and loses nothing."""
    bus.faults = Faults(down=True)
    async with GatewayProcess(tmp_path, configuration(bus, "10m")) as gateway:
        await post_all(client, gateway.url, [document(1)])
        gateway.terminate()
        await gateway.until_logged("draining")
        gateway.terminate()
        assert await gateway.exit_code() == 0
    assert "events were spilled for the next start" in gateway.messages()


async def test_a_signal_after_post_drain_changes_nothing(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """A hook asks for a drain, then the platform sends SIGTERM: the bus still has until the deadline."""
    bus.faults = Faults(down=True)
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        await post_all(client, gateway.url, [document(1)])
        await (await client.post(f"{gateway.admin_url}/drain")).read()
        gateway.terminate()
        await gateway.until_logged("draining")
        bus.faults = Faults()
        assert await gateway.exit_code() == 0
    assert arrived(bus) == ["event-1"]


async def test_an_empty_batch_leaves_nothing_to_wait_for(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """It is valid and accepted; a drain after it ends at once."""
    async with GatewayProcess(tmp_path, configuration(bus, "10m")) as gateway:
        headers = {"Content-Type": "application/cloudevents-batch+json"}
        async with client.post(gateway.url, data=b"[]", headers=headers) as answer:
            assert answer.status == 202
        gateway.terminate()
        assert await gateway.exit_code() == 0


async def test_a_crash_does_not_send_again_what_was_restored_and_delivered(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Killed while one restored event still fails: the next start brings that one alone."""
    bus.faults = Faults(down=True)
    async with GatewayProcess(tmp_path, configuration(bus, "100ms")) as gateway:
        ids = accepted(await post_all(client, gateway.url, map(document, range(40))))
        gateway.terminate()
        assert await gateway.exit_code() == 0
    bus.faults = Faults(script=(FailEntries(indexes=(0,)),))
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        await until_held_is(client, gateway.admin_url, 1)
    bus.faults = Faults()
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        accounts = await until_held_is(client, gateway.admin_url, 0)
        assert accounts.total("gateway_events_restored_total") == 1
    assert arrived(bus) == sorted(ids)


async def test_two_processes_do_not_share_a_spill(bus: AwsEmulator, tmp_path: Path) -> None:
    """The second is refused at its start, naming the key: both would deliver the same events."""
    async with GatewayProcess(tmp_path, configuration(bus)):
        code, err = await run_to_its_end(tmp_path, configuration(bus))
    assert code == 2
    assert err.startswith("shutdown.spill: another process")


async def test_an_address_that_is_taken_ends_the_start_before_an_event_is_accepted(
    bus: AwsEmulator, tmp_path: Path
) -> None:
    """Exit 1, and the other listener has not taken anything meanwhile: nothing was open yet."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        document_ = configuration(bus)
        document_["receiver"] = {"listen": ["127.0.0.1:0", f"127.0.0.1:{port}"]}
        code, err = await run_to_its_end(tmp_path, document_)
    assert code == 1
    assert "the gateway cannot start" in err


async def run_to_its_end(directory: Path, document_: dict[str, Any]) -> tuple[int, str]:
    """A process that is expected to end by itself: its exit code and its log."""
    path = directory / "second.toml"
    path.write_text(toml(with_free_ports(document_)))
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "gateway", "run", "--config", str(path)],
        cwd=directory, env=clean_environment(), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("level", ["debug", "info"])
async def test_libraries_tell_nothing_below_warnings(bus: AwsEmulator, tmp_path: Path, level: str) -> None:
    """Their debug lines hold credentials; ours go as far down as configured."""
    document_ = {**configuration(bus), "log": {"level": level}}
    async with GatewayProcess(tmp_path, document_) as gateway:
        gateway.terminate()
        assert await gateway.exit_code() == 0
    assert {line["logger"].partition(".")[0] for line in gateway.log} == {"gateway"}
