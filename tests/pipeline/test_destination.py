"""One configured bus on the virtual clock: what is accepted is delivered, in time and in few requests."""

from collections.abc import Sequence

import pytest

from gateway.entry import Batch
from gateway.errors import (
    EventTooLargeError,
    Fault,
    Reason,
    RefusedError,
    UndeliverableEventError,
)
from gateway.pipeline.spill import RestoredEvent
from gateway.sender import Delivered, Outcome, Rejected, Retry, RetryAlone
from tests.pipeline.desk import running
from tests.support.build import WALL_AT_START, event, events, policy, settings
from tests.support.clock import on_virtual_clock, until
from tests.support.receipt import FakeReceipt
from tests.support.sender import UNDELIVERABLE_TYPE, FakeSender, Step

# Batches: when they leave, and with whom.


@on_virtual_clock
async def test_what_is_accepted_is_delivered() -> None:
    """Full batches at once, the rest at its deadline; then nothing is held."""
    sender = FakeSender()
    async with running(sender) as desk:
        desk.accept_many(25)
        assert desk.held == 25
        await until(0.0)
        assert [len(ids) for ids in sender.sent] == [10, 10]
        await until(0.2)
        assert sender.times == [0.0, 0.0, 0.2]
        assert desk.counters.delivered == 25
        assert desk.held == 0
        assert desk.counters.batches == {"full": 2, "interval": 1, "idle": 0, "drain": 0}


@on_virtual_clock
async def test_a_partial_batch_waits_for_company_until_its_oldest_has_waited_the_interval() -> None:
    """Counted from the first arrival, wherever in time that is; later ones come along."""
    sender = FakeSender()
    async with running(sender, settings(flush_interval_seconds=0.1)) as desk:
        await until(0.2)
        desk.accept("1")
        await until(0.25)
        desk.accept("2")
        await until(5.0)
        assert sender.times == [0.2 + 0.1]
        assert sender.sent == [("1", "2")]
        assert desk.counters.linger_seconds.total == pytest.approx(0.1)


@on_virtual_clock
async def test_the_arrival_that_makes_a_batch_full_sends_it() -> None:
    """Without waiting for the deadline."""
    sender = FakeSender()
    async with running(sender) as desk:
        desk.accept(*"123456789")
        await until(0.05)
        assert sender.sent == []
        desk.accept("10")
        await until(0.05)
        assert sender.times == [0.05]


@on_virtual_clock
async def test_with_when_idle_send_an_event_does_not_wait_for_company() -> None:
    """While a request is out events gather, and leave with its answer."""
    sender = FakeSender(always=Step(Delivered(), seconds=0.05))
    async with running(sender, settings(sends_when_idle=True)) as desk:
        desk.accept("1")
        await until(0.01)
        desk.accept("2")
        desk.accept("3")
        await until(1.0)
        assert sender.times == [0.0, 0.05]
        assert sender.sent == [("1",), ("2", "3")]


@on_virtual_clock
async def test_events_whose_producers_wait_leave_at_once() -> None:
    """Together with those that came in the same turn; behind busy slots they gather."""
    sender = FakeSender(always=Step(Delivered(), seconds=0.05))
    async with running(sender, settings(max_in_flight=1)) as desk:
        desk.accept("1", receipt=FakeReceipt())
        desk.accept("2", receipt=FakeReceipt())
        await until(0.01)
        desk.accept("3", receipt=FakeReceipt())
        await until(0.02)
        desk.accept("4", receipt=FakeReceipt())
        await until(1.0)
        assert sender.sent == [("1", "2"), ("3", "4")]
        assert sender.times == [0.0, 0.05]
        assert desk.counters.batches["idle"] == 2


@on_virtual_clock
async def test_while_all_slots_are_busy_events_gather_and_leave_packed() -> None:
    """Slots come first and batches second: no partial batch is cut before a slot is free for it."""
    sender = FakeSender(always=Step(Delivered(), seconds=1.0))
    async with running(sender, settings(max_in_flight=2, flush_interval_seconds=0.01)) as desk:
        for moment in range(30):
            await until(moment / 40)
            desk.accept(str(moment))
        await until(20.0)
        assert sender.most_in_flight == 2
        assert [len(ids) for ids in sender.sent] == [1, 1, 10, 10, 8]
        assert sorted(sender.taken, key=int) == [str(index) for index in range(30)]


@on_virtual_clock
async def test_no_more_requests_are_in_flight_than_configured() -> None:
    """A thousand events at once, and three slots, of which two are used until the first is answered."""
    sender = FakeSender(always=Step(Delivered(), seconds=0.5))
    async with running(sender, settings(max_in_flight=3)) as desk:
        desk.accept_many(1000)
        await until(0.1)
        assert desk.destination.statistics().requests_in_flight == 2
        await until(0.6)
        assert desk.destination.statistics().requests_in_flight == 3
        assert desk.destination.statistics().in_flight == 30
        await until(100.0)
        assert sender.most_in_flight == 3
        assert desk.counters.delivered == 1000


