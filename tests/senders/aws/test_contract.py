"""The EventBridge sender keeps the contract, against the emulated bus."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from gateway.emulators.aws import AwsEmulator
from gateway.event import Event
from gateway.secret import Secret
from gateway.senders.aws.config import AwsConfig
from gateway.senders.aws.sender import AwsSender
from gateway.senders.contract import Harness, SenderContract
from tests.senders.builders import event, event_of_json_size
from tests.senders.emulated_harness import EmulatedHarness


def sender_to(bus: AwsEmulator, *, endpoint_id: str = "") -> AwsSender:
    return AwsSender(
        AwsConfig(
            region="us-east-1",
            endpoint=bus.url,
            endpoint_id=endpoint_id,
            access_key_id="AKIDEXAMPLE",
            secret_access_key=Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        )
    )


def event_of_size(size: int) -> Event:
    """Source and type count beside the JSON."""
    sample = event()
    return event_of_json_size(size - len(sample.source) - len(sample.type))


def harness_of(bus: AwsEmulator, sender: AwsSender) -> Harness:
    """`Detail` is the event's JSON."""
    return EmulatedHarness(bus, sender, event_of_size, lambda received: received.detail)


class TestAwsSender(SenderContract):
    """All of it: EventBridge can do everything that the contract speaks of."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        """A fresh bus for each test."""
        async with AwsEmulator() as bus, aclosing(sender_to(bus)) as sender:
            yield harness_of(bus, sender)


class TestAwsSenderToAGlobalEndpoint(SenderContract):
    """All of it again, with the other signature and no look at the bus."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        """A fresh bus for each test."""
        async with AwsEmulator() as bus, aclosing(sender_to(bus, endpoint_id="abcde.veo")) as sender:
            yield harness_of(bus, sender)
