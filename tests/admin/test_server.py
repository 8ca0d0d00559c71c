"""The administration interface over loopback, before a gateway that only answers questions."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway.admin.server import Admin
from gateway.config import ListenAddress
from gateway.errors import ConfigFault
from gateway.openapi import document
from tests.admin.operations import FakeOperations


class Interface:
    """The fake gateway, and the interface in front of it."""

    def __init__(self, operations: FakeOperations, client: aiohttp.ClientSession) -> None:
        self.operations = operations
        self.client = client


@pytest.fixture
async def interface() -> AsyncIterator[Interface]:
    """An administration interface on a free port."""
    operations = FakeOperations()
    admin = Admin(operations, ListenAddress("127.0.0.1:0"))
    async with aiohttp.ClientSession(await admin.start()) as client:
        yield Interface(operations, client)
    await admin.aclose()


async def test_metrics_are_prometheus_text_by_default(interface: Interface) -> None:
    """What Prometheus and curl ask for."""
    async with interface.client.get("/metrics") as answer:
        assert answer.content_type == "text/plain"
        assert 'gateway_requests_total{code="202"} 3.0' in await answer.text()


async def test_metrics_are_openmetrics_on_request(interface: Interface) -> None:
    """The `Accept` header chooses; OpenMetrics ends with its mark."""
    async with interface.client.get(
        "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
    ) as answer:
        assert answer.content_type == "application/openmetrics-text"
        assert (await answer.text()).endswith("# EOF\n")


async def test_the_process_is_healthy_while_it_answers(interface: Interface) -> None:
    """Liveness does not depend on room or on the bus."""
    interface.operations.reason = "draining"
    async with interface.client.get("/healthz") as answer:
        assert answer.status == 200


async def test_a_reload_says_what_has_changed_and_what_waits(interface: Interface) -> None:
    """As `SIGHUP` does in the log."""
    async with interface.client.post("/reload") as answer:
        assert (answer.status, await answer.json()) == (
            200,
            {"changed": ["destinations.orders.flush"], "needs_restart": ["log.format"]},
        )


async def test_a_bad_file_is_answered_with_its_faults(interface: Interface) -> None:
    """422, key by key, as problem details."""
    interface.operations.faults = [ConfigFault("flush.interval", "expected a duration")]
    async with interface.client.post("/reload") as answer:
        assert (answer.status, answer.content_type) == (422, "application/problem+json")
        told = await answer.json(content_type=None)
    assert told["errors"] == [{"key": "flush.interval", "message": "expected a duration"}]


async def test_a_page_in_a_browser_reloads_nothing(interface: Interface) -> None:
    """It can post to loopback as well as a program on this machine, but not without an Origin."""
    async with interface.client.post("/reload", headers={"Origin": "https://example.com"}) as answer:
        assert answer.status == 403


async def test_readiness_is_200_or_503_with_the_reason(interface: Interface) -> None:
    """As the gateway would answer an event now."""
    async with interface.client.get("/readyz") as answer:
        assert (answer.status, await answer.text()) == (200, "ready\n")
    interface.operations.reason = "full: orders"
    async with interface.client.get("/readyz") as answer:
        assert (answer.status, await answer.text()) == (503, "full: orders\n")


async def test_status_is_json(interface: Interface) -> None:
    """For scripts and people."""
    async with interface.client.get("/status") as answer:
        assert answer.content_type == "application/json"
        status = await answer.json()
    assert (status["state"], status["receiver"]["requests_by_status"]) == ("running", {"202": 3})


async def test_both_interfaces_are_described(interface: Interface) -> None:
    """In OpenAPI, the same to everybody who asks."""
    seen = []
    for _ in range(2):
        async with interface.client.get("/openapi.json") as answer:
            assert (answer.status, answer.content_type) == (200, "application/json")
            seen.append(await answer.json())
    assert seen == [document(), document()]


async def test_a_program_on_this_machine_can_ask_for_a_drain(interface: Interface) -> None:
    """202: it has begun."""
    async with interface.client.post("/drain") as answer:
        assert answer.status == 202
    assert interface.operations.drains == 1


async def test_after_the_answer_to_a_drain_it_is_not_ready(interface: Interface) -> None:
    """Though the gateway itself begins a moment later: an event sent now could be refused."""
    async with interface.client.post("/drain"), interface.client.get("/readyz") as answer:
        assert (answer.status, await answer.text()) == (503, "draining\n")


async def test_a_page_in_a_browser_cannot_ask_for_a_drain(interface: Interface) -> None:
    """A browser tells on the page by its Origin."""
    async with interface.client.post("/drain", headers={"Origin": "http://example.com"}) as answer:
        assert answer.status == 403
        assert answer.content_type == "application/problem+json"
    assert interface.operations.drains == 0


async def test_another_method_is_told_which_is_allowed(interface: Interface) -> None:
    """405 with Allow and problem details."""
    for method, path, allowed in (("GET", "/drain", "POST"), ("POST", "/status", "GET,HEAD")):
        async with interface.client.request(method, path) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, allowed)
            assert (await answer.json())["detail"] == f"{path} answers {allowed.replace(',', ' and ')}"


async def test_an_unknown_path_is_404_with_problem_details(interface: Interface) -> None:
    """Nothing else is served: least of all events."""
    async with interface.client.get("/events") as answer:
        assert (answer.status, answer.content_type) == (404, "application/problem+json")
        assert await answer.json() == {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "there is nothing at this path",
        }


async def test_it_listens_on_a_unix_socket(tmp_path: Path) -> None:
    """`admin.listen = "unix:/path"`; a peer there is on this machine."""
    operations = FakeOperations()
    path = str(tmp_path / "admin.sock")
    admin = Admin(operations, ListenAddress(f"unix:{path}"))
    assert await admin.start() == f"unix:{path}"
    connector = aiohttp.UnixConnector(path)
    async with (
        aiohttp.ClientSession(connector=connector) as client,
        client.post("http://admin/drain") as answer,
    ):
        assert answer.status == 202
    await admin.aclose()
    assert operations.drains == 1


async def test_closing_is_safe_twice_and_without_a_start() -> None:
    """The application closes whatever came up; then nobody listens any more."""
    admin = Admin(FakeOperations(), ListenAddress("127.0.0.1:0"))
    await admin.aclose()
    url = await admin.start()
    await admin.aclose()
    await admin.aclose()
    async with aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get(f"{url}/healthz")
