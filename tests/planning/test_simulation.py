"""The simulation, against the gateway's own destination on a virtual clock."""

from array import array
from itertools import groupby
from operator import itemgetter
from random import Random

import pytest

from gateway.planning.figures import Delay, measure
from gateway.planning.simulation import Bus, FlushSetting, Load, Simulation
from gateway.sender import Limits
from tests.pipeline.desk import running
from tests.support.build import event, settings
from tests.support.clock import run_virtual, until
from tests.support.sender import DELIVERED, FakeSender, Step

LIMITS = Limits(max_entries=10, max_bytes=4_000, max_entry_bytes=4_000)

Requests = list[tuple[float, int, int]]
"""When, how many events, how many bytes."""


def load(events: int, *, events_per_second: float, seed: int) -> Load:
    """Arrivals at random, some of them together, of sizes from 100 bytes to the most that fits."""
    dice, now = Random(seed), 0.0  # noqa: S311 - a seeded mix
    arrived_at, sizes = array("d"), array("q")
    for _ in range(events):
        if dice.random() < 0.9:
            now += dice.expovariate(events_per_second * 0.9)
        arrived_at.append(now)
        sizes.append(min(4_000, int(100 * dice.paretovariate(0.9))))
    return Load(arrived_at, sizes)


def simulated(arriving: Load, bus: Bus, setting: FlushSetting) -> tuple[Requests, int]:
    """Every request of a simulation, and those saved."""
    simulation = Simulation(arriving, bus, setting)
    requests = [(sent.at, len(sent.batch.entries), sent.batch.size) for sent in simulation.run()]
    return requests, simulation.requests_saved


async def happened(arriving: Load, bus: Bus, setting: FlushSetting) -> tuple[Requests, int]:
    """The same from a destination that runs."""
    sender = FakeSender(always=Step(DELIVERED, bus.latency_seconds), limits=bus.limits)
    tuned = settings(
        flush_interval_seconds=setting.interval_seconds,
        sends_when_idle=setting.sends_when_idle,
        max_in_flight=bus.max_in_flight,
        max_requests_per_second=bus.max_requests_per_second,
    )
    async with running(sender, tuned) as desk:
        pairs = zip(arriving.arrived_at, arriving.sizes, strict=True)
        for at, together in groupby(pairs, key=itemgetter(0)):
            await until(at)
            desk.accept_events([event(json_bytes=size) for _, size in together])
        await until(arriving.arrived_at[-1] + 100)
        assert desk.held == 0
        requests = [(request.at, len(request.ids), request.size) for request in sender.requests]
        return requests, desk.destination.statistics().requests_saved


@pytest.mark.parametrize("sends_when_idle", [False, True], ids=["wait", "send"])
@pytest.mark.parametrize("interval_seconds", [0.01, 0.2, 1.0])
@pytest.mark.parametrize(
    ("events_per_second", "max_in_flight", "max_requests_per_second"),
    [(20, 16, 0), (300, 16, 0), (300, 2, 0), (900, 3, 0), (300, 16, 30)],
    ids=["light", "busy", "few slots", "backlog", "limited rate"],
)
def test_a_destination_does_what_the_simulation_says(
    *,
    events_per_second: float,
    max_in_flight: int,
    max_requests_per_second: float,
    interval_seconds: float,
    sends_when_idle: bool,
) -> None:
    """The same requests at the same moments, with as many saved: under light load and a backlog alike."""
    arriving = load(300, events_per_second=events_per_second, seed=7)
    bus = Bus(
        limits=LIMITS,
        latency_seconds=0.05,
        max_in_flight=max_in_flight,
        max_requests_per_second=max_requests_per_second,
    )
    setting = FlushSetting(sends_when_idle, interval_seconds)
    expected, saved = run_virtual(happened(arriving, bus, setting))
    requests, requests_saved = simulated(arriving, bus, setting)
    assert [request[1:] for request in requests] == [request[1:] for request in expected]
    assert [request[0] for request in requests] == pytest.approx([request[0] for request in expected])
    assert requests_saved == saved


def test_figures_are_those_of_the_requests() -> None:
    """Three events at once, a fourth alone: two requests, each after the interval."""
    arriving = Load([0.0, 0.0, 0.0, 2.0], [1_000, 1_000, 1_000, 400])
    bus = Bus(limits=LIMITS, latency_seconds=0.05, max_in_flight=1)
    figures = measure(arriving, bus, FlushSetting(sends_when_idle=False, interval_seconds=0.5))
    assert (figures.events, figures.requests, figures.requests_in_order) == (4, 2, 2)
    assert figures.fill_ratio == pytest.approx((0.75 + 0.1) / 2)
    assert (figures.events_per_request, figures.requests_per_second) == (2.0, 1.0)
    assert figures.delay == Delay(0.5, 0.5, 0.5, 0.5)
    assert figures.most_held == 3


def test_quantiles_are_values_that_occurred() -> None:
    """By nearest rank: of one hundred the fiftieth and the ninety-ninth."""
    assert Delay.of([float(number) for number in range(100, 0, -1)]) == Delay(50.5, 50.0, 99.0, 100.0)
    assert Delay.of([3.0]) == Delay(3.0, 3.0, 3.0, 3.0)


def test_a_bus_that_answers_at_once_holds_nothing_up() -> None:
    """No latency is a latency too."""
    arriving = load(100, events_per_second=100, seed=1)
    bus = Bus(limits=LIMITS, latency_seconds=0.0, max_in_flight=1)
    figures = measure(arriving, bus, FlushSetting(sends_when_idle=True, interval_seconds=1.0))
    assert figures.delay.longest == 0.0
    assert figures.events == 100
