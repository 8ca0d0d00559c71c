"""The Alibaba sender keeps the contract, against the emulated bus."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from gateway.emulators.alibaba import AlibabaBusOptions, AlibabaEmulator, EventIds, SuccessCode
from gateway.emulators.cloud_event import CloudEvent
from gateway.emulators.faults import Reply
from gateway.event import Event
from gateway.secret import Secret
from gateway.senders.alibaba.config import AlibabaConfig
from gateway.senders.alibaba.sender import AlibabaSender
from gateway.senders.contract import Harness, SenderContract
from tests.senders.builders import event
from tests.senders.emulated_harness import EmulatedHarness

MISCOUNT = Reply(body='{"EntryList":[{"EventId":"1"}]}')
"""Beside a count of no failures, it would be an acceptance."""
TIME = "2026-03-04T05:06:07Z"


def sender_to(bus: AlibabaEmulator) -> AlibabaSender:
    return AlibabaSender(
        AlibabaConfig(
            endpoint=bus.url,
            event_bus="default",
            access_key_id="LTAIdummyaccesskeyid0001",
            access_key_secret=Secret("dummyAccessKeySecret0000000001"),
        )
    )


def event_of_size(size: int) -> Event:
    """36 for the time, "1.0", three attributes, and a JSON string as data."""
    empty = event(time=TIME, data=b'""')
    counted = 36 + len(f"1.0{empty.id}{empty.source}{empty.type}") + len('""')
    return event(id=empty.id, time=TIME, data=b'"%b"' % (b"x" * (size - counted)))


def json_of(received: CloudEvent) -> str:
    """Without the bus's name, it is the event's JSON."""
    return received.text.removesuffix(',"aliyuneventbusname":"default"}') + "}"


class TestAlibabaSender(SenderContract):
    """All of it: EventBridge can do everything that the contract speaks of."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        """A fresh bus for each test."""
        async with AlibabaEmulator() as bus, aclosing(sender_to(bus)) as sender:
            yield EmulatedHarness(bus, sender, event_of_size, json_of, miscount=MISCOUNT)


class TestAlibabaSenderWhereResultsAreShuffled(SenderContract):
    """Results in any order, and `Success` as code: each entry is still told what became of it."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        """A fresh bus for each test."""
        options = AlibabaBusOptions(
            is_shuffled=True, event_ids=EventIds.REQUEST, success_code=SuccessCode.SUCCESS
        )
        async with AlibabaEmulator(options) as bus, aclosing(sender_to(bus)) as sender:
            yield EmulatedHarness(bus, sender, event_of_size, json_of, miscount=MISCOUNT)
