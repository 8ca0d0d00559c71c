"""The requests to a bus that are out: each with its task, its entries and the sender that it went by."""

import asyncio
from collections.abc import Collection, Sequence

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
    """Known once it has begun."""

    def begun(self, timeout: asyncio.Timeout) -> None:
        """It has begun, and may take that long."""
        self.timeout = timeout


class InFlight:
    """What is out, oldest first."""

    def __init__(self) -> None:
        self._requests: dict[Request, None] = {}

    def __len__(self) -> int:
        """How many requests."""
        return len(self._requests)

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        """The task of each."""
        return [request.task for request in self._requests if request.task is not None]

    def entries(self) -> list[Entry]:
        """The entries of all."""
        return [entry for request in self._requests for entry in request.entries]

    def begin(self, entries: Sequence[Entry], sender: Sender) -> Request:
        """A request goes out."""
        request = Request(entries, sender)
        self._requests[request] = None
        return request

    def give_up_others(self, answered: Request, now: float) -> None:
        """The bus answers again: those that it has not answered are timed out, and go once more."""
        for request in self._requests:
            timeout = request.timeout
            if request is not answered and timeout is not None and not timeout.expired():
                timeout.reschedule(now)

    def end(self, request: Request) -> None:
        """It is answered."""
        del self._requests[request]

    def tasks_of(self, sender: Sender) -> Collection[asyncio.Task[None]]:
        """Those that went by that sender."""
        sent = [request.task for request in self._requests if request.sender is sender]
        return [task for task in sent if task is not None]

    def give_back(self) -> list[Entry]:
        """The entries of all, no longer in flight."""
        entries = self.entries()
        self._requests.clear()
        return entries
