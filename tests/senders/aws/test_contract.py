"""The EventBridge sender keeps the contract, against the emulated bus."""

from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from gateway.emulators.aws import AwsEmulator
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
from gateway.senders.aws.config import AwsConfig
from gateway.senders.aws.sender import AwsSender
from gateway.senders.contract import RETRY_AFTER_SECONDS, Harness, SenderContract, Step
from tests.senders.builders import event, event_of_json_size

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


class AwsHarness:
    """The sender and an emulated bus."""

    def __init__(self, bus: AwsEmulator, *, endpoint_id: str = "") -> None:
        self._bus = bus
        self.sender = AwsSender(
            AwsConfig(
                region="us-east-1",
                endpoint=bus.url,
                endpoint_id=endpoint_id,
                access_key_id="AKIDEXAMPLE",
                secret_access_key=Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
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
        """Source and type count beside the JSON."""
        sample = event()
        return event_of_json_size(size - len(sample.source) - len(sample.type))

    def taken(self) -> Sequence[bytes]:
        """`Detail` is the event's JSON."""
        return [taken.detail.encode() for taken in self._bus.received]


class TestAwsSender(SenderContract):
    """All of it: EventBridge can do everything that the contract speaks of."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        """A fresh bus for each test."""
        async with AwsEmulator() as bus:
            harness = AwsHarness(bus)
            yield harness
            await harness.sender.aclose()


class TestAwsSenderToAGlobalEndpoint(SenderContract):
    """All of it again, with the other signature and no look at the bus."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        """A fresh bus for each test."""
        async with AwsEmulator() as bus:
            harness = AwsHarness(bus, endpoint_id="abcde.veo")
            yield harness
            await harness.sender.aclose()
