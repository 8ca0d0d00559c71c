"""A whole gateway before a bus that fails in every way it can: nothing is lost, and the sum always holds."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from gateway.emulators.aws import AwsEmulator
from gateway.emulators.faults import (
    FailEntries,
    Fault,
    Faults,
    Nonsense,
    NonsenseForm,
    ResetAfter,
    ResetBefore,
    Throttle,
    Unavailable,
)
from tests.support.load import accepted, document, post_all
from tests.support.process import GatewayProcess, aws_destination, scrape, until_held_is

EVENTS = 2000
SCRAPES = 100

CLEAR_FAULTS: tuple[Fault, ...] = (
    FailEntries(probability=0.1),
    Throttle(probability=0.01),  # each slows the pace for seconds: the gateway takes it at its word
    Unavailable(probability=0.03, status=503),
    ResetBefore(probability=0.03),
)
UNCLEAR_FAULTS: tuple[Fault, ...] = (
    ResetAfter(probability=0.03),
    *(Nonsense(probability=0.02, form=form) for form in NonsenseForm),
)


def configuration(bus: AwsEmulator, **delivery: Any) -> dict[str, Any]:
    return {
        "flush": {"interval": "20ms"},
        "delivery": {"backoff_initial": "5ms", "backoff_max": "50ms", **delivery},
        "destinations": {"bus": aws_destination(bus.url)},
    }


def delivered_ids(bus: AwsEmulator) -> Counter[str]:
    """How often each event arrived at the bus."""
    return Counter(orjson.loads(event.detail)["id"] for event in bus.received)


async def scrape_meanwhile(client: aiohttp.ClientSession, gateway: GatewayProcess) -> None:
    for _ in range(SCRAPES):
        (await scrape(client, gateway.admin_url)).check_sum("bus")


async def test_events_known_to_be_taken_are_never_sent_again(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """With faults that leave no doubt, each accepted event arrives exactly once; the sum always holds."""
    bus.faults = Faults(standing=CLEAR_FAULTS)
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        statuses, _ = await asyncio.gather(
            post_all(client, gateway.url, map(document, range(EVENTS))),
            scrape_meanwhile(client, gateway),
        )
        accounts = await until_held_is(client, gateway.admin_url, 0)
    assert accepted(statuses) == set(statuses)
    assert delivered_ids(bus) == Counter(statuses.keys())
    assert accounts.delivered == EVENTS
    assert accounts.total("gateway_events_retried_total", reason="failed") > 0


async def test_events_in_doubt_are_sent_again_until_they_are_taken(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """With resets and nonsense after processing, everything accepted arrives, some of it twice."""
    bus.faults = Faults(standing=(*CLEAR_FAULTS, *UNCLEAR_FAULTS))
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        statuses, _ = await asyncio.gather(
            post_all(client, gateway.url, map(document, range(EVENTS))),
            scrape_meanwhile(client, gateway),
        )
        accounts = await until_held_is(client, gateway.admin_url, 0)
    assert delivered_ids(bus).keys() == accepted(statuses) == set(statuses)
    assert accounts.delivered == EVENTS
    assert len(bus.received) > EVENTS


async def test_one_poisoned_event_ends_alone_in_the_dead_letters(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """A request that is refused whole is halved until the culprit is found; its company is delivered."""
    bus.faults = Faults(poison=("poisoned",))
    events = [document(number) for number in range(50)]
    events[17]["data"] = "poisoned"
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        await post_all(client, gateway.url, events)
        accounts = await until_held_is(client, gateway.admin_url, 0)
        accounts.check_sum("bus")
    (file,) = (tmp_path / "dead-letters" / "bus").iterdir()
    (letter,) = map(orjson.loads, file.read_bytes().splitlines())
    assert letter["event"] == events[17]
    assert (letter["reason"], letter["code"]) == ("rejected", "ValidationException")
    assert set(delivered_ids(bus)) == {event["id"] for event in events} - {"event-17"}
    assert accounts.total("gateway_events_dead_lettered_total", reason="rejected") == 1
