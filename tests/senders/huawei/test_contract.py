"""The EventGrid sender keeps the contract, against the emulated bus."""

from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from gateway.emulators.faults import (
    DenyAccess,
    FailEntries,
    Fault,
    Faults,
    Nonsense,
    NonsenseForm,
    Pass,
    ResetBefore,
    Stall,
    Throttle,
)
from gateway.emulators.huawei import HuaweiEmulator
from gateway.event import Event
from gateway.senders.contract import RETRY_AFTER_SECONDS, Harness, SenderContract, Step
from tests.senders.huawei.build import event_of_size, sender_to

FAULTS: Mapping[Step, Fault] = {
    Step.TAKE: Pass(),
    Step.FAIL_SECOND_ENTRY: FailEntries(indexes=(1,)),
    Step.THROTTLE: Throttle(),
    Step.THROTTLE_WITH_HINT: Throttle(retry_after_seconds=RETRY_AFTER_SECONDS),
    Step.RESET: ResetBefore(),
    Step.STALL: Stall(seconds=60),
    Step.MISCOUNT: Nonsense(form=NonsenseForm.SHORT),
    Step.BLOCK: DenyAccess(),
}


class HuaweiHarness:
    """The sender and an emulated bus."""

    def __init__(self, bus: HuaweiEmulator) -> None:
        self._bus = bus
        self.sender = sender_to(bus.url)

    def script(self, *steps: Step) -> None:
        """Faults of the emulated bus; it refuses a request for a text that stands in every event."""
        if steps == (Step.REFUSE,):
            self._bus.faults = Faults(poison=("specversion",))
        else:
            self._bus.faults = Faults(script=tuple(FAULTS[step] for step in steps))

    def mend(self) -> None:
        """The script ends with the refusal."""

    def event(self, size: int) -> Event:
        """The JSON and a comma count."""
        return event_of_size(size)

    def taken(self) -> Sequence[bytes]:
        """Each event's text as it came."""
        return [taken.text.encode() for taken in self._bus.received]


class TestHuaweiSender(SenderContract):
    """All of it: EventGrid can do everything that the contract speaks of."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        """A fresh bus for each test."""
        async with HuaweiEmulator() as bus:
            harness = HuaweiHarness(bus)
            yield harness
            await harness.sender.aclose()
