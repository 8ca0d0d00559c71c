"""A destination whose bus throttles or is down: the whole of it slows, and nothing is hammered or lost."""

from collections.abc import Sequence
from itertools import pairwise
from math import inf

import pytest

from gateway.entry import Batch
from gateway.errors import ThrottledError, UnavailableError
from gateway.sender import Delivered, Outcome, Retry, RetryReason
from tests.pipeline.desk import running
from tests.support.build import event, policy, settings
from tests.support.clock import now, on_virtual_clock, turns, until
from tests.support.sender import LIMITS, FakeSender, Step

WORKS = Step(Delivered(), seconds=0.03)
REFUSES = Step(UnavailableError("connection_failed"), seconds=0.001)
HANGS = Step(Delivered(), seconds=3600.0)

FULL_SPEED = 16 / WORKS.seconds * LIMITS.max_entries
"""Events a second through all slots, in full batches."""

EVENT = event()
EVENTS_A_TICK = 30
"""Of which there are twenty a second: a ninth of the full speed."""


@on_virtual_clock
async def test_throttling_pauses_the_whole_destination() -> None:
    """For as long as the bus asks, whatever else is waiting; then everything goes."""
    sender = FakeSender(ThrottledError("slow", retry_after_seconds=7.0))
    async with running(sender) as desk:
        desk.accept_many(10)
        await until(1.0)
        desk.accept(*[f"later {index}" for index in range(10)])
        await until(6.9)
        assert sender.times == [0.0]
        assert desk.destination.statistics().health == "throttled"
        assert desk.destination.statistics().in_flight_limit == 1
        await until(10.0)
        assert sender.times[1] == 7.0
        assert desk.counters.delivered == 20
        assert desk.counters.retried["throttled"] == 10


@on_virtual_clock
async def test_a_single_throttled_entry_slows_the_destination_too() -> None:
    """The bus takes the others, and says all the same that it is too much."""
    throttled = Retry("slow", reason=RetryReason.THROTTLED)
    sender = FakeSender([Delivered(), throttled])
    async with running(sender) as desk:
        desk.accept("1", "2")
        await until(0.25)
        assert desk.destination.statistics().health == "throttled"
        await until(60.0)
        assert desk.counters.delivered == 2


@on_virtual_clock
async def test_a_bus_of_limited_capacity_is_used_well_and_never_hammered() -> None:
    """It takes twenty requests in each second: a minute's load goes through, and few are refused."""
    taken: dict[int, int] = {}

    def take_twenty_a_second(batch: Batch) -> Sequence[Outcome]:
        second = int(now())
        taken[second] = taken.get(second, 0) + 1
        if taken[second] > 20:
            raise ThrottledError("slow")
        return [Delivered()] * len(batch.entries)

    sender = FakeSender(always=Step(take_twenty_a_second, seconds=0.005))
    async with running(sender) as desk:
        desk.accept_many(8000)
        await until(60.0)
        assert desk.counters.delivered == 8000
        assert desk.counters.bus_requests["throttled"] <= 100


@on_virtual_clock
async def test_a_bus_that_is_down_is_probed_once_a_second_and_never_more() -> None:
    """However many events wait, and however they back off."""
    sender = FakeSender(always=UnavailableError("connection_failed"))
    async with running(sender, settings(max_in_flight=4)) as desk:
        desk.accept_many(1000)
        await until(0.5)
        assert desk.destination.statistics().health == "down"
        at_first = len(sender.requests)
        assert at_first <= 4
        await until(120.0)
        assert sender.times[at_first:] == [float(second) for second in range(1, 121)]
        assert desk.held == 1000


@on_virtual_clock
async def test_when_the_bus_is_back_everything_goes_at_once() -> None:
    """Nothing waits for a backoff that grew while the bus was down."""
    sender = FakeSender(always=UnavailableError("connection_failed"))
    async with running(sender, settings(max_in_flight=4)) as desk:
        desk.accept_many(1000)
        await until(600.5)
        sender.answer_always(Delivered())
        await until(602.0)
        assert sender.times[-1] == 601.0
        assert desk.counters.delivered == 1000
        assert desk.destination.statistics().health == "up"


@on_virtual_clock
async def test_a_single_event_is_probed_with_as_well() -> None:
    """An outage with one event in hand ends within a second of the bus's return, not after 30."""
    sender = FakeSender(always=UnavailableError("connection_failed"))
    async with running(sender) as desk:
        desk.accept("1")
        await until(300.5)
        sender.answer_always(Delivered())
        await until(301.5)
        assert desk.counters.delivered == 1


