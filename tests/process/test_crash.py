"""The journal in a whole process: killed under load, its file spoilt, its disk full; no 202 is a lie."""

import asyncio
import resource
import sys
from collections import Counter
from collections.abc import Callable
from itertools import count, takewhile
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import orjson
import pytest

from gateway.emulators.aws import AwsEmulator
from gateway.emulators.faults import Faults
from tests.support.load import STRUCTURED, accepted, document, post, post_all
from tests.support.process import (
    GatewayProcess,
    aws_destination,
    clean_environment,
    scrape,
    toml,
    until_held_is,
    with_free_ports,
)

ROUNDS = 20
UNSETTLED_SECONDS = 0.5
"""What the bus took so long before a kill may come again; the promise is a fifth of it, on a quick disk."""

UNWRITABLE_BYTES = 4096
"""A limit on the size of files that every write to a journal exceeds: for the process, its disk is full."""


FOUND = ("the journal was damaged; it is set aside", "the journal ended in the middle of a write")

NOISE = Random(1).randbytes(8 << 20)  # noqa: S311 - the same noise each time


def configuration(bus: AwsEmulator, **delivery: Any) -> dict[str, Any]:
    return {
        "buffer": {"journal": "journal"},
        "flush": {"interval": "20ms"},
        "delivery": delivery,
        "shutdown": {"deadline": "20s"},
        "destinations": {"bus": aws_destination(bus.url)},
    }


def arrived(bus: AwsEmulator) -> Counter[str]:
    """How often the bus has each event."""
    return Counter(orjson.loads(event.detail)["id"] for event in bus.received)


class Killer:
    """Loads a gateway over sixteen connections and kills it in the middle; the events' ids go on counting."""

    def __init__(self, client: aiohttp.ClientSession, bus: AwsEmulator) -> None:
        self._client = client
        self._bus = bus
        self._numbers = count()
        self.accepted: set[str] = set()
        self.recent = 0
        """Deliveries shortly before a kill, or that it came in the middle of; all kills together."""

    async def kill_under_load(self, gateway: GatewayProcess, seconds: float) -> None:
        """SIGKILL after so many seconds of load."""
        is_over = asyncio.Event()
        documents = map(document, takewhile(lambda _: not is_over.is_set(), self._numbers))
        load = asyncio.create_task(post_all(self._client, gateway.url, documents))
        await asyncio.sleep(max(0.0, seconds - UNSETTLED_SECONDS))
        before = len(self._bus.received)
        await asyncio.sleep(min(seconds, UNSETTLED_SECONDS))
        gateway.kill()
        is_over.set()
        self.accepted |= accepted(await load)
        self.recent += len(self._bus.received) - before


async def test_every_event_that_got_a_202_arrives_though_the_process_is_killed_again_and_again(
    bus: AwsEmulator,
    client: aiohttp.ClientSession,
    tmp_path: Path,
    record_property: Callable[[str, int], None],
) -> None:
    """Twenty kills at random moments under load; what comes twice was in flight or has just been settled."""
    random, killer = Random(5), Killer(client, bus)  # noqa: S311 - the same moments each time
    for _ in range(ROUNDS):
        async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
            await killer.kill_under_load(gateway, random.uniform(0.05, 1.0))
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        accounts = await until_held_is(client, gateway.admin_url, 0)
        accounts.check_sum("bus")
        gateway.terminate()
        assert await gateway.exit_code() == 0
    found = arrived(bus)
    duplicates = found.total() - len(found)
    record_property("accepted", len(killer.accepted))
    record_property("duplicates", duplicates)
    assert len(killer.accepted) > 100 * ROUNDS
    assert killer.accepted <= found.keys()
    assert duplicates <= killer.recent


async def accept_and_kill(
    bus: AwsEmulator, client: aiohttp.ClientSession, directory: Path, events: int
) -> set[str]:
    """With the bus down, accept events and be killed: they are in the journal alone. The ids accepted."""
    bus.faults = Faults(down=True)
    async with GatewayProcess(directory, configuration(bus)) as gateway:
        ids = accepted(await post_all(client, gateway.url, map(document, range(events))))
        gateway.kill()
        await gateway.exit_code()
    bus.faults = Faults()
    return ids


def largest_file(directory: Path) -> Path:
    """Where most of the events are."""
    return max(directory.iterdir(), key=lambda path: path.stat().st_size)


def cut(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


def spoil(content: bytes) -> bytes:
    third = len(content) // 3
    return content[:third] + NOISE[:third] + content[2 * third :]


def spoil_begin(content: bytes) -> bytes:
    return NOISE[:5000] + content[5000:]


@pytest.mark.parametrize("damage", [cut, spoil, spoil_begin])
async def test_a_damaged_journal_is_set_aside_and_what_can_be_read_of_it_is_delivered(
    bus: AwsEmulator,
    client: aiohttp.ClientSession,
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
) -> None:
    """The start goes on, says what it found, and loses only what stood in the damaged part."""
    ids = await accept_and_kill(bus, client, tmp_path, 2000)
    assert len(ids) == 2000
    path = largest_file(tmp_path / "journal")
    path.write_bytes(damage(path.read_bytes()))
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        accounts = await until_held_is(client, gateway.admin_url, 0)
        gateway.terminate()
        assert await gateway.exit_code() == 0
    found = arrived(bus)
    assert found.keys() <= ids
    assert len(found) == found.total() == accounts.total("gateway_events_restored_total")
    assert len(found) > len(ids) // 2
    assert accounts.total("gateway_records_set_aside_total") >= 1
    assert any(message.startswith(FOUND) for message in gateway.messages())


async def test_a_disk_that_fills_up_refuses_events_until_there_is_room(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """503 with Retry-After, counted, not ready; what was accepted is delivered, and it mends itself."""
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        await post_all(client, gateway.url, map(document, range(100)))
        _, unlimited = resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (UNWRITABLE_BYTES, unlimited))
        async with client.post(gateway.url, json=document(100), headers=STRUCTURED) as answer:
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) >= 1
            assert "journal" in (await answer.json(content_type=None))["detail"]
        accounts = await scrape(client, gateway.admin_url)
        assert accounts.total("gateway_journal_failures_total") >= 1
        async with client.get(f"{gateway.admin_url}/readyz") as answer:
            assert (answer.status, "journal" in await answer.text()) == (503, True)
        resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
        async with asyncio.timeout(30):
            while await post(client, gateway.url, document(101)) != 202:
                pass
        accounts = await until_held_is(client, gateway.admin_url, 0)
        accounts.check_sum("bus")
    assert arrived(bus).keys() - {"event-100"} == {f"event-{number}" for number in [*range(100), 101]}


async def test_a_start_on_a_disk_that_takes_nothing_is_refused_with_the_key(tmp_path: Path) -> None:
    """Before anything listens: exit code 2, and one line that names the journal."""
    path = tmp_path / "gateway.toml"
    path.write_text(toml(with_free_ports({
        "buffer": {"journal": "journal"}, "destinations": {"out": {"type": "file", "path": "-"}}
    })))  # fmt: skip
    full_disk = (
        "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0));"
        " os.execv(sys.executable, [sys.executable, '-m', 'gateway', *sys.argv[1:]])"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", full_disk, "run", "--config", str(path),
        cwd=tmp_path, stderr=asyncio.subprocess.PIPE, env=clean_environment(),
    )  # fmt: skip
    _, complaint = await process.communicate()
    assert process.returncode == 2
    assert complaint.decode().startswith("destinations.out.buffer.journal: the journal cannot be used:")
