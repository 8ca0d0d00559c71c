"""`gateway dead-letters` beside a whole gateway: what a bus refused is sent again, once, even if killed."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from gateway.emulators.aws import AwsEmulator
from gateway.emulators.faults import Faults
from tests.support.load import document, post_all
from tests.support.process import (
    EXIT_SECONDS,
    GatewayProcess,
    aws_destination,
    clean_environment,
    until_held_is,
)

EVENTS = 400
CONNECTIONS = 2
BATCH = 10
"""Entries of a request to the emulated bus."""


def configuration(bus: AwsEmulator) -> dict[str, Any]:
    return {"flush": {"interval": "5ms"}, "destinations": {"bus": aws_destination(bus.url)}}


def arrived(bus: AwsEmulator) -> Counter[str]:
    """How often each event is at the bus."""
    return Counter(orjson.loads(event.detail)["id"] for event in bus.received)


def poisoned(count: int) -> list[dict[str, Any]]:
    return [document(number, data="poisoned") for number in range(count)]


def names(count: int) -> set[str]:
    return {f"event-{number}" for number in range(count)}


@asynccontextmanager
async def command(*arguments: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """`gateway dead-letters` with these arguments, under way; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "dead-letters", *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=clean_environment(),
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def dead_letters(*arguments: object) -> tuple[int | None, str, str]:
    """Run it to its end: exit code, standard output, standard error."""
    async with command(*arguments) as process:
        out, err = await asyncio.wait_for(process.communicate(), EXIT_SECONDS)
        return process.returncode, out.decode(), err.decode()


async def give_up(
    bus: AwsEmulator, client: aiohttp.ClientSession, gateway: GatewayProcess, events: list[dict[str, Any]]
) -> None:
    """Let the bus refuse these events for good, and then take anything."""
    bus.faults = Faults(poison=("poisoned",))
    await post_all(client, gateway.url, events)
    await until_held_is(client, gateway.admin_url, 0)
    assert not bus.received
    bus.faults = Faults()


async def until_received(bus: AwsEmulator, events: int) -> None:
    """The replay is in the middle of its work."""
    async with asyncio.timeout(EXIT_SECONDS):
        await bus.until_received(events)


