"""How a destination ends: drained at once, stopped with everything given back, or failed aloud."""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest

from gateway.entry import Batch, Entry
from gateway.errors import RefusedError, UnavailableError
from gateway.pipeline.destination import Destination
from gateway.pipeline.spill import RestoredEvent
from gateway.sender import Delivered, Outcome, Rejected, Retry
from tests.pipeline.desk import Desk, clocks, running
from tests.support.build import event, policy, settings
from tests.support.clock import now, on_virtual_clock, settle, until
from tests.support.dead_letters import FakeDeadLetters
from tests.support.receipt import FakeReceipt
from tests.support.sender import FakeSender, Step

SLOW = Step(Delivered(), seconds=5.0)


def ids(entries: Iterable[Entry]) -> list[str]:
    """The ids of their events."""
    return [entry.event.id for entry in entries]


# Drain.


@on_virtual_clock
async def test_draining_delivers_everything_at_once() -> None:
    """No partial batch waits for its deadline any more, and the reason is told."""
    sender = FakeSender()
    async with running(sender, settings(flush_interval_seconds=60.0)) as desk:
        desk.accept_many(25)
        await until(1.0)
        await desk.destination.drain(10.0)
        assert now() == 1.0
        assert desk.counters.delivered == 25
        assert desk.counters.batches["drain"] == 1


@on_virtual_clock
async def test_draining_waits_for_what_is_in_flight_and_no_longer() -> None:
    """It returns with the last answer."""
    async with running(FakeSender(always=SLOW)) as desk:
        desk.accept("1")
        await desk.destination.drain(60.0)
        assert now() == 5.0
        assert desk.held == 0


@on_virtual_clock
async def test_draining_waits_for_what_was_restored() -> None:
    """Though nothing has arrived in this life."""
    async with running(FakeSender(always=SLOW)) as desk:
        desk.destination.restore([RestoredEvent(event("1"), 0, FakeReceipt())])
        await desk.destination.drain(60.0)
        assert now() == 5.0
        assert desk.counters.delivered == 1


@on_virtual_clock
async def test_draining_nothing_returns_at_once() -> None:
    """Also twice, and without a loop that runs."""
    destination = Destination("bus", FakeSender(), settings(), FakeDeadLetters(), clocks())
    await destination.drain(60.0)
    await destination.drain(60.0)
    assert await destination.stop() == []
    assert await destination.stop() == []
    await destination.aclose()
    assert now() == 0.0


@on_virtual_clock
async def test_draining_returns_at_its_deadline() -> None:
    """With a bus that is down the events are still held."""
    sender = FakeSender(always=UnavailableError("down"))
    async with running(sender) as desk:
        desk.accept_many(25)
        await until(1.0)
        await desk.destination.drain(20.0)
        assert now() == 20.0
        assert desk.held == 25
        assert max(later - earlier for earlier, later in pairwise(sender.times)) < 1.001


@on_virtual_clock
async def test_what_fails_while_draining_is_tried_until_the_deadline() -> None:
    """However long its backoff would have been."""
    sender = FakeSender(*[Retry("broken")] * 3)
    async with running(sender, settings(retry=policy(backoff_initial_seconds=30.0))) as desk:
        desk.accept("1")
        await until(10.0)
        await desk.destination.drain(20.0)
        assert desk.counters.delivered == 1
        assert now() <= 13.0


@on_virtual_clock
async def test_draining_waits_for_the_dead_letters() -> None:
    """An event given up is settled when its letter is written, not before."""
    async with running(FakeSender(Rejected("bad"))) as desk:
        desk.dead_letters.is_full = True
        desk.accept("1")
        drain = asyncio.create_task(desk.destination.drain(60.0))
        await until(10.5)
        assert not drain.done()
        desk.dead_letters.is_full = False
        await drain
        assert now() == 11.0
        assert desk.dead_letters.reasons == ["rejected"]


# Stop.


