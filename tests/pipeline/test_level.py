"""The level of requests in flight: quick start, additive rise, multiplicative fall; all in numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pipeline.level import FAILURE_SHARE, LATENCY_SHARE, ROUND_LEAST, START, Level

QUICK = 0.030
SLOW = 0.300


class Traffic:
    """Requests one after another at a level, in waves that use up what may be in flight."""

    def __init__(self, maximum: int = 16) -> None:
        self.level = Level(maximum)
        self.now = 0.0

    def wave(self, *, seconds: float = QUICK, in_flight: int | None = None) -> int:
        """As many requests as may go, or fewer, sent together and answered together; the limit after it."""
        self.now += seconds
        for left in range(in_flight or self.level.limit, 0, -1):
            self.level.answered(self.now, seconds=seconds, in_flight=left)
        return self.level.limit

    def failing_wave(self, *, seconds: float = 10.0) -> int:
        """None of them is answered; the limit after it."""
        self.now += seconds
        for left in range(self.level.limit, 0, -1):
            self.level.failed(self.now, in_flight=left)
        return self.level.limit


def at_full_level() -> Traffic:
    """A bus that has shown to take sixteen at once, and how long it needs for that."""
    traffic = Traffic()
    for _ in range(20):
        traffic.wave()
    assert traffic.level.limit == 16
    return traffic


def test_it_begins_low_and_doubles_with_every_round_trip() -> None:
    """Up to the maximum, and no further."""
    traffic = Traffic()
    assert traffic.level.limit == START
    assert [traffic.wave() for _ in range(5)] == [4, 8, 16, 16, 16]


def test_a_maximum_of_one_is_kept() -> None:
    """One at a time, in good times and in bad ones."""
    traffic = Traffic(maximum=1)
    assert [traffic.wave(), traffic.failing_wave(), traffic.wave()] == [1, 1, 1]


def test_a_level_that_is_not_used_does_not_rise() -> None:
    """What was never tried is not known to be taken."""
    traffic = Traffic()
    traffic.wave()
    traffic.wave()
    limit = traffic.wave(in_flight=2)
    assert limit < 16
    assert [traffic.wave(in_flight=2) for _ in range(100)] == [limit] * 100


def test_a_wave_without_answers_halves_the_level_once() -> None:
    """The fifteen others say what the first one said."""
    traffic = at_full_level()
    assert [traffic.failing_wave() for _ in range(3)] == [
        16 * FAILURE_SHARE,
        16 * FAILURE_SHARE**2,
        16 * FAILURE_SHARE**3,
    ]


def test_it_never_falls_below_one() -> None:
    """However long nothing is answered."""
    traffic = at_full_level()
    assert [traffic.failing_wave() for _ in range(50)][-1] == 1


def test_after_trouble_it_rises_by_one_with_every_round() -> None:
    """No more doubling: what was too much is known."""
    traffic = at_full_level()
    traffic.failing_wave()
    assert [traffic.wave() for _ in range(10)] == [9, 10, 11, 12, 13, 14, 15, 16, 16, 16]


def test_requests_from_before_a_fall_do_not_lower_it_again() -> None:
    """They time out one by one, while those sent since are answered."""
    traffic = at_full_level()
    traffic.level.failed(traffic.now, in_flight=16)
    for _ in range(15):
        traffic.wave()
        traffic.level.failed(traffic.now, in_flight=9)
    assert traffic.level.limit == 16
    traffic.level.failed(traffic.now, in_flight=16)
    assert traffic.level.limit == 8


def test_late_answers_from_before_a_fall_do_not_raise_it() -> None:
    """They were sent while more was in flight."""
    traffic = at_full_level()
    traffic.level.failed(traffic.now, in_flight=16)
    for left in range(15, 0, -1):
        traffic.level.answered(traffic.now + 1.0, seconds=1.5, in_flight=left)
    assert traffic.level.limit == 8


def test_rising_latency_lowers_it_by_a_tenth_a_round() -> None:
    """Before anything is lost."""
    traffic = at_full_level()
    limits: dict[int, int] = {}
    for _ in range(60):
        traffic.level.answered(traffic.now + SLOW, seconds=SLOW, in_flight=16)
        limits[traffic.level.limit] = limits.get(traffic.level.limit, 0) + 1
    fallen = [int(16 * LATENCY_SHARE**rounds) for rounds in range(len(limits))]
    assert list(limits) == fallen
    assert list(limits.values())[1:-1] == fallen[1:-1]


def test_latency_that_falls_with_the_level_is_a_queue_and_keeps_it_low() -> None:
    """The bus works on four at once: latency is as long as the queue."""
    traffic = at_full_level()
    limits = [traffic.wave(seconds=QUICK * max(1.0, traffic.level.limit / 4)) for _ in range(200)]
    assert max(limits[20:]) <= 8
    assert min(limits) >= 4


def test_latency_that_does_not_fall_with_the_level_is_the_bus_s_own() -> None:
    """Holding back was of no use: the level goes back to where it was, and stays."""
    traffic = at_full_level()
    limits = [traffic.wave(seconds=SLOW) for _ in range(40)]
    assert min(limits) <= 8
    assert limits[-20:] == [16] * 20


def test_latency_is_no_matter_while_the_level_is_hardly_used() -> None:
    """One request at a time makes no queue, however long it takes."""
    traffic = at_full_level()
    for _ in range(10 * ROUND_LEAST):
        traffic.wave(in_flight=1)
    assert [traffic.wave(seconds=SLOW, in_flight=1) for _ in range(10 * ROUND_LEAST)][-1] == 16


@pytest.mark.parametrize("maximum", [1, 2, 16])
@given(steps=st.lists(st.tuples(st.booleans(), st.integers(1, 16), st.floats(0.0, 100.0)), max_size=200))
def test_it_stays_within_its_bounds(maximum: int, steps: list[tuple[bool, int, float]]) -> None:
    """Whatever happens, in whatever order: one request may always go, and never more than configured."""
    level, now = Level(maximum), 0.0
    for is_answered, in_flight, seconds in steps:
        now += seconds / 10
        if is_answered:
            level.answered(now, seconds=seconds, in_flight=in_flight)
        else:
            level.failed(now, in_flight=in_flight)
        assert 1 <= level.limit <= maximum
