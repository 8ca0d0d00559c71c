"""alibabacloud-eventbridge against the emulated Alibaba bus: it publishes, and meets its errors."""

from typing import Any

import pytest

from gateway.emulators.acs_signature import AccessKey
from gateway.emulators.alibaba import AlibabaBusOptions, AlibabaEmulator, SuccessCode
from gateway.emulators.faults import DenyAccess, FailEntries, Faults, Throttle
from tests.vendors.client import VendorClient

TEMPORARY = AccessKey("STS.dummyaccesskeyid", "dummyAccessKeySecret0000000002", "CAISdummySecurityToken/+==")


def event(**members: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "source": "/orders",
        "type": "order.created",
        "datacontenttype": "application/json",
        "time": "2026-03-04T05:06:00.123Z",
        "subject": "заказ",
        "data": '{"text":"zażółć 🎉"}',
        "extensions": {"aliyuneventbusname": "default"},
        **members,
    }


async def publish(
    client: VendorClient,
    bus: AlibabaEmulator,
    *events: dict[str, Any],
    key: AccessKey = AccessKey(),  # noqa: B008 - frozen
) -> dict[str, Any]:
    credentials = {
        "access_key_id": key.access_key_id,
        "access_key_secret": key.access_key_secret,
        "security_token": key.security_token,
    }
    return await client.ask(endpoint=bus.url.removeprefix("http://"), credentials=credentials, events=events)


async def test_a_full_request_is_taken(alibaba_client: VendorClient) -> None:
    """Sixteen events, signed with temporary credentials; every attribute arrives."""
    async with AlibabaEmulator(AlibabaBusOptions(access_keys=(TEMPORARY,))) as bus:
        answer = await publish(alibaba_client, bus, *[event()] * 16, key=TEMPORARY)
    assert answer["FailedEntryCount"] == 0
    assert [entry["EventId"] for entry in answer["EntryList"]] == ["1"] * 16
    assert len(bus.received) == 16
    members = {
        **event(),
        "specversion": "1.0",
        "data": {"text": "zażółć 🎉"},
        "aliyuneventbusname": "default",
    }
    del members["extensions"]
    assert bus.received[0].members == members


async def test_results_are_seen_one_by_one(alibaba_client: VendorClient) -> None:
    """The failed one by its code, the other with the code for success."""
    async with AlibabaEmulator(AlibabaBusOptions(success_code=SuccessCode.SUCCESS)) as bus:
        bus.faults = Faults(script=(FailEntries(indexes=(1,)),))
        answer = await publish(alibaba_client, bus, event(id="a"), event(id="b"))
    assert answer["FailedEntryCount"] == 1
    assert [(entry["EventId"], entry["ErrorCode"]) for entry in answer["EntryList"]] == [
        ("a", "Success"),
        ("b", "InternalError"),
    ]


@pytest.mark.parametrize(
    ("events", "key", "faults", "code"),
    [
        pytest.param(
            [event()], AccessKey(access_key_secret="wrong"), Faults(), "SignatureDoesNotMatch", id="secret"
        ),
        pytest.param([event()], AccessKey("LTAIanother"), Faults(), "InvalidAccessKeyId", id="key"),
        pytest.param([event()] * 17, AccessKey(), Faults(), "RequestParameterInvalid", id="too many"),
        pytest.param(
            [event(data='"' + "x" * 65_536 + '"')], AccessKey(), Faults(), "EventSizeExceed", id="too large"
        ),
        pytest.param(
            [event(extensions={"aliyuneventbusname": "nowhere"})],
            AccessKey(),
            Faults(),
            "EventBusNotExist",
            id="missing bus",
        ),
        pytest.param([event()], AccessKey(), Faults(script=(Throttle(),)), "TooManyRequests", id="throttled"),
        pytest.param([event()], AccessKey(), Faults(script=(DenyAccess(),)), "AccessDenied", id="denied"),
    ],
)
async def test_the_documented_errors_are_understood(
    alibaba_client: VendorClient, events: list[dict[str, Any]], key: AccessKey, faults: Faults, code: str
) -> None:
    """Each by its code, with the request's id; nothing arrives."""
    async with AlibabaEmulator() as bus:
        bus.faults = faults
        answer = await publish(alibaba_client, bus, *events, key=key)
        assert bus.received == []
    assert answer["error"] == code
    assert answer["message"].startswith("[EventBridgeError-")
    assert "None" not in answer["message"]
