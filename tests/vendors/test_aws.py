"""boto3 against the emulated Amazon bus: it publishes, and meets the errors that AWS documents."""

from typing import Any

from gateway.emulators.aws import AwsBusOptions, AwsEmulator
from gateway.emulators.faults import FailEntries, Faults, Throttle
from gateway.emulators.sigv4 import AccessKey
from tests.vendors.client import VendorClient

ENTRY = {"Source": "com.example", "DetailType": "order.created", "Detail": '{"text":"zażółć 🎉"}'}
TEMPORARY = AccessKey("ASIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "exampletoken/+==")


async def ask(
    client: VendorClient,
    bus: AwsEmulator,
    key: AccessKey = AccessKey(),  # noqa: B008 - frozen
    **job: Any,
) -> dict[str, Any]:
    credentials = {
        "aws_access_key_id": key.access_key_id,
        "aws_secret_access_key": key.secret_access_key,
        "aws_session_token": key.session_token,
    }
    return await client.ask(url=bus.url, credentials=credentials, **job)


async def test_a_full_request_is_taken(boto3_client: VendorClient) -> None:
    """Ten entries, signed with temporary credentials; the answer's ids are those of the events."""
    async with AwsEmulator(AwsBusOptions(access_keys=(TEMPORARY,))) as bus:
        answer = await ask(boto3_client, bus, TEMPORARY, entries=[ENTRY] * 10)
    assert answer["FailedEntryCount"] == 0
    assert [entry["EventId"] for entry in answer["Entries"]] == [event.event_id for event in bus.received]
    assert bus.received[0].detail == ENTRY["Detail"]


async def test_a_failed_entry_is_seen(boto3_client: VendorClient) -> None:
    """By its place and code."""
    async with AwsEmulator() as bus:
        bus.faults = Faults(script=(FailEntries(indexes=(1,)),))
        answer = await ask(boto3_client, bus, entries=[ENTRY, ENTRY])
    assert answer["FailedEntryCount"] == 1
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [None, "InternalFailure"]


async def test_the_documented_errors_are_understood(boto3_client: VendorClient) -> None:
    """A wrong secret, one entry too many, too large, throttled: each by its code, and nothing arrives."""
    async with AwsEmulator() as bus:
        secret = await ask(boto3_client, bus, AccessKey(secret_access_key="wrong"), entries=[ENTRY])
        many = await ask(boto3_client, bus, entries=[ENTRY] * 11)
        detail = '{"text":"' + "x" * 262_144 + '"}'
        large = await ask(boto3_client, bus, entries=[{**ENTRY, "Detail": detail}])
        bus.faults = Faults(script=(Throttle(),))
        throttled = await ask(boto3_client, bus, entries=[ENTRY])
        assert bus.received == []
    assert secret["error"] == "InvalidSignatureException"
    assert (many["error"], "entries" in many["message"]) == ("ValidationException", True)
    assert (large["error"], "Total size" in large["message"]) == ("ValidationException", True)
    assert throttled["error"] == "ThrottlingException"


async def test_a_missing_bus_is_silence_until_it_is_described(boto3_client: VendorClient) -> None:
    """Publishing answers with an event id; DescribeEventBus is the one that says it."""
    async with AwsEmulator() as bus:
        published = await ask(boto3_client, bus, entries=[{**ENTRY, "EventBusName": "nowhere"}])
        described = await ask(boto3_client, bus, describe="nowhere")
        there = await ask(boto3_client, bus, describe="default")
        assert bus.received == []
    assert (published["FailedEntryCount"], len(published["Entries"][0]["EventId"])) == (0, 36)
    assert described["error"] == "ResourceNotFoundException"
    assert there["Name"] == "default"
