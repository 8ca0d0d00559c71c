"""Requests a second: what is configured, and what is learned under throttling."""

from collections.abc import Callable
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pipeline.pace import BURST_SECONDS, LEARNED_LEAST, LEARNED_SHARE, MEMORY_SECONDS, Pace


def send_as_fast_as_allowed(pace: Pace, start: float, seconds: float) -> int:
    """How many requests go from `start` on, in so many seconds."""
    count, now = 0, start
    while now < start + seconds:
        pace.sent(now)
        count += 1
        now = max(now, pace.free_at)
    return count


def taken(pace: Pace, *, a_second: int, start: float = 0.0, seconds: int = 1) -> None:
    """The bus takes requests at that rate."""
    for index in range(a_second * seconds):
        pace.answered(start + index / a_second)


def against(takes: Callable[[float], bool], *, seconds: float = 60.0, pause: float = 0.1) -> tuple[int, int]:
    """Requests that a bus takes and refuses while sent as fast as learned, a pause after each refusal."""
    pace, now, counts = Pace(0), 0.0, [0, 0]
    while now < seconds:
        pace.sent(now)
        if takes(now):
            counts[0] += 1
            pace.answered(now)
            now = max(now + 0.001, pace.free_at)
        else:
            counts[1] += 1
            pace.throttled(now)
            now = max(now + pause, pace.free_at)
    return counts[0], counts[1]


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


def complain(pace: Pace, now: float, *, times: int = 20) -> None:
    """The bus refuses so many requests at one moment."""
    for _ in range(times):
        pace.throttled(now)


def test_throttling_teaches_a_rate_just_below_what_the_bus_took() -> None:
    """The most of the last seconds counts, not the lull or the pause of the very last."""
    pace = Pace(0)
    taken(pace, a_second=100)
    taken(pace, a_second=7, start=1.0)
    complain(pace, 2.0)
    assert pace.limit == pytest.approx(LEARNED_SHARE * 100)


def test_a_few_complaints_among_many_answers_teach_nothing() -> None:
    """One in twenty is tolerated, one more is not."""
    pace = Pace(0)
    taken(pace, a_second=95)
    complain(pace, 1.0, times=5)
    assert pace.limit == inf
    complain(pace, 1.0, times=1)
    assert pace.limit < inf


def test_what_the_bus_took_long_ago_does_not_count() -> None:
    """A burst of a while ago is no measure of now."""
    pace = Pace(0)
    taken(pace, a_second=1000)
    taken(pace, a_second=20, start=MEMORY_SECONDS + 1.0)
    complain(pace, MEMORY_SECONDS + 1.99)
    assert pace.limit == pytest.approx(LEARNED_SHARE * 20)


def test_the_learned_rate_rises_with_the_answers_up_to_what_is_configured() -> None:
    """By a tenth of itself in a second in which it is used up."""
    pace = Pace(200)
    taken(pace, a_second=100)
    complain(pace, 1.0)
    before = pace.limit
    taken(pace, a_second=95, start=1.0)
    assert pace.limit == pytest.approx(1.1 * before)
    taken(pace, a_second=1000, start=2.0, seconds=10)
    assert pace.limit == 200


@given(st.lists(st.tuples(st.booleans(), st.floats(0.001, 3.0)), max_size=50))
def test_the_learned_rate_has_a_floor_and_a_complaint_never_raises_it(
    steps: list[tuple[bool, float]],
) -> None:
    """Whatever happened before: a few requests a second always go."""
    pace, now = Pace(0), 0.0
    for takes, pause in steps:
        now += pause
        before = pace.limit
        if takes:
            pace.answered(now)
        else:
            pace.throttled(now)
            assert LEARNED_LEAST <= pace.limit <= before


@pytest.mark.parametrize("capacity", [10, 20, 200, 600])
def test_a_bus_of_a_fixed_rate_is_used_well_and_seldom_complains(capacity: int) -> None:
    """A minute against a bus that takes so many requests in each second: most of it used, few refused."""
    in_second: dict[int, int] = {}

    def takes(now: float) -> bool:
        in_second[int(now)] = in_second.get(int(now), 0) + 1
        return in_second[int(now)] <= capacity

    got, refused = against(takes)
    assert got >= 0.85 * 60 * capacity
    assert refused <= 0.15 * got


def test_a_bus_that_complains_without_need_is_hardly_slowed() -> None:
    """One in thirty requests, at any rate: hundreds a second still go."""
    asked = 0

    def takes(_: float) -> bool:
        nonlocal asked
        asked += 1
        return asked % 30 > 0

    got, _ = against(takes)
    assert got >= 60 * 150
