"""The vendor's own client against the emulated bus, unmodified: retries off, in a thread."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from gateway.emulators.aws import AwsBusOptions, AwsEmulator
from gateway.emulators.faults import Faults, Throttle
from gateway.emulators.sigv4 import AccessKey

ENTRY = {"Source": "com.example", "DetailType": "t", "Detail": '{"text":"é"}'}


async def use_sdk(bus: AwsEmulator, use: Callable[[Any], Any], key: AccessKey = AccessKey()) -> Any:  # noqa: B008 - frozen
    """What `use` returns of an EventBridge client made for this bus."""

    def in_thread() -> Any:
        client = boto3.client(
            "events",
            region_name="eu-west-1",
            endpoint_url=bus.url,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
            aws_session_token=key.session_token,
            config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
        )
        try:
            return use(client)
        finally:
            client.close()

    return await asyncio.to_thread(in_thread)


async def test_boto3_puts_events(bus: AwsEmulator) -> None:
    """Every member arrives, and the answer is understood."""
    at = datetime(2026, 3, 4, 5, 6, 7, 123000, tzinfo=UTC)
    answer = await use_sdk(
        bus,
        lambda client: client.put_events(
            Entries=[
                {**ENTRY, "Time": at, "Resources": ["r"], "EventBusName": "default"},
                {**ENTRY, "Source": "aws.x"},
            ]
        ),
    )
    (event,) = bus.received
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0] == {"EventId": event.event_id}
    assert answer["Entries"][1]["ErrorCode"] == "NotAuthorizedForSourceException"
    assert answer["ResponseMetadata"]["RequestId"]
    assert (event.detail, event.time, event.resources) == ('{"text":"é"}', at.timestamp(), ("r",))


async def test_boto3_puts_events_with_temporary_credentials() -> None:
    """The session token is signed and sent."""
    key = AccessKey("ASIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "exampletoken/+==")
    async with AwsEmulator(AwsBusOptions(access_keys=(key,))) as bus:
        answer = await use_sdk(bus, lambda client: client.put_events(Entries=[ENTRY]), key)
    assert answer["FailedEntryCount"] == 0


async def test_boto3_creates_and_describes_a_bus(bus: AwsEmulator) -> None:
    """The answers have the shape it expects."""
    created = await use_sdk(bus, lambda client: client.create_event_bus(Name="orders"))
    described = await use_sdk(bus, lambda client: client.describe_event_bus(Name="orders"))
    assert created["EventBusArn"] == described["Arn"]
    assert isinstance(described["CreationTime"], datetime)


@pytest.mark.parametrize(
    ("key", "faults", "code"),
    [
        (AccessKey(secret_access_key="wrong"), Faults(), "InvalidSignatureException"),
        (AccessKey("AKIDANOTHER"), Faults(), "UnrecognizedClientException"),
        (AccessKey(), Faults(standing=(Throttle(),)), "ThrottlingException"),
    ],
)
async def test_boto3_reads_the_code_of_an_error(
    bus: AwsEmulator, key: AccessKey, faults: Faults, code: str
) -> None:
    """The document behind `__type` is one it understands."""
    bus.faults = faults
    with pytest.raises(ClientError) as caught:
        await use_sdk(bus, lambda client: client.put_events(Entries=[ENTRY]), key)
    assert caught.value.response["Error"]["Code"] == code


async def test_boto3_reads_a_missing_bus(bus: AwsEmulator) -> None:
    """As the exception of its model."""
    with pytest.raises(ClientError) as caught:
        await use_sdk(bus, lambda client: client.describe_event_bus(Name="nowhere"))
    assert type(caught.value).__name__ == "ResourceNotFoundException"
