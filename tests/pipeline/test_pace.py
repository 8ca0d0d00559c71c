"""Requests a second: what is configured, and what is learned under throttling."""

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pipeline.pace import (
    CALM_ROUNDS,
    FALL_SHARE,
    LEARNED_LEAST,
    RISE_MOST_SHARE,
    RISE_SHARE,
    TIMER_BURST_SECONDS,
    TOLERATED_SHARE,
    Pace,
)


def send_as_fast_as_allowed(pace: Pace, start: float, seconds: float) -> int:
    """How many requests go from `start` on, in so many seconds."""
    count, now = 0, max(start, pace.free_at)
    while now < start + seconds:
        pace.sent(now)
        count += 1
        now = max(now, pace.free_at)
    return count


def second(pace: Pace, number: int, *, taken: int, refused: int = 0) -> float:
    """What the bus answers in that second, evenly; the limit after it."""
    answers = taken + refused
    for index in range(answers):
        now = number + (index + 1) / answers
        if index * refused // answers < (index + 1) * refused // answers:
            pace.throttled(now)
        else:
            pace.answered(now)
    return pace.limit


def learned(rate: int, *, configured: float = 0) -> Pace:
    """A pace that has just learned that the bus takes so many a second; the fourth second comes next."""
    pace = Pace(configured)
    for number in range(4):
        second(pace, number, taken=rate, refused=rate if number < 2 else 0)
    assert pace.is_learned
    return pace


def test_without_a_rate_nothing_is_spaced() -> None:
    """Any number may go at one moment."""
    pace = Pace(0)
    for _ in range(1000):
        pace.sent(1.0)
    assert pace.free_at == -inf
    assert pace.limit == inf


@pytest.mark.parametrize("rate", [0.5, 5, 50, 5000])
def test_the_configured_rate_is_kept(rate: float) -> None:
    """Over ten seconds it is used up, and not exceeded by more than the burst."""
    count = send_as_fast_as_allowed(Pace(rate), 100.0, 10.0)
    assert 10 * rate <= count <= 10 * rate + max(1, TIMER_BURST_SECONDS * rate)


@pytest.mark.parametrize(("rate", "burst"), [(0.5, 1), (9, 1), (10, 1), (50, 5), (5000, 500)])
def test_idle_time_is_not_saved_up(rate: float, burst: int) -> None:
    """After an hour of nothing a tenth of a second's worth goes at once, and one at the least."""
    pace = Pace(rate)
    pace.sent(0.0)
    assert send_as_fast_as_allowed(pace, 3600.0, 1e-6) == burst


@given(st.floats(0.5, 500), st.lists(st.floats(0, 3), max_size=60))
def test_no_second_has_more_than_the_configured_rate_and_the_burst(rate: float, idle: list[float]) -> None:
    """Wherever it begins, and however long nothing was sent before."""
    pace, now, sent = Pace(rate), 0.0, list[float]()
    for pause in idle:
        now = max(now + pause, pace.free_at)
        pace.sent(now)
        sent.append(now)
    for begin in sent:
        most = rate + max(1.0, TIMER_BURST_SECONDS * rate) + 1e-6
        assert len([at for at in sent if begin <= at < begin + 1]) <= most


def test_throttling_teaches_a_rate_just_below_what_the_bus_took() -> None:
    """Half of two hundred a second was refused: a hundred, less a little."""
    pace = Pace(0)
    second(pace, 0, taken=100, refused=100)
    assert second(pace, 1, taken=100, refused=100) == pytest.approx(FALL_SHARE * 100, rel=0.02)


def test_a_few_complaints_among_many_answers_teach_nothing() -> None:
    """One in twenty is tolerated, more are not."""
    pace, few = Pace(0), round(TOLERATED_SHARE * 100)
    for number in range(60):
        assert second(pace, number, taken=100 - few, refused=few) == inf
    second(pace, 60, taken=90, refused=10)
    assert second(pace, 61, taken=90, refused=10) < inf


def test_three_complaints_alone_teach_nothing_yet() -> None:
    """A rate is judged by twenty answers, or by those of five seconds."""
    pace = Pace(0)
    for now in (0.0, 1.5, 3.0):
        pace.throttled(now)
        assert pace.limit == inf
    pace.throttled(5.0)
    assert pace.limit == LEARNED_LEAST


def test_the_round_after_a_fall_does_not_lower_it_again() -> None:
    """The bus still counts what came before."""
    pace = Pace(0)
    second(pace, 0, taken=100, refused=100)
    rate = second(pace, 1, taken=100, refused=100)
    assert second(pace, 2, taken=50, refused=50) == rate
    second(pace, 3, taken=50, refused=50)
    assert second(pace, 4, taken=50, refused=50) < rate


def test_the_learned_rate_rises_slowly_at_first_then_ever_faster() -> None:
    """By a hundredth a second for as long as it may be at the limit still; then there seems to be none."""
    pace = learned(100)
    limits = [second(pace, number, taken=round(pace.limit)) for number in range(4, 18)]
    rises = [after / before - 1 for before, after in pairwise(limits)]
    assert rises[0] == pytest.approx(RISE_SHARE)
    assert rises == sorted(rises)
    assert rises[CALM_ROUNDS + 1] > RISE_SHARE
    assert rises[-1] == pytest.approx(RISE_MOST_SHARE)


def test_a_rate_that_is_not_used_does_not_rise() -> None:
    """A lull teaches nothing."""
    pace = learned(100)
    before = second(pace, 4, taken=30)
    for number in range(5, 100):
        second(pace, number, taken=30)
    assert pace.limit == before


def test_what_is_configured_bounds_what_is_learned() -> None:
    """However much the bus takes."""
    pace = learned(100, configured=150)
    for number in range(4, 60):
        second(pace, number, taken=round(pace.limit))
    assert pace.limit == 150


def test_what_was_learned_can_be_forgotten() -> None:
    """At once, and what was configured stays."""
    pace = learned(100, configured=150)
    pace.forget()
    assert pace.limit == 150
    unbounded = learned(100)
    unbounded.sent(10.0)
    unbounded.forget()
    assert unbounded.free_at == -inf


@given(st.lists(st.tuples(st.booleans(), st.floats(0.001, 3.0)), max_size=200))
def test_the_learned_rate_has_a_floor_and_a_complaint_hardly_raises_it(
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
        assert LEARNED_LEAST <= pace.limit <= max(LEARNED_LEAST, (1 + RISE_MOST_SHARE) * before)
