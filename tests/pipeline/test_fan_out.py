"""The way in to every destination: all take all events of a request, or none takes any."""

import asyncio

import pytest

from gateway.admission import Accepted, Draining, NoRoom
from gateway.errors import EventTooLargeError, InvalidEventError, UndeliverableEventError
from gateway.event import Event
from gateway.pipeline.buffer import EVENT_OVERHEAD_BYTES
from gateway.pipeline.destination import Destination
from gateway.pipeline.fan_out import FanOut
from gateway.pipeline.settings import DestinationSettings
from gateway.sender import Delivered, Limits
from tests.pipeline.desk import clocks
from tests.support.build import event, events, settings
from tests.support.clock import on_virtual_clock, until
from tests.support.dead_letters import FakeDeadLetters
from tests.support.receipt import FakeCaller
from tests.support.sender import UNDELIVERABLE_TYPE, FakeSender, Step

SMALL = Limits(max_entries=10, max_bytes=200, max_entry_bytes=200)


def destination(
    name: str, tuned: DestinationSettings | None = None, sender: FakeSender | None = None
) -> Destination:
    """One that does not run, unless the test runs it."""
    return Destination(name, sender or FakeSender(), tuned or settings(), FakeDeadLetters(), clocks())


def fan_out(*destinations: Destination) -> FanOut:
    """To all of these."""
    return FanOut({each.name: each for each in destinations}, drain_seconds=25.0)


def held(*destinations: Destination) -> list[int]:
    """How many events each holds."""
    return [each.statistics().held for each in destinations]


@on_virtual_clock
async def test_every_destination_takes_every_event() -> None:
    """And one that is named takes them alone."""
    a, b = destination("a"), destination("b")
    intake = fan_out(a, b)
    assert intake.accept(events(3), None) == Accepted()
    assert intake.accept(events(2), "b") == Accepted()
    assert held(a, b) == [3, 5]
    assert intake.knows("a")
    assert not intake.knows("c")


@pytest.mark.parametrize(
    ("odd", "error"),
    [
        (event("x", type=UNDELIVERABLE_TYPE), UndeliverableEventError),
        (event("x", json_bytes=300), EventTooLargeError),
    ],
)
@on_virtual_clock
async def test_an_event_that_one_destination_can_never_take_is_taken_by_none(
    odd: Event, error: type[InvalidEventError]
) -> None:
    """Nor are the others of its request, by any; its place in the request is named."""
    a, b = destination("a"), destination("b", sender=FakeSender(limits=SMALL))
    with pytest.raises(error) as refusal:
        fan_out(a, b).accept([event("1"), odd, event("2")], None)
    assert [fault.index for fault in refusal.value.faults] == [1]
    assert held(a, b) == [0, 0]


@on_virtual_clock
async def test_where_one_destination_is_full_none_takes_anything() -> None:
    """The answer is the same for all; it will be another when room is free."""
    a, b = destination("a"), destination("b", settings(max_events=4))
    intake = fan_out(a, b)
    intake.accept(events(3), None)
    assert isinstance(intake.accept(events(2), None), NoRoom)
    assert held(a, b) == [3, 3]
    assert intake.accept(events(1), None) == Accepted()


@on_virtual_clock
async def test_a_request_larger_than_an_empty_buffer_is_too_large_whatever_is_held() -> None:
    """Waiting cannot help: not "no room", by count or by bytes."""
    tuned = settings(max_events=4, max_bytes=4 * (EVENT_OVERHEAD_BYTES + 500))
    intake = fan_out(destination("a"), destination("b", tuned))
    with pytest.raises(EventTooLargeError):
        intake.accept(events(5), None)
    with pytest.raises(EventTooLargeError):
        intake.accept([event("1", json_bytes=5000)], None)


@on_virtual_clock
async def test_a_body_is_foreseen_as_one_event_of_its_length() -> None:
    """Before it is read: room, no room now, or never."""
    one = EVENT_OVERHEAD_BYTES + 500
    full = destination("a", settings(max_bytes=2 * one))
    intake = fan_out(full)
    assert intake.foresee(500, None) == Accepted()
    intake.accept([event("1", json_bytes=500)], None)
    assert intake.foresee(500, "a") == Accepted()
    assert isinstance(intake.foresee(501, "a"), NoRoom)
    with pytest.raises(EventTooLargeError):
        intake.foresee(2 * one, None)


@on_virtual_clock
async def test_while_draining_nothing_is_taken() -> None:
    """The producer is told when to try elsewhere, or again."""
    a = destination("a")
    intake = fan_out(a)
    assert not intake.is_draining
    intake.drain()
    assert intake.is_draining
    assert intake.foresee(1, None) == intake.accept(events(1), None) == Draining(25)
    assert held(a) == [0]


@on_virtual_clock
async def test_a_caller_is_told_by_every_destination() -> None:
    """Once for each event and destination."""
    a, b, caller = destination("a"), destination("b"), FakeCaller()
    loops = [asyncio.create_task(each.run()) for each in (a, b)]
    fan_out(a, b).accept(events(2), None, caller)
    assert caller.destinations == ["a", "b"]
    await until(1.0)
    assert sorted(caller.told.told) == [("delivered", "0", "None")] * 2 + [("delivered", "1", "None")] * 2
    for each, loop in zip((a, b), loops, strict=True):
        await each.stop()
        await loop


@pytest.mark.parametrize(("wanted", "requests_a_second"), [(50, 1), (50, 4), (200, 4), (10, 20)])
@on_virtual_clock
async def test_who_comes_back_when_told_finds_room(wanted: int, requests_a_second: int) -> None:
    """Under a steady release of ten events a request the promise is kept, and not by exaggeration."""
    sender = FakeSender(always=Step(Delivered(), seconds=1 / requests_a_second))
    full = destination("a", settings(max_events=1000, max_in_flight=1, request_timeout_seconds=60.0), sender)
    loop = asyncio.create_task(full.run())
    intake = fan_out(full)
    intake.accept(events(1000), None)
    await until(20.5)
    missing = 1000 - held(full)[0]
    intake.accept(events(missing), None)
    answer = intake.accept(events(wanted), None)
    assert isinstance(answer, NoRoom)
    assert answer.retry_after_seconds <= 1.5 * wanted / (10 * requests_a_second) + 2
    await until(20.5 + answer.retry_after_seconds)
    assert intake.accept(events(wanted), None) == Accepted()
    await full.stop()
    await loop


@on_virtual_clock
async def test_an_empty_batch_is_taken_and_held_by_nobody() -> None:
    """A drain that follows has nothing to wait for."""
    each = destination("a")
    assert fan_out(each).accept([], None) == Accepted()
    await each.drain(deadline=3600.0)
    assert held(each) == [0]
