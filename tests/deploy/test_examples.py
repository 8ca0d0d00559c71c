"""The examples for those who post events, run as they stand against a gateway and against a poor one."""

import asyncio
import os
import re
import shutil
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from msgspec import Struct

from gateway.emulators.aws import AwsEmulator
from gateway.pipeline.forecast import RETRY_AFTER_MAX_SECONDS
from tests.producers.javascript import node_with_sdk
from tests.senders.scripted_server import HangUp, Received, ScriptedServer, http_answer
from tests.support.process import GatewayProcess, aws_destination, scrape, until_held_is

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "deploy" / "examples"
SECONDS = 30.0
ATTEMPTS = 5

ACCEPTED = http_answer(status=202)
TOKEN = "token-of-the-tests"
ASKS_FOR_TOKEN = {"receiver": {"tokens": [TOKEN]}}
UNPRINTABLE = "\x01"
"""Of an order of this name the gateway takes no event: no attribute may have such a character."""


class Done(Struct, frozen=True):
    """How a program ended, and all that it said."""

    code: int
    said: str


def python(_: Path) -> list[str]:
    return [sys.executable, str(EXAMPLES / "python" / "orders.py")]


def javascript(directory: Path) -> list[str]:
    """In another directory than its own, beside the SDK, which the tests do not install among the sources."""
    node = node_with_sdk()
    script = shutil.copy(str(EXAMPLES / "javascript" / "orders.mjs"), str(directory))
    (directory / "node_modules").symlink_to(node.modules)
    return [node.program, script]


def curl(_: Path) -> list[str]:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    return ["sh", str(EXAMPLES / "curl.sh")]


Program = Callable[[Path], Sequence[str]]
services = pytest.mark.parametrize("program", [python, javascript])
every_program = pytest.mark.parametrize("program", [python, javascript, curl])


