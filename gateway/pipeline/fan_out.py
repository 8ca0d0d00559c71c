"""The way in to every destination: all of them take all events of a request, or none takes any."""

from collections.abc import Iterator, Mapping, Sequence

from gateway.admission import ACCEPTED, Admission, Caller, Draining, NoRoom, Pending
from gateway.entry import Receipt
from gateway.errors import EventTooLargeError, Fault, Reason
from gateway.event import Event
from gateway.pipeline.buffer import event_bytes
from gateway.pipeline.commitment import Commitment, Share, SoleCommitment, Store
from gateway.pipeline.destination import Destination


class FanOut:
    """The intake of all destinations: checks each, then offers to each, with no await in between.

    `stores` are the journals of those destinations that have one.
    """

    def __init__(
        self,
        destinations: Mapping[str, Destination],
        *,
        drain_seconds: float,
        stores: Mapping[str, Store] | None = None,
    ) -> None:
        self._by_name = {name: (destination,) for name, destination in destinations.items()}
        self._all = tuple(destinations.values())
        self._stores = stores or {}
        self._draining: Draining | None = None
        self.drain_seconds = drain_seconds
        """How long a drain will take at most: what producers are told then."""

    def drain(self) -> None:
        """From now on nothing is accepted."""
        self._draining = Draining(max(1, round(self.drain_seconds)))

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
        self, events: Sequence[Event], destination: str | None, caller: Caller | None = None
    ) -> Admission | Pending:
        """Take every event to every destination asked for, or none to any."""
        if self._draining is not None:
            return self._draining
        if not events:
            return ACCEPTED  # an empty batch is valid, and nobody's
        targets = self._targets(destination)
        if len(targets) == 1:  # the usual one: its own offer is the check
            admission = self._accept_alone(targets[0], events, _receipt(caller, targets[0]))
            return admission or self._no_room(targets, len(events), _json_bytes(events))
        sizes = [target.admit(events) for target in targets]
        room = self._room_for(targets, len(events), _json_bytes(events))
        if room is not ACCEPTED:
            return room
        if any(target.name in self._stores for target in targets):
            return Commitment(list(self._shares(targets, sizes, events, caller)), events).pending
        for target, target_sizes in zip(targets, sizes, strict=True):
            taken = target.offer(events, target_sizes, _receipt(caller, target))
            assert taken, "room was checked"
        return ACCEPTED

    def _accept_alone(
        self, target: Destination, events: Sequence[Event], receipt: Receipt | None
    ) -> Admission | Pending | None:
        """The answer of the only destination; None: it has no room."""
        store, sizes = self._stores.get(target.name), target.admit(events)
        if store is None:
            return ACCEPTED if target.offer(events, sizes, receipt) else None
        entries = target.reserve(events, sizes, receipt)
        return None if entries is None else SoleCommitment(target, entries, store, events)

    def _shares(
        self,
        targets: Sequence[Destination],
        sizes: Sequence[Sequence[int]],
        events: Sequence[Event],
        caller: Caller | None,
    ) -> Iterator[Share]:
        """What each will hold once the disk has it, with room held from now on."""
        for target, target_sizes in zip(targets, sizes, strict=True):
            entries = target.reserve(events, target_sizes, _receipt(caller, target))
            assert entries is not None, "room was checked"
            yield Share(target, self._stores.get(target.name), entries, target.sender)

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


def _receipt(caller: Caller | None, target: Destination) -> Receipt | None:
    return None if caller is None else caller.receipt(target.name)


def _json_bytes(events: Sequence[Event]) -> int:
    return sum([event_bytes(event) for event in events])
