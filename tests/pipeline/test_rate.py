"""How fast a counter rises over the last seconds."""

import pytest

from gateway.pipeline.rate import WINDOW_SECONDS, Rate


def rate_of(*totals: tuple[float, float]) -> Rate:
    """Sampled at each (now, total)."""
    rate = Rate()
    for now, total in totals:
        rate.sample(total, now)
    return rate


def test_a_steady_rise_is_found_as_it_is() -> None:
    """Fifty a second, sampled far more often than is kept."""
    rate = rate_of(*[(step / 100, step / 2) for step in range(3000)])
    assert rate.per_second(1500, 30.0) == pytest.approx(50, rel=0.01)


def test_a_change_shows_within_the_window() -> None:
    """Ten seconds after the rise has ended the rate is nothing."""
    rate = rate_of(*[(float(second), second * 100.0) for second in range(20)])
    assert rate.per_second(1900, 19.0 + WINDOW_SECONDS) == 0.0


def test_a_burst_after_a_long_rest_is_not_spread_over_the_rest() -> None:
    """The counter stood still for an hour; then 1,000 in two seconds are 100 a second over the window."""
    rate = rate_of((0.0, 0), (3600.0, 500), (3601.0, 1000))
    assert rate.per_second(1000, 3602.0) == pytest.approx(100)


def test_a_first_second_is_not_extrapolated() -> None:
    """Ten in the first millisecond are not 10,000 a second."""
    rate = rate_of((0.0, 0))
    assert rate.per_second(10, 0.001) == 10


def test_nothing_known_is_nothing() -> None:
    """Asked before the first sample."""
    assert Rate().per_second(5, 1.0) == 0.0
