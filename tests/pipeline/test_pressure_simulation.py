"""How well a bus is used, in virtual minutes with fixed dice: latency, capacity, throttling, outages."""

from collections.abc import Callable

import pytest

from tests.pipeline.simulated_bus import (
    MEAN_SECONDS,
    MEDIAN_SECONDS,
    Allowance,
    Bus,
    Run,
    at_random,
    fixed_windows,
    sliding_window,
    token_bucket,
)

SEEDS = [1, 2, 3]
LEARNING_SECONDS = 5.0
"""A rate is looked for in them, and not judged."""


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_of_the_latency_does_not_throttle(seed: int) -> None:
    """Log-normal latencies are no trend: a bus without a bound gets nearly all that is configured."""
    run = Run(Bus(), seconds=60, seed=seed)
    assert run.mean_limit >= 15
    assert run.taken_per_second >= 0.93 * 16 / MEAN_SECONDS


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("servers", [2, 4, 8])
def test_a_bus_that_works_on_a_few_at_once_is_fully_used_and_has_less_in_its_queue(
    servers: int, seed: int
) -> None:
    """More in flight than it works on would only wait there."""
    run = Run(Bus(servers=servers), seconds=60, learning_seconds=LEARNING_SECONDS, seed=seed)
    assert run.taken_per_second >= 0.95 * servers / MEAN_SECONDS
    assert run.mean_limit <= 14


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bus_that_grows_slower_by_itself_keeps_its_level(seed: int) -> None:
    """Three times the latency from one moment on, whatever is in flight: falling is of no use, and ends."""
    bus = Bus(slower=lambda now: 1.0 if now < 20 else 3.0)
    run = Run(bus, seconds=60, learning_seconds=20, seed=seed)
    assert run.mean_limit >= 13


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("timeout_seconds", [1.0, 10.0])
def test_a_bus_that_hangs_above_a_level_makes_it_fall_and_rise_again(
    timeout_seconds: float, seed: int
) -> None:
    """What hangs holds a slot until its time-out; the rest goes on at hardly less than full speed."""
    bus = Bus(hangs_above=8, timeout_seconds=timeout_seconds)
    run = Run(bus, seconds=60, learning_seconds=LEARNING_SECONDS, seed=seed)
    limits = run.limits(LEARNING_SECONDS, 60)
    assert min(limits) <= 8
    assert max(limits) == 16
    assert run.taken_per_second >= 0.9 * 8 / MEAN_SECONDS


@pytest.mark.parametrize("seed", SEEDS)
def test_after_an_outage_the_level_is_back_within_two_seconds(seed: int) -> None:
    """One probe a second meanwhile; then a quick start."""
    run = Run(Bus(is_away=lambda now: 20 <= now < 80), seconds=90, seed=seed)
    assert 59 <= len([at for at in run.sent if 21 <= at < 80]) <= 60
    assert run.limits(81.9, 82.0)[-1] == 16


@pytest.mark.parametrize("seed", SEEDS)
def test_the_start_takes_a_few_round_trips(seed: int) -> None:
    """The level doubles with each: four of them from one to sixteen."""
    assert Run(Bus(), seconds=8 * MEDIAN_SECONDS, seed=seed).limits(0, 1)[-1] == 16


LIMITERS = [
    pytest.param(50, fixed_windows, 0.95, id="50-fixed"),
    pytest.param(50, sliding_window, 0.95, id="50-sliding"),
    pytest.param(50, lambda rate: token_bucket(rate, burst=5), 0.95, id="50-bucket"),
    pytest.param(50, lambda rate: token_bucket(rate, burst=50), 0.95, id="50-large-bucket"),
    pytest.param(10, fixed_windows, 0.95, id="10-fixed"),
    # Ten in any second leave no room for jitter: 100 ms between two, and 10 of it random.
    pytest.param(10, sliding_window, 0.88, id="10-sliding"),
    pytest.param(10, lambda rate: token_bucket(rate, burst=2), 0.95, id="10-bucket"),
    pytest.param(400, fixed_windows, 0.95, id="400-fixed"),
    pytest.param(400, sliding_window, 0.95, id="400-sliding"),
    pytest.param(400, lambda rate: token_bucket(rate, burst=40), 0.95, id="400-bucket"),
    # Five saved up are 12 ms' worth, less than what arrival is spread by.
    pytest.param(400, lambda rate: token_bucket(rate, burst=5), 0.90, id="400-small-bucket"),
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("rate", "limiter", "least_use"), LIMITERS)
def test_a_bus_of_a_limited_rate_is_used_up_with_one_request_in_twenty_refused_at_most(
    rate: int, limiter: Callable[[int], Allowance], least_use: float, seed: int
) -> None:
    """A minute, after the first seconds."""
    run = Run(Bus(takes=limiter(rate)), seconds=65, learning_seconds=LEARNING_SECONDS, seed=seed)
    assert run.taken_per_second >= least_use * rate
    assert run.refused_share <= 0.05


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("share", "least_use"), [(0.01, 0.95), (0.03, 0.90)])
def test_a_bus_that_refuses_at_random_is_hardly_slowed(share: float, least_use: float, seed: int) -> None:
    """A rate has nothing to do with it, and is not learned; nor does the destination pause each time."""
    run = Run(Bus(takes=at_random(share)), seconds=60, seed=seed)
    assert run.taken_per_second >= least_use * 16 / MEAN_SECONDS


def test_a_rate_that_grows_is_found_again() -> None:
    """From 50 a second to 400 in half a minute."""
    before, after = fixed_windows(50), fixed_windows(400)
    bus = Bus(takes=lambda now: before(now) if now < 30 else after(now))
    assert Run(bus, seconds=80, learning_seconds=60).taken_per_second >= 0.95 * 400


def test_a_rate_that_shrinks_is_found_again() -> None:
    """From 400 a second to 50 within ten seconds."""
    before, after = fixed_windows(400), fixed_windows(50)
    bus = Bus(takes=lambda now: before(now) if now < 30 else after(now))
    run = Run(bus, seconds=80, learning_seconds=40)
    assert run.taken_per_second >= 0.95 * 50
    assert run.refused_share <= 0.05
