"""Tokens: what the stand-in for IAM gives, and what the bus thinks of them."""

import json
import time
from datetime import datetime

import aiohttp
import pytest

from gateway.emulators.faults import (
    DenyAccess,
    ExpireToken,
    Fault,
    Faults,
    Refuse,
    ResetBefore,
    Stall,
    Throttle,
    Unavailable,
)
from gateway.emulators.huawei import HuaweiBusOptions, HuaweiEmulator
from tests.emulators.huawei_client import fetch_token, put_with_token, token_request
from tests.emulators.wire import exchange


async def test_a_fetched_token_opens_the_bus(huawei: HuaweiEmulator) -> None:
    """201, the token in a header, its life of 24 hours in the body."""
    before = time.time()
    reply = await fetch_token(huawei)
    token = reply.document["token"]
    assert reply.status == 201
    assert token["expires_at"].endswith("Z")
    assert datetime.fromisoformat(token["expires_at"]).timestamp() == pytest.approx(before + 86_400, abs=60)
    assert token["project"]["id"] == "0123456789abcdef0123456789abcdef"
    assert (await put_with_token(huawei, reply.headers["X-Subject-Token"])).status == 200
    assert len(huawei.received) == 1


async def test_the_catalog_can_be_left_out(huawei: HuaweiEmulator) -> None:
    """With `nocatalog=true`, for a short answer."""
    long, short = await fetch_token(huawei), await fetch_token(huawei, query="?nocatalog=true")
    assert ("catalog" in long.document["token"], "catalog" in short.document["token"]) == (True, False)


async def test_a_project_is_named_by_id_or_region(huawei: HuaweiEmulator) -> None:
    """Another's is not known."""
    by_id = await fetch_token(huawei, project={"id": "0123456789abcdef0123456789abcdef"})
    other = await fetch_token(huawei, project={"name": "eu-west-101"})
    none = await fetch_token(huawei, project=None)
    assert [by_id.status, other.status, none.status] == [201, 401, 400]


@pytest.mark.parametrize("changed", [{"name": "x"}, {"password": "x"}, {"domain": "x"}])
async def test_wrong_credentials_get_no_token(huawei: HuaweiEmulator, changed: dict[str, str]) -> None:
    """401 in IAM's own form; the fetch counts all the same."""
    reply = await fetch_token(huawei, **changed)
    assert (reply.status, reply.document["error"]["code"]) == (401, 401)
    assert "X-Subject-Token" not in reply.headers
    assert huawei.token_fetches == 1


@pytest.mark.parametrize("body", [b"", b"{}", b'{"auth":{"identity":{"methods":["password"]}}}', b"\xff"])
async def test_a_request_that_cannot_be_read_gets_no_token(huawei: HuaweiEmulator, body: bytes) -> None:
    """400, or 405 for another method."""
    reply = await exchange("POST", f"{huawei.url}/v3/auth/tokens", body, {})
    other = await exchange("GET", f"{huawei.url}/v3/auth/tokens", b"", {})
    assert (reply.status, reply.document["error"]["title"], other.status) == (400, "Bad Request", 405)


async def test_only_passwords_are_a_method(huawei: HuaweiEmulator) -> None:
    """Others are IAM's business, not this stand-in's."""
    request = token_request()
    request["auth"]["identity"]["methods"] = ["token"]
    reply = await exchange("POST", f"{huawei.url}/v3/auth/tokens", json.dumps(request).encode(), {})
    assert reply.status == 400
    assert "the method password only" in reply.document["error"]["message"]


async def test_fetches_are_counted(huawei: HuaweiEmulator) -> None:
    """Apart from publish requests."""
    token = (await fetch_token(huawei)).headers["X-Subject-Token"]
    await fetch_token(huawei)
    await put_with_token(huawei, token)
    assert huawei.token_fetches == 2
    assert huawei.statistics().requests == 3


async def test_a_new_token_leaves_the_old_one_valid(huawei: HuaweiEmulator) -> None:
    """Both open the bus."""
    tokens = [(await fetch_token(huawei)).headers["X-Subject-Token"] for _ in range(2)]
    assert tokens[0] != tokens[1]
    assert [(await put_with_token(huawei, token)).status for token in tokens] == [200, 200]


