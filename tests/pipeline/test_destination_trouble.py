"""Events that cannot go on: held for an operator, expired, or given up while the disk is full."""

import asyncio
import logging

import pytest

from gateway.errors import BlockedError, ThrottledError, UnavailableError
from gateway.pipeline.dead_letter import NoDeadLetters
from gateway.pipeline.destination import Destination
from gateway.sender import Delivered, Hold, Rejected, Retry
from tests.pipeline.desk import clocks, running
from tests.support.build import event, policy, settings
from tests.support.clock import on_virtual_clock, run_virtual, turns, until
from tests.support.receipt import FakeReceipt
from tests.support.sender import FakeSender, Step

MINUTE = settings(retry=policy(max_age_seconds=60.0))


# Held: an operator must mend something.


@pytest.mark.parametrize("answer", [BlockedError("no_rights", "who?"), Hold("no_rights", "who?")])
@on_virtual_clock
async def test_a_hold_spends_no_attempt_and_goes_on_when_mended(answer: BlockedError | Hold) -> None:
    """With one attempt allowed a thousand refusals for want of rights give nothing up."""
    sender = FakeSender(always=answer)
    tuned = settings(retry=policy(max_attempts=1, max_age_seconds=86_400.0))
    async with running(sender, tuned) as desk:
        desk.accept_many(25)
        await until(1000.5)
        statistics = desk.destination.statistics()
        assert statistics.health == "blocked"
        assert statistics.last_error is not None
        assert statistics.last_error.code == "no_rights"
        assert (desk.held, desk.dead_letters.letters) == (25, [])
        sender.answer_always(Delivered())
        await until(1002.0)
        assert desk.counters.delivered == 25
        assert desk.destination.statistics().health == "up"


@on_virtual_clock
async def test_a_blocked_bus_is_tried_once_a_second() -> None:
    """And logged once, not each time."""
    sender = FakeSender(always=BlockedError("no_bus"))
    async with running(sender, settings(max_in_flight=1)) as desk:
        desk.accept_many(25)
        await until(60.5)
        assert sender.times == [float(second) for second in range(61)]


def test_trouble_is_logged_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    """One warning when it begins, one line when it ends, whatever happened in between."""

    async def scenario() -> None:
        sender = FakeSender(*[BlockedError("no_bus", "mend me")] * 30)
        async with running(sender, settings(max_in_flight=1)) as desk:
            desk.accept("1")
            await until(60.0)

    caplog.set_level(logging.INFO)
    run_virtual(scenario())
    warning, back = caplog.records
    assert warning.levelno == logging.WARNING
    assert vars(warning)["code"] == "no_bus"
    assert vars(warning)["destination"] == "bus"
    assert back.levelno == logging.INFO


@on_virtual_clock
async def test_probes_tell_nothing_of_how_long_events_wait_for_company() -> None:
    """An hour of them would drown the linger of every other batch."""
    sender = FakeSender(*[BlockedError("no_bus")] * 100)
    async with running(sender) as desk:
        desk.accept("1")
        await until(200.0)
        assert desk.counters.delivered == 1
        assert sum(desk.counters.linger_seconds.counts) <= 2


# Expired: held for longer than delivery.max_age.


@on_virtual_clock
async def test_buffered_events_expire_at_their_age_exactly() -> None:
    """Into the dead letters, counted as expired and as nothing else."""
    sender = FakeSender(ThrottledError("slow", retry_after_seconds=3600.0))
    async with running(sender, MINUTE) as desk:
        desk.accept_many(10)
        await until(1.0)
        desk.accept("late")
        await until(60.9)
        assert desk.counters.expired == 10
        await until(61.0)
        assert desk.counters.expired == 11
        assert desk.dead_letters.reasons == ["expired"] * 11
        assert sum(desk.counters.dead_lettered.values()) == 0
        assert desk.held == 0


@on_virtual_clock
async def test_an_event_that_comes_while_nothing_may_go_expires_in_time() -> None:
    """The loop sleeps for an hour of Retry-After, and must wake for it all the same."""
    sender = FakeSender(ThrottledError("slow", retry_after_seconds=3600.0), Delivered())
    async with running(sender, MINUTE) as desk:
        desk.accept_many(10)
        await until(100.0)
        desk.accept("later")
        await until(160.0)
        assert desk.counters.expired == 11


@on_virtual_clock
async def test_planned_events_expire() -> None:
    """Cut into batches and waiting for a slot is still waiting."""
    sender = FakeSender(always=Step(Delivered(), seconds=59.0))
    tuned = settings(max_in_flight=1, request_timeout_seconds=3600.0, retry=policy(max_age_seconds=60.0))
    async with running(sender, tuned) as desk:
        desk.accept_many(45)
        await until(60.5)
        assert desk.counters.delivered == 10
        assert desk.counters.expired == 25
        await until(200.0)
        assert desk.counters.delivered == 20