@on_virtual_clock
async def test_the_configured_rate_of_requests_is_kept() -> None:
    """Ten a second: a hundred full batches take ten seconds, but for the burst at the beginning."""
    sender = FakeSender()
    async with running(sender, settings(max_requests_per_second=10)) as desk:
        desk.accept_many(1000)
        await until(60.0)
        assert desk.counters.delivered == 1000
        assert 9.5 <= sender.times[-1] <= 10.0


# Partial failure, retry, refusal.


@on_virtual_clock
async def test_after_a_partial_failure_only_the_failed_entries_are_sent_again() -> None:
    """After their backoff; those that were delivered are not delivered twice."""
    sender = FakeSender([Delivered(), Retry("broken"), Delivered(), Retry("broken")])
    async with running(sender) as desk:
        desk.accept("1", "2", "3", "4")
        await until(0.25)
        assert desk.destination.statistics().retrying == 2
        await until(5.0)
        assert sender.sent == [("1", "2", "3", "4"), ("2", "4")]
        assert sender.times == pytest.approx([0.2, 0.3])
        assert desk.counters.delivered == 4
        assert desk.counters.retried["failed"] == 2
        assert desk.counters.bus_requests["partial"] == 1


@on_virtual_clock
async def test_entries_that_come_back_are_packed_with_whatever_else_waits() -> None:
    """And lead: they have waited longest."""
    sender = FakeSender([Retry("broken"), Delivered()])
    async with running(sender) as desk:
        desk.accept("1", "2")
        await until(0.25)
        desk.accept("3")
        await until(5.0)
        assert sender.sent[1:] == [("1", "3")]


@on_virtual_clock
async def test_an_entry_whose_verdict_was_unclear_is_sent_alone() -> None:
    """In a request of its own, whoever else waits."""
    sender = FakeSender([RetryAlone("odd"), RetryAlone("odd"), Delivered()])
    async with running(sender) as desk:
        desk.accept("1", "2", "3")
        await until(0.25)
        desk.accept("4")
        await until(5.0)
        assert sorted(sender.sent[1:]) == [("1",), ("2",), ("4",)]
        assert desk.counters.retried["unclear"] == 2


@on_virtual_clock
async def test_a_refused_batch_is_halved_until_the_culprit_ends_alone_in_the_dead_letters() -> None:
    """One bad entry takes none of its company with it."""

    def refuse_five(batch: Batch) -> Sequence[Outcome]:
        if any(entry.event.id == "5" for entry in batch.entries):
            raise RefusedError("bad_request", "field missing", request_id="r-1")
        return [Delivered()] * len(batch.entries)

    sender = FakeSender(always=refuse_five)
    async with running(sender) as desk:
        desk.accept_many(10)
        await until(0.0)
        assert sorted(sender.taken) == list("012346789")
        (letter,) = desk.dead_letters.letters
        assert (letter.reason, letter.code, letter.message) == ("rejected", "bad_request", "field missing")
        assert letter.request_id == "r-1"
        assert letter.attempts == 1
        assert b'"id":"5"' in bytes(letter.event)
        assert desk.counters.dead_lettered["rejected"] == 1
        assert desk.counters.retried["split"] == 10 + 5 + 2
        assert len(sender.requests) == 7


@on_virtual_clock
async def test_a_rejected_entry_is_dead_lettered_and_never_sent_again() -> None:
    """The others of its batch are delivered."""
    sender = FakeSender([Delivered(), Rejected("bad")])
    async with running(sender) as desk:
        desk.accept("1", "2")
        await until(60.0)
        assert len(sender.requests) == 1
        assert desk.dead_letters.reasons == ["rejected"]
        assert desk.counters.delivered == 1


@on_virtual_clock
async def test_an_entry_is_given_up_after_max_attempts() -> None:
    """Three requests, and then the dead letters with what the bus said last."""
    sender = FakeSender(Retry("first"), Retry("second"), Retry("third"))
    async with running(sender, settings(retry=policy(max_attempts=3))) as desk:
        desk.accept("1")
        await until(60.0)
        assert len(sender.requests) == 3
        (letter,) = desk.dead_letters.letters
        assert (letter.reason, letter.code, letter.attempts) == ("attempts", "third", 3)
        assert desk.counters.dead_lettered["attempts"] == 1


@on_virtual_clock
async def test_after_a_time_out_an_event_is_sent_again_unchanged() -> None:
    """At least once: the first may have arrived."""
    sender = FakeSender(Step(Delivered(), seconds=3600.0))
    async with running(sender, settings(request_timeout_seconds=2.0)) as desk:
        desk.accept("1")
        await until(60.0)
        assert sender.sent == [("1",), ("1",)]
        assert sender.times == pytest.approx([0.2, 2.3])
        assert desk.counters.retried["timeout"] == 1
        assert desk.counters.bus_requests["unavailable"] == 1


