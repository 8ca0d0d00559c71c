"""The Alibaba sender against the emulated bus and a scripted server: requests, renewals, verdicts."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.emulators.acs_signature import AccessKey
from gateway.emulators.alibaba import AlibabaBusOptions, AlibabaEmulator, EventIds
from gateway.emulators.faults import ExpireToken, FailEntries, Faults, Refuse, Throttle, Unavailable
from gateway.errors import BlockedError, RefusedError, ThrottledError, UnavailableError
from gateway.secret import Secret
from gateway.sender import Delivered, RetryAlone
from gateway.senders.alibaba.config import AlibabaConfig
from gateway.senders.alibaba.sender import AlibabaSender
from tests.senders.alibaba.environment import SECRET, issued, reply
from tests.senders.builders import batch, event
from tests.senders.scripted_server import Received, ScriptedServer, http_answer
from tests.support.metadata import MetadataService, Reply

NOW = 1_772_600_767.0
VARIABLES = (
    "ACCESS_KEY_ID",
    "ACCESS_KEY_SECRET",
    "SECURITY_TOKEN",
    "ROLE_ARN",
    "PROFILE",
    "CREDENTIALS_FILE",
    "CREDENTIALS_URI",
)


@pytest.fixture(autouse=True)
def an_empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the developer's own machine, and no look at instance metadata."""
    for name in VARIABLES:
        monkeypatch.delenv(f"ALIBABA_CLOUD_{name}", raising=False)
    monkeypatch.setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))


def sender_to(url: str, clock: Callable[[], float] = time.time, **keys: Any) -> AlibabaSender:
    """A sender with a key in its configuration."""
    own_key = {"access_key_id": "LTAIdummyaccesskeyid0001", "access_key_secret": Secret(SECRET)}
    config = AlibabaConfig(**{"endpoint": url, "event_bus": "default", **own_key, **keys})
    return AlibabaSender(config, clock)


def sender_by_chain(url: str) -> AlibabaSender:
    return AlibabaSender(AlibabaConfig(endpoint=url, event_bus="default"))


def taken(request: Received) -> bytes:
    """An answer that takes every event of the request."""
    entries = [{"EventId": one["id"]} for one in json.loads(request.body)]
    return http_answer(json.dumps({"FailedEntryCount": 0, "EntryList": entries}).encode())


async def test_a_request_is_what_the_sdks_send() -> None:
    """One path, one media type, the events in their own bytes; the signature covers the body."""
    one = event(id="1", time="2026-03-04T05:06:07Z")
    async with ScriptedServer(taken) as server:
        sender = sender_to(server.url, lambda: NOW)
        assert await sender.send(batch(one)) == [Delivered("1")]
        await sender.aclose()
    (request,) = server.received
    assert request.request_line == "POST /openapi/putEvents HTTP/1.1"
    assert request.body == b"[" + one.json[:-1] + b',"aliyuneventbusname":"default"}]'
    assert request.headers["content-type"] == "application/cloudevents-batch+json; charset=utf-8"
    assert request.headers["date"] == "Wed, 04 Mar 2026 05:06:07 GMT"
    assert request.headers["x-eventbridge-version"] == "2015-06-06"
    assert request.headers["authorization"].startswith("acs:LTAIdummyaccesskeyid0001:")
    assert request.headers["host"] == server.url.removeprefix("http://")
    assert {"content-md5", "x-acs-signature-nonce", "content-length"} <= set(request.headers)
    assert "x-acs-security-token" not in request.headers


async def test_every_request_has_a_nonce_of_its_own() -> None:
    """The bus may refuse one that it has seen."""
    async with ScriptedServer(taken) as server:
        sender = sender_to(server.url)
        for _ in range(3):
            await sender.send(batch())
        await sender.aclose()
    assert len({request.headers["x-acs-signature-nonce"] for request in server.received}) == 3
    assert server.connections == 1


async def test_a_temporary_key_in_the_configuration_is_sent_with_its_token() -> None:
    """And the emulated bus believes the signature."""
    bus_key = AccessKey("STS.dummy", SECRET, "token")
    async with AlibabaEmulator(AlibabaBusOptions(access_keys=(bus_key,))) as bus:
        sender = AlibabaSender(
            AlibabaConfig(
                endpoint=bus.url,
                event_bus="default",
                access_key_id="STS.dummy",
                access_key_secret=Secret(SECRET),
                security_token=Secret("token"),
            )
        )
        (outcome,) = await sender.send(batch())
        await sender.aclose()
    assert isinstance(outcome, Delivered)


