"""New settings and another sender for a destination that works: nothing is lost, doubled or forgotten."""

import asyncio

import pytest
from msgspec.structs import replace

from gateway.errors import BlockedError, RefusedError, UnavailableError
from gateway.event import Event
from gateway.sender import Delivered, Hold, Limits, Outcome, Rejected, Retry
from tests.pipeline.desk import running
from tests.support.build import event, settings
from tests.support.clock import on_virtual_clock, until
from tests.support.dead_letters import FakeDeadLetters
from tests.support.sender import UNDELIVERABLE_TYPE, FakeSender, Step

SLOW = Step(Delivered(), seconds=5.0)
UNANSWERED = Step(Delivered(), seconds=3600.0)
DOWN = UnavailableError("connection_failed")
SMALL = Limits(max_entries=2, max_bytes=400, max_entry_bytes=400)


class PickySender(FakeSender):
    """A bus that takes no event whose id says so."""

    def admit(self, event: Event) -> int:
        """As FakeSender, but for those."""
        return super().admit(replace(event, type=UNDELIVERABLE_TYPE) if event.id == "picky" else event)


@on_virtual_clock
async def test_what_waits_goes_by_the_new_sender_within_its_limits() -> None:
    """Measured anew, and cut to the batches that this one takes."""
    former, new = FakeSender(), FakeSender(limits=SMALL)
    async with running(former) as desk:
        desk.accept_many(4)
        desk.destination.adopt(new, settings())
        await until(1.0)
        assert former.sent == []
        assert new.sent == [("0", "1"), ("2", "3")]
        assert desk.counters.delivered == desk.counters.accepted == 4


@on_virtual_clock
async def test_what_packing_has_saved_stays_counted() -> None:
    """Two requests for what order of arrival makes three of; a counter never falls."""
    async with running(FakeSender(limits=SMALL)) as desk:
        large, small = [[event(name + part, json_bytes=size) for part in "ab"]
                        for name, size in (("l", 250), ("s", 150))]  # fmt: skip
        desk.accept_events([*large, *small])
        await until(1.0)
        assert desk.destination.statistics().requests_saved == 1
        desk.destination.adopt(FakeSender(limits=SMALL), settings())
        assert desk.destination.statistics().requests_saved == 1


@on_virtual_clock
async def test_what_is_in_flight_ends_with_the_former_sender_which_is_closed_then() -> None:
    """Not sent twice; and no sooner closed than its last request is answered."""
    former, new = FakeSender(always=SLOW), FakeSender()
    async with running(former) as desk:
        desk.accept("1")
        await until(1.0)
        desk.destination.adopt(new, settings())
        desk.accept("2")
        await until(3.0)
        assert (new.taken, former.taken, former.is_closed) == (["2"], [], False)
        await until(10.0)
        assert (new.taken, former.taken, former.is_closed) == (["2"], ["1"], True)
        assert not new.is_closed


@pytest.mark.parametrize("answer", [Retry("busy"), Hold("denied"), BlockedError("denied", "no rights")])
@on_virtual_clock
async def test_what_fails_with_the_former_sender_is_sent_by_the_new_one(
    answer: Outcome | BlockedError,
) -> None:
    """Measured anew as well, and without what the former one had to wait for."""
    former, new = FakeSender(Step(answer, seconds=5.0)), FakeSender()
    async with running(former) as desk:
        desk.accept("1")
        await until(1.0)
        desk.destination.adopt(new, settings())
        await until(5.5)
        assert new.taken == ["1"]
        assert desk.destination.statistics().health == "up"


@on_virtual_clock
async def test_a_batch_that_the_former_bus_refused_as_a_whole_is_judged_by_the_new_one() -> None:
    """Nothing is known of what this one refuses."""
    former, new = FakeSender(Step(RefusedError("bad", "no"), seconds=5.0)), FakeSender()
    async with running(former) as desk:
        desk.accept("1", "2")
        await until(1.0)
        desk.destination.adopt(new, settings())
        await until(6.0)
        assert new.sent == [("1", "2")]


@on_virtual_clock
async def test_what_the_new_bus_can_never_take_becomes_a_dead_letter() -> None:
    """Whether it waited, or came back from the former one."""
    former = FakeSender(Step(Retry("busy"), seconds=5.0))
    async with running(former) as desk:
        desk.accept("picky")
        await until(1.0)
        desk.accept("picky", "fine")
        new = PickySender()
        desk.destination.adopt(new, settings())
        await until(10.0)
        assert new.taken == ["fine"]
        assert desk.counters.dead_lettered["undeliverable"] == 2
        assert desk.held == 0