@on_virtual_clock
async def test_stopping_gives_back_exactly_what_is_not_settled() -> None:
    """Buffered, planned, in flight, retrying, unburied: each once, oldest first, as was shown before."""
    sender = FakeSender([Delivered(), Retry("broken"), Rejected("bad")])
    async with running(sender, settings(max_in_flight=1)) as desk:
        desk.dead_letters.is_full = True
        desk.accept("delivered", "retrying", "unburied")
        await until(0.25)
        sender.answer(SLOW)
        in_flight = [f"in flight {index}" for index in range(10)]
        planned = [f"planned {index}" for index in range(10)]
        await until(0.26)
        desk.accept(*in_flight, *planned)
        await until(0.27)
        desk.accept("buffered")
        await until(0.28)
        shown = desk.destination.entries()
        left = await desk.destination.stop()
        assert shown == left
        assert ids(left) == ["retrying", "unburied", *in_flight, *planned, "buffered"]
        assert desk.held == len(left)
        assert desk.destination.statistics().unaccounted == 0


@on_virtual_clock
async def test_stopping_twice_gives_back_the_same() -> None:
    """What was given back is still held: it is not settled."""
    async with running(FakeSender(always=SLOW)) as desk:
        desk.accept_many(13)
        await until(1.0)
        first = await desk.destination.stop()
        assert len(first) == 13
        assert ids(await desk.destination.stop()) == ids(first)


@on_virtual_clock
async def test_after_a_stop_nothing_is_sent_any_more() -> None:
    """What was given back is on its way to the disk: the bus must not get it as well."""
    sender = FakeSender(Retry("broken"), always=SLOW)
    async with running(sender) as desk:
        desk.accept("1")
        await until(0.25)
        await desk.destination.stop()
        await until(60.0)
        assert len(sender.requests) == 1


@on_virtual_clock
async def test_stopping_lets_a_request_in_flight_end_that_will_not_be_cancelled() -> None:
    """What it delivers is settled and not given back."""

    class StubbornSender(FakeSender):
        async def send(self, batch: Batch) -> Sequence[Outcome]:
            sending = asyncio.ensure_future(super().send(batch))
            try:
                return await asyncio.shield(sending)
            except asyncio.CancelledError:
                return await sending

    async with running(StubbornSender(Step(Delivered(), seconds=2.0))) as desk:
        desk.accept("1")
        await until(1.0)
        assert await desk.destination.stop() == []
        assert desk.counters.delivered == 1


@on_virtual_clock
async def test_the_end_of_the_sender_is_the_end_of_the_destination() -> None:
    """`aclose` closes it."""
    sender = FakeSender()
    async with running(sender):
        pass
    assert sender.is_closed


# Bugs of ours.


@on_virtual_clock
async def test_a_bug_in_a_task_surfaces_from_the_loop_and_loses_nothing() -> None:
    """A receipt that raises ends the run; the accounts still add up, and the rest is given back."""

    class BrokenReceipt(FakeReceipt):
        def delivered(self, entry: Entry, event_id: str | None) -> None:  # noqa: ARG002 - as the receipt's
            raise ZeroDivisionError

    desk = Desk(FakeSender([Delivered(), Retry("broken"), Rejected("bad")]), settings(), 0.5)
    loop = asyncio.create_task(desk.destination.run())
    desk.accept("1", "2", "3", receipt=BrokenReceipt())
    with pytest.raises(ZeroDivisionError):
        await loop
    await settle()
    assert desk.destination.statistics().unaccounted == 0
    assert ids(await desk.destination.stop()) == ["2"]
    assert desk.dead_letters.reasons == ["rejected"]


@on_virtual_clock
async def test_dead_letters_that_fail_by_a_bug_surface_too() -> None:
    """Only an OSError is trouble with the disk."""
    desk = Desk(FakeSender(RefusedError("bad")), settings(), 0.5)
    desk.dead_letters.failure = ZeroDivisionError()
    loop = asyncio.create_task(desk.destination.run())
    desk.accept("1")
    with pytest.raises(ZeroDivisionError):
        await loop
    assert desk.destination.statistics().unaccounted == 0
    assert ids(await desk.destination.stop()) == ["1"]
