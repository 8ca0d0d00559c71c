"""What the contract's suite needs of a sender, for those with an emulated bus to speak to."""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic

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
from gateway.emulators.received import EventT
from gateway.emulators.server import Emulator
from gateway.event import Event
from gateway.sender import Sender
from gateway.senders.contract import RETRY_AFTER_SECONDS, Step

FAULTS: Mapping[Step, Fault] = {
    Step.TAKE: Pass(),
    Step.FAIL_SECOND_ENTRY: FailEntries(indexes=(1,)),
    Step.THROTTLE: Throttle(),
    Step.THROTTLE_WITH_HINT: Throttle(retry_after_seconds=RETRY_AFTER_SECONDS),
    Step.RESET: ResetBefore(),
    Step.STALL: Stall(seconds=60),
    Step.BLOCK: DenyAccess(),
}


class EmulatedHarness(Generic[EventT]):
    """A sender and its emulated bus, of which `json_of` knows what it received.

    `event_of_size` builds an event that counts so much there; `miscount` makes the bus answer with a
    result too few in such a way that nobody can tell what became of the events.
    """

    def __init__(
        self,
        bus: Emulator[EventT],
        sender: Sender,
        event_of_size: Callable[[int], Event],
        json_of: Callable[[EventT], str],
        *,
        miscount: Fault = Nonsense(form=NonsenseForm.SHORT),  # noqa: B008 - frozen
    ) -> None:
        self.sender = sender
        self._bus = bus
        self._event_of_size = event_of_size
        self._json_of = json_of
        self._faults = {**FAULTS, Step.MISCOUNT: miscount}

    def script(self, *steps: Step) -> None:
        """Faults of the emulated bus; it refuses a request for a text that stands in every event."""
        if steps == (Step.REFUSE,):
            self._bus.faults = Faults(poison=("specversion",))
        else:
            self._bus.faults = Faults(script=tuple(self._faults[step] for step in steps))

    def mend(self) -> None:
        """The script ends with the refusal."""

    def event(self, size: int) -> Event:
        """By the bus's formula."""
        return self._event_of_size(size)

    def taken(self) -> Sequence[bytes]:
        """The JSON of each event, as it came."""
        return [self._json_of(received).encode() for received in self._bus.received]
