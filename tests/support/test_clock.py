"""The virtual clock itself: time jumps, exactly, and what would hang fails."""

import asyncio
import time

import pytest

from tests.support.clock import (
    NothingWillHappenError,
    RestlessLoopError,
    now,
    on_virtual_clock,
    run_virtual,
    turns,
    until,
)


@on_virtual_clock
async def test_time_jumps_to_the_next_timer() -> None:
    """A day passes in a few turns, to the bit."""
    before = turns()
    reached = asyncio.Event()
    asyncio.get_running_loop().call_at(80_000.1 + 0.2, reached.set)
    await reached.wait()
    assert now() == 80_000.1 + 0.2
    assert turns() - before <= 4


@on_virtual_clock
async def test_what_happens_at_one_moment_has_happened_afterwards() -> None:
    """Tasks that a timer starts have run when `until` returns, and no time has passed."""
    done = []

    async def chain(depth: int) -> None:
        if depth:
            await asyncio.create_task(chain(depth - 1))
        done.append(depth)

    task = asyncio.create_task(chain(3))
    await until(1.5)
    assert done == [0, 1, 2, 3]
    assert task.done()
    assert now() == 1.5


@on_virtual_clock
async def test_time_outs_are_exact() -> None:
    """By deadline and by delay."""
    loop = asyncio.get_running_loop()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout_at(0.7):
            await loop.create_future()
    assert now() == 0.7
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(loop.create_future(), 0.1)
    assert now() == 0.7 + 0.1


@on_virtual_clock
async def test_time_stands_still_while_a_thread_works() -> None:
    """A timer does not overtake it."""
    late = asyncio.create_task(until(1.0))
    await asyncio.to_thread(time.monotonic)
    assert now() == 0.0
    await late


def test_a_wait_for_what_can_never_come_fails() -> None:
    """Instead of hanging the run."""

    async def forever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NothingWillHappenError):
        run_virtual(forever())


def test_a_busy_loop_fails() -> None:
    """Time cannot pass while something wakes itself."""

    async def restless() -> None:
        loop = asyncio.get_running_loop()

        def again() -> None:
            loop.call_soon(again)

        again()
        await loop.create_future()

    with pytest.raises(RestlessLoopError):
        run_virtual(restless())