async def test_replayed_through_the_gateway_and_killed_in_between_each_event_arrives(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """After SIGKILL in the middle the next replay goes on: at most one event a connection arrives twice."""
    letters = tmp_path / "dead-letters"
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        await give_up(bus, client, gateway, poisoned(EVENTS))
        replay = ("replay", letters, "--url", gateway.url, "--connections", CONNECTIONS)
        async with command(*replay) as process:
            await until_received(bus, 20)
            process.kill()
            assert await process.wait() == -signal.SIGKILL
        code, out, err = await dead_letters(*replay)
        assert (code, err) == (0, "")
        await until_held_is(client, gateway.admin_url, 0)
        left = await dead_letters("list", letters, "--summary")
        code, again, _ = await dead_letters(*replay)
    assert 0 < int(out.split()[1]) < EVENTS  # it did go on, and did not begin anew
    assert out.endswith("removed 0 files\n")  # the gateway was still writing it
    assert left == (0, "0 letters\n", "")
    assert (code, again) == (0, "replayed 0 letters, 0 not taken, removed 0 files\n")
    assert set(arrived(bus)) == names(EVENTS)
    assert arrived(bus).total() - EVENTS <= CONNECTIONS


async def test_replayed_straight_to_the_bus_and_killed_in_between_each_event_arrives(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Packed into full batches; after SIGKILL at most those in flight arrive twice; the files go."""
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        await give_up(bus, client, gateway, poisoned(EVENTS))
        gateway.terminate()
        assert await gateway.exit_code() == 0
    letters, config = tmp_path / "dead-letters", tmp_path / "gateway.toml"
    replay = ("replay", letters / "bus", "--config", config, "--connections", 1)
    bus.faults = Faults(latency_seconds=0.02)
    requests = len(bus.requests)
    async with command(*replay) as process:
        await until_received(bus, 5 * BATCH)
        process.kill()
        await process.wait()
    code, out, err = await dead_letters(*replay)
    assert (code, err) == (0, "")
    assert 0 < int(out.split()[1]) < EVENTS
    assert out.endswith("removed 1 file\n")
    assert not [path for path in letters.rglob("*") if path.is_file() and path.name != ".lock"]
    assert set(arrived(bus)) == names(EVENTS)
    assert arrived(bus).total() - EVENTS <= BATCH
    sent = [each for each in list(bus.requests)[requests:] if each.entries]
    assert {each.entries for each in sent} == {BATCH}


async def test_a_gateway_that_asks_for_a_token_is_shown_the_one_of_a_file(
    bus: AwsEmulator, tmp_path: Path
) -> None:
    """Without it nothing is sent, and every letter stays; it is not repeated."""
    first, second = "mF_9.B5f-4.1JqM", "vF9dft4qmT"  # RFC 6750's own examples
    file, letters = tmp_path / "token", tmp_path / "dead-letters"
    document_ = {**configuration(bus), "receiver": {"tokens": [first, second]}}
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {first}"}) as client,
        GatewayProcess(tmp_path, document_) as gateway,
    ):
        await give_up(bus, client, gateway, poisoned(3))
        replay = ("replay", letters, "--url", gateway.url)
        code, _, err = await dead_letters(*replay)
        assert (code, "401 a bearer token is needed" in err) == (1, True)
        file.write_text("no token\n")
        assert await dead_letters(*replay, "--token-file", file) == (
            2, "", "--token-file: the first line is no bearer token\n",
        )  # fmt: skip
        file.write_text(f"{second}\n{first}\n")
        code, out, _ = await dead_letters(*replay, "--token-file", file)
        assert (code, out) == (0, "replayed 3 letters, 0 not taken, removed 0 files\n")
        await until_held_is(client, gateway.admin_url, 0)
    assert set(arrived(bus)) == names(3)


async def test_a_token_is_for_a_gateway_alone(tmp_path: Path) -> None:
    """A bus is not shown it."""
    (tmp_path / "dead-letters").mkdir()
    replay = ("replay", tmp_path / "dead-letters", "--config", "gateway.toml", "--token-file", "token")
    code, _, err = await dead_letters(*replay)
    assert (code, err.splitlines()[-1]) == (2, "--token-file: is for a gateway, so it needs --url")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_replay_sends_nothing_twice(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path, number: signal.Signals
) -> None:
    """The group in flight is finished and noted: exit 1, and the next replay sends exactly the rest."""
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        await give_up(bus, client, gateway, poisoned(EVENTS))
    replay = ("replay", tmp_path / "dead-letters", "--config", tmp_path / "gateway.toml", "--connections", 1)
    bus.faults = Faults(latency_seconds=0.02)
    async with command(*replay) as process:
        await until_received(bus, 5 * BATCH)
        process.send_signal(number)
        _, err = await asyncio.wait_for(process.communicate(), EXIT_SECONDS)
        assert (process.returncode, err) == (1, b"interrupted: run it again to go on\n")
    assert (await dead_letters(*replay))[0] == 0
    assert arrived(bus) == Counter(names(EVENTS))


async def test_letters_that_the_bus_still_refuses_stay(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """With --keep-going the others are sent; exit 1, the culprit named by its place and id, its data not."""
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        await give_up(bus, client, gateway, poisoned(12))
    bus.faults = Faults(poison=('"event-7"',))
    replay = ("replay", tmp_path / "dead-letters", "--config", tmp_path / "gateway.toml", "--keep-going")
    code, out, err = await dead_letters(*replay)
    assert (code, out) == (1, "replayed 11 letters, 1 not taken, removed 0 files\n")
    assert "event-7 not taken: ValidationException" in err
    assert "poisoned" not in err
    assert arrived(bus) == Counter(names(12) - {"event-7"})
    _, listed, _ = await dead_letters("list", tmp_path / "dead-letters", "--json")
    assert [orjson.loads(text)["event"]["id"] for text in listed.splitlines()] == ["event-7"]


async def test_a_gateway_that_is_not_there_is_said(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Exit 1, nothing sent or noted; a dry run only counts."""
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        await give_up(bus, client, gateway, poisoned(3))
        url = gateway.url
    replay = ("replay", tmp_path / "dead-letters", "--url", url, "--connections", 1)
    code, out, err = await dead_letters(*replay, "--dry-run")
    assert (code, err) == (0, "")
    assert out.startswith("would be sent:\n")
    assert out.endswith("\n3 letters\n")
    code, out, err = await dead_letters(*replay)
    assert (code, out) == (1, "replayed 0 letters, 1 not taken, removed 0 files\n")
    assert "not taken: connection_failed" in err
    assert not bus.received


async def test_a_gateway_without_room_is_waited_for(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """503 and Retry-After: every letter arrives all the same."""
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        await give_up(bus, client, gateway, poisoned(8))
    bus.faults = Faults(latency_seconds=0.3)
    small = configuration(bus) | {"buffer": {"max_events": 4}}
    async with GatewayProcess(tmp_path, small) as gateway:
        replay = ("replay", tmp_path / "dead-letters", "--url", gateway.url, "--connections", 8)
        assert await dead_letters(*replay) == (0, "replayed 8 letters, 0 not taken, removed 1 file\n", "")
        accounts = await until_held_is(client, gateway.admin_url, 0)
    assert accounts.total("gateway_events_refused_total", reason="no_room") > 0
    assert arrived(bus) == Counter(names(8))


async def test_neither_replay_nor_purge_meets_another_replay(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """The second one says so, and sends or removes nothing: exit 1."""
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        await give_up(bus, client, gateway, poisoned(EVENTS))
    replay = ("replay", tmp_path / "dead-letters", "--config", tmp_path / "gateway.toml", "--connections", 1)
    bus.faults = Faults(latency_seconds=0.2)
    async with command(*replay) as process:
        await until_received(bus, BATCH)
        for second in (replay, ("purge", tmp_path / "dead-letters", "--yes")):
            code, out, err = await dead_letters(*second)
            assert (code, out) == (1, "")
            assert err == f"{tmp_path}/dead-letters/bus: another replay or purge is at work here\n"
        bus.faults = Faults()
        assert await asyncio.wait_for(process.wait(), EXIT_SECONDS) == 0
    assert arrived(bus) == Counter(names(EVENTS))


@pytest.mark.parametrize(("answer", "is_left"), [(b"y\n", False), (b"\n", True)])
async def test_purge_asks_on_a_terminal(answer: bytes, is_left: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter
    """Only a yes removes."""
    path = tmp_path / "letters.jsonl"
    path.write_bytes(b"broken\n")
    ours, theirs = os.openpty()
    try:
        os.write(ours, answer)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "dead-letters", "purge", str(path),
            stdin=theirs, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        _, err = await asyncio.wait_for(process.communicate(), EXIT_SECONDS)
    finally:
        os.close(ours)
        os.close(theirs)
    assert process.returncode == 0
    assert err == b"Remove 0 letters and 1 damaged line from 1 file for good? [y/N] "
    assert path.exists() == is_left


async def test_a_reader_that_has_seen_enough_is_no_failure(tmp_path: Path) -> None:
    """`list | head`: no traceback, exit 0."""
    path = tmp_path / "letters.jsonl"
    at = "2026-01-01T00:00:00Z"
    letter = {
        "time": at, "destination": "bus", "reason": "rejected", "code": "c", "message": "",
        "request_id": None, "attempts": 1, "accepted_at": at, "event": document(1),
    }  # fmt: skip
    path.write_bytes((orjson.dumps(letter) + b"\n") * 5000)
    line = f"{sys.executable} -m gateway dead-letters list {path} | head -n 1; exit ${{PIPESTATUS[0]}}"
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", line, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), EXIT_SECONDS)
    assert out.startswith(b"TIME ")
    assert (process.returncode, err) == (0, b"")
