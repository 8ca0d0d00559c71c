"""Events measured for one bus: each gets its size, or it is said what is wrong."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from gateway.entry import Entry, Receipt
from gateway.errors import Fault, InvalidEventError
from gateway.event import Event
from gateway.pipeline.retry import GiveUpReason
from gateway.pipeline.settlement import GivenUp
from gateway.sender import Sender


def admit_all(sender: Sender, events: Sequence[Event]) -> list[int]:
    """The size of each event; what `admit` raises for the first refused one, with every fault indexed."""
    if len(events) == 1:
        return [sender.admit(events[0])]
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


def entries_of(
    events: Sequence[Event], sizes: Sequence[int], receipt: Receipt | None, now: float
) -> list[Entry]:
    """Entries that arrive now; somebody waits for them if there is a receipt."""
    is_awaited = receipt is not None
    if len(events) == 1:  # the usual request, in a third of the time
        return [Entry(events[0], sizes[0], now, 0, receipt, is_awaited)]
    return [
        Entry(event, size, now, 0, receipt, is_awaited) for event, size in zip(events, sizes, strict=True)
    ]


class Measured(Struct, frozen=True):
    """Entries with the size that a bus counts, and those that it can never take."""

    entries: list[Entry]
    given_up: list[GivenUp]


def measure(sender: Sender, entries: Sequence[Entry]) -> Measured:
    """Give entries, accepted long ago, the size that counts now."""
    measured = Measured([], [])
    for entry in entries:
        try:
            entry.size = sender.admit(entry.event)
        except InvalidEventError as error:
            given_up = GivenUp(entry, GiveUpReason.UNDELIVERABLE, "undeliverable", error.detail)
            measured.given_up.append(given_up)
        else:
            measured.entries.append(entry)
    return measured
