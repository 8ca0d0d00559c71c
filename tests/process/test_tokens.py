"""Credentials that end in the middle of a load: renewed, and no event fails, waits for it or comes twice."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.emulators import acs_signature, sigv4
from gateway.emulators.alibaba import AlibabaBusOptions, AlibabaEmulator
from gateway.emulators.aws import AwsBusOptions, AwsEmulator
from gateway.emulators.huawei import HuaweiBusOptions, HuaweiEmulator
from gateway.emulators.huawei_tokens import User
from gateway.emulators.server import Emulator
from tests.support.buses import ALIBABA, AWS, HUAWEI, KEEP, Vendor
from tests.support.load import document, post_all
from tests.support.metadata import MetadataService, Reply
from tests.support.process import EXIT_SECONDS, Accounts, GatewayProcess, until_held_is

EVENTS = 3000
MAX_IN_FLIGHT = 16
YEAR_2100 = 4_102_444_800.0
BUS = frozenset({"orders"})

FIRST_END = "2100-01-01T00:00:00+00:00"
SECOND_END = "2100-01-01T06:00:00+00:00"
"""As whoever issues keys says it. The bus ends the first one long before: an administrator revoked it."""


class ShiftedClock:
    """Wall-clock seconds of an emulated bus, which can be moved on."""

    def __init__(self) -> None:
        self.ahead_seconds = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_seconds


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory without files of this machine."""
    directory = tmp_path / "home"
    (directory / ".aws").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(directory))
    return directory


def configuration(destination: dict[str, Any]) -> dict[str, Any]:
    """Small requests, many of them; an attempt that fails is the last, and so would be seen."""
    return {
        "flush": {"interval": "10ms"},
        "delivery": {"max_attempts": 1, "max_in_flight": MAX_IN_FLIGHT},
        "destinations": {"bus": destination},
    }


