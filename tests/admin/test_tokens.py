"""Bearer tokens of the administration interface: what asks for one, and what does not."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.admin.server import Admin
from gateway.bearer import BearerTokens
from gateway.config import ListenAddress
from gateway.secret import Secret
from tests.admin.operations import FakeOperations

# RFC 6750's own examples.
TOKEN, NEXT_TOKEN = "mF_9.B5f-4.1JqM", "vF9dft4qmT"
PROBES = ["/healthz", "/readyz"]
GUARDED = [
    ("GET", "/metrics"),
    ("GET", "/status"),
    ("GET", "/openapi.json"),
    ("POST", "/drain"),
    ("POST", "/"),
    ("GET", "/unknown"),
    ("PUT", "/status"),
]


class Guarded:
    """An interface with tokens, and the gateway behind it."""

    def __init__(self, admin: Admin, operations: FakeOperations, client: aiohttp.ClientSession) -> None:
        self.admin = admin
        self.operations = operations
        self.client = client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def guarded() -> AsyncIterator[Guarded]:
    """It takes both tokens."""
    operations = FakeOperations()
    tokens = BearerTokens([Secret(TOKEN), Secret(NEXT_TOKEN)])
    admin = Admin(operations, ListenAddress("127.0.0.1:0"), tokens)
    async with aiohttp.ClientSession(await admin.start()) as client:
        yield Guarded(admin, operations, client)
    await admin.aclose()


@pytest.mark.parametrize("path", PROBES)
async def test_the_probes_ask_nobody(guarded: Guarded, path: str) -> None:
    """A kubelet has no token; a wrong one does no harm either."""
    for headers in ({}, bearer("wrong")):
        async with guarded.client.get(path, headers=headers) as answer:
            assert answer.status == 200


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_everything_else_asks_for_a_token(guarded: Guarded, method: str, path: str) -> None:
    """Before it says whether there is such a thing; with problem details, and the challenge of RFC 6750."""
    async with guarded.client.request(method, path) as answer:
        assert (answer.status, answer.content_type) == (401, "application/problem+json")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="gateway"'
        assert (await answer.json())["status"] == 401
    async with guarded.client.request(method, path, headers=bearer("wrong")) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="gateway", error="invalid_token"'
        assert "wrong" not in await answer.text()
    assert guarded.operations.drains == 0


@pytest.mark.parametrize("token", [TOKEN, NEXT_TOKEN])
async def test_any_of_the_tokens_will_do(guarded: Guarded, token: str) -> None:
    """For what is read and for what is changed."""
    for method, path in (("GET", "/metrics"), ("GET", "/status"), ("POST", "/drain")):
        async with guarded.client.request(method, path, headers=bearer(token)) as answer:
            assert answer.status in (200, 202)
    assert guarded.operations.drains == 1


async def test_with_a_token_a_page_may_ask_for_a_drain(guarded: Guarded) -> None:
    """No page can show it unless somebody gave it the token."""
    headers = {"Origin": "http://example.com", **bearer(TOKEN)}
    async with guarded.client.post("/drain", headers=headers) as answer:
        assert answer.status == 202


async def test_tokens_can_be_changed_while_it_listens(guarded: Guarded) -> None:
    """From the next request on, on open connections too."""
    guarded.admin.tokens = BearerTokens([Secret(NEXT_TOKEN)])
    seen = []
    for token in (TOKEN, NEXT_TOKEN):
        async with guarded.client.get("/status", headers=bearer(token)) as answer:
            seen.append(answer.status)
    assert seen == [401, 200]


@pytest.mark.parametrize("value", ["Bearer \udcff", "Bearer é", "Basic dXNlcjpwYXNz", ""])
async def test_whatever_is_shown_instead_is_refused(guarded: Guarded, value: str) -> None:
    """Bytes that are no text too."""
    async with guarded.client.get("/status", headers={"Authorization": value}) as answer:
        assert answer.status == 401
