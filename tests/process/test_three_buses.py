"""Each of the three buses behind a whole gateway: full requests, no byte over a limit, trouble, recovery."""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import aclosing
from math import floor
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from gateway.emulators.faults import DenyAccess, Faults
from gateway.emulators.server import Emulator
from tests.support.buses import VENDORS, Arrival, Mix, Vendor, members
from tests.support.load import document, post_all
from tests.support.process import Accounts, GatewayProcess, until_held_is

EVENTS = 2000
TROUBLED_EVENTS = 100
TROUBLED_IDS = [f"event-{number}" for number in range(TROUBLED_EVENTS)]
SEED = 2026

every_vendor = pytest.mark.parametrize("vendor", VENDORS, ids=[vendor.name for vendor in VENDORS])


def patient(vendor: Vendor, bus: Emulator[Any]) -> dict[str, Any]:
    """Events wait for company until their batch is full; only the last of them leave for their age."""
    return {
        "buffer": {"max_bytes": "256MiB"},
        "flush": {"interval": "2s"},
        "destinations": {"bus": vendor.destination(bus.url)},
    }


def prompt(vendor: Vendor, bus: Emulator[Any], **delivery: Any) -> dict[str, Any]:
    """Events leave at once."""
    return {
        "flush": {"interval": "10ms"},
        "delivery": delivery,
        "destinations": {"bus": vendor.destination(bus.url)},
    }


async def deliver_a_backlog(
    vendor: Vendor, mix: Mix, client: aiohttp.ClientSession, directory: Path
) -> list[Arrival]:
    """Post the mix to a bus that takes nothing until all is held; what arrived, equal to what was posted."""
    events = {event["id"]: event for event in vendor.events(mix, EVENTS, seed=SEED)}
    async with vendor.emulator() as bus:
        bus.faults = Faults(down=True)
        async with GatewayProcess(directory, patient(vendor, bus)) as gateway:
            statuses = await post_all(client, gateway.url, events.values())
            assert Counter(statuses.values()) == {202: EVENTS}
            await until_held_is(client, gateway.admin_url, EVENTS)
            bus.faults = Faults()
            accounts = await until_held_is(client, gateway.admin_url, 0)
        check_all_delivered(accounts, vendor, bus, events.keys())
        statistics = bus.statistics()
        assert statistics.answers.keys() == {200}
        assert (statistics.entries_failed, statistics.events_dropped) == ({}, {})
        arrivals = vendor.arrivals(bus)
    for arrival in arrivals:
        assert arrival.event == members(events[arrival.id])
    return arrivals


def check_all_delivered(accounts: Accounts, vendor: Vendor, bus: Emulator[Any], ids: Collection[str]) -> None:
    """The books say so, and each came to the bus exactly once."""
    accounts.check_sum("bus")
    assert accounts.delivered == len(ids)
    assert vendor.arrived_ids(bus) == Counter(ids)


def check_requests(vendor: Vendor, arrivals: Sequence[Arrival]) -> None:
    """No request holds more than the vendor's documents allow, and hardly more go than there must be."""
    requests: dict[int, list[int]] = {}
    for arrival in arrivals:
        requests.setdefault(arrival.request, []).append(arrival.size)
    assert max(map(len, requests.values())) <= vendor.max_events
    assert max(map(sum, requests.values())) <= vendor.max_request_bytes
    least = vendor.least_requests([arrival.size for arrival in arrivals])
    assert len(requests) <= floor(1.01 * least) + 1


@every_vendor
async def test_a_backlog_in_which_bytes_bind_goes_in_hardly_more_requests_than_its_bytes_need(
    vendor: Vendor, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """2,000 events, the largest as large as the bus takes: once each, equal, and no byte over a limit."""
    arrivals = await deliver_a_backlog(vendor, vendor.bytes_bind, client, tmp_path)
    sizes = [arrival.size for arrival in arrivals]
    assert sum(sizes) / vendor.max_request_bytes > 1.2 * EVENTS / vendor.max_events
    assert max(sizes) == vendor.max_event_bytes
    check_requests(vendor, arrivals)


@every_vendor
async def test_a_backlog_in_which_the_count_binds_goes_in_hardly_more_requests_than_its_count_needs(
    vendor: Vendor, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """2,000 mostly small events: once each, equal, and no request over a limit."""
    arrivals = await deliver_a_backlog(vendor, vendor.count_binds, client, tmp_path)
    sizes = [arrival.size for arrival in arrivals]
    assert sum(sizes) / vendor.max_request_bytes < 0.5 * EVENTS / vendor.max_events
    check_requests(vendor, arrivals)


async def destination_status(client: aiohttp.ClientSession, gateway: GatewayProcess) -> dict[str, Any]:
    async with client.get(f"{gateway.admin_url}/status") as answer:
        status: dict[str, Any] = (await answer.json())["destinations"]["bus"]
        return status


async def until_blocked(client: aiohttp.ClientSession, gateway: GatewayProcess) -> dict[str, Any]:
    """The destination's part of `/status` as soon as it says that an operator must mend something."""
    async with asyncio.timeout(30):
        while (status := await destination_status(client, gateway))["health"] != "blocked":
            pass
    return status


def check_only_held(accounts: Accounts) -> None:
    """Whatever was sent again was so for what an operator had to mend."""
    retried = accounts.total("gateway_events_retried_total")
    assert retried == accounts.total("gateway_events_retried_total", reason="blocked") > 0


@every_vendor
async def test_events_wait_while_access_is_denied_and_go_on_when_it_is_granted(
    vendor: Vendor, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """`/status` names the bus's code; no attempt is spent, though one is all there is; each arrives once."""
    async with vendor.emulator() as bus:
        async with GatewayProcess(tmp_path, prompt(vendor, bus, max_attempts=1)) as gateway:
            await post_all(client, gateway.url, map(document, range(TROUBLED_EVENTS // 2)))
            await bus.until_received(TROUBLED_EVENTS // 2)
            bus.faults = Faults(standing=(DenyAccess(),))
            await post_all(client, gateway.url, map(document, range(TROUBLED_EVENTS // 2, TROUBLED_EVENTS)))
            status = await until_blocked(client, gateway)
            assert status["last_error"]["code"] == vendor.denied_code
            assert (status["held"], status["dead_lettered"]) == (TROUBLED_EVENTS // 2, 0)
            bus.faults = Faults()
            accounts = await until_held_is(client, gateway.admin_url, 0)
            assert (await destination_status(client, gateway))["health"] == "up"
        check_only_held(accounts)
        check_all_delivered(accounts, vendor, bus, TROUBLED_IDS)


@every_vendor
async def test_events_wait_for_a_bus_that_is_missing_and_go_there_once_it_is_created(
    vendor: Vendor, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Nothing is lost to a bus or channel that does not exist; `/status` says so; no restart is needed."""
    async with vendor.lacking() as lacking:
        configuration = prompt(vendor, lacking)
        async with GatewayProcess(tmp_path, configuration) as gateway, aclosing(vendor.emulator()) as bus:
            await post_all(client, gateway.url, map(document, range(TROUBLED_EVENTS)))
            status = await until_blocked(client, gateway)
            assert status["last_error"]["code"] == vendor.missing_code
            check_only_held(await until_held_is(client, gateway.admin_url, TROUBLED_EVENTS))
            await lacking.aclose()
            await bus.start(port=URL(lacking.url).port or 0)
            accounts = await until_held_is(client, gateway.admin_url, 0)
            check_all_delivered(accounts, vendor, bus, TROUBLED_IDS)
        assert not [*lacking.received, *lacking.dropped]