async def test_every_kind_of_event_is_taken() -> None:
    """With and without data, time and extensions, as JSON, as text, as bytes."""
    events = [
        event(),
        event(data=None, time="2026-03-04T05:06:07Z"),
        event(extensions={"data_base64": "AAH+/w=="}, data=None),
        event(extensions={"datacontenttype": "text/plain"}, data='"Grüße"'.encode()),
        event(extensions={"datacontenttype": "application/xml", "seen": True, "n": -1}, data=b'"<a/>"'),
        event(extensions={"datacontenttype": "application/cloudevents+json", "subject": "заказ"}),
    ]
    async with AlibabaEmulator() as bus:
        sender = sender_to(bus.url)
        sizes = [sender.admit(one) for one in events]
        outcomes = await sender.send(batch(*events))
        await sender.aclose()
    assert outcomes == [Delivered(one.id) for one in events]
    assert [request.size for request in bus.requests] == [sum(sizes)]


async def test_a_bus_that_does_not_exist_holds_the_events() -> None:
    """An operator can make it."""
    async with AlibabaEmulator() as bus:
        sender = sender_to(bus.url, event_bus="missing")
        with pytest.raises(BlockedError) as caught:
            await sender.send(batch())
        await sender.aclose()
    assert caught.value.code == "EventBusNotExist"
    assert caught.value.request_id


@pytest.mark.parametrize(
    ("faults", "kind", "code"),
    [
        (Faults(script=(Throttle(),)), ThrottledError, "TooManyRequests"),
        (Faults(script=(Unavailable(status=503),)), UnavailableError, "ServiceUnavailable"),
        (Faults(script=(Unavailable(status=502),)), UnavailableError, "http_502"),
        (Faults(script=(Refuse(code="EventSizeExceed", status=409),)), RefusedError, "EventSizeExceed"),
        (Faults(script=(Refuse(code="Unheard", status=403),)), BlockedError, "Unheard"),
    ],
)
async def test_a_refused_request_is_told_by_its_code(
    faults: Faults, kind: type[Exception], code: str
) -> None:
    """One request, no retry of the sender's own."""
    async with AlibabaEmulator() as bus:
        bus.faults = faults
        sender = sender_to(bus.url)
        with pytest.raises(kind, match=code):
            await sender.send(batch())
        await sender.aclose()
        assert len(bus.requests) == 1


async def test_a_failure_that_names_nobody_sends_all_of_them_alone() -> None:
    """Where the bus gives ids of its own."""
    async with AlibabaEmulator(AlibabaBusOptions(event_ids=EventIds.BUS, is_shuffled=True)) as bus:
        bus.faults = Faults(script=(FailEntries(indexes=(1,)),))
        sender = sender_to(bus.url)
        outcomes = await sender.send(batch(event(), event(), event()))
        alone = [await sender.send(batch(one)) for one in (event(), event())]
        await sender.aclose()
    assert [type(outcome) for outcome in outcomes] == [RetryAlone] * 3
    assert all(isinstance(outcome, Delivered) for (outcome,) in alone)


