"""`gateway emulate` and `gateway dev` with each of the buses, as a user runs them."""

import asyncio
import re
import sys
from typing import Self

import aiohttp
import pytest

from gateway import senders
from gateway.cloudevents.json import read_event
from gateway.commands.bus_name import BusName
from gateway.commands.emulated_bus import emulated_bus
from gateway.config import parse
from gateway.entry import Batch, Entry
from gateway.pipeline.delivery import attempt
from gateway.sender import Delivered, Hold
from tests.support.build import WALL_AT_START
from tests.support.process import EXIT_SECONDS, clean_environment

TITLES = {
    BusName.AWS: "Amazon EventBridge",
    BusName.ALIBABA: "Alibaba Cloud EventBridge",
    BusName.HUAWEI: "Huawei Cloud EventGrid",
}
KEYS = {
    BusName.AWS: ["region", "event_bus", "access_key_id", "secret_access_key"],
    BusName.ALIBABA: ["event_bus", "access_key_id", "access_key_secret"],
    BusName.HUAWEI: ["project_id", "channel_id", "access_key", "secret_key"],
}
EVENT = b'{"specversion":"1.0","id":"1","source":"/s","type":"com.example.hello","data":{"n":1}}'


class Command:
    """A command that runs until it is told to stop. `async with` it: the end is a clean one."""

    def __init__(self, *arguments: str, until: str) -> None:
        self._arguments = arguments
        self._until = until.encode()
        self.printed = ""
        self.warned = ""

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", *self._arguments, env=clean_environment(),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readuntil(self._until), EXIT_SECONDS)
        self.printed = line.decode()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.terminate()
        async with asyncio.timeout(EXIT_SECONDS):
            self.warned = (await self._process.communicate())[1].decode()
        assert self._process.returncode == 0

    def found(self, pattern: str) -> str:
        """What the pattern's group matches in what was printed."""
        match = re.search(pattern, self.printed)
        assert match is not None, self.printed
        return match[1]


@pytest.mark.parametrize("name", BusName)
async def test_every_bus_runs_alone_and_says_what_a_client_needs(name: BusName) -> None:
    """Its address, a destination's keys, what exists, where to see what came; no warning on loopback."""
    async with Command("emulate", name, "--listen", "127.0.0.1:0", until="faults (PUT") as command:
        url = command.found(f"{TITLES[name]}: (\\S+)\n")
        for key in KEYS[name]:
            assert command.found(rf"  {key} +(\S+)\n")
        assert command.found(r"  exists +(.+)\n") in {"any event bus", "any channel"}
        async with aiohttp.ClientSession() as client, client.get(f"{url}/_emulator/events") as answer:
            assert await answer.json() == []
    assert command.warned == ""


NAMED = {BusName.AWS: "event_bus", BusName.ALIBABA: "event_bus", BusName.HUAWEI: "channel_id"}
"""The key that names what may not exist."""


async def outcome(name: BusName, keys: dict[str, str]) -> object:
    """What becomes of one event that is sent to that destination."""
    plugins = senders.plugins()
    config = parse({"destinations": {"orders": {"type": name, **keys}}}, environment={}, plugins=plugins)
    sender = plugins[name].create(config.destinations["orders"].sender)
    sent = read_event(EVENT, received_at=WALL_AT_START)
    batch = Batch.of([Entry(sent, sender.admit(sent), 0.0)])
    (found,) = (await attempt(sender, batch, timeout_seconds=EXIT_SECONDS)).outcomes
    await sender.aclose()
    return found


@pytest.mark.parametrize("name", BusName)
async def test_where_event_buses_are_named_no_other_exists(name: BusName) -> None:
    """An event for another is held, as at the vendor's; where none is named, any will do."""
    other = {NAMED[name]: "payments"}
    for named, becomes in [((), Delivered), (("orders", "returns"), Hold)]:
        bus = emulated_bus(name, named)
        async with bus.emulator:
            keys = {"endpoint": bus.emulator.url, **bus.address, **bus.credentials}
            assert isinstance(await outcome(name, keys), Delivered)
            assert isinstance(await outcome(name, {**keys, **other}), becomes)
    assert (bus.address[NAMED[name]], bus.exists.endswith("orders, returns")) == ("orders", True)


async def test_the_event_buses_that_exist_are_arguments() -> None:
    """Each is an option of its own; the first is the one that is shown to a client."""
    arguments = ("emulate", "aws", "--event-bus", "orders", "--event-bus", "returns")
    async with Command(*arguments, "--listen", "127.0.0.1:0", until="faults (PUT") as command:
        assert command.found(r"  event_bus +(\S+)\n") == "orders"
        assert command.found(r"  exists +(.+)\n") == "default, orders, returns"


async def test_a_bus_that_others_can_reach_warns() -> None:
    """Who reaches the port reaches the control interface too, and that asks for nothing."""
    async with Command("emulate", "huawei", "--listen", "0.0.0.0:0", until="faults (PUT") as command:
        assert command.found("EventGrid: (http://0.0.0.0:[1-9][0-9]*)")
    assert command.warned.startswith("warning: 0.0.0.0:0 is open beyond this machine")
    assert "asks for no credentials" in command.warned


async def test_an_emulated_bus_has_no_unix_socket() -> None:
    """No vendor's client would know how to reach it: exit 2."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "emulate", "aws", "--listen", "unix:/tmp/bus.sock",
        env=clean_environment(), stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(EXIT_SECONDS):
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (2, b"--listen: the emulated bus listens on TCP only\n")


@pytest.mark.parametrize("name", BusName)
async def test_dev_delivers_to_every_bus(name: BusName) -> None:
    """What is posted to the printed receiver is seen at the printed bus, signature and all."""
    arguments = ("--bus", name, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    async with Command("dev", *arguments, until="Ctrl-C") as command, aiohttp.ClientSession() as client:
        receiver, bus = command.found(r"receiver +(\S+)"), command.found(r"emulated bus +(\S+)")
        assert f"with an emulated {TITLES[name]} behind it" in command.printed
        headers = {"Content-Type": "application/cloudevents+json"}
        async with client.post(f"{receiver}/", data=EVENT, headers=headers) as answer:
            assert answer.status == 202
        events = ""
        async with asyncio.timeout(EXIT_SECONDS):
            while "com.example.hello" not in events:
                async with client.get(f"{bus}/_emulator/events") as answer:
                    events = await answer.text()
