"""Requests a second: what is configured, and what is learned under throttling."""

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pipeline.pace import (
    CALM_GROWTHS,
    FALL_SHARE,
    FORGOTTEN_SECONDS,
    LEARNED_LEAST,
    PAUSE_HOLDS,
    RISE_GROWTH,
    RISE_MOST_SHARE,
    RISE_SHARE,
    ROUND_MOST_SECONDS,
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
    """A rate is judged by twenty answers, or by those of three seconds."""
    pace = Pace(0)
    for now in (0.0, 1.0, 2.0):
        pace.throttled(now)
        assert pace.limit == inf
    pace.throttled(ROUND_MOST_SECONDS)
    assert pace.limit == LEARNED_LEAST


def test_when_much_is_refused_half_a_second_is_enough_to_learn_from() -> None:
    """Else a bus that is far too slow would be hammered for the whole of the first."""
    pace = Pace(0)
    assert second(pace, 0, taken=100, refused=100) == pytest.approx(FALL_SHARE * 100, rel=0.05)


def test_the_round_after_a_fall_does_not_lower_it_again() -> None:
    """The bus still counts what came before."""
    pace = Pace(0)
    second(pace, 0, taken=100, refused=20)
    rate = second(pace, 1, taken=100, refused=20)
    assert rate < inf
    assert second(pace, 2, taken=75, refused=25) == rate
    second(pace, 3, taken=75, refused=25)
    assert second(pace, 4, taken=75, refused=25) < rate


def rises(pace: Pace, *, refused: int) -> list[float]:
    """The shares by which the rate grows from second to second after its first fall, if all of it is used."""
    second(pace, 0, taken=100, refused=20)
    limits = [second(pace, 1, taken=100, refused=20)]
    limits += [
        second(pace, number, taken=round(limits[-1]) - refused, refused=refused) for number in range(2, 5)
    ]
    for number in range(5, 14):
        limits.append(second(pace, number, taken=round(pace.limit) - refused, refused=refused))
    return [after / before - 1 for before, after in pairwise(limits)]


def test_the_learned_rate_rises_slowly_at_first_then_ever_faster() -> None:
    """By a hundredth a second for as long as it may be at the limit still; then there seems to be none."""
    shares = [share for share in rises(Pace(0), refused=0) if 0 < share < inf]
    assert shares[0] == pytest.approx(RISE_SHARE)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(RISE_MOST_SHARE)


def test_while_something_is_refused_the_rate_rises_less_fast() -> None:
    """Two of a hundred may be chance, or the first sign of a limit."""
    shares = rises(Pace(0), refused=2)
    assert max(shares) == pytest.approx(RISE_SHARE * RISE_GROWTH**CALM_GROWTHS)


def test_a_rate_that_is_not_used_does_not_rise_and_is_forgotten_after_a_while() -> None:
    """A lull teaches nothing, and what was learned before it may no longer be so."""
    pace = learned(100)
    limits = [second(pace, number, taken=30) for number in range(4, 20)]
    begin, end = round(FORGOTTEN_SECONDS) - 4, round(FORGOTTEN_SECONDS)
    assert len(set(limits[1:begin])) == 1
    assert limits[end:] == [inf] * len(limits[end:])


def test_a_rate_that_is_refused_now_and_then_is_not_forgotten() -> None:
    """However little of it is used."""
    pace = learned(100)
    for number in range(4, 60):
        second(pace, number, taken=29, refused=1)
    assert pace.is_learned


def test_what_is_refused_at_any_rate_lowers_it_only_for_a_while() -> None:
    """One in ten of 400 a second, and of all that the rate falls to: so it has no limit."""
    pace, limits = Pace(0), list[float]()
    for number in range(30):
        rate = min(pace.limit, 400)
        limits.append(second(pace, number, taken=round(0.9 * rate), refused=round(0.1 * rate)))
    assert min(limits) < 400
    assert limits[15:] == [inf] * 15


def test_a_refusal_that_pauses_everything_lowers_a_learned_rate_at_once_and_holds_it() -> None:
    """To just below the last that was not refused, for several times the pause."""
    pace = learned(100)
    before = pace.limit
    pace.throttled(4.0, pause_seconds=1.0)
    lowered = pace.limit
    pace.throttled(4.1, pause_seconds=1.0)
    assert lowered < before
    limits = [second(pace, number, taken=round(lowered)) for number in range(5, 20)]
    assert limits[: round(PAUSE_HOLDS) - 1] == [lowered] * (round(PAUSE_HOLDS) - 1)
    assert limits[-1] > lowered


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


@given(st.lists(st.tuples(st.booleans(), st.floats(0.001, 3.0), st.sampled_from([0.0, 1.0])), max_size=200))
def test_the_learned_rate_has_a_floor(steps: list[tuple[bool, float, float]]) -> None:
    """Whatever happened before: a few requests a second always go."""
    pace, now = Pace(0), 0.0
    for takes, seconds, pause_seconds in steps:
        now += seconds
        if takes:
            pace.answered(now)
        else:
            pace.throttled(now, pause_seconds=pause_seconds)
        assert pace.limit >= LEARNED_LEAST
