"""The EventGrid sender keeps the contract, against the emulated bus."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from gateway.emulators.faults import Reply
from gateway.emulators.huawei import HuaweiEmulator
from gateway.senders.contract import Harness, SenderContract
from tests.senders.emulated_harness import EmulatedHarness
from tests.senders.huawei.build import event_of_size, sender_to

MISCOUNT = Reply(body='{"events":[{"event_id":"1"}]}')
"""Beside a count of no failures, it would be an acceptance."""


class TestHuaweiSender(SenderContract):
    """All of it: EventGrid can do everything that the contract speaks of."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        """A fresh bus for each test."""
        async with HuaweiEmulator() as bus, aclosing(sender_to(bus.url)) as sender:
            yield EmulatedHarness(
                bus, sender, event_of_size, lambda received: received.text, miscount=MISCOUNT
            )
