"""The requests to a bus that are out: each a task, with its entries and the sender that it went by."""

import asyncio
from collections.abc import Collection, Sequence

from msgspec import Struct

from gateway.entry import Entry
from gateway.sender import Sender


class Request(Struct):
    """One of them."""

    entries: Sequence[Entry]
    sender: Sender
    timeout: asyncio.Timeout | None = None
    """Known once it has begun."""


class InFlight:
    """What is out, by its task."""

    def __init__(self) -> None:
        self._requests: dict[asyncio.Task[None], Request] = {}

    def __len__(self) -> int:
        """How many requests."""
        return len(self._requests)

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        """The task of each."""
        return list(self._requests)

    def entries(self) -> list[Entry]:
        """The entries of all."""
        return [entry for request in self._requests.values() for entry in request.entries]

    def begin(self, task: asyncio.Task[None], entries: Sequence[Entry], sender: Sender) -> None:
        """A request goes out."""
        self._requests[task] = Request(entries, sender)

    def begun(self, timeout: asyncio.Timeout) -> None:
        """The request of the current task has begun, and may take that long."""
        self._requests[_current_task()].timeout = timeout

    def give_up_others(self, now: float) -> None:
        """The bus answers again: those that it has not answered are timed out, and go once more."""
        current = _current_task()
        for task, request in self._requests.items():
            timeout = request.timeout
            if task is not current and timeout is not None and not timeout.expired():
                timeout.reschedule(now)

    def is_by(self, sender: Sender) -> bool:
        """Whether the request of the current task went by that sender."""
        return self._requests[_current_task()].sender is sender

    def end(self) -> Sender:
        """The request of the current task is answered; the sender that it went by."""
        return self._requests.pop(_current_task()).sender

    def tasks_of(self, sender: Sender) -> Collection[asyncio.Task[None]]:
        """Those that went by that sender."""
        return [task for task, request in self._requests.items() if request.sender is sender]

    def give_back(self) -> list[Entry]:
        """The entries of all, no longer in flight."""
        entries = self.entries()
        self._requests.clear()
        return entries


def _current_task() -> asyncio.Task[None]:
    task = asyncio.current_task()
    assert task is not None, "called by the task of a request"
    return task