async def test_a_token_expires() -> None:
    """Then it must be updated; the time in its document was the truth."""
    now = 1_772_600_760.0
    async with HuaweiEmulator(HuaweiBusOptions(token_lifetime_seconds=60), clock=lambda: now) as bus:
        reply = await fetch_token(bus)
        token = reply.headers["X-Subject-Token"]
        expires_at = datetime.fromisoformat(reply.document["token"]["expires_at"]).timestamp()
        now = expires_at - 0.001
        early = await put_with_token(bus, token)
        now = expires_at
        late = await put_with_token(bus, token)
    assert early.status == 200
    assert (late.status, late.code, late.message) == (401, "APIGW.0307", "The token must be updated.")


async def test_tokens_can_be_killed_before_their_time(huawei: HuaweiEmulator) -> None:
    """As a changed password does; a token fetched afterwards is good."""
    old = (await fetch_token(huawei)).headers["X-Subject-Token"]
    huawei.kill_tokens()
    new = (await fetch_token(huawei)).headers["X-Subject-Token"]
    killed, good = await put_with_token(huawei, old), await put_with_token(huawei, new)
    assert (killed.status, killed.code, good.status) == (401, "APIGW.0307", 200)


async def test_an_expired_token_on_demand_stays_expired(huawei: HuaweiEmulator) -> None:
    """So that sending the same one again does not help."""
    old = (await fetch_token(huawei)).headers["X-Subject-Token"]
    huawei.faults = Faults(script=(ExpireToken(),))
    first, again = await put_with_token(huawei, old), await put_with_token(huawei, old)
    new = (await fetch_token(huawei)).headers["X-Subject-Token"]
    assert [first.code, again.code] == ["APIGW.0307"] * 2
    assert (await put_with_token(huawei, new)).status == 200


async def test_an_unknown_token_is_incorrect(huawei: HuaweiEmulator) -> None:
    """It cannot be decrypted, whatever it is."""
    reply = await put_with_token(huawei, "made-up")
    assert (reply.status, reply.code) == (401, "APIGW.0301")


async def test_a_token_can_be_agreed_on() -> None:
    """For clients that are configured with one."""
    async with HuaweiEmulator(HuaweiBusOptions(tokens=frozenset({"agreed"}))) as bus:
        assert (await put_with_token(bus, "agreed")).status == 200
        assert bus.token_fetches == 0


async def test_only_the_newest_tokens_are_remembered(huawei: HuaweiEmulator) -> None:
    """Memory is bounded: of 1,001 the first is forgotten."""
    tokens = [(await fetch_token(huawei)).headers["X-Subject-Token"] for _ in range(1_001)]
    replies = [await put_with_token(huawei, token) for token in tokens[:2]]
    assert [reply.status for reply in replies] == [401, 200]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Throttle(retry_after_seconds=2), 429),
        (Unavailable(status=500), 500),
        (Unavailable(status=503), 503),
        (Unavailable(status=504), 504),
        (Refuse(code="Unauthorized", status=401), 401),
        (ExpireToken(), 401),
        (DenyAccess(), 403),
    ],
)
async def test_iam_has_faults_of_its_own(huawei: HuaweiEmulator, fault: Fault, status: int) -> None:
    """They leave the bus alone, as the bus's leave IAM alone; the next fetch is served."""
    huawei.token_faults = Faults(script=(fault,))
    huawei.faults = Faults(standing=(Throttle(),))
    refused, served = await fetch_token(huawei), await fetch_token(huawei)
    throttled = await put_with_token(huawei, served.headers["X-Subject-Token"])
    assert [refused.status, served.status, throttled.status] == [status, 201, 429]
    assert ("Retry-After" in refused.headers) == (status == 429)
    assert huawei.token_faults.script == (fault,)


async def test_iam_can_be_slow_or_reset_the_connection(huawei: HuaweiEmulator) -> None:
    """As any server."""
    huawei.token_faults = Faults(script=(Stall(seconds=0.01), ResetBefore()))
    assert (await fetch_token(huawei)).status == 201
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await fetch_token(huawei)
    assert huawei.token_fetches == 2


async def test_a_token_may_have_16_kib(huawei: HuaweiEmulator) -> None:
    """As the vendor's documents allow; one that nobody gave is refused by the bus, not by its HTTP server."""
    reply = await put_with_token(huawei, "M" * (16 << 10))
    assert (reply.status, reply.code) == (401, "APIGW.0301")
