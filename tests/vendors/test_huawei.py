"""huaweicloudsdkeg against the emulated Huawei bus: it publishes, and meets its errors."""

from typing import Any

import pytest

from gateway.emulators.faults import DenyAccess, FailEntries, Faults, Refuse, Throttle
from gateway.emulators.huawei import HuaweiBusOptions, HuaweiEmulator
from gateway.emulators.huawei_error import RefusalShape
from gateway.emulators.sdk_signature import AccessKey
from tests.vendors.client import VendorClient

PROJECT = "0123456789abcdef0123456789abcdef"
CHANNEL = "11111111-2222-3333-4444-555555555555"
TEMPORARY = AccessKey("DUMMYACCESSKEY000002", "DummySecretKey2", "gQpjbi1ub3J0aC00DummySecurityToken/+==")


def event(**members: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "source": "orders",
        "specversion": "1.0",
        "type": "order.created",
        "datacontenttype": "application/json",
        "time": "2026-03-04T05:06:00.123Z",
        "subject": "заказ",
        "data": {"text": "zażółć 🎉"},
        **members,
    }


async def publish(
    client: VendorClient,
    bus: HuaweiEmulator,
    *events: dict[str, Any],
    key: AccessKey = AccessKey(),  # noqa: B008 - frozen
    project: str = PROJECT,
    channel: str = CHANNEL,
) -> dict[str, Any]:
    credentials = {"ak": key.access_key, "sk": key.secret_key, "project_id": project}
    if key.security_token is not None:
        credentials["security_token"] = key.security_token
    return await client.ask(url=bus.url, credentials=credentials, channel=channel, events=events)


async def test_a_full_request_is_taken(huawei_client: VendorClient) -> None:
    """Twenty events, signed with temporary credentials; every attribute arrives."""
    async with HuaweiEmulator(HuaweiBusOptions(access_keys=(TEMPORARY,))) as bus:
        answer = await publish(huawei_client, bus, *[event()] * 20, key=TEMPORARY)
    assert answer["failed_count"] == 0
    assert [result["event_id"] for result in answer["events"]] == ["1"] * 20
    assert [received.members for received in bus.received] == [event()] * 20


async def test_a_failed_event_is_seen(huawei_client: VendorClient) -> None:
    """By its id and code."""
    async with HuaweiEmulator() as bus:
        bus.faults = Faults(script=(FailEntries(code="00533012", indexes=(1,)),))
        answer = await publish(huawei_client, bus, event(id="a"), event(id="b"))
    assert answer["failed_count"] == 1
    assert [(result["event_id"], result["error_code"]) for result in answer["events"]] == [
        ("a", None),
        ("b", "00533012"),
    ]


@pytest.mark.parametrize(
    ("events", "changed", "faults", "code"),
    [
        pytest.param([event()], {"key": AccessKey(secret_key="wrong")}, Faults(), "APIGW.0301", id="secret"),
        pytest.param([event()] * 21, {}, Faults(), "EG.00533013", id="too many"),
        pytest.param([event(data={"x": "x" * 65_536})], {}, Faults(), "EG.00533012", id="too large"),
        pytest.param([event(data={"x": "x" * 60_000})] * 5, {}, Faults(), "EG.00533007", id="together"),
        pytest.param([event()], {"channel": "nowhere"}, Faults(), "EG.00014040", id="missing channel"),
        pytest.param([event()], {"project": "f" * 32}, Faults(), "EG.00512000", id="another project"),
        pytest.param([event(type="")], {}, Faults(), "EG.00513000", id="invalid"),
        pytest.param([event()], {}, Faults(script=(Throttle(),)), "APIGW.0308", id="throttled"),
        pytest.param([event()], {}, Faults(script=(DenyAccess(),)), "EG.00014030", id="denied"),
        pytest.param([event()], {}, Faults(script=(Refuse(code="EG.00513005"),)), "EG.00513005", id="code"),
    ],
)
async def test_the_documented_errors_are_understood(
    huawei_client: VendorClient,
    events: list[dict[str, Any]],
    changed: dict[str, Any],
    faults: Faults,
    code: str,
) -> None:
    """Each by its code; nothing arrives."""
    async with HuaweiEmulator() as bus:
        bus.faults = faults
        answer = await publish(huawei_client, bus, *events, **changed)
        assert bus.received == []
    assert answer["error"] == code


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        (RefusalShape.DETAILS, "EG.00513000"),
        (RefusalShape.DETAIL, "EG.00513000"),
        (RefusalShape.LIST, "400"),
        (RefusalShape.TEXT, "400"),
        (RefusalShape.OBJECTS, "400"),
    ],
)
async def test_the_sdk_reads_two_of_the_five_shapes_of_a_refusal(
    huawei_client: VendorClient, shape: RefusalShape, code: str
) -> None:
    """Of the event guide's others it knows the status only: a client has to read them itself."""
    async with HuaweiEmulator(HuaweiBusOptions(refusal_shape=shape)) as bus:
        answer = await publish(huawei_client, bus, event(type=""), event())
    assert (answer["error"], answer["status"]) == (code, 400)
    assert "type" in answer["message"]
