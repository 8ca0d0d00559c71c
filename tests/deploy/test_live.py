"""A real Prometheus beside gateways in trouble: every alert fires, every panel of the dashboard has data."""

import asyncio
import re
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

import aiohttp
import orjson
import pytest
from yarl import URL

from tests.deploy.faults import posting, spoil_workers, troubled_gateway, troubled_workers
from tests.deploy.prometheus import MISSING, PROGRAM, Prometheus
from tests.deploy.slow_disk import refuse_reload, slow_disk_gateway
from tests.support.process import EXIT_SECONDS, GatewayProcess

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "gateway.json"

EXPECTED = {
    ("GatewayDown", ""),
    ("GatewayNoDelivery", "down"),
    ("GatewayOldestEvent", "down"),
    ("GatewayBufferFilling", "down"),
    ("GatewayNoRoom", ""),
    ("GatewayRefusals", ""),
    ("GatewayDeadLetters", "refusing"),
    ("GatewayDeadLettersDropped", "dropping"),
    ("GatewayExpired", "expiring"),
    ("GatewayThrottled", "throttling"),
    ("GatewayCredentialsExpiring", "lent"),
    ("GatewayCertificateExpiring", ""),
    ("GatewayRecordsSetAside", ""),
    ("GatewayDeliveryBudgetBurnsFast", "slow"),
    ("GatewayDeliveryBudgetBurnsSlowly", "slow"),
    ("GatewayJournalFailing", ""),
    ("GatewayUnaccounted", "lost"),
    ("GatewayWorkerRestarts", ""),
    ("GatewayJournalSlow", ""),
    ("GatewayReloadRefused", ""),
}
"""Which alert fires for which destination."""

OF_A_SLOW_MACHINE = {"GatewayDeliveryBudgetBurnsFast", "GatewayDeliveryBudgetBurnsSlowly"}
"""These may fire for any destination where a test machine stands still for a second."""


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nobody listens, and nobody will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def address(gateway: GatewayProcess) -> str:
    """As Prometheus names a target."""
    url = URL(gateway.admin_url)
    return f"{url.host}:{url.port}"


def expressions() -> Iterable[str]:
    """The dashboard's, with its variables filled in."""
    for panel in orjson.loads(DASHBOARD.read_bytes())["panels"]:
        for target in panel["targets"]:
            filled = target["expr"].replace("$__rate_interval", "10s").replace("$job", "gateway")
            yield filled.replace("$destination", ".+")


async def until_fired(prometheus: Prometheus, expected: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Wait until all of these have; everything that has fired by then."""
    deadline = asyncio.get_running_loop().time() + EXIT_SECONDS
    while missing := expected - (fired := await prometheus.fired()):
        assert asyncio.get_running_loop().time() < deadline, missing
        await asyncio.sleep(0.25)  # the other end is a process with a clock of its own
    return fired


@pytest.mark.skipif(PROGRAM is None, reason=MISSING)
async def test_every_alert_fires_when_its_fault_is_injected_and_every_panel_has_data(
    client: aiohttp.ClientSession, tmp_path: Path, nobody: str
) -> None:
    """In the rules that we ship, a second for each minute; none fires for the destination that is well."""
    async with (
        troubled_gateway(tmp_path / "one") as (gateway, producer),
        troubled_workers(tmp_path) as workers,
        slow_disk_gateway(tmp_path / "slow", client) as slow,
        Prometheus(tmp_path, client, [*map(address, (gateway, workers, slow)), nobody]) as prometheus,
        posting(producer, gateway.url),
    ):
        await prometheus.until_scraped()  # a counter that rises before is not seen to rise
        await spoil_workers(client, workers)
        await refuse_reload(client, slow)
        fired = await until_fired(prometheus, EXPECTED)
        shown = {expression: await prometheus.query(expression) for expression in expressions()}
        rules = await prometheus.rules()
    assert {name for name, _ in fired} == {rule["name"] for rule in rules if rule["type"] == "alerting"}
    assert {name for name, destination in fired if destination == "fine"} <= OF_A_SLOW_MACHINE
    assert [expression for expression, samples in shown.items() if not samples] == []
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []
    said = [
        text for rule in rules for alert in rule.get("alerts", ()) for text in alert["annotations"].values()
    ]
    assert [text for text in said if re.search(r"<error|<no value>|%!", text)] == []
