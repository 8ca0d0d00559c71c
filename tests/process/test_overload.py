"""More load than room: refusals are honest, memory stays bounded, and what was accepted arrives."""

from pathlib import Path

import aiohttp
import orjson

from gateway.emulators.aws import AwsEmulator
from gateway.emulators.faults import Faults
from tests.support.load import STRUCTURED, accepted, document, post_all
from tests.support.process import GatewayProcess, aws_destination, until_held_is

BUFFER_BYTES = 1 << 20
EVENTS = 4000


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


async def test_an_idle_gateway_needs_at_most_60_mib(bus: AwsEmulator, tmp_path: Path) -> None:
    """Resident memory after the start, with one Amazon destination."""
    async with GatewayProcess(tmp_path, {"destinations": {"bus": aws_destination(bus.url)}}) as gateway:
        assert gateway.resident_bytes() <= 60 << 20