# Admission.


@on_virtual_clock
async def test_what_a_bus_can_never_take_is_refused_on_arrival_with_its_place() -> None:
    """Every fault of a request carries its index; the first names the error."""
    async with running(FakeSender()) as desk:
        batch = [event("1"), event("2", type=UNDELIVERABLE_TYPE), event("3", json_bytes=20_000)]
        with pytest.raises(UndeliverableEventError) as refusal:
            desk.destination.admit(batch)
        assert refusal.value.faults == (
            Fault(Reason.UNDELIVERABLE, "type", 1),
            Fault(Reason.TOO_LARGE, None, 2),
        )
        with pytest.raises(EventTooLargeError) as single:
            desk.destination.admit(batch[2:])
        assert single.value.faults == (Fault(Reason.TOO_LARGE),)


@on_virtual_clock
async def test_room_is_free_again_when_an_event_is_settled_and_not_before() -> None:
    """Sent and unanswered events are still held."""
    sender = FakeSender(Step(Delivered(), seconds=1.0))
    async with running(sender, settings(max_events=10)) as desk:
        desk.accept_many(10)
        await until(0.5)
        assert not desk.destination.has_room(1, 0)
        await until(1.0)
        assert desk.destination.has_room(10, 0)


# Restored events.


@on_virtual_clock
async def test_restored_events_are_accepted_again_with_their_age_and_attempts() -> None:
    """They lead, expire by their first arrival, and give up after the attempts of both lives."""
    sender = FakeSender(always=Retry("broken"))
    async with running(sender, settings(retry=policy(max_attempts=3, max_age_seconds=100.0))) as desk:
        receipt = FakeReceipt()
        fresh = event("fresh", received_at=WALL_AT_START)
        old = event("old", received_at=WALL_AT_START - 200.0)
        desk.destination.restore([RestoredEvent(fresh, 2, receipt), RestoredEvent(old, 0, receipt)])
        assert desk.counters.accepted == desk.counters.restored == 2
        await until(60.0)
        assert desk.counters.expired == 1
        assert desk.counters.dead_lettered["attempts"] == 1
        assert [letter.attempts for letter in desk.dead_letters.letters] == [0, 3]
        assert [told[:2] for told in receipt.told] == [("given_up", "old"), ("given_up", "fresh")]


@on_virtual_clock
async def test_a_restored_event_that_the_bus_can_no_longer_take_is_dead_lettered() -> None:
    """The configuration may have changed in between; the others are delivered."""
    sender = FakeSender()
    async with running(sender) as desk:
        restored = [event("1"), event("2", type=UNDELIVERABLE_TYPE)]
        desk.destination.restore([RestoredEvent(each, 0, FakeReceipt()) for each in restored])
        assert desk.destination.statistics().unaccounted == 0
        await until(1.0)
        assert desk.dead_letters.reasons == ["undeliverable"]
        assert sender.sent == [("1",)]


@on_virtual_clock
async def test_restored_events_are_never_refused_for_want_of_room() -> None:
    """They were accepted; new ones wait until they have gone."""
    async with running(FakeSender(), settings(max_events=5)) as desk:
        desk.destination.restore([RestoredEvent(each, 0, FakeReceipt()) for each in events(20)])
        assert desk.held == 20
        assert not desk.destination.has_room(1, 0)
        await until(0.2)
        assert desk.counters.delivered == 20


# What is told.


@on_virtual_clock
async def test_a_receipt_is_told_once_what_became_of_each_event() -> None:
    """With the bus's own id, or with its words."""
    sender = FakeSender(
        [Delivered("bus-1"), Rejected("bad", "no such field"), Retry("slow")], Delivered("bus-3")
    )
    receipt = FakeReceipt()
    async with running(sender) as desk:
        desk.accept("1", "2", "3", receipt=receipt)
        await until(60.0)
    assert receipt.told == [
        ("delivered", "1", "bus-1"),
        ("given_up", "2", "bad", "no such field"),
        ("delivered", "3", "bus-3"),
    ]


@on_virtual_clock
async def test_statistics_say_how_old_the_oldest_is_and_what_the_bus_last_complained_of() -> None:
    """Wherever the oldest is: here it awaits a retry."""
    sender = FakeSender(Retry("first_trouble", "later"), Step(Delivered(), seconds=5.0))
    async with running(sender, settings(retry=policy(backoff_initial_seconds=2.0))) as desk:
        desk.accept("1")
        await until(1.0)
        statistics = desk.destination.statistics()
        assert statistics.oldest_age_seconds == 1.0
        assert statistics.last_error is not None
        assert (statistics.last_error.code, statistics.last_error.message) == ("first_trouble", "later")
        assert statistics.last_error.at == WALL_AT_START + 0.2
        await until(60.0)
        assert desk.destination.statistics().oldest_age_seconds == 0.0