@on_virtual_clock
async def test_events_that_await_a_retry_expire() -> None:
    """Within a second of their age, long before their backoff is over."""
    sender = FakeSender(always=Retry("broken"))
    tuned = settings(
        retry=policy(max_age_seconds=10.0, backoff_initial_seconds=3600.0, backoff_max_seconds=3600.0)
    )
    async with running(sender, tuned) as desk:
        desk.accept("1", "2")
        await until(11.0)
        assert desk.counters.expired == 2
        assert [letter.attempts for letter in desk.dead_letters.letters] == [1, 1]


@on_virtual_clock
async def test_an_event_that_fails_when_it_is_too_old_expires_with_what_the_bus_said() -> None:
    """In flight it cannot expire; its answer decides."""
    sender = FakeSender(Step(UnavailableError("reset", "gone"), seconds=90.0))
    tuned = settings(request_timeout_seconds=100.0, retry=policy(max_age_seconds=60.0))
    async with running(sender, tuned) as desk:
        desk.accept("1")
        await until(89.0)
        assert desk.destination.statistics().in_flight == 1
        await until(100.0)
        (letter,) = desk.dead_letters.letters
        assert (letter.reason, letter.code, letter.message) == ("expired", "reset", "gone")


@on_virtual_clock
async def test_thousands_that_expire_together_are_written_in_groups() -> None:
    """Not one write for each, nor all of them encoded at once."""
    sender = FakeSender(always=ThrottledError("slow", retry_after_seconds=3600.0))
    async with running(sender, MINUTE) as desk:
        desk.accept_many(3000, json_bytes=1024)
        await until(61.0)
        assert desk.counters.expired == 3000
        assert desk.dead_letters.writes == 3


# Given up while the dead letters cannot be written.


@on_virtual_clock
async def test_events_whose_dead_letters_cannot_be_written_stay_held_until_the_disk_is_back() -> None:
    """And are not sent to the bus again, which has refused them for good."""
    receipt = FakeReceipt()
    sender = FakeSender(always=Rejected("bad"))
    async with running(sender) as desk:
        desk.dead_letters.is_full = True
        desk.accept("1", "2", receipt=receipt)
        await until(60.0)
        assert (desk.held, desk.destination.statistics().retrying) == (2, 2)
        assert receipt.told == []
        assert desk.counters.retried["dead_letter_failed"] > 0
        assert len(sender.requests) == 1
        desk.dead_letters.is_full = False
        await until(61.5)
        assert desk.held == 0
        assert desk.dead_letters.reasons == ["rejected"] * 2
        assert [told[0] for told in receipt.told] == ["given_up"] * 2


@on_virtual_clock
async def test_a_full_disk_is_tried_once_a_second_and_does_not_stop_deliveries() -> None:
    """Whoever is delivered needs no dead letter."""
    sender = FakeSender(Rejected("bad"))
    async with running(sender) as desk:
        desk.dead_letters.is_full = True
        desk.accept("bad")
        await until(10.0)
        desk.accept("good")
        before = turns()
        await until(60.0)
        assert sender.taken == ["good"]
        assert desk.dead_letters.writes == 60
        assert turns() - before < 50 * 20


def test_a_full_disk_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """When it fills, and when it takes letters again."""

    async def scenario() -> None:
        async with running(FakeSender(Rejected("bad"))) as desk:
            desk.dead_letters.is_full = True
            desk.accept("1")
            await until(60.0)
            desk.dead_letters.is_full = False
            await until(62.0)

    run_virtual(scenario())
    messages = [record.getMessage() for record in caplog.records]
    assert messages.count("dead letters cannot be written; their events stay held") == 1
    assert messages.count("events were given up") == 1


@on_virtual_clock
async def test_expired_events_wait_for_the_disk_as_well() -> None:
    """Thousands at once, and none lost or sent."""
    sender = FakeSender(always=ThrottledError("slow", retry_after_seconds=3600.0))
    async with running(sender, MINUTE) as desk:
        desk.dead_letters.is_full = True
        desk.accept_many(2000)
        await until(120.0)
        assert (desk.held, desk.counters.expired) == (2000, 0)
        desk.dead_letters.is_full = False
        await until(122.0)
        assert (desk.held, desk.counters.expired) == (0, 2000)
        assert len(sender.requests) <= 16


@on_virtual_clock
async def test_without_a_directory_dead_letters_are_dropped_and_counted() -> None:
    """`dead_letters.path = ""`: the event is settled, and the counter says that nothing keeps it."""
    sender = FakeSender(Rejected("bad"))
    destination = Destination("bus", sender, settings(), NoDeadLetters(), clocks())
    loop = asyncio.create_task(destination.run())
    destination.offer([event()], [1], None)
    await until(1.0)
    statistics = destination.statistics()
    assert statistics.counters.dead_letters_dropped == 1
    assert statistics.counters.dead_lettered["rejected"] == 1
    assert (statistics.held, statistics.unaccounted) == (0, 0)
    await destination.stop()
    await loop
