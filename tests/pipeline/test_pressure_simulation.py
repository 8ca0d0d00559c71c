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

FULL_SPEED = 16 / MEAN_SECONDS
"""Requests a second of all that may be in flight."""


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_of_the_latency_does_not_throttle(seed: int) -> None:
    """Log-normal latencies are no trend: a bus without a bound gets nearly all that is configured."""
    run = Run(Bus(), seconds=60, seed=seed)
    assert run.mean_limit >= 15
    assert run.taken_per_second >= 0.93 * FULL_SPEED


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
@pytest.mark.parametrize(
    ("limiter", "most_refused"),
    [
        pytest.param(fixed_windows, 0.30, id="fixed"),
        pytest.param(sliding_window, 0.30, id="sliding"),
        pytest.param(lambda rate: token_bucket(rate, burst=5), 0.30, id="bucket"),
        # It takes a hundred in the first second, and so tells the wrong rate.
        pytest.param(lambda rate: token_bucket(rate, burst=50), 0.50, id="large-bucket"),
    ],
)
def test_a_bus_is_not_hammered_while_its_rate_is_learned(
    limiter: Callable[[int], Allowance], most_refused: float, seed: int
) -> None:
    """The first five seconds, with nearly ten times as much to send as fifty a second."""
    assert Run(Bus(takes=limiter(50)), seconds=LEARNING_SECONDS, seed=seed).refused_share <= most_refused


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "limiter",
    [
        pytest.param(fixed_windows, id="fixed"),
        pytest.param(sliding_window, id="sliding"),
        pytest.param(lambda rate: token_bucket(rate, burst=5), id="bucket"),
        pytest.param(lambda rate: token_bucket(rate, burst=50), id="large-bucket"),
    ],
)
def test_a_bus_whose_every_refusal_asks_for_a_second_of_silence_is_used_well(
    limiter: Callable[[int], Allowance], seed: int
) -> None:
    """So the rate stays where nothing is refused, and only looks now and then whether there is more."""
    bus = Bus(takes=limiter(50), retry_after_seconds=1.0)
    assert Run(bus, seconds=90, learning_seconds=30, seed=seed).taken_per_second >= 0.8 * 50


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("share", "least_use"), [(0.01, 0.95), (0.03, 0.93), (0.05, 0.88), (0.10, 0.80)])
def test_a_bus_that_refuses_at_random_is_hardly_slowed(share: float, least_use: float, seed: int) -> None:
    """A rate has nothing to do with it, and is not learned for long; nor does all pause each time."""
    run = Run(Bus(takes=at_random(share)), seconds=60, seed=seed)
    assert run.taken_per_second >= least_use * FULL_SPEED


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "takes",
    [
        pytest.param(lambda: fixed_windows(5), id="5"),
        pytest.param(lambda: sliding_window(10), id="10"),
        pytest.param(lambda: fixed_windows(50), id="50"),
        pytest.param(lambda: at_random(0.3), id="least"),
    ],
)
def test_when_throttling_has_ended_the_learned_rate_is_soon_forgotten(
    takes: Callable[[], Allowance], seed: int
) -> None:
    """Half of the full speed after ten seconds, and no limit after fifteen, whatever the rate was."""
    limited = takes()
    run = Run(Bus(takes=lambda now: now >= 20 or limited(now)), seconds=36, seed=seed)
    assert run.unlimited_from(19) > 20
    assert run.speed(30, 31) >= 0.5 * FULL_SPEED
    assert run.unlimited_from(20) <= 35
    assert run.speed(35, 36) >= 0.9 * FULL_SPEED


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
