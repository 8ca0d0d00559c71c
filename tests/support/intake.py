"""An intake with a script instead of destinations."""

from collections.abc import Collection, Sequence

from gateway.admission import ACCEPTED, Admission, Caller, Pending
from gateway.entry import Entry
from gateway.errors import InvalidEventError
from gateway.event import Event


class FakeIntake:
    """Answers as its fields say, and keeps what it accepted."""

    def __init__(self, destinations: Collection[str] = ("orders",)) -> None:
        self.destinations = destinations
        self.foreseen: Admission | InvalidEventError = ACCEPTED
        """The answer before the body."""
        self.admission: Admission | Exception | type[Pending] = ACCEPTED
        """The answer to the events; an exception is raised, and `Pending` is left to the test to decide."""
        self.asked: list[tuple[int, str | None]] = []
        self.accepted: list[tuple[Sequence[Event], str | None]] = []
        self.pending: list[Pending] = []
        """Those that were left to the test, oldest first."""
        self.entries: list[Entry] = []
        """One for each event that somebody waits for and each of its destinations, in order."""

    @property
    def events(self) -> list[Event]:
        """Every event accepted, in order."""
        return [event for events, _ in self.accepted for event in events]

    def knows(self, destination: str) -> bool:
        """Whether it is one of `destinations`."""
        return destination in self.destinations

    def foresee(self, body_bytes: int, destination: str | None) -> Admission:
        """`foreseen`, raised if it is an error."""
        self.asked.append((body_bytes, destination))
        if isinstance(self.foreseen, InvalidEventError):
            raise self.foreseen
        return self.foreseen

    def accept(
        self, events: Sequence[Event], destination: str | None, caller: Caller | None = None
    ) -> Admission | Pending:
        """`admission`, raised if it is an error; the events are kept if it takes them or may do so.

        What was foreseen to be refused is: a request whose body is there already need not be foreseen.
        """
        for answer in (self.foreseen, self.admission):
            if isinstance(answer, Exception):
                raise answer
        if self.foreseen is not ACCEPTED:
            assert not isinstance(self.foreseen, InvalidEventError), "raised"
            return self.foreseen
        assert not isinstance(self.admission, Exception), "raised"
        if self.admission is ACCEPTED or self.admission is Pending:
            self.accepted.append((events, destination))
            if caller is not None:
                self._keep(events, destination, caller)
        if not isinstance(self.admission, type):
            return self.admission
        self.pending.append(self.admission())
        return self.pending[-1]

    def deliver(self, index: int, event_id: str | None = "bus-1") -> None:
        """Tell of that entry that the bus has it."""
        entry = self.entries[index]
        assert entry.receipt is not None, "somebody waits"
        entry.receipt.delivered(entry, event_id)

    def give_up(self, index: int, code: str = "NotAuthorized", message: str = "no rights") -> None:
        """Tell of that entry that it is dead-lettered."""
        entry = self.entries[index]
        assert entry.receipt is not None, "somebody waits"
        entry.receipt.given_up(entry, code, message)

    def keep(self, index: int) -> None:
        """Tell of that entry that it is on disk for the next start."""
        entry = self.entries[index]
        assert entry.receipt is not None, "somebody waits"
        entry.receipt.kept(entry)

    def lose(self, index: int) -> None:
        """Tell of that entry that the gateway ends without it."""
        entry = self.entries[index]
        assert entry.receipt is not None, "somebody waits"
        entry.receipt.lost(entry)

    def _keep(self, events: Sequence[Event], destination: str | None, caller: Caller) -> None:
        for name in self.destinations if destination is None else [destination]:
            receipt = caller.receipt(name)
            self.entries += [Entry(event, len(event.json), 0.0, receipt=receipt) for event in events]