async def deliver_over_an_end(
    client: aiohttp.ClientSession, gateway: GatewayProcess, bus: Emulator[Any], end: Callable[[], None]
) -> Accounts:
    """Post a load, call `end` in the middle of it, wait until all is settled."""
    load = asyncio.create_task(post_all(client, gateway.url, map(document, range(EVENTS))))
    async with asyncio.timeout(EXIT_SECONDS):
        await bus.until_received(EVENTS // 4)
    end()
    assert set((await load).values()) == {202}
    return await until_held_is(client, gateway.admin_url, 0)


def check_each_arrived_once(vendor: Vendor, bus: Emulator[Any], accounts: Accounts, events: int) -> None:
    """All is delivered, without an attempt spent or an event held back."""
    accounts.check_sum("bus")
    assert accounts.delivered == events
    assert accounts.total("gateway_events_retried_total") == 0
    assert vendor.arrived_ids(bus) == Counter(f"event-{number}" for number in range(events))


async def credentials_end(client: aiohttp.ClientSession, gateway: GatewayProcess) -> str:
    """When the credentials in use end, as `/status` shows it."""
    async with client.get(f"{gateway.admin_url}/status") as answer:
        end: str = (await answer.json())["destinations"]["bus"]["credentials_expire_at"]
        return end


def huawei_destination(url: str) -> dict[str, Any]:
    user = User()
    login = {"user": user.name, "password": user.password, "domain": user.domain, "iam_endpoint": url}
    return {**HUAWEI.keyless_destination(url), **login}


async def test_huawei_tokens_that_are_killed_under_load_are_fetched_anew_once(
    client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Requests in flight are refused and sent again with the new token; they all share one fetch."""
    now = YEAR_2100
    async with HuaweiEmulator(HuaweiBusOptions(keep=KEEP), clock=lambda: now) as bus:

        def kill() -> None:
            nonlocal now
            now += 3600
            bus.kill_tokens()

        async with GatewayProcess(tmp_path, configuration(huawei_destination(bus.url))) as gateway:
            accounts = await deliver_over_an_end(client, gateway, bus, kill)
            assert await credentials_end(client, gateway) == "2100-01-02T01:00:00+00:00"
        check_each_arrived_once(HUAWEI, bus, accounts, EVENTS)
        refusals = bus.statistics().refusals
        assert refusals.keys() == {"APIGW.0307"}
        assert refusals["APIGW.0307"] <= MAX_IN_FLIGHT
        assert bus.token_fetches == 2


async def test_huawei_tokens_are_renewed_before_they_end(
    client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Over three tokens of three seconds each, no request is refused, and none waits."""
    options = HuaweiBusOptions(token_lifetime_seconds=3, keep=KEEP)
    async with HuaweiEmulator(options) as bus:
        async with GatewayProcess(tmp_path, configuration(huawei_destination(bus.url))) as gateway:
            posted = await post_until(client, gateway, lambda: bus.token_fetches >= 3)
            accounts = await until_held_is(client, gateway.admin_url, 0)
        check_each_arrived_once(HUAWEI, bus, accounts, posted)
        assert bus.statistics().refusals == {}


async def post_until(
    client: aiohttp.ClientSession, gateway: GatewayProcess, is_over: Callable[[], bool]
) -> int:
    """Post over two connections until then; how many events."""

    def documents() -> Iterator[dict[str, Any]]:
        for number in count():
            if is_over():
                return
            yield document(number)

    async with asyncio.timeout(30):
        statuses = await post_all(client, gateway.url, documents(), connections=2)
    assert set(statuses.values()) == {202}
    return len(statuses)


def alibaba_keys(first_ends_at: float) -> tuple[acs_signature.AccessKey, acs_signature.AccessKey]:
    return (
        acs_signature.AccessKey(
            "STS.dummyaccesskeyid1",
            "dummyAccessKeySecret0000000001",
            "CAISdummySecurityToken1",
            first_ends_at,
        ),
        acs_signature.AccessKey(
            "STS.dummyaccesskeyid2", "dummyAccessKeySecret0000000002", "CAISdummySecurityToken2"
        ),
    )


def alibaba_answer(key: acs_signature.AccessKey, end: str) -> Reply:
    """As a credentials URI gives a key."""
    document_ = {
        "Code": "Success",
        "AccessKeyId": key.access_key_id,
        "AccessKeySecret": key.access_key_secret,
        "SecurityToken": key.security_token,
        "Expiration": end,
    }
    return Reply(json.dumps(document_).encode())


@pytest.mark.usefixtures("home")
async def test_alibaba_keys_that_end_under_load_are_fetched_anew_once(
    client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """The bus ends a temporary key early: the requests in flight share one fetch from the credentials URI."""
    clock = ShiftedClock()
    first, second = keys = alibaba_keys(time.time() + 60)
    answers = [alibaba_answer(first, FIRST_END), alibaba_answer(second, SECOND_END)]
    options = AlibabaBusOptions(access_keys=keys, buses=BUS, keep=KEEP)
    async with AlibabaEmulator(options, clock=clock) as bus, MetadataService({"GET /key": answers}) as issuer:
        chain = {"ALIBABA_CLOUD_CREDENTIALS_URI": f"{issuer.url}/key"}

        def end() -> None:
            clock.ahead_seconds = 61

        async with GatewayProcess(
            tmp_path, configuration(ALIBABA.keyless_destination(bus.url)), chain
        ) as gateway:
            accounts = await deliver_over_an_end(client, gateway, bus, end)
            assert await credentials_end(client, gateway) == SECOND_END
        check_each_arrived_once(ALIBABA, bus, accounts, EVENTS)
        refusals = bus.statistics().refusals
        assert refusals.keys() == {"StsAccessIdExpired"}
        assert refusals["StsAccessIdExpired"] <= MAX_IN_FLIGHT
        assert issuer.lines() == ["GET /key"] * 2


@pytest.mark.usefixtures("home")
async def test_alibaba_keys_are_renewed_before_they_end(
    client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """A key of three seconds is replaced at half its life: no request is refused."""
    clock = ShiftedClock()
    ends_at_the_bus = time.time() + 60
    first, second = keys = alibaba_keys(ends_at_the_bus)
    options = AlibabaBusOptions(access_keys=keys, buses=BUS, keep=KEEP)
    async with AlibabaEmulator(options, clock=clock) as bus, MetadataService() as issuer:
        chain = {"ALIBABA_CLOUD_CREDENTIALS_URI": f"{issuer.url}/key"}
        async with GatewayProcess(
            tmp_path, configuration(ALIBABA.keyless_destination(bus.url)), chain
        ) as gateway:
            ends_at = time.time() + 3
            clock.ahead_seconds = ends_at_the_bus - ends_at
            first_end = datetime.fromtimestamp(ends_at, UTC).isoformat()
            issuer.replies["GET /key"] = [
                alibaba_answer(first, first_end),
                alibaba_answer(second, SECOND_END),
            ]
            posted = await post_until(client, gateway, lambda: len(issuer.asked) == 2)
            accounts = await until_held_is(client, gateway.admin_url, 0)
        check_each_arrived_once(ALIBABA, bus, accounts, posted)
        assert bus.statistics().refusals == {}
        assert issuer.lines() == ["GET /key"] * 2


class CredentialProcess:
    """A program that AWS's default profile names: gives the key in a file, and notes that it ran."""

    def __init__(self, home: Path) -> None:
        self._key = home / "key.json"
        self._runs = home / "runs"
        script = home / "give-key.sh"
        script.write_text(f"echo run >> '{self._runs}'\ncat '{self._key}'\n")
        (home / ".aws" / "config").write_text(f"[default]\ncredential_process = /bin/sh '{script}'\n")

    @property
    def runs(self) -> int:
        """How often it was run."""
        return len(self._runs.read_text().splitlines())

    def give(self, key: sigv4.AccessKey, end: str) -> None:
        """From now on it gives this key."""
        document_ = {
            "Version": 1,
            "AccessKeyId": key.access_key_id,
            "SecretAccessKey": key.secret_access_key,
            "SessionToken": key.session_token,
            "Expiration": end,
        }
        self._key.write_text(json.dumps(document_))


async def test_aws_keys_that_end_under_load_are_fetched_anew_once(
    client: aiohttp.ClientSession, tmp_path: Path, home: Path
) -> None:
    """The bus ends a session early: the profile's process gives the next one."""
    clock = ShiftedClock()
    secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    first = sigv4.AccessKey("ASIAEXAMPLE1", secret, "exampletoken1", time.time() + 60)
    second = sigv4.AccessKey("ASIAEXAMPLE2", secret, "exampletoken2")
    process = CredentialProcess(home)
    process.give(first, FIRST_END)
    options = AwsBusOptions(access_keys=(first, second), buses=BUS, keep=KEEP)
    async with AwsEmulator(options, clock=clock) as bus:

        def end() -> None:
            process.give(second, SECOND_END)
            clock.ahead_seconds = 61

        async with GatewayProcess(tmp_path, configuration(AWS.keyless_destination(bus.url))) as gateway:
            accounts = await deliver_over_an_end(client, gateway, bus, end)
            assert await credentials_end(client, gateway) == SECOND_END
        check_each_arrived_once(AWS, bus, accounts, EVENTS)
        refusals = bus.statistics().refusals
        assert refusals.keys() == {"ExpiredTokenException"}
        assert refusals["ExpiredTokenException"] <= MAX_IN_FLIGHT
        assert process.runs == 2
