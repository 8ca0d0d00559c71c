"""Requests a second: what is configured, and what is learned under throttling."""

from math import inf

import pytest

from gateway.pipeline.pace import BURST_SECONDS, CUT_SECONDS, LEARNED_LEAST, THROTTLED_SHARE, Pace


def send_as_fast_as_allowed(pace: Pace, start: float, seconds: float) -> int:
    """How many requests go from `start` on, in so many seconds."""
    count, now = 0, start
    while now < start + seconds:
        pace.sent(now)
        count += 1
        now = max(now, pace.free_at)
    return count


def test_without_a_rate_nothing_is_spaced() -> None:
    """Any number may go at one moment."""
    pace = Pace(0)
    for _ in range(1000):
        pace.sent(1.0)
    assert pace.free_at == -inf
    assert pace.limit == inf


@pytest.mark.parametrize("rate", [0.5, 5, 50, 5000])
def test_the_configured_rate_is_kept(rate: float) -> None:
    """Over ten seconds it is used up, and not exceeded by more than the burst and the first."""
    count = send_as_fast_as_allowed(Pace(rate), 100.0, 10.0)
    assert 10 * rate - 1 <= count <= (10 + BURST_SECONDS) * rate + 1


def test_idle_time_is_not_saved_up() -> None:
    """After an hour of nothing the burst is as small as ever."""
    pace = Pace(100)
    pace.sent(0.0)
    assert send_as_fast_as_allowed(pace, 3600.0, 0.0001) <= BURST_SECONDS * 100 + 1


def test_throttling_teaches_a_rate_below_the_one_of_now() -> None:
    """A share of what went in the last second."""
    pace = Pace(0)
    for index in range(200):
        pace.sent(index / 100)
    pace.throttled(2.0)
    assert pace.limit == pytest.approx(THROTTLED_SHARE * 100, rel=0.02)


def test_the_learned_rate_comes_back_to_where_the_bus_complained_and_then_looks_for_more() -> None:
    """Quickly at first, slowly near the old rate, faster beyond it; never above what is configured."""
    pace = Pace(1000)
    for index in range(100):
        pace.sent(index / 100)
    pace.throttled(1.0)
    limits = []
    for second in range(2, 30):
        pace.answered(float(second))
        limits.append(pace.limit)
    assert limits == sorted(limits)
    assert 95 <= limits[3] <= 100  # five seconds on
    assert limits[5] <= 105
    assert limits[-1] == 1000


def test_each_complaint_lowers_the_learned_rate() -> None:
    """From wherever it has come to, or from what was really sent."""
    pace = Pace(0)
    for index in range(100):
        pace.sent(index / 100)
    pace.throttled(1.0)
    before = pace.limit
    pace.throttled(1.0 + CUT_SECONDS)
    assert pace.limit <= THROTTLED_SHARE * before


def test_one_wave_of_complaints_cuts_the_rate_once() -> None:
    """A bus that counts by the second complains until the second is over, whatever the rate."""
    pace = Pace(0)
    for index in range(100):
        pace.sent(index / 100)
    pace.throttled(1.0)
    after_first = pace.limit
    pace.throttled(1.4)
    assert pace.limit == after_first


def test_the_learned_rate_has_a_floor() -> None:
    """One request a second always goes: a bus is asked whether it has calmed down."""
    pace = Pace(0)
    for now in range(100):
        pace.throttled(float(now))
    assert pace.limit == LEARNED_LEAST


def test_what_went_long_ago_does_not_count() -> None:
    """A burst of yesterday is no measure of today."""
    pace = Pace(0)
    for _ in range(1000):
        pace.sent(0.0)
    pace.sent(100.0)
    pace.throttled(100.5)
    assert pace.limit == LEARNED_LEAST


@pytest.mark.parametrize(("capacity", "refused_share"), [(3, 0.25), (20, 0.05), (50, 0.05), (200, 0.05)])
def test_a_bus_of_a_fixed_rate_is_used_well_and_seldom_complains(capacity: int, refused_share: float) -> None:
    """A minute against a bus that takes so many requests in each second: most of it used, few refused."""
    pace, now, taken, refused = Pace(0), 0.0, 0, 0
    in_second: dict[int, int] = {}
    while now < 60.0:
        pace.sent(now)
        second = int(now)
        in_second[second] = in_second.get(second, 0) + 1
        if in_second[second] <= capacity:
            taken += 1
            pace.answered(now)
            now = max(now + 0.001, pace.free_at)
        else:
            refused += 1
            pace.throttled(now)
            now = max(now + 0.1, pace.free_at)
    assert taken >= 0.8 * 60 * capacity
    assert refused <= refused_share * taken
