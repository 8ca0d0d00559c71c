"""The Alibaba sender keeps the contract, against the emulated bus."""

from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from gateway.emulators.alibaba import AlibabaBusOptions, AlibabaEmulator, EventIds, SuccessCode
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
from gateway.event import Event
from gateway.secret import Secret
from gateway.senders.alibaba.config import AlibabaConfig
from gateway.senders.alibaba.sender import AlibabaSender
from gateway.senders.contract import RETRY_AFTER_SECONDS, Harness, SenderContract, Step
from tests.senders.builders import event

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
TIME = "2026-03-04T05:06:07Z"


class AlibabaHarness:
    """The sender and an emulated bus."""

    def __init__(self, bus: AlibabaEmulator) -> None:
        self._bus = bus
        self.sender = AlibabaSender(
            AlibabaConfig(
                endpoint=bus.url,
                event_bus="default",
                access_key_id="LTAIdummyaccesskeyid0001",
                access_key_secret=Secret("dummyAccessKeySecret0000000001"),
            )
        )

    def script(self, *steps: Step) -> None:
        """Faults of the emulated bus; it refuses a request for a text that stands in every event."""
        if steps == (Step.REFUSE,):
            self._bus.faults = Faults(poison=("specversion",))
        else:
            self._bus.faults = Faults(script=tuple(FAULTS[step] for step in steps))

    def mend(self) -> None:
        """The script ends with the refusal."""

    def event(self, size: int) -> Event:
        """36 for the time, "1.0", three attributes, and a JSON string as data."""
        empty = event(time=TIME, data=b'""')
        counted = 36 + len(f"1.0{empty.id}{empty.source}{empty.type}") + len('""')
        return event(id=empty.id, time=TIME, data=b'"%b"' % (b"x" * (size - counted)))

    def taken(self) -> Sequence[bytes]:
        """Without the bus's name, it is the event's JSON."""
        tail = ',"aliyuneventbusname":"default"}'
        return [taken.text.removesuffix(tail).encode() + b"}" for taken in self._bus.received]


class TestAlibabaSender(SenderContract):
    """All of it: EventBridge can do everything that the contract speaks of."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        """A fresh bus for each test."""
        async with AlibabaEmulator() as bus:
            harness = AlibabaHarness(bus)
            yield harness
            await harness.sender.aclose()


class TestAlibabaSenderWhereResultsAreShuffled(SenderContract):
    """Results in any order, and `Success` as code: each entry is still told what became of it."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        """A fresh bus for each test."""
        options = AlibabaBusOptions(
            is_shuffled=True, event_ids=EventIds.REQUEST, success_code=SuccessCode.SUCCESS
        )
        async with AlibabaEmulator(options) as bus:
            harness = AlibabaHarness(bus)
            yield harness
            await harness.sender.aclose()
