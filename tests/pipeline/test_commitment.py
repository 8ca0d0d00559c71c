"""Requests on their way to the disk: accepted once it is written everywhere, and nothing before."""

import asyncio

from gateway.admission import Accepted, Admission, NoRoom, Pending, Unwritten
from gateway.pipeline.buffer import EVENT_OVERHEAD_BYTES
from gateway.pipeline.destination import Destination
from gateway.pipeline.fan_out import FanOut
from tests.pipeline.test_fan_out import destination, held
from tests.support.build import events, settings
from tests.support.clock import on_virtual_clock, until
from tests.support.receipt import FakeCaller
from tests.support.sender import FakeSender
from tests.support.store import FakeStore


def intake(stores: dict[str, FakeStore], *destinations: Destination) -> FanOut:
    """Those destinations that have a store are journaled."""
    return FanOut({each.name: each for each in destinations}, drain_seconds=25.0, stores=stores)


def decisions(pending: Admission | Pending) -> list[Admission]:
    """What will be decided, from now on."""
    assert isinstance(pending, Pending)
    decided: list[Admission] = []
    pending.then = decided.append
    return decided


@on_virtual_clock
async def test_an_event_is_accepted_once_it_is_on_disk() -> None:
    """Until then it is not in the accounts, and the producer has no answer."""
    store, a = FakeStore(), destination("a")
    decided = decisions(intake({"a": store}, a).accept(events(2), None))
    assert (decided, held(a), a.statistics().counters.accepted) == ([], [0], 0)
    store.write()
    assert (decided, held(a), a.statistics().counters.accepted) == ([Accepted()], [2], 2)


@on_virtual_clock
async def test_room_is_held_while_the_disk_writes() -> None:
    """What is on its way counts against the bounds, and is free again if the disk refuses."""
    store, a = FakeStore(), destination("a", settings(max_events=3))
    journaled = intake({"a": store}, a)
    decided = decisions(journaled.accept(events(2), None))
    assert a.statistics().buffer_bytes > 2 * EVENT_OVERHEAD_BYTES
    assert isinstance(journaled.accept(events(2), None), NoRoom)
    store.fail()
    assert (decided, held(a), a.statistics().buffer_bytes) == ([Unwritten(1)], [0], 0)
    assert isinstance(journaled.accept(events(3), None), Pending)


@on_virtual_clock
async def test_the_disk_forgets_what_the_bus_has() -> None:
    """Each record is settled by the delivery of its event; a caller is told as without a journal."""
    store, a, caller = FakeStore(), destination("a"), FakeCaller()
    loop = asyncio.create_task(a.run())
    intake({"a": store}, a).accept(events(2), None, caller)
    store.write()
    assert sorted(store.owed.values()) == ["0", "1"]
    await until(1.0)
    assert store.owed == {}
    assert [told[:2] for told in caller.told.told] == [("delivered", "0"), ("delivered", "1")]
    await a.stop()
    await loop


@on_virtual_clock
async def test_destinations_that_share_a_store_share_the_record() -> None:
    """An event is written once, and each of them owes it."""
    store, a, b, c = FakeStore(), destination("a"), destination("b"), destination("c")
    decided = decisions(intake({"a": store, "c": store}, a, b, c).accept(events(1), None))
    assert store.unwritten == 1
    store.write()
    assert (decided, held(a, b, c)) == ([Accepted()], [1, 1, 1])
    assert set(store.owed) == {(1, "a"), (1, "c")}


@on_virtual_clock
async def test_of_several_stores_each_must_have_written() -> None:
    """The last one decides; a destination without a journal waits for them too."""
    first, second = FakeStore(), FakeStore()
    a, b, c = destination("a"), destination("b"), destination("c")
    decided = decisions(intake({"a": first, "b": second}, a, b, c).accept(events(1), None))
    second.write()
    assert (decided, held(a, b, c)) == ([], [0, 0, 0])
    first.write()
    assert (decided, held(a, b, c)) == ([Accepted()], [1, 1, 1])


@on_virtual_clock
async def test_where_one_store_fails_nothing_stays_in_the_others() -> None:
    """None of the destinations takes anything, and the next start finds nothing to send."""
    first, second = FakeStore(), FakeStore()
    a, b = destination("a"), destination("b")
    decided = decisions(intake({"a": first, "b": second}, a, b).accept(events(2), None))
    first.write()
    second.fail()
    assert (decided, held(a, b)) == ([Unwritten(1)], [0, 0])
    assert (first.owed, second.owed) == ({}, {})


@on_virtual_clock
async def test_a_destination_without_a_journal_does_not_wait_for_anothers() -> None:
    """A request to it alone is answered at once."""
    a, b = destination("a"), destination("b")
    assert intake({"a": FakeStore()}, a, b).accept(events(1), "b") == Accepted()
    assert held(a, b) == [0, 1]


@on_virtual_clock
async def test_an_event_counts_its_age_from_its_acceptance() -> None:
    """The disk's time is the producer's wait, not the event's."""
    store, sender = FakeStore(), FakeSender()
    a = destination("a", sender=sender)
    loop = asyncio.create_task(a.run())
    intake({"a": store}, a).accept(events(1), None)
    await until(3.0)
    store.write()
    await until(5.0)
    assert sender.times == [3.0 + 0.2]
    await a.stop()
    await loop
