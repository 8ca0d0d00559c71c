"""An intake with a script instead of destinations."""

from collections.abc import Collection, Sequence

from gateway.admission import ACCEPTED, Admission, Caller, Pending
from gateway.errors import InvalidEventError
from gateway.event import Event


class FakeIntake:
    """Answers as its fields say, and keeps what it accepted."""

    def __init__(self, destinations: Collection[str] = ("orders",)) -> None:
        self.destinations = destinations
        self.foreseen: Admission | InvalidEventError = ACCEPTED
        """The answer before the body."""
        self.admission: Admission | Exception = ACCEPTED
        """The answer to the events; an exception is raised."""
        self.asked: list[tuple[int, str | None]] = []
        self.accepted: list[tuple[Sequence[Event], str | None]] = []

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
        self,
        events: Sequence[Event],
        destination: str | None,
        caller: Caller | None = None,  # noqa: ARG002 - nobody waits here
    ) -> Admission | Pending:
        """`admission`, raised if it is an error; the events are kept if it takes them."""
        if isinstance(self.admission, Exception):
            raise self.admission
        if self.admission is ACCEPTED:
            self.accepted.append((events, destination))
        return self.admission
