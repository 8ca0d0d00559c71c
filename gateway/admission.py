"""The answers to "will you take these events?": what the pipeline says and the receiver writes down."""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from gateway.entry import Receipt
from gateway.event import Event


class Accepted(Struct, frozen=True):
    """Every destination holds every event of the request."""


class NoRoom(Struct, frozen=True):
    """At least one destination is full, and so none took anything."""

    retry_after_seconds: int


class Draining(Struct, frozen=True):
    """The gateway is going down and takes nothing new."""

    retry_after_seconds: int


class Unwritten(Struct, frozen=True):
    """A journal could not be written, and so no destination took anything."""

    retry_after_seconds: int


Admission = Accepted | NoRoom | Draining | Unwritten

ACCEPTED = Accepted()


class Pending:
    """An admission that the disk has yet to decide; `then` is told once, in a later turn of the loop."""

    __slots__ = ("then",)

    def __init__(self) -> None:
        self.then: Callable[[Admission], None] | None = None
        """Set by who was given this, before the loop turns."""

    def decide(self, admission: Admission) -> None:
        """Tell it."""
        if self.then is not None:
            self.then(admission)


class Caller(Protocol):
    """A producer that waits until its events are delivered."""

    def receipt(self, destination: str) -> Receipt:
        """What that destination tells of every event of the request.

        Asked for once by each that they go to, before any is told of.
        """


class Intake(Protocol):
    """What the receiver is handed: the way in to every destination, seen from the HTTP side.

    Synchronous and quick; `destination` None means all of them.
    """

    def knows(self, destination: str) -> bool:
        """Whether a destination of that name is configured."""

    def foresee(self, body_bytes: int, destination: str | None) -> Admission:
        """The answer to a request of that body length, before its body is read.

        Raises EventTooLargeError if it would not fit an empty buffer.
        """

    def accept(
        self, events: Sequence[Event], destination: str | None, caller: Caller | None = None
    ) -> Admission | Pending:
        """Take every event to every destination asked for, or none to any.

        `caller` waits for the delivery; its receipts are told only of what was accepted. Raises
        EventTooLargeError or UndeliverableEventError if a destination can never take one of them; the
        faults carry the event's index if there are several.
        """
