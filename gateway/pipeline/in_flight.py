"""The requests to a bus that are out: each with its task, its entries and the sender that it went by."""

import asyncio
from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct

from gateway.entry import Entry
from gateway.sender import Sender


class Request(Struct, eq=False):
    """One of them: from `begin` to `end`."""

    entries: Sequence[Entry]
    sender: Sender
    task: asyncio.Task[None] | None = None
    """Known as soon as it is made."""
    timeout: asyncio.Timeout | None = None
    """Known while the bus is asked."""

    def begun(self, timeout: asyncio.Timeout) -> None:
        """It has begun, and may take that long."""
        self.timeout = timeout


class InFlight:
    """What is out, oldest first: by the sender in use, and apart from that by former ones.

    How a bus answers, and how many requests it bears, says nothing of another. A change of sender leaves
    at most `delivery.max_in_flight` behind, each until it is answered or its time-out is over.
    """

    def __init__(self) -> None:
        self._requests: dict[Request, None] = {}
        self._former: dict[Request, None] = {}

    def __len__(self) -> int:
        """How many requests by the sender in use."""
        return len(self._requests)

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        """The task of each, whichever sender it went by."""
        return _tasks([*self._former, *self._requests])

    def entries(self) -> list[Entry]:
        """The entries of all, whichever sender they went by."""
        return [entry for request in (*self._former, *self._requests) for entry in request.entries]

    def begin(self, entries: Sequence[Entry], sender: Sender) -> Request:
        """A request goes out."""
        request = Request(entries, sender)
        self._requests[request] = None
        return request

    def give_up_others(self, answered: Request, now: float) -> None:
        """The bus in use answers again: those that it has not answered are timed out, and go once more."""
        for request in self._requests:
            timeout = request.timeout
            if request is not answered and timeout is not None and not timeout.expired():
                timeout.reschedule(now)

    def end(self, request: Request) -> None:
        """It is answered."""
        if request in self._requests:
            del self._requests[request]
        else:
            del self._former[request]

    def change_sender(self) -> Collection[asyncio.Task[None]]:
        """Another sender is in use from now on; the tasks of what is still out by the one before."""
        former, self._requests = self._requests, {}
        self._former |= former
        return _tasks(former)

    def give_back(self) -> list[Entry]:
        """The entries of all, no longer in flight."""
        entries = self.entries()
        self._former.clear()
        self._requests.clear()
        return entries


def _tasks(requests: Iterable[Request]) -> Collection[asyncio.Task[None]]:
    return [request.task for request in requests if request.task is not None]
