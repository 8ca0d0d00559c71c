"""One request on its way to the disk: room is held for it, and nothing is accepted before it is written."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Protocol

from msgspec import Struct

from gateway.admission import ACCEPTED, Pending, Unwritten
from gateway.entry import Entry, Receipt
from gateway.event import Event
from gateway.pipeline.destination import Destination
from gateway.sender import Sender

RETRY_SECONDS = 1
"""What a producer is told when a journal fails: it is tried once a second."""


class Store(Protocol):
    """Where events are on disk before they are accepted; shared by the destinations that name it."""

    def append(
        self, events: Sequence[Event], destinations: Sequence[str], told: Callable[[bool], None]
    ) -> Sequence[int]:
        """The number of each record; `told`, in a later turn of the loop, whether all of them are on disk."""

    def record(self, number: int, destination: str, caller: Receipt | None) -> Receipt:
        """The receipt of an entry; it passes every word on to `caller`, and settles the record."""

    def settle(self, number: int, destination: str) -> None:
        """That destination owes the record no more."""


class SoleCommitment(Pending):
    """The usual request, to one destination: its entries, with room held, until the store has answered.

    An answer that comes when the destination has stopped comes too late: nothing is accepted.
    """

    __slots__ = ("_destination", "_entries", "_numbers", "_sender", "_store")

    def __init__(
        self, destination: Destination, entries: Sequence[Entry], store: Store, events: Sequence[Event]
    ) -> None:
        self.then = None
        self._destination = destination
        self._sender = destination.sender
        self._entries = entries
        self._store = store
        self._numbers = store.append(events, (destination.name,), self._answered)
        for number, entry in zip(self._numbers, entries, strict=True):
            entry.receipt = store.record(number, destination.name, entry.receipt)

    def _answered(self, is_written: bool) -> None:  # noqa: FBT001 - a callback's one word
        destination = self._destination
        if is_written and not destination.is_stopped:
            destination.enter(self._entries, measured_by=self._sender)
            self.decide(ACCEPTED)
            return
        destination.cancel(self._entries)
        if is_written:
            _settle(self._store, self._numbers, (destination.name,))
        self.decide(Unwritten(RETRY_SECONDS))


class Share(Struct, frozen=True):
    """What one destination will hold of the request."""

    destination: Destination
    store: Store | None
    entries: Sequence[Entry]
    sender: Sender
    """Which has measured them."""


class _Appended(Struct, frozen=True):
    """What one store was given."""

    store: Store
    names: Sequence[str]
    numbers: Sequence[int]


class Commitment:
    """The entries of one request, with room held for all of them, until every store has answered."""

    def __init__(self, shares: Sequence[Share], events: Sequence[Event]) -> None:
        self.pending = Pending()
        self._shares = shares
        self._failed: list[Store] = []
        stores = {id(share.store): share.store for share in shares if share.store is not None}
        self._unanswered = len(stores)
        self._appended = [
            _append(store, [share for share in shares if share.store is store], events, self._answered)
            for store in stores.values()
        ]

    def _answered(self, store: Store, is_written: bool) -> None:  # noqa: FBT001 - a callback's one word
        if not is_written:
            self._failed.append(store)
        self._unanswered -= 1
        if self._unanswered:
            return
        if self._failed or any(share.destination.is_stopped for share in self._shares):
            self._withdraw()
            self.pending.decide(Unwritten(RETRY_SECONDS))
            return
        for share in self._shares:
            share.destination.enter(share.entries, measured_by=share.sender)
        self.pending.decide(ACCEPTED)

    def _withdraw(self) -> None:
        """Leave nothing of the request: what another store has written, it is not to give back."""
        for share in self._shares:
            share.destination.cancel(share.entries)
        for appended in self._appended:
            if appended.store not in self._failed:
                _settle(appended.store, appended.numbers, appended.names)


def _settle(store: Store, numbers: Sequence[int], names: Sequence[str]) -> None:
    """Nobody owes these records: their producers are told that they were not taken."""
    for number, name in product(numbers, names):
        store.settle(number, name)


def _append(
    store: Store, shares: Sequence[Share], events: Sequence[Event], answered: Callable[[Store, bool], None]
) -> _Appended:
    """Give a store the events, once, and every entry of its shares the receipt of its record."""
    names = [share.destination.name for share in shares]
    numbers = store.append(events, names, partial(answered, store))
    for share in shares:
        for number, entry in zip(numbers, share.entries, strict=True):
            entry.receipt = store.record(number, share.destination.name, entry.receipt)
    return _Appended(store, names, numbers)
