"""The way in to every destination: all of them take all events of a request, or none takes any."""

from collections.abc import Mapping, Sequence

from gateway.admission import ACCEPTED, Admission, Draining, NoRoom
from gateway.entry import Receipt
from gateway.errors import EventTooLargeError, Fault, Reason
from gateway.event import Event
from gateway.pipeline.destination import Destination


class FanOut:
    """The intake of all destinations: checks each, then offers to each, with no await in between."""

    def __init__(self, destinations: Mapping[str, Destination], *, drain_seconds: float) -> None:
        self._by_name = {name: (destination,) for name, destination in destinations.items()}
        self._all = tuple(destinations.values())
        self._draining: Draining | None = None
        self._drain_seconds = drain_seconds

    def drain(self) -> None:
        """From now on nothing is accepted."""
        self._draining = Draining(max(1, round(self._drain_seconds)))

    @property
    def is_draining(self) -> bool:
        """Whether everything is refused because the process ends."""
        return self._draining is not None

    def knows(self, destination: str) -> bool:
        """Whether a destination of that name is configured."""
        return destination in self._by_name

    def foresee(self, body_bytes: int, destination: str | None) -> Admission:
        """The answer to a request whose body will have so many bytes, taken as one event."""
        if self._draining is not None:
            return self._draining
        return self._room_for(self._targets(destination), 1, body_bytes)

    def accept(
        self, events: Sequence[Event], destination: str | None, receipt: Receipt | None = None
    ) -> Admission:
        """Take every event to every destination asked for, or none to any."""
        if self._draining is not None:
            return self._draining
        if not events:
            return ACCEPTED  # an empty batch is valid, and nobody's
        targets = self._targets(destination)
        if len(targets) == 1:  # the usual one: its own offer is the check
            (target,) = targets
            if target.offer(events, target.admit(events), receipt):
                return ACCEPTED
            return self._no_room(targets, len(events), _json_bytes(events))
        sizes = [target.admit(events) for target in targets]
        room = self._room_for(targets, len(events), _json_bytes(events))
        if room is ACCEPTED:
            for target, target_sizes in zip(targets, sizes, strict=True):
                taken = target.offer(events, target_sizes, receipt)
                assert taken, "room was checked"
        return room

    def _targets(self, destination: str | None) -> tuple[Destination, ...]:
        return self._all if destination is None else self._by_name[destination]

    def _room_for(self, targets: Sequence[Destination], events: int, event_bytes: int) -> Admission:
        for target in targets:
            if not target.has_room(events, event_bytes):
                return self._no_room(targets, events, event_bytes)
        return ACCEPTED

    def _no_room(self, targets: Sequence[Destination], events: int, event_bytes: int) -> NoRoom:
        full = [target for target in targets if not target.has_room(events, event_bytes)]
        for target in full:
            if not target.could_ever_hold(events, event_bytes):
                raise EventTooLargeError(
                    f"the request is larger than the whole buffer of destination {target.name}",
                    Fault(Reason.TOO_LARGE),
                )
        return NoRoom(max(target.retry_after_seconds(events, event_bytes) for target in full))


def _json_bytes(events: Sequence[Event]) -> int:
    return sum([len(event.json) for event in events])
