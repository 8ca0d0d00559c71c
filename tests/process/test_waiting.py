"""Producers that wait for the delivery of what they post, through the whole gateway."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from gateway.emulators.aws import AwsEmulator
from gateway.emulators.faults import FailEntries, Faults
from tests.support.load import STRUCTURED, document
from tests.support.process import GatewayProcess, aws_destination, scrape, until_held_is

CALLERS = 1000


def configuration(bus: AwsEmulator, **sections: dict[str, Any]) -> dict[str, Any]:
    """An interval so long that whoever had to wait for it would run out of time."""
    return {
        "flush": {"interval": "30s"},
        "shutdown": {"deadline": "300ms"},
        "destinations": {"bus": aws_destination(bus.url)},
        **sections,
    }


async def post(
    client: aiohttp.ClientSession, url: str, number: int, prefer: str | None = None
) -> tuple[int, dict[str, Any]]:
    """The status and the answer's document."""
    headers = STRUCTURED if prefer is None else {**STRUCTURED, "Prefer": prefer}
    async with client.post(url, data=orjson.dumps(document(number)), headers=headers) as answer:
        body = await answer.read()
        return answer.status, orjson.loads(body) if body else {}


async def test_who_waits_is_told_the_events_id_at_the_bus(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """At once, not after the flush interval: nobody else could bring company."""
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        status, told = await post(client, gateway.url, 1, "wait=20")
        assert status == 200
        (received,) = bus.received
        assert told == {
            "results": [
                {
                    "id": "event-1",
                    "source": "/tests/load",
                    "destination": "bus",
                    "bus_event_id": received.event_id,
                }
            ]
        }


async def test_who_waits_in_vain_is_told_that_the_event_is_held(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """202 when the time runs out, or when the process ends first and the event is on disk."""
    bus.faults = Faults(down=True)
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        assert await post(client, gateway.url, 1, "wait=1") == (202, {})
        waiting = asyncio.create_task(post(client, gateway.url, 2, "wait=20"))
        await until_held_is(client, gateway.admin_url, 2)
        gateway.terminate()
        assert await waiting == (202, {})
        assert await gateway.exit_code() == 0
    assert "events were spilled for the next start" in gateway.messages()


async def test_who_waits_for_what_is_lost_at_the_end_is_told_to_send_it_again(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Without a spill and a journal the event is nowhere when the process ends; the client has it yet."""
    bus.faults = Faults(down=True)
    document_ = configuration(bus, shutdown={"deadline": "300ms", "spill": ""})
    async with GatewayProcess(tmp_path, document_) as gateway:
        waiting = asyncio.create_task(post(client, gateway.url, 1, "wait=20"))
        await until_held_is(client, gateway.admin_url, 1)
        gateway.terminate()
        status, told = await waiting
        assert (status, told["errors"]) == (503, [{"reason": "draining"}])
        assert await gateway.exit_code() == 1


async def test_who_waits_for_what_the_bus_refuses_is_told_its_code(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """502 once it is in the dead letters; the one beside it is delivered."""
    bus.faults = Faults(script=(FailEntries(indexes=(0,), code="NotAuthorizedForSourceException"),))
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        status, told = await post(client, gateway.url, 1, "wait=20")
        assert (status, told["code"]) == (502, "NotAuthorizedForSourceException")
        assert (await scrape(client, gateway.admin_url)).total("gateway_events_dead_lettered_total") == 1


async def test_the_configuration_can_ask_to_wait_and_a_request_not_to(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """`receiver.acknowledge = "delivered"` is the default; `Prefer: respond-async` is the exception."""
    receiver = {"acknowledge": "delivered", "acknowledge_timeout": "20s"}
    async with GatewayProcess(tmp_path, configuration(bus, receiver=receiver)) as gateway:
        assert (await post(client, gateway.url, 1))[0] == 200
        assert (await post(client, gateway.url, 2, "respond-async"))[0] == 202


async def test_a_thousand_callers_wait_at_once(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Each is told of its own event, under the id that the bus knows it by; with a journal as well."""
    document_ = configuration(bus, buffer={"journal": "journal"})
    async with (
        GatewayProcess(tmp_path, document_) as gateway,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CALLERS)) as callers,
    ):
        answers = await asyncio.gather(
            *[post(callers, gateway.url, number, "wait=20") for number in range(CALLERS)]
        )
        accounts = await scrape(client, gateway.admin_url)
        accounts.check_sum("bus")
    assert {status for status, _ in answers} == {200}
    told = {each["results"][0]["id"]: each["results"][0]["bus_event_id"] for _, each in answers}
    assert told == {orjson.loads(event.detail)["id"]: event.event_id for event in bus.received}
    assert len(told) == CALLERS
