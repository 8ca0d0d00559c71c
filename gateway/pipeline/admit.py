"""The events of one request, measured for one bus: each gets its size, or all that is wrong is said."""

from collections.abc import Sequence

from msgspec.structs import replace

from gateway.errors import Fault, InvalidEventError
from gateway.event import Event
from gateway.sender import Sender


def admit_all(sender: Sender, events: Sequence[Event]) -> list[int]:
    """The size of each event; what `admit` raises for the first refused one, with every fault indexed."""
    sizes: list[int] = []
    refused: InvalidEventError | None = None
    faults: list[Fault] = []
    for index, event in enumerate(events):
        try:
            sizes.append(sender.admit(event))
        except InvalidEventError as error:
            refused = refused or error
            faults += [replace(fault, index=index) for fault in error.faults]
    if refused is not None:
        raise type(refused)(refused.detail, *faults)
    return sizes