def keys_at(uri: MetadataService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_CREDENTIALS_URI", f"{uri.url}/keys")


def keys(*numbers: int) -> Mapping[str, Reply | list[Reply]]:
    """A credentials URI that gives these keys, each for an hour of the real clock and longer."""
    return {"GET /keys": [reply(issued(number, lifetime_seconds=1e9)) for number in numbers]}


def accounts(*numbers: int) -> AlibabaBusOptions:
    return AlibabaBusOptions(
        access_keys=tuple(AccessKey(f"STS.dummy{number}", SECRET, f"token-{number}") for number in numbers)
    )


async def test_an_expired_key_is_renewed_and_the_batch_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """One renewal inside the send: nobody else hears of it."""
    async with MetadataService(keys(1, 2)) as uri, AlibabaEmulator(accounts(1, 2)) as bus:
        keys_at(uri, monkeypatch)
        sender = sender_by_chain(bus.url)
        assert sender.status().credentials_expire_at is None
        bus.faults = Faults(script=(ExpireToken(),))
        (outcome,) = await sender.send(batch())
        expire_at = sender.status().credentials_expire_at
        await sender.aclose()
    assert isinstance(outcome, Delivered)
    assert expire_at == NOW + 1e9
    assert len(bus.received) == 1
    assert len(uri.asked) == 2


async def test_a_key_that_is_expired_again_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender does not go on renewing."""
    async with MetadataService(keys(1, 2, 3)) as uri, AlibabaEmulator(accounts(1, 2, 3)) as bus:
        keys_at(uri, monkeypatch)
        sender = sender_by_chain(bus.url)
        bus.faults = Faults(script=(ExpireToken(), ExpireToken()))
        with pytest.raises(BlockedError, match="StsAccessIdExpired"):
            await sender.send(batch())
        await sender.aclose()
        assert len(bus.requests) == 2


async def test_a_renewal_that_brings_the_same_key_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bus has judged it already; so it has a configured one."""
    async with MetadataService(keys(1)) as uri, AlibabaEmulator(accounts(1)) as bus:
        keys_at(uri, monkeypatch)
        for sender in (
            sender_by_chain(bus.url),
            sender_to(bus.url, access_key_id="STS.dummy1", security_token=Secret("token-1")),
        ):
            bus.faults = Faults(script=(ExpireToken(),))
            with pytest.raises(BlockedError, match="StsAccessIdExpired"):
                await sender.send(batch())
            await sender.aclose()
        assert len(bus.requests) == 2


async def test_without_credentials_nothing_is_sent_until_there_are_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An operator can mend it without a restart."""
    async with AlibabaEmulator(accounts(1)) as bus, MetadataService(keys(1)) as uri:
        sender = sender_by_chain(bus.url)
        with pytest.raises(BlockedError) as caught:
            await sender.send(batch())
        assert caught.value.code == "no_credentials"
        assert not bus.requests
        keys_at(uri, monkeypatch)
        (outcome,) = await sender.send(batch())
        await sender.aclose()
    assert isinstance(outcome, Delivered)


def test_the_status_names_where_it_sends() -> None:
    """The origin, and nothing of the credentials."""
    status = sender_to("http://127.0.0.1:4010/").status()
    assert status.endpoint == "http://127.0.0.1:4010"
    assert status.credentials_expire_at is None


@pytest.mark.parametrize(
    "message",
    [
        "No match. server string to sign is:POST\nx-acs-security-token:CAISdummySecurityToken",
        "CAISdummySecurityToken of dummyAccessKeySecret0000000001 is not ours",
    ],
)
async def test_neither_token_nor_secret_is_repeated(message: str) -> None:
    """The bus may quote what was signed; its words reach logs and `/status`."""
    body = json.dumps({"code": "SignatureDoesNotMatch", "message": message}).encode()
    async with ScriptedServer(http_answer(body, 403)) as server:
        sender = sender_to(server.url, security_token=Secret("CAISdummySecurityToken"))
        with pytest.raises(BlockedError) as caught:
            await sender.send(batch())
        await sender.aclose()
    assert "CAISdummySecurityToken" not in str(caught.value)
    assert SECRET not in str(caught.value)


async def test_a_bus_that_calls_every_key_expired_costs_one_renewal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever issues the keys is not asked again at every send."""
    numbers = tuple(range(1, 22))
    async with MetadataService(keys(*numbers)) as uri, AlibabaEmulator(accounts(*numbers)) as bus:
        keys_at(uri, monkeypatch)
        sender = sender_by_chain(bus.url)
        bus.faults = Faults(standing=(ExpireToken(),))
        for _ in range(20):
            with pytest.raises(BlockedError, match="StsAccessIdExpired"):
                await sender.send(batch())
        await sender.aclose()
    assert len(uri.asked) == 2


@pytest.mark.parametrize("name", ["ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN"])
async def test_a_key_that_no_request_can_carry_is_an_operators_business(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a mounted secret with a line break at its end: nothing is sent, and no attempt is spent."""
    good = {"ACCESS_KEY_ID": "STS.dummy1", "ACCESS_KEY_SECRET": SECRET, "SECURITY_TOKEN": "token-1"}
    async with AlibabaEmulator(accounts(1)) as bus:
        for variable, value in {**good, name: f"{good[name]}\n"}.items():
            monkeypatch.setenv(f"ALIBABA_CLOUD_{variable}", value)
        sender = sender_by_chain(bus.url)
        with pytest.raises(BlockedError) as caught:
            await sender.send(batch())
        await sender.aclose()
    assert caught.value.code == "bad_credentials"
    assert "holds a line break" in caught.value.message
    assert not bus.requests


async def test_an_address_of_keys_that_is_none_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is configuration, and not the bus's trouble."""
    monkeypatch.setenv("ALIBABA_CLOUD_CREDENTIALS_URI", "http://127.0.0.1:port/key")
    sender = sender_by_chain("http://127.0.0.1:1")
    with pytest.raises(BlockedError) as caught:
        await sender.send(batch())
    await sender.aclose()
    assert (caught.value.code, caught.value.message) == ("no_credentials", "credentials URI: ValueError")
