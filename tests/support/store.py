"""A store without a disk: what was appended waits until the test says how it went."""

from collections.abc import Callable, Sequence

from gateway.entry import Entry, Receipt
from gateway.event import Event


class FakeRecord:
    """The receipt of one entry: settles its record, and passes on what it is told."""

    def __init__(self, store: "FakeStore", key: tuple[int, str], caller: Receipt | None) -> None:
        self._store = store
        self._key = key
        self._caller = caller

    def delivered(self, entry: Entry, event_id: str | None) -> None:
        """The record is settled."""
        self._store.settle(*self._key)
        if self._caller is not None:
            self._caller.delivered(entry, event_id)

    def given_up(self, entry: Entry, code: str, message: str) -> None:
        """The record is settled."""
        self._store.settle(*self._key)
        if self._caller is not None:
            self._caller.given_up(entry, code, message)

    def kept(self, entry: Entry) -> None:
        """The record stays."""
        if self._caller is not None:
            self._caller.kept(entry)

    def lost(self, entry: Entry) -> None:
        """The record is gone."""
        if self._caller is not None:
            self._caller.lost(entry)

    def keeps(self, entry: Entry) -> bool:  # noqa: ARG002 - the receipt's signature
        """It does."""
        return True


class FakeStore:
    """Numbers what it is given; `owed` holds what is written and not settled."""

    def __init__(self) -> None:
        self.owed: dict[tuple[int, str], str] = {}
        """The id of the event, by record and destination."""
        self._groups: list[tuple[dict[tuple[int, str], str], Callable[[bool], None]]] = []
        self._next = 1

    @property
    def unwritten(self) -> int:
        """How many groups the disk has still to take."""
        return len(self._groups)

    def append(
        self, events: Sequence[Event], destinations: Sequence[str], told: Callable[[bool], None]
    ) -> Sequence[int]:
        """A record for each event."""
        numbers = range(self._next, self._next + len(events))
        self._next += len(events)
        records = {
            (number, name): event.id
            for number, event in zip(numbers, events, strict=True)
            for name in destinations
        }
        self._groups.append((records, told))
        return numbers

    def record(self, number: int, destination: str, caller: Receipt | None) -> FakeRecord:
        """The receipt of one of them."""
        return FakeRecord(self, (number, destination), caller)

    def settle(self, number: int, destination: str) -> None:
        """That destination owes it no more."""
        del self.owed[number, destination]

    def write(self) -> None:
        """The oldest group is on disk."""
        records, told = self._groups.pop(0)
        self.owed |= records
        told(True)  # noqa: FBT003 - a callback's one word

    def fail(self) -> None:
        """The disk refuses the oldest group."""
        _, told = self._groups.pop(0)
        told(False)  # noqa: FBT003 - likewise
