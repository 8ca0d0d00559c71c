"""A bus in memory: answers as its script says, and remembers every request with its time."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

from msgspec import Struct

from gateway.entry import Batch
from gateway.errors import EventTooLargeError, Fault, Reason, UndeliverableEventError
from gateway.event import Event
from gateway.sender import Delivered, Limits, Outcome, SenderStatus

LIMITS = Limits(max_entries=10, max_bytes=10_000, max_entry_bytes=10_000)

DELIVERED = Delivered()

UNDELIVERABLE_TYPE = "undeliverable"
"""An event of this type is one that the bus can never take."""

Answer = Outcome | Sequence[Outcome] | BaseException | Callable[[Batch], Any]
"""One outcome for all, one for each, an error, or a rule."""


class Step(Struct, frozen=True):
    """One answer, and how long the bus takes to give it."""

    answer: Answer
    seconds: float = 0.0


class Request(Struct, frozen=True):
    """One request as the bus saw it."""

    at: float
    ids: tuple[str, ...]
    size: int


class FakeSender:
    """Plays `script`, then answers `always`. The bus counts the bytes of an event's JSON."""

    def __init__(
        self, *script: Answer | Step, always: Answer | Step = DELIVERED, limits: Limits = LIMITS
    ) -> None:
        self._script = deque(script)
        self._always = always
        self._limits = limits
        self.requests: list[Request] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.taken: list[str] = []
        """Ids of the events that it has said to have delivered."""
        self.is_closed = False

    @property
    def limits(self) -> Limits:
        """As given."""
        return self._limits

    @property
    def times(self) -> list[float]:
        """When each request came."""
        return [request.at for request in self.requests]

    @property
    def sent(self) -> list[tuple[str, ...]]:
        """The ids of each request."""
        return [request.ids for request in self.requests]

    def answer(self, *script: Answer | Step) -> None:
        """What the next requests are answered; those after them as always."""
        self._script.extend(script)

    def answer_always(self, answer: Answer | Step) -> None:
        """From now on, once the script is played."""
        self._always = answer

    def admit(self, event: Event) -> int:
        """The length of the JSON."""
        if event.type == UNDELIVERABLE_TYPE:
            raise UndeliverableEventError("never", Fault(Reason.UNDELIVERABLE, "type"))
        if len(event.json) > self._limits.max_entry_bytes:
            raise EventTooLargeError("too large", Fault(Reason.TOO_LARGE))
        return len(event.json)

    async def send(self, batch: Batch) -> Sequence[Outcome]:
        """Remember the request, wait, answer."""
        loop = asyncio.get_running_loop()
        ids = tuple(entry.event.id for entry in batch.entries)
        self.requests.append(Request(loop.time(), ids, batch.size))
        step = self._script.popleft() if self._script else self._always
        if not isinstance(step, Step):
            step = Step(step)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await _wait(step.seconds)
        finally:
            self.in_flight -= 1
        return self._say(step.answer, batch)

    def status(self) -> SenderStatus:
        """Nowhere."""
        return SenderStatus("memory:")

    async def aclose(self) -> None:
        """Remember it."""
        self.is_closed = True

    def _say(self, answer: Answer, batch: Batch) -> Sequence[Outcome]:
        if isinstance(answer, BaseException):
            raise answer
        said: Any
        if callable(answer):
            said = answer(batch)
        elif isinstance(answer, Sequence):
            said = answer
        else:
            said = [answer] * len(batch.entries)
        if isinstance(said, Sequence) and len(said) == len(batch.entries):
            pairs = zip(batch.entries, said, strict=True)
            self.taken += [entry.event.id for entry, outcome in pairs if isinstance(outcome, Delivered)]
        return cast("Sequence[Outcome]", said)


async def _wait(seconds: float) -> None:
    """A step that takes no time is over before anything else can happen."""
    if seconds:
        loop = asyncio.get_running_loop()
        over = loop.create_future()
        timer = loop.call_later(seconds, over.set_result, None)
        try:
            await over
        finally:
            timer.cancel()
