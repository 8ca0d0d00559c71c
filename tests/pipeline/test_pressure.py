"""May another request go now: level in flight, pauses, probing; numbers in, answers out."""

from math import inf

import pytest

from gateway.pipeline.pressure import (
    CALM_SECONDS,
    FAILURES_UNTIL_DOWN,
    PAUSE_INITIAL_SECONDS,
    PAUSE_MAX_SECONDS,
    PROBE_SECONDS,
    Health,
    Pressure,
)


def pressure(*, max_in_flight: int = 16) -> Pressure:
    """Without a configured rate."""
    return Pressure(max_in_flight=max_in_flight)


def throttle(subject: Pressure, now: float, *, retry_after_seconds: float | None = None) -> None:
    """The bus complains, and the dice are at their highest."""
    subject.throttled(now, retry_after_seconds=retry_after_seconds, jitter=1.0)


def down(now: float = 0.0) -> Pressure:
    """A bus that has just been found to be down."""
    subject = pressure()
    for _ in range(FAILURES_UNTIL_DOWN):
        subject.unavailable(now, retry_after_seconds=None)
    assert subject.health is Health.DOWN
    return subject


def test_up_to_the_limit_a_request_may_go_at_once() -> None:
    """The sixteenth goes, the seventeenth waits for an answer."""
    subject = pressure()
    assert subject.limit == 16
    assert subject.next_allowed(15) <= 0.0
    assert subject.next_allowed(16) == inf


def test_throttling_pauses_the_destination_and_halves_its_level() -> None:
    """Nothing goes before the pause is over."""
    subject = pressure()
    throttle(subject, 5.0)
    assert subject.health is Health.THROTTLED
    assert subject.limit == 8
    assert subject.next_allowed(0) == 5.0 + PAUSE_INITIAL_SECONDS


@pytest.mark.parametrize(("asked", "paused"), [(7.0, 7.0), (0.0, PAUSE_INITIAL_SECONDS)])
def test_a_hint_is_honoured(asked: float, paused: float) -> None:
    """To the second; but a bus that says "at once" is not hammered."""
    subject = pressure()
    throttle(subject, 5.0, retry_after_seconds=asked)
    assert subject.next_allowed(0) == 5.0 + paused


def test_other_requests_that_were_in_flight_tell_nothing_new() -> None:
    """One wave of complaints halves once, and one late delivery in it does not end the trouble."""
    subject = pressure()
    for _ in range(5):
        throttle(subject, 5.0)
    subject.answered(5.01)
    assert subject.limit == 8
    assert subject.health is Health.THROTTLED
    assert subject.next_allowed(0) == pytest.approx(5.0 + PAUSE_INITIAL_SECONDS, abs=0.11)


def test_a_later_and_longer_hint_prolongs_the_pause_and_a_shorter_does_not_end_it() -> None:
    """The longest of them counts."""
    subject = pressure()
    throttle(subject, 5.0, retry_after_seconds=3.0)
    throttle(subject, 5.5, retry_after_seconds=9.0)
    throttle(subject, 6.0, retry_after_seconds=1.0)
    assert subject.next_allowed(0) == 14.5


def test_pauses_grow_while_throttling_goes_on() -> None:
    """Doubled each time, up to a bound."""
    subject, now, pauses = pressure(), 0.0, []
    for _ in range(9):
        throttle(subject, now)
        pauses.append(subject.next_allowed(0) - now)
        now = subject.next_allowed(0)
    assert pauses[:3] == pytest.approx([0.1, 0.2, 0.4])
    assert pauses[-1] == pytest.approx(PAUSE_MAX_SECONDS)


def test_the_level_never_falls_below_one_and_rises_again_with_the_answers() -> None:
    """By one with every level's worth of answers, up to what is configured."""
    subject, now = pressure(max_in_flight=4), 0.0
    for _ in range(6):
        throttle(subject, now)
        now = subject.next_allowed(0)
    assert subject.limit == 1
    subject.answered(now)
    assert subject.limit == 2
    for _ in range(100):
        subject.answered(now)
    assert subject.limit == 4


def test_the_bus_counts_as_up_again_once_it_has_been_calm() -> None:
    """Throttling that comes and goes is one trouble, and logged as one."""
    subject = pressure()
    throttle(subject, 0.0)
    healths = []
    for now in (CALM_SECONDS - 0.1, CALM_SECONDS):
        subject.answered(now)
        healths.append(subject.health)
    assert healths == [Health.THROTTLED, Health.UP]


def test_one_reset_is_no_outage() -> None:
    """Two failures in a row change nothing, and an answer lets the count start anew."""
    subject = pressure()
    for _ in range(3):
        subject.unavailable(0.0, retry_after_seconds=None)
        subject.unavailable(0.0, retry_after_seconds=None)
        assert subject.health is Health.UP
        assert subject.next_allowed(0) <= 0.0
        subject.answered(0.0)


def test_a_bus_that_is_down_is_probed_once_a_second() -> None:
    """One request at a time, a second after the last one failed."""
    subject = down(now=5.0)
    assert subject.is_probing
    assert subject.limit == 1
    assert subject.next_allowed(0) == 5.0 + PROBE_SECONDS
    assert subject.next_allowed(1) == inf
    subject.unavailable(6.5, retry_after_seconds=None)
    assert subject.next_allowed(0) == 6.5 + PROBE_SECONDS


def test_a_bus_that_answers_again_gets_everything_at_once() -> None:
    """Neither the probe's pause nor its single slot outlast the outage."""
    subject = down(now=5.0)
    subject.answered(5.2)
    assert subject.health is Health.UP
    assert not subject.is_probing
    assert subject.limit == 16
    assert subject.next_allowed(15) <= 5.2


def test_a_bus_that_comes_back_by_throttling_is_no_longer_probed() -> None:
    """It answers; the level and the pause bound what goes."""
    subject = down(now=5.0)
    throttle(subject, 6.0)
    assert subject.health is Health.THROTTLED
    assert not subject.is_probing


def test_a_fault_that_an_operator_must_mend_is_tried_once_a_second() -> None:
    """From the first answer that says so."""
    subject = pressure()
    subject.blocked(5.0)
    assert subject.health is Health.BLOCKED
    assert subject.is_probing
    assert subject.limit == 1
    assert subject.next_allowed(0) == 5.0 + PROBE_SECONDS
    subject.answered(6.0)
    assert not subject.is_probing
    assert subject.next_allowed(15) <= 6.0


def test_an_unavailable_bus_that_says_when_to_come_again_is_left_alone_until_then() -> None:
    """Its 503 may carry `Retry-After`, from the first one on."""
    subject = pressure()
    subject.unavailable(10.0, retry_after_seconds=7.0)
    assert subject.next_allowed(0) == 17.0
