"""When the event bus is looked up, who waits for it, and what an answer changes."""

import asyncio
import logging

import pytest

from gateway.errors import BlockedError, RefusedError, SendError, ThrottledError, UnavailableError
from gateway.senders.aws.presence import LOOK_AGAIN_SECONDS, BusPresence

MISSING = BlockedError("ResourceNotFoundException", "Event bus orders does not exist.", request_id="r-1")
NO_RIGHT = BlockedError("AccessDeniedException", "not authorized", request_id="r-1")


class Bus:
    """Is described or not, as told; counts how often it is asked for, and holds the clock."""

    def __init__(self, *answers: SendError | None) -> None:
        self.answers = list(answers)
        self.looks = 0
        self.now = 1000.0
        self.answered = asyncio.Event()
        self.answered.set()
        self.presence = BusPresence(self._describe, event_bus="orders", clock=lambda: self.now)

    async def _describe(self) -> None:
        self.looks += 1
        error = self.answers.pop(0) if self.answers else None
        await self.answered.wait()
        if error is not None:
            raise error

    async def ensure(self, count: int = 1) -> int:
        """Before so many sends, one after another; how often the bus was asked for since the start."""
        for _ in range(count):
            await self.presence.ensure()
        return self.looks

    async def error(self) -> SendError:
        """What a send is told."""
        with pytest.raises(SendError) as caught:
            await self.presence.ensure()
        return caught.value

    async def five_minutes_later(self) -> int:
        """The looks after another send, when the next one is due."""
        self.now += LOOK_AGAIN_SECONDS
        return await self.ensure()


async def test_one_look_serves_for_five_minutes() -> None:
    """Not one more, however many sends; then one at the next send."""
    bus = Bus()
    assert await bus.ensure(3) == 1
    bus.now += LOOK_AGAIN_SECONDS - 0.001
    assert await bus.ensure(3) == 1
    bus.now += 0.001
    assert await bus.ensure(3) == 2


async def test_first_sends_at_once_share_a_look_and_wait_for_it() -> None:
    """Nothing is sent to a bus of which nothing is known."""
    bus = Bus()
    bus.answered.clear()
    sends = [asyncio.ensure_future(bus.presence.ensure()) for _ in range(5)]
    await asyncio.wait(sends, timeout=0)
    assert not any(send.done() for send in sends)
    bus.answered.set()
    await asyncio.gather(*sends)
    assert bus.looks == 1


async def test_a_bus_deleted_meanwhile_is_found_missing() -> None:
    """The send that looked is told, and from then on every send looks, until the bus is back."""
    bus = Bus(None, MISSING, MISSING)
    await bus.ensure()
    bus.now += LOOK_AGAIN_SECONDS
    errors = [await bus.error(), await bus.error()]
    assert [(type(error), error.code, error.request_id) for error in errors] == [
        (BlockedError, "ResourceNotFoundException", "r-1")
    ] * 2
    assert errors[0].message == 'event bus "orders": Event bus orders does not exist.'
    assert await bus.ensure(3) == 4


async def test_while_one_send_looks_again_the_others_go_on() -> None:
    """Nothing is known to be wrong: a look that hangs costs one send its time."""
    bus = Bus()
    await bus.ensure()
    bus.now += LOOK_AGAIN_SECONDS
    bus.answered.clear()
    looking = asyncio.ensure_future(bus.presence.ensure())
    await asyncio.wait({looking}, timeout=0)
    async with asyncio.timeout(1):
        assert await bus.ensure(3) == 2
    assert not looking.done()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert await bus.ensure() == 2


@pytest.mark.parametrize(
    "error",
    [
        UnavailableError("InternalException"),
        ThrottledError("ThrottlingException"),
        RefusedError("ValidationException"),
        BlockedError("UnrecognizedClientException"),
    ],
    ids=lambda error: error.code,
)
async def test_a_later_look_that_fails_stops_nothing(error: SendError) -> None:
    """The bus was there; whether it takes events, it tells when asked to."""
    bus = Bus(None, error)
    await bus.ensure()
    assert await bus.five_minutes_later() == 2
    assert await bus.ensure() == 2
    assert await bus.five_minutes_later() == 3


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UnavailableError("InternalException"), UnavailableError),
        (ThrottledError("ThrottlingException"), ThrottledError),
        (RefusedError("ValidationException"), BlockedError),
        (BlockedError("UnrecognizedClientException"), BlockedError),
    ],
    ids=lambda value: getattr(value, "code", None),
)
async def test_a_first_look_that_fails_is_told_and_repeated(error: SendError, told: type[SendError]) -> None:
    """A refusal of the question is not one of an event: it blocks."""
    bus = Bus(error)
    assert type(await bus.error()) is told
    assert await bus.ensure(2) == 2


async def test_trouble_makes_the_next_send_look() -> None:
    """What an operator mends may be the bus."""
    bus = Bus()
    await bus.ensure()
    bus.presence.forget()
    assert await bus.ensure(2) == 2


async def test_without_the_right_to_look_it_looks_after_trouble_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One warning, and no refusal in an audit log every five minutes."""
    bus = Bus(NO_RIGHT, NO_RIGHT)
    with caplog.at_level(logging.WARNING):
        assert await bus.ensure() == 1
        assert await bus.five_minutes_later() == 1
        bus.presence.forget()
        assert await bus.ensure() == 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_a_right_taken_away_ends_the_looks() -> None:
    """As if it had never been there."""
    bus = Bus(None, NO_RIGHT)
    await bus.ensure()
    assert await bus.five_minutes_later() == 2
    assert await bus.five_minutes_later() == 2
