"""What the administration interface answers is what the description says: each status is provoked."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple, NoReturn

import aiohttp
import pytest

from gateway.admin.server import Admin
from gateway.bearer import NO_TOKENS, BearerTokens
from gateway.config import ListenAddress
from gateway.errors import ConfigFault
from gateway.secret import Secret
from tests.admin.operations import FakeOperations
from tests.openapi.description import Operation, operations, violations

TOKENS = BearerTokens([Secret("mF_9.B5f-4.1JqM")])
ADMINISTRATION = {each.label: each for each in operations("administration")}


class Trouble(FakeOperations):
    """A gateway that has a fault in it, a bad file, and no room."""

    def __init__(self) -> None:
        super().__init__()
        self.reason = "full: orders"
        self.faults = [ConfigFault("flush.interval", "expected a duration")]

    def status(self) -> NoReturn:
        raise RuntimeError


class Provoked(NamedTuple):
    """A status, and what leads to it."""

    status: int
    label: str
    headers: Mapping[str, str] = {}
    tokens: BearerTokens = NO_TOKENS
    operations: type[FakeOperations] = FakeOperations
    method: str = ""
    """Another than that of the operation."""


PROVOKED = (
    Provoked(200, "GET /"),
    Provoked(200, "GET /", tokens=TOKENS, headers={"Authorization": "Bearer mF_9.B5f-4.1JqM"}),
    Provoked(401, "GET /", tokens=TOKENS),
    Provoked(401, "GET /", {"Authorization": "Bearer no"}, TOKENS),
    Provoked(401, "GET /", tokens=TOKENS, method="DELETE"),
    Provoked(200, "GET /metrics"),
    Provoked(200, "GET /metrics", {"Accept": "application/openmetrics-text; version=1.0.0"}),
    Provoked(200, "GET /healthz", tokens=TOKENS),
    Provoked(200, "GET /readyz", tokens=TOKENS),
    Provoked(503, "GET /readyz", operations=Trouble),
    Provoked(202, "POST /drain"),
    Provoked(200, "POST /reload"),
    Provoked(422, "POST /reload", operations=Trouble),
    Provoked(403, "POST /drain", {"Origin": "https://example.com"}),
    Provoked(403, "POST /reload", {"Origin": "https://example.com"}),
    Provoked(401, "GET /metrics", tokens=TOKENS),
    Provoked(401, "GET /status", {"Authorization": "Bearer no"}, TOKENS),
    Provoked(401, "POST /drain", tokens=TOKENS),
    Provoked(401, "POST /reload", tokens=TOKENS),
    Provoked(405, "GET /status", method="DELETE"),
    Provoked(405, "POST /drain", method="GET"),
    *(Provoked(421, label, {"Host": "example.com"}) for label in ADMINISTRATION),
    Provoked(417, "GET /healthz", {"Expect": "wonders"}),
    Provoked(417, "GET /status", {"Expect": "wonders"}),
    Provoked(401, "GET /status", {"Expect": "wonders"}, TOKENS),
    Provoked(405, "GET /status", {"Expect": "100-continue"}, method="DELETE"),
    Provoked(500, "GET /status", operations=Trouble),
    Provoked(500, "GET /status", {"Accept": "text/html"}, operations=Trouble),
)


def ids(provoked: Provoked) -> str:
    return f"{provoked.status}-{provoked.label}"


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.mark.parametrize("provoked", PROVOKED, ids=ids)
async def test_an_answer_is_as_it_is_described(provoked: Provoked, client: aiohttp.ClientSession) -> None:
    """Its status, its header fields, its media type, and its body."""
    operation = ADMINISTRATION[provoked.label]
    admin = Admin(provoked.operations(), ListenAddress("127.0.0.1:0"), provoked.tokens)
    try:
        url = f"{await admin.start()}{operation.path}"
        method = provoked.method or operation.method.upper()
        async with client.request(method, url, headers=provoked.headers) as answer:
            assert answer.status == provoked.status
            headers = {name.lower(): value for name, value in answer.headers.items()}
            found = list(violations(operation.description, answer.status, headers, await read(answer)))
    finally:
        await admin.aclose()
    assert found == []


async def read(answer: aiohttp.ClientResponse) -> Any:
    """The body as its media type has it."""
    text = await answer.text()
    return json.loads(text) if answer.content_type.endswith("json") else text


async def test_what_is_no_http_is_answered_as_described() -> None:
    """As problem details, on any path."""
    admin = Admin(FakeOperations(), ListenAddress("127.0.0.1:0"))
    try:
        host, port = (await admin.start()).removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"\x00\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
    finally:
        await admin.aclose()
    status_line, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert status_line.split()[1] == "400"
    for operation in ADMINISTRATION.values():
        assert list(violations(operation.description, 400, headers, json.loads(body))) == []


def described(operation: Operation) -> set[tuple[int, str]]:
    return {(int(status), operation.label) for status in operation.description["responses"]}


def test_every_status_of_an_operation_is_provoked() -> None:
    """Those that any operation may give at one of them, its own at each; a real gateway shows the rest."""
    provoked = {(each.status, each.label) for each in PROVOKED}
    anywhere = {400, 401, 405, 417, 421, 500}
    own = {pair for each in ADMINISTRATION.values() for pair in described(each) if pair[0] not in anywhere}
    assert own - provoked == {(200, "GET /status"), (200, "GET /openapi.json")}
    assert anywhere - {400} <= {each.status for each in PROVOKED}


@pytest.mark.parametrize("label", ["POST /drain", "POST /reload"])
def test_both_reasons_not_to_let_a_stranger_change_things_are_described(label: str) -> None:
    """It comes from another machine, or from a page in a browser: only the latter has an `Origin`."""
    told = ADMINISTRATION[label].description["responses"]["403"]["description"]
    assert "comes from elsewhere" in told
    assert "`Origin`" in told