@on_virtual_clock
async def test_a_bus_that_hangs_is_probed_once_a_second() -> None:
    """Each probe is out for the ten seconds of its time-out; the next leaves all the same."""
    sender = FakeSender(always=HANGS)
    async with running(sender) as desk:
        desk.accept_many(1000)
        await until(100.0)
        assert desk.destination.statistics().health == "down"
        probes = [at for at in sender.times if at >= 20.0]
        assert len(probes) == 80
        assert [after - before for before, after in pairwise(probes)] == pytest.approx([1.0] * 79)
        assert sender.most_in_flight <= 16


@pytest.mark.parametrize("most", [1, 4])
@on_virtual_clock
async def test_no_more_probes_are_out_than_requests_may_be(most: int) -> None:
    """So few slots as there are, so few probes in ten seconds."""
    sender = FakeSender(always=HANGS)
    async with running(sender, settings(max_in_flight=most)) as desk:
        desk.accept_many(1000)
        await until(200.0)
        assert sender.most_in_flight == most
        assert len([at for at in sender.times if 100.0 <= at < 200.0]) == 10 * most


@pytest.mark.parametrize("trouble", [REFUSES, HANGS])
@on_virtual_clock
async def test_an_outage_under_steady_load_loses_nothing_and_is_over_when_the_bus_is_back(
    trouble: Step,
) -> None:
    """For a minute only probes go; two seconds after it deliveries are as fast as slots allow.

    Probes that hang are given up when another is answered: they would keep ten slots of sixteen.
    """
    sender = FakeSender(always=WORKS)
    gone, back, end = 10.5, 70.5, 100.0
    delivered: dict[float, int] = {}
    async with running(sender) as desk:
        for tick in range(int(20 * end)):
            await until(tick / 20)
            if tick / 20 in (gone, back):
                sender.answer_always(trouble if tick / 20 == gone else WORKS)
            if tick / 20 < 90:
                desk.accept_events([EVENT] * EVENTS_A_TICK)
            assert desk.destination.statistics().unaccounted == 0
            delivered[tick / 20] = desk.counters.delivered
        # Those that went before the time-out of the first told that it is down are no probes.
        probes = [at for at in sender.times if gone + 12 <= at < back]
        assert back - gone - 12 - 1 <= len(probes) <= back - gone - 12 + 1
        assert delivered[back] == delivered[gone + 1]
        assert delivered[back + 3] - delivered[back + 2] >= 0.95 * FULL_SPEED
        assert desk.counters.delivered == desk.counters.accepted == 20 * 90 * EVENTS_A_TICK


class ReturningBus(FakeSender):
    """Hangs, until it is back: then it answers whatever comes at one moment, `answers_at`."""

    def __init__(self) -> None:
        super().__init__(always=HANGS)
        self.answers_at = inf

    async def send(self, batch: Batch) -> Sequence[Outcome]:
        """Record it, and answer in time."""
        self.answer(Step(Delivered(), seconds=max(0.0, min(self.answers_at - now(), 3600.0))))
        return await super().send(batch)


@on_virtual_clock
async def test_a_probe_that_times_out_just_when_another_is_answered_does_no_harm() -> None:
    """Both happen in one turn of the loop; everything is delivered."""
    bus = ReturningBus()
    async with running(bus) as desk:
        desk.accept_many(40)
        await until(30.2)
        bus.answers_at = min(at for at in bus.times if at > 22.0) + 10.0
        await until(60.0)
        assert desk.counters.delivered == 40


# Economy: the loop sleeps when there is nothing to do.


@on_virtual_clock
async def test_an_idle_destination_does_not_wake() -> None:
    """A day without events costs nothing."""
    async with running(FakeSender()):
        before = turns()
        await until(86_400.0)
        assert turns() - before < 30


@on_virtual_clock
async def test_arrivals_into_a_waiting_batch_do_not_wake_the_loop() -> None:
    """One wake-up when the first comes, one for the deadline: not one for each of eight in between."""
    async with running(FakeSender()) as desk:
        desk.accept("0")
        await until(0.01)
        before = turns()
        for index in range(1, 9):
            desk.accept(str(index))
        await until(0.011)
        woken = turns() - before
        before = turns()
        await until(0.012)
        assert woken == turns() - before


@on_virtual_clock
async def test_a_long_outage_costs_a_few_turns_a_second() -> None:
    """An hour with a thousand events and a bus that is down."""
    sender = FakeSender(always=UnavailableError("connection_failed"))
    async with running(sender, settings(retry=policy(max_age_seconds=86_400.0))) as desk:
        desk.accept_many(1000)
        before = turns()
        await until(3600.0)
        assert turns() - before < 10 * 3600
        assert desk.held == 1000
