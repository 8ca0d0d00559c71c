"""More load than room: refusals are honest, memory stays bounded, and what was accepted arrives."""

from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from gateway.emulators.aws import AwsEmulator
from gateway.emulators.faults import Faults
from tests.support.load import STRUCTURED, accepted, document, post, post_all
from tests.support.process import GatewayProcess, aws_destination, until_held_is

BUFFER_BYTES = 1 << 20
EVENTS = 4000
ALIKE = 2000
"""Events of one size, 2 kB: six times what there is room for, so that each worker's part is filled, however
few of the connections are its own."""


def alike(number: int) -> dict[str, Any]:
    """The same number of bytes for each number up to a million."""
    return document(10**6 + number, data="x" * 2000)


async def test_a_load_larger_than_the_buffer_is_refused_with_503_and_the_rest_arrives(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Nothing but 202 and 503 is answered; memory grows by no more than a few times the buffer."""
    bus.faults = Faults(down=True)
    configuration = {
        "buffer": {"max_bytes": "1MiB"},
        "destinations": {"bus": aws_destination(bus.url)},
    }
    async with GatewayProcess(tmp_path, configuration) as gateway:
        idle_bytes = gateway.resident_bytes()
        statuses = await post_all(client, gateway.url, map(document, range(EVENTS)))
        full_bytes = gateway.resident_bytes()
        async with client.post(gateway.url, data=orjson.dumps(document(-1)), headers=STRUCTURED) as answer:
            assert answer.status == 503
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
        async with client.get(f"{gateway.admin_url}/readyz") as ready:
            assert ready.status == 503
        bus.faults = Faults()
        accounts = await until_held_is(client, gateway.admin_url, 0)
        accounts.check_sum("bus")
    assert set(statuses.values()) == {202, 503}
    assert full_bytes - idle_bytes < 8 * BUFFER_BYTES
    assert sorted(orjson.loads(event.detail)["id"] for event in bus.received) == sorted(accepted(statuses))
    assert accounts.total("gateway_events_refused_total", reason="no_room") == EVENTS + 1 - accounts.delivered


@pytest.mark.parametrize(
    ("workers", "told"),
    [(1, "full: bus\n"), (2, "worker 0: full: bus; worker 1: full: bus\n")],
    ids=["alone", "two workers"],
)
async def test_a_gateway_that_refuses_every_event_is_not_ready(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path, workers: int, told: str
) -> None:
    """Though a smaller event than those it holds would fit; ready again as soon as they have gone."""
    bus.faults = Faults(down=True)
    configuration = {
        "buffer": {"max_bytes": "1MiB"},
        "destinations": {"bus": aws_destination(bus.url)},
    }
    async with GatewayProcess(tmp_path, configuration, workers=workers) as gateway:
        statuses = await post_all(client, gateway.url, map(alike, range(ALIKE)), connections=64)
        assert await post(client, gateway.url, alike(ALIKE)) == 503
        async with client.get(f"{gateway.admin_url}/readyz") as ready:
            assert (ready.status, await ready.text()) == (503, told)
        bus.faults = Faults()
        await until_held_is(client, gateway.admin_url, 0)
        async with client.get(f"{gateway.admin_url}/readyz") as ready:
            assert ready.status == 200
    assert set(statuses.values()) == {202, 503}


async def test_an_idle_gateway_needs_at_most_60_mib(bus: AwsEmulator, tmp_path: Path) -> None:
    """Resident memory after the start, with one Amazon destination."""
    async with GatewayProcess(tmp_path, {"destinations": {"bus": aws_destination(bus.url)}}) as gateway:
        assert gateway.resident_bytes() <= 60 << 20
