"""Letters sent again straight to their bus: packed into batches, answers read entry by entry."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing

from msgspec import Struct

from gateway.cloudevents.json import read_event
from gateway.commands.dead_letters.letter import Letter
from gateway.commands.dead_letters.moment import instant
from gateway.commands.dead_letters.route import MAX_TRIES, Patience, Refused, Sent, Stuck, Verdict, Verdicts
from gateway.config import DestinationConfig
from gateway.entry import Batch, Entry
from gateway.errors import InvalidEventError, ThrottledError, UnavailableError
from gateway.pipeline.delivery import Attempt, attempt
from gateway.pipeline.pack import pack
from gateway.pipeline.retry import RetryPolicy
from gateway.sender import Delivered, Hold, Outcome, Rejected, RetryAlone, Sender, SenderPlugin


class _Item(Struct):
    """A letter on its way to the bus."""

    letter: Letter
    entry: Entry


_Request = list[_Item]


class ToBus:
    """Sends with the destinations' own senders, so many requests at once."""

    def __init__(
        self,
        destinations: Mapping[str, DestinationConfig],
        plugins: Mapping[str, SenderPlugin],
        *,
        connections: int,
        patience: Patience,
    ) -> None:
        self._buses = {
            name: OneBus(config, plugins[config.type].create(config.sender), connections, patience)
            for name, config in destinations.items()
        }

    async def deliver(self, letters: Sequence[Letter]) -> AsyncGenerator[Verdicts, None]:
        """A group is the requests in flight to one bus."""
        by_destination: dict[str, list[Letter]] = {}
        for letter in letters:
            by_destination.setdefault(letter.content.destination, []).append(letter)
        for name, its in by_destination.items():
            if (bus := self._buses.get(name)) is None:
                yield [(letter, Refused("unknown_destination", "it is not configured")) for letter in its]
                continue
            async with aclosing(bus.deliver(its)) as groups:
                async for verdicts in groups:
                    yield verdicts

    async def aclose(self) -> None:
        """Close every sender."""
        for bus in self._buses.values():
            await bus.aclose()


class OneBus:
    """One destination's sender, and how patiently it is asked."""

    def __init__(
        self, config: DestinationConfig, sender: Sender, connections: int, patience: Patience
    ) -> None:
        delivery = config.delivery
        self._sender = sender
        self._requests = min(connections, delivery.max_in_flight)
        self._timeout_seconds = delivery.request_timeout
        self._requests_per_second = delivery.max_requests_per_second
        self._policy = RetryPolicy(
            delivery.max_attempts, delivery.max_age, delivery.backoff_initial, delivery.backoff_max
        )
        self._patience = patience

    async def deliver(self, letters: Sequence[Letter]) -> AsyncGenerator[Verdicts, None]:
        """Pack, send, and send again what may be taken later; letters as for one destination."""
        items, unfit = self._admit(letters)
        if unfit:
            yield unfit
        waiting = deque(self._packed(items))
        while waiting:
            group = [waiting.popleft() for _ in range(min(self._requests, len(waiting)))]
            attempts = await asyncio.gather(*[self._send(request) for request in group])
            settled: list[tuple[Letter, Verdict]] = []
            again: list[_Request] = []
            for request, answer in zip(group, attempts, strict=True):
                again += self._sort(request, answer, settled)
            yield settled
            waiting.extendleft(reversed(again))
            if waiting and not await self._patience.wait(self._pause_seconds(group, attempts)):
                return

    async def aclose(self) -> None:
        """Close the sender."""
        await self._sender.aclose()

    def _admit(self, letters: Iterable[Letter]) -> tuple[list[_Item], list[tuple[Letter, Verdict]]]:
        items: list[_Item] = []
        unfit: list[tuple[Letter, Verdict]] = []
        for letter in letters:
            try:
                event = read_event(
                    bytes(letter.content.event), received_at=instant(letter.content.accepted_at) or 0.0
                )
                items.append(_Item(letter, Entry(event, self._sender.admit(event), 0.0)))
            except InvalidEventError as error:
                code = error.faults[0].reason if error.faults else "invalid_event"
                unfit.append((letter, Refused(code, error.detail)))
        return items, unfit

    def _packed(self, items: Sequence[_Item]) -> list[_Request]:
        limits = self._sender.limits
        sizes = [item.entry.size for item in items]
        batches = pack(sizes, max_entries=limits.max_entries, max_bytes=limits.max_bytes)
        return [[items[index] for index in batch] for batch in batches]

    async def _send(self, request: _Request) -> Attempt:
        batch = Batch.of([item.entry for item in request])
        return await attempt(self._sender, batch, timeout_seconds=self._timeout_seconds)

    def _sort(
        self, request: _Request, answer: Attempt, settled: list[tuple[Letter, Verdict]]
    ) -> list[_Request]:
        """Add the verdicts of one answered request to `settled`; the requests that are to follow it."""
        if answer.splits:
            middle = len(request) // 2
            return [request[:middle], request[middle:]]
        together: _Request = []
        alone: list[_Request] = []
        for item, outcome in zip(request, answer.outcomes, strict=True):
            item.entry.attempt += 1
            if (verdict := _verdict(outcome, item.entry.attempt, answer)) is not None:
                settled.append((item.letter, verdict))
            elif isinstance(outcome, RetryAlone):
                alone.append([item])
            else:
                together.append(item)
        return [*([together] if together else []), *alone]

    def _pause_seconds(self, group: Sequence[_Request], attempts: Sequence[Attempt]) -> float:
        """As long as the bus says, else as the configured backoff and rate say."""
        pauses = [len(group) / self._requests_per_second if self._requests_per_second else 0.0]
        for request, answer in zip(group, attempts, strict=True):
            asked = answer.error.retry_after_seconds if isinstance(answer.error, _MAY_SAY_WHEN) else None
            if asked is not None:
                pauses.append(asked)
            elif not answer.splits and not all(isinstance(each, Delivered) for each in answer.outcomes):
                tries = max(item.entry.attempt for item in request)
                pauses.append(self._policy.backoff_seconds(tries, random.random()))  # nosec B311 # noqa: S311 - no secret
        return max(pauses)


_MAY_SAY_WHEN = (ThrottledError, UnavailableError)


def _verdict(outcome: Outcome, tries: int, answer: Attempt) -> Verdict | None:
    """What an outcome means for a letter that was sent so often; None: it is sent again."""
    match outcome:
        case Delivered():
            return Sent()
        case Rejected(code, message):
            return Refused(code, message)
        case Hold(code, message):
            return Stuck(code, message)
        case _ if tries >= MAX_TRIES:
            kind = Refused if answer.error is None else Stuck  # it alone failed, or whole requests do
            return kind(outcome.code, outcome.message)
        case _:
            return None