def test_that_a_new_sender_ends_the_trouble_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever was told that the bus takes nothing is told that it does again."""
    caplog.set_level("INFO")

    @on_virtual_clock
    async def scenario() -> None:
        async with running(FakeSender(always=BlockedError("denied", "no rights"))) as desk:
            desk.accept("1")
            await until(1.0)
            desk.destination.adopt(FakeSender(), settings())
            await until(2.0)

    scenario()
    assert [record.message for record in caplog.records] == [
        "the bus does not take events as it should",
        "the bus takes events again",
    ]


@on_virtual_clock
async def test_new_settings_hold_at_once_and_the_sender_stays() -> None:
    """The interval, the room, the requests in flight; what was learned of the bus is learned anew."""
    sender = FakeSender()
    async with running(sender, settings(flush_interval_seconds=60.0)) as desk:
        desk.accept("1")
        await until(1.0)
        desk.destination.adopt(sender, settings(flush_interval_seconds=2.0, max_events=2, max_in_flight=1))
        await until(1.9)
        assert sender.sent == []
        await until(2.0)
        assert sender.sent == [("1",)]
        assert not sender.is_closed
        assert not desk.destination.has_room(3, 0)
        assert desk.destination.statistics().in_flight_limit == 1


@on_virtual_clock
async def test_less_room_than_is_held_refuses_until_enough_is_settled() -> None:
    """Nothing that was accepted is given up for it."""
    sender = FakeSender(always=SLOW)
    async with running(sender) as desk:
        desk.accept_many(10)
        desk.destination.adopt(sender, settings(max_events=5))
        assert not desk.destination.has_room(1, 0)
        await until(6.0)
        assert desk.destination.has_room(5, 0)
        assert desk.counters.delivered == 10


@on_virtual_clock
async def test_the_new_bus_gets_its_events_though_the_former_one_answers_nothing() -> None:
    """Requests that the former one leaves open are no requests of the new one's."""
    former, new = FakeSender(always=UNANSWERED), FakeSender()
    async with running(former) as desk:
        desk.accept_many(20)
        await until(1.0)
        assert former.in_flight == desk.destination.statistics().in_flight_limit == 2
        desk.destination.adopt(new, settings())
        desk.accept("late")
        await until(2.0)
        assert new.taken == ["late"]
        assert desk.destination.statistics().requests_in_flight == 2


@on_virtual_clock
async def test_a_new_bus_that_sends_when_idle_is_idle_whatever_the_former_one_does() -> None:
    """Nothing is in flight to it, so nothing is to be waited for."""
    former, new = FakeSender(always=UNANSWERED), FakeSender()
    tuned = settings(sends_when_idle=True, flush_interval_seconds=60.0)
    async with running(former, tuned) as desk:
        desk.accept("1")
        await until(1.0)
        desk.destination.adopt(new, tuned)
        desk.accept("2")
        await until(2.0)
        assert new.times == [1.0]


@on_virtual_clock
async def test_the_return_of_the_new_bus_gives_up_no_request_of_the_former_one() -> None:
    """What the former one takes after all is not sent twice."""
    former, new = FakeSender(always=Step(Delivered(), seconds=8.0)), FakeSender(always=DOWN)
    async with running(former) as desk:
        desk.accept("slow")
        await until(1.0)
        desk.destination.adopt(new, settings())
        for second in (2, 3, 4):
            desk.accept(str(second))
            await until(float(second))
        assert desk.destination.statistics().health == "down"
        new.answer_always(Delivered())
        await until(7.0)
        assert sorted(new.taken) == ["2", "3", "4"]
        await until(9.0)
        assert former.taken == ["slow"]
        assert desk.counters.delivered == desk.counters.accepted == 4


@on_virtual_clock
async def test_the_end_gives_back_what_is_out_by_former_senders() -> None:
    """By whichever of them: it is not settled, and is sent again in the next life."""
    first, second, third = (FakeSender(always=UNANSWERED) for _ in range(3))
    async with running(first) as desk:
        for event_id, successor in (("1", second), ("2", third)):
            desk.accept(event_id)
            await until(float(event_id))
            desk.destination.adopt(successor, settings())
        desk.accept("3")
        await until(3.0)
        held = [entry.event.id for entry in desk.destination.entries()]
        left = [entry.event.id for entry in await desk.destination.stop()]
        assert held == left == ["1", "2", "3"]
        assert desk.destination.statistics().requests_in_flight == 0


@on_virtual_clock
async def test_a_destination_that_drains_goes_on_draining() -> None:
    """The new sender sends at once what is left."""
    former, new = FakeSender(always=Retry("busy")), FakeSender()
    async with running(former) as desk:
        desk.accept("1")
        await until(1.0)
        drain = asyncio.create_task(desk.destination.drain(60.0))
        await until(2.0)
        desk.destination.adopt(new, settings(flush_interval_seconds=60.0))
        await drain
        assert new.taken == ["1"]
        assert new.times == [2.0]


@on_virtual_clock
async def test_the_end_closes_every_sender_there_was() -> None:
    """Also one whose last request is cut off by it."""
    former, new = FakeSender(always=Step(Delivered(), seconds=60.0)), FakeSender()
    async with running(former, settings(request_timeout_seconds=90.0)) as desk:
        desk.accept("1")
        await until(1.0)
        desk.destination.adopt(new, settings())
    assert former.is_closed
    assert new.is_closed


@on_virtual_clock
async def test_dead_letters_go_where_they_are_to_go_now() -> None:
    """The former place is let go of; nothing is written there any more."""
    sender = FakeSender(always=Rejected("bad"))
    elsewhere = FakeDeadLetters()
    async with running(sender) as desk:
        desk.accept("1")
        await until(1.0)
        desk.destination.bury_in(elsewhere)
        desk.accept("2")
        await until(2.0)
        assert len(desk.dead_letters.letters) == len(elsewhere.letters) == 1
        assert desk.dead_letters.is_closed
        assert not elsewhere.is_closed
        assert sum(desk.counters.dead_lettered.values()) == 2
