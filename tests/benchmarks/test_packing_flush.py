"""The flush policy beside what batching products do: who waits how long, on virtual time."""

from collections.abc import Sequence
from itertools import chain

import pytest

from benchmarks.packing.batcher import Deadline, Request, next_tick, own_deadline, send_in_order
from benchmarks.packing.flush import (
    INTERVAL_SECONDS,
    LATENCY_SECONDS,
    SCENES,
    SLOTS,
    Figures,
    at_ticks,
    bus_of,
    capacity,
    figures,
    gateway,
    in_order,
    poisson,
)
from gateway.planning.simulation import Bus, Load
from gateway.sender import Limits

BUS = Bus(
    limits=Limits(max_entries=3, max_bytes=100, max_entry_bytes=100), latency_seconds=1.0, max_in_flight=1
)
DOCUMENTS = next(scene for scene in SCENES if scene.label == "log-normal, median 20 kB")


def sent(
    arrived_at: Sequence[float], sizes: Sequence[int], deadline: Deadline | None = None
) -> list[Request]:
    """What leaves, with half a second for company."""
    return list(send_in_order(Load(arrived_at, sizes), BUS, deadline or own_deadline(0.5)))


def test_a_batch_full_by_count_leaves_with_its_last_entry() -> None:
    """The third closes it."""
    assert sent([0.0, 0.1, 0.2], [1, 1, 1]) == [Request(0.2, 0, 3)]


def test_an_entry_that_does_not_fit_closes_the_batch_and_begins_the_next() -> None:
    """The second leaves at its own deadline: nothing else comes, and the slot is not free before."""
    assert sent([0.0, 0.1], [60, 60]) == [Request(0.1, 0, 1), Request(1.1, 1, 2)]


def test_a_batch_that_gets_no_company_leaves_at_its_deadline() -> None:
    """Half a second after its first entry, whatever came later."""
    assert sent([0.0, 0.4, 0.6], [1, 1, 1]) == [Request(0.5, 0, 2), Request(1.5, 2, 3)]


def test_with_one_clock_for_all_a_batch_leaves_at_the_next_tick() -> None:
    """Its first entry came just before."""
    assert sent([0.4], [1], next_tick(0.5)) == [Request(0.5, 0, 1)]
    assert sent([0.5], [1], next_tick(0.5)) == [Request(1.0, 0, 1)]


def test_the_figures_are_means_over_entries_and_over_requests() -> None:
    """Of two requests with three entries and one: waits 3, 2, 1 and 0; fills 1 and a half."""
    load = Load([0.0, 1.0, 2.0, 9.0], [10, 10, 10, 50])
    found = figures([(3.0, [0.0, 1.0, 2.0], 30), (9.0, [9.0], 50)], load, BUS.limits)
    assert found == Figures(mean_seconds=1.5, p99_seconds=3.0, requests_per_event=0.5, fill_ratio=0.75)


def test_capacity_is_what_full_requests_would_carry() -> None:
    """Where only the count binds: ten entries a request, eight slots of 30 ms."""
    small = next(scene for scene in SCENES if scene.label == "small log-normal")
    assert capacity(small) == pytest.approx(10 * SLOTS / LATENCY_SECONDS)


def test_every_entry_leaves_once_in_order_and_within_the_limits() -> None:
    """In every batch, whatever closed it."""
    bus = bus_of(DOCUMENTS)
    load = poisson(DOCUMENTS, 2_000, 1_000)
    requests = list(send_in_order(load, bus, own_deadline(INTERVAL_SECONDS)))
    places = chain.from_iterable(range(request.start, request.stop) for request in requests)
    assert list(places) == list(range(1_000))
    for request in requests:
        assert request.at >= load.arrived_at[request.stop - 1]
        assert request.stop - request.start <= bus.limits.max_entries
        assert sum(load.sizes[request.start : request.stop]) <= bus.limits.max_bytes


def test_at_nine_tenths_of_capacity_the_mean_wait_is_at_most_a_fifth_of_next_fits() -> None:
    """Next-fit needs an eighth more requests, which is more than there are; the backlog packs itself."""
    bus = bus_of(DOCUMENTS)
    load = poisson(DOCUMENTS, 0.9 * capacity(DOCUMENTS), 6_000)
    assert gateway(load, bus).mean_seconds <= in_order(load, bus).mean_seconds / 5


def test_at_light_load_a_deadline_for_each_batch_takes_fewer_requests_than_a_tick() -> None:
    """With a few entries an interval a tenth fewer at least, and no entry waits longer than the interval."""
    bus = bus_of(DOCUMENTS)
    load = poisson(DOCUMENTS, 4 / INTERVAL_SECONDS, 3_000)
    found, ticked = gateway(load, bus), at_ticks(load, bus)
    assert found.requests_per_event <= 0.9 * ticked.requests_per_event
    assert found.p99_seconds <= INTERVAL_SECONDS + 1e-9
