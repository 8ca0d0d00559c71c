"""One call for all who ask at once."""

import asyncio

import pytest

from gateway.errors import BlockedError
from gateway.senders.single_flight import SingleFlight


class Call:
    """A call that waits to be let through, and counts."""

    def __init__(self) -> None:
        self.begun = 0
        self.gate = asyncio.Event()
        self.failure: BlockedError | None = None

    async def __call__(self) -> int:
        """The number of this call."""
        self.begun += 1
        number = self.begun
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return number


async def started(flight: SingleFlight[int], tasks: int) -> list[asyncio.Task[int]]:
    """Tasks that have all begun to wait."""
    asked = [asyncio.create_task(flight()) for _ in range(tasks)]
    await asyncio.sleep(0)
    return asked


async def test_those_who_ask_at_once_share_one_call() -> None:
    """Three ask, one call is made."""
    call = Call()
    asked = await started(SingleFlight(call), 3)
    call.gate.set()
    assert await asyncio.gather(*asked) == [1, 1, 1]
    assert call.begun == 1


async def test_those_who_ask_at_once_share_the_failure() -> None:
    """A failure is not tried again by each of them in turn."""
    call = Call()
    call.failure = BlockedError("no_credentials")
    asked = await started(SingleFlight(call), 3)
    call.gate.set()
    assert await asyncio.gather(*asked, return_exceptions=True) == [call.failure] * 3
    assert call.begun == 1


async def test_who_asks_later_gets_a_new_call() -> None:
    """A result is shared, not kept; neither is a failure."""
    call = Call()
    call.gate.set()
    flight = SingleFlight(call)
    call.failure = BlockedError("no_credentials")
    with pytest.raises(BlockedError):
        await flight()
    call.failure = None
    assert [await flight(), await flight()] == [2, 3]


async def test_a_cancelled_caller_leaves_the_call_to_the_next() -> None:
    """Nobody waits for what is no longer under way."""
    call = Call()
    first, second = await started(SingleFlight(call), 2)
    first.cancel()
    call.gate.set()
    assert await second == 2
    assert first.cancelled()