@asynccontextmanager
async def started(command: Sequence[str], url: str, *orders: str) -> AsyncIterator[Process]:
    """The program, posting to `url`; killed where it outlasts the block."""
    environment = {**os.environ, "GATEWAY_URL": url}
    process = await asyncio.create_subprocess_exec(
        *command, *orders, env=environment, stdout=PIPE, stderr=STDOUT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def run(command: Sequence[str], url: str, *orders: str) -> Done:
    """The program to its end."""
    async with started(command, url, *orders) as process:
        said, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode is not None
    return Done(process.returncode, said.decode())


async def delays(command: Sequence[str], url: str, count: int) -> list[float]:
    """Seconds that the program says it will wait, the first `count` times; the last is not waited for."""
    async with started(command, url, "1001") as process:
        assert process.stdout is not None
        lines = [await asyncio.wait_for(process.stdout.readline(), SECONDS) for _ in range(count)]
    return [float(re.findall(r"again in (.+) s", line.decode())[0]) for line in lines]


def no_room(retry_after: str) -> bytes:
    return http_answer(status=503, Retry_After=retry_after)


def date_in(seconds: float) -> str:
    """So far from now, as RFC 9110 (5.6.7) writes it."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


NO_ROOM = no_room("0")


def arrived(bus: AwsEmulator) -> dict[str, dict[str, Any]]:
    """The events at the bus by id; none is there twice."""
    events: list[dict[str, Any]] = [orjson.loads(event.detail) for event in bus.received]
    assert len({event["id"] for event in events}) == len(events)
    return {event["id"]: event for event in events}


def posted(server: ScriptedServer) -> list[str]:
    """The ids of the events, in the order of their coming."""
    return [orjson.loads(request.body)["id"] for request in server.received]


@services
async def test_an_order_s_events_arrive_with_its_trace_and_the_second_is_waited_for(
    program: Program, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """As the program stands, against a gateway with an emulated bus."""
    async with AwsEmulator() as bus, GatewayProcess(tmp_path, configuration(bus)) as gateway:
        done = await run(program(tmp_path), gateway.url, "1001", "1002")
        await until_held_is(client, gateway.admin_url, 0)
        events = arrived(bus)
    assert done.code == 0, done.said
    assert events.keys() == {"1001-created", "1001-paid", "1002-created", "1002-paid"}
    assert events["1001-created"]["data"] == {"order": "1001"}
    assert events["1001-created"]["traceparent"] == events["1001-paid"]["traceparent"]
    assert events["1001-created"]["traceparent"] != events["1002-created"]["traceparent"]
    assert re.findall(r"1001-(\w+): (\d+) (.*)", done.said)[0] == ("created", "202", "")
    (_, status, results), *_ = re.findall(r"1001-(paid): (\d+) (.*)", done.said)
    assert (status, "bus_event_id" in results) == ("200", True)


@services
async def test_a_refused_event_is_told_of_and_not_posted_again(
    program: Program, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """A bug of the program's: the attribute and the reason are in its log, and other events go on."""
    async with AwsEmulator() as bus, GatewayProcess(tmp_path, configuration(bus)) as gateway:
        done = await run(program(tmp_path), gateway.url, UNPRINTABLE, "1002")
        accounts = await until_held_is(client, gateway.admin_url, 0)
        events = arrived(bus)
    assert done.code == 1, done.said
    assert '"reason":"invalid_character"' in done.said
    assert accounts.total("gateway_requests_total", code="400") == 2
    assert events.keys() == {"1002-created", "1002-paid"}


@services
async def test_what_finds_no_room_is_posted_again_the_same_when_retry_after_says(
    program: Program, tmp_path: Path
) -> None:
    """Equal to the byte, so that nobody takes it for another event; kept connections; fetch has two."""
    async with ScriptedServer(NO_ROOM, NO_ROOM, ACCEPTED) as server:
        done = await run(program(tmp_path), server.url, "1001", "1002")
    assert done.code == 0, done.said
    assert posted(server) == ["1001-created"] * 3 + ["1001-paid", "1002-created", "1002-paid"]
    assert len({request.body for request in server.received}) == 4
    assert done.said.count("1001-created: 503, again in 0.0 s") == 2
    assert server.connections <= 2


@services
async def test_a_retry_after_that_says_nothing_leaves_the_backoff(program: Program, tmp_path: Path) -> None:
    """Neither nonsense nor a date that is over; and of a number only so much as a gateway ever says."""
    poor = map(no_room, ("-1", date_in(-3600), "86400"))
    async with ScriptedServer(*poor) as server:
        assert await delays(program(tmp_path), server.url, 3) == [0.1, 0.4, RETRY_AFTER_MAX_SECONDS]


@services
@pytest.mark.parametrize(
    ("ahead", "least", "most"), [(55, 20, 55), (86_400, RETRY_AFTER_MAX_SECONDS, RETRY_AFTER_MAX_SECONDS)]
)
async def test_a_retry_after_may_be_a_date(
    program: Program, ahead: float, least: float, most: float, tmp_path: Path
) -> None:
    """As a proxy writes it: until then, but no longer than a gateway would ask."""
    async with ScriptedServer(no_room(date_in(ahead))) as server:
        (seconds,) = await delays(program(tmp_path), server.url, 1)
    assert least <= seconds <= most


@services
async def test_what_finds_no_room_again_and_again_is_given_up_and_said(
    program: Program, tmp_path: Path
) -> None:
    """After five attempts it is the application's to keep."""
    async with ScriptedServer(NO_ROOM) as server:
        done = await run(program(tmp_path), server.url, "1001")
    assert done.code == 1, done.said
    assert posted(server) == ["1001-created"] * ATTEMPTS + ["1001-paid"] * ATTEMPTS
    assert "1001-created: 503, given up" in done.said


@services
async def test_what_got_no_answer_is_posted_again(program: Program, tmp_path: Path) -> None:
    """The gateway may have it or not: whoever reads it tells by its id."""
    async with ScriptedServer(HangUp(), ACCEPTED) as server:
        done = await run(program(tmp_path), server.url, "1001")
    assert done.code == 0, done.said
    assert posted(server) == ["1001-created", "1001-created", "1001-paid"]


@services
async def test_what_the_bus_has_refused_is_not_posted_again(program: Program, tmp_path: Path) -> None:
    """It is in the gateway's dead letters, and would be there twice."""
    async with ScriptedServer(ACCEPTED, http_answer(b"dead-lettered", status=502)) as server:
        done = await run(program(tmp_path), server.url, "1001")
    assert done.code == 1, done.said
    assert posted(server) == ["1001-created", "1001-paid"]
    assert "1001-paid: 502, given up: dead-lettered" in done.said


@every_program
async def test_a_token_is_shown_to_a_gateway_that_asks_for_one(
    program: Program, client: aiohttp.ClientSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it nothing is taken, and the exit code says so."""
    async with AwsEmulator() as bus, GatewayProcess(tmp_path, configuration(bus) | ASKS_FOR_TOKEN) as gateway:
        command = program(tmp_path)
        refused = await run(command, gateway.url, "1001")
        assert arrived(bus) == {}
        monkeypatch.setenv("GATEWAY_TOKEN", TOKEN)
        taken = await run(command, gateway.url, "1001")
        await until_held_is(client, gateway.admin_url, 0)
        assert {"1001-created", "1001-paid"} <= arrived(bus).keys()
    assert refused.code == 1, refused.said
    assert '"status":401' in refused.said
    assert taken.code == 0, taken.said


@every_program
async def test_without_a_token_there_is_no_authorization(program: Program, tmp_path: Path) -> None:
    """Not an empty one, which a proxy on the way might refuse."""
    async with ScriptedServer(ACCEPTED) as server:
        await run(program(tmp_path), server.url, "1001")
    assert server.received
    assert not any("authorization" in request.headers for request in server.received)


async def test_curl_ends_with_a_fault_where_what_is_wrong_on_purpose_is_taken(tmp_path: Path) -> None:
    """Its last batch has an event without a source: this is no gateway."""
    async with ScriptedServer(ACCEPTED) as server:
        done = await run(curl(tmp_path), server.url)
    assert done.code == 1, done.said
    assert done.said.splitlines()[-1] == "refused: 202"


async def test_curl_posts_in_every_mode_waits_and_is_refused(
    client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """As the script stands; of the batch that is refused nothing arrives."""
    async with AwsEmulator() as bus, GatewayProcess(tmp_path, configuration(bus)) as gateway:
        done = await run(curl(tmp_path), gateway.url)
        await until_held_is(client, gateway.admin_url, 0)
        accounts = await scrape(client, gateway.admin_url)
        events = arrived(bus)
    assert done.code == 0, done.said
    assert re.findall(r"^(\w+): 202$", done.said, re.MULTILINE) == ["binary", "structured", "batched"]
    assert re.search(r'^waiting: \{"results":.*"bus_event_id":.*\}200$', done.said, re.MULTILINE)
    assert re.search(r'^refused: \{.*"reason":"empty_attribute","index":1.*\}400$', done.said, re.MULTILINE)
    assert events.keys() == {"1001-created", "1002-created", "1003-created", "1004-created", "1001-paid"}
    assert events["1001-created"]["traceparent"].startswith("00-")
    assert accounts.total("gateway_requests_total", code="400") == 1


async def test_curl_posts_the_same_again_when_there_was_no_room(tmp_path: Path) -> None:
    """One of its own options does it; the first second of its patience is the shortest that it knows."""
    async with ScriptedServer(NO_ROOM, *[ACCEPTED] * 4, http_answer(status=400)) as server:
        done = await run(curl(tmp_path), server.url)
    assert done.code == 0, done.said
    first, second, third, *_ = server.received
    assert event_of(first) == event_of(second) != event_of(third)


def event_of(request: Received) -> tuple[dict[str, str], bytes]:
    """A request's attributes and body."""
    return {name: value for name, value in request.headers.items() if name.startswith("ce-")}, request.body


def test_the_python_example_pins_what_is_tested() -> None:
    """The versions of `requirements/dev.txt`, with which it is run here."""
    tested = set(
        re.findall(r"^([a-z0-9-]+==[^ ]+)", (ROOT / "requirements" / "dev.txt").read_text(), re.MULTILINE)
    )
    pinned = (EXAMPLES / "python" / "requirements.txt").read_text().split()
    assert pinned
    assert set(pinned) <= tested


def test_the_javascript_example_is_pinned_with_hashes_and_without_addresses() -> None:
    """Whoever installs it names the registry, and gets what we had."""
    lock = orjson.loads((EXAMPLES / "javascript" / "package-lock.json").read_bytes())
    packages = [package for path, package in lock["packages"].items() if path]
    assert packages
    assert all(package["integrity"].startswith("sha512-") for package in packages)
    assert not any("resolved" in package for package in packages)


def configuration(bus: AwsEmulator) -> dict[str, Any]:
    return {"flush": {"interval": "20ms"}, "destinations": {"bus": aws_destination(bus.url)}}
