"""May another request go now: level in flight, pauses, probing; numbers in, answers out."""

from math import inf

import pytest

from gateway.pipeline.level import START
from gateway.pipeline.pressure import (
    CALM_SECONDS,
    FAILURES_UNTIL_DOWN,
    HINT_LEAST_SECONDS,
    PAUSE_INITIAL_SECONDS,
    PAUSE_MAX_SECONDS,
    PROBE_SECONDS,
    REFUSALS_UNTIL_PAUSE,
    Health,
    Pressure,
)


def pressure(*, max_in_flight: int = 16) -> Pressure:
    """Without a configured rate, for a bus of which nothing is known."""
    return Pressure(max_in_flight=max_in_flight)


def answer(subject: Pressure, now: float, *, seconds: float = 0.03, in_flight: int = 1) -> None:
    """The bus takes a request."""
    subject.answered(now, seconds=seconds, in_flight=in_flight)


def answer_wave(subject: Pressure, now: float, *, hanging: int = 0) -> None:
    """It takes as many as may be in flight, beside those that hang."""
    for left in range(subject.limit, 0, -1):
        answer(subject, now, in_flight=hanging + left)


def at_full_level(now: float = 0.0) -> Pressure:
    """A bus that has shown to take sixteen at once."""
    subject = pressure()
    for wave in range(4):
        answer_wave(subject, now - 0.4 + 0.1 * wave)
    assert subject.limit == 16
    return subject


def throttle(subject: Pressure, now: float, *, retry_after_seconds: float | None = None) -> None:
    """The bus complains, and the dice are at their highest."""
    subject.throttled(now, retry_after_seconds=retry_after_seconds, jitter=1.0)


def throttle_until_paused(subject: Pressure, now: float) -> None:
    """So often that it is no chance."""
    for _ in range(REFUSALS_UNTIL_PAUSE):
        throttle(subject, now)


def fail(
    subject: Pressure, now: float, *, in_flight: int = 1, retry_after_seconds: float | None = None
) -> None:
    """A request gets no usable answer."""
    subject.unavailable(now, retry_after_seconds=retry_after_seconds, in_flight=in_flight)


def down(now: float = 0.0, *, max_in_flight: int = 16) -> Pressure:
    """A bus that has just been found to be down."""
    subject = pressure(max_in_flight=max_in_flight)
    for _ in range(FAILURES_UNTIL_DOWN):
        fail(subject, now)
    assert subject.health is Health.DOWN
    return subject


# The level.


def test_it_begins_with_few_requests_and_one_may_always_go() -> None:
    """Light load waits for nothing."""
    subject = pressure()
    assert subject.limit == START
    assert subject.next_allowed(0) == -inf
    assert subject.next_allowed(subject.limit) == inf


def test_up_to_the_limit_a_request_may_go_at_once() -> None:
    """The sixteenth goes, the seventeenth waits for an answer."""
    subject = at_full_level()
    assert subject.next_allowed(15) <= 0.0
    assert subject.next_allowed(16) == inf


def test_a_request_without_an_answer_halves_the_level() -> None:
    """Once, however many of those in flight follow it."""
    subject = at_full_level(now=5.0)
    fail(subject, 5.0, in_flight=16)
    fail(subject, 5.0, in_flight=15)
    assert subject.health is Health.UP
    assert subject.limit == 8


def test_one_reset_is_no_outage() -> None:
    """Two failures in a row stop nothing, and an answer lets the count start anew."""
    subject = pressure()
    for _ in range(3):
        fail(subject, 0.0)
        fail(subject, 0.0)
        assert subject.health is Health.UP
        assert subject.next_allowed(0) <= 0.0
        answer(subject, 0.0)


# Throttling.


def test_a_single_complaint_pauses_nothing() -> None:
    """It may be chance; else a fast bus that complains of one in a hundred stood still half the time."""
    subject = at_full_level(now=5.0)
    throttle(subject, 5.0)
    assert subject.health is Health.THROTTLED
    assert subject.limit == 16
    assert subject.next_allowed(0) <= 5.0


def test_several_complaints_in_a_row_pause_the_destination_and_halve_its_level() -> None:
    """Nothing goes before the pause is over."""
    subject = at_full_level(now=5.0)
    throttle_until_paused(subject, 5.0)
    assert subject.limit == 8
    assert subject.next_allowed(0) == 5.0 + PAUSE_INITIAL_SECONDS


def test_an_answer_between_two_complaints_lets_the_count_start_anew() -> None:
    """As many as make a pause, but never in a row."""
    subject = at_full_level(now=5.0)
    for _ in range(REFUSALS_UNTIL_PAUSE):
        throttle(subject, 5.0)
        answer(subject, 5.0)
    assert subject.next_allowed(0) <= 5.0


@pytest.mark.parametrize(("asked", "paused"), [(7.0, 7.0), (0.0, HINT_LEAST_SECONDS)])
def test_a_hint_is_honoured_from_the_first(asked: float, paused: float) -> None:
    """To the second; but a bus that says "at once" is not hammered."""
    subject = pressure()
    throttle(subject, 5.0, retry_after_seconds=asked)
    assert subject.next_allowed(0) == 5.0 + paused


def test_other_requests_that_were_in_flight_tell_nothing_new() -> None:
    """One wave of complaints halves and pauses once, and one late delivery in it does not end the trouble."""
    subject = at_full_level(now=5.0)
    for _ in range(15):
        throttle(subject, 5.0)
    answer(subject, 5.01, seconds=0.1)
    assert subject.limit == 8
    assert subject.health is Health.THROTTLED
    assert subject.next_allowed(0) == 5.0 + PAUSE_INITIAL_SECONDS


def test_a_later_and_longer_hint_prolongs_the_pause_and_a_shorter_does_not_end_it() -> None:
    """The longest of them counts."""
    subject = pressure()
    throttle(subject, 5.0, retry_after_seconds=3.0)
    throttle(subject, 5.5, retry_after_seconds=9.0)
    throttle(subject, 6.0, retry_after_seconds=1.0)
    assert subject.next_allowed(0) == 14.5


def test_pauses_grow_while_throttling_goes_on_and_begin_anew_with_an_answer() -> None:
    """Doubled each time, up to a bound."""
    subject, now, pauses = pressure(), 0.0, []
    throttle_until_paused(subject, now)
    for _ in range(12):
        pauses.append(subject.next_allowed(0) - now)
        now = subject.next_allowed(0)
        throttle(subject, now)
    assert pauses[:3] == pytest.approx([PAUSE_INITIAL_SECONDS * factor for factor in (1, 2, 4)])
    assert pauses[-1] == pytest.approx(PAUSE_MAX_SECONDS)
    now = subject.next_allowed(0)
    answer(subject, now)
    throttle_until_paused(subject, now)
    assert subject.next_allowed(0) - now == pytest.approx(PAUSE_INITIAL_SECONDS)


def test_once_a_rate_is_learned_it_holds_requests_back_and_the_level_does_not() -> None:
    """The same trouble is not answered twice."""
    subject, now = at_full_level(), 0.0
    for _ in range(100):
        now += 0.02
        throttle(subject, now)
        answer(subject, now, in_flight=1)
    assert subject.requests_per_second_limit < inf
    before = subject.limit
    throttle_until_paused(subject, now)
    assert subject.limit == before
    subject.sent(now)
    assert subject.next_allowed(0) > now + PAUSE_INITIAL_SECONDS / 2
    subject.drain()
    assert subject.requests_per_second_limit == inf


def test_a_hint_lowers_a_learned_rate_at_once() -> None:
    """Each costs a pause, so there shall be few."""
    subject, now = at_full_level(), 0.0
    for _ in range(100):
        now += 0.02
        throttle(subject, now)
        answer(subject, now)
    before = subject.requests_per_second_limit
    throttle(subject, now, retry_after_seconds=1.0)
    assert subject.requests_per_second_limit < before < inf


def test_the_bus_counts_as_up_again_once_it_has_been_calm() -> None:
    """Throttling that comes and goes is one trouble, and logged as one."""
    subject = pressure()
    throttle(subject, 0.0)
    healths = []
    for now in (CALM_SECONDS - 0.1, CALM_SECONDS):
        answer(subject, now)
        healths.append(subject.health)
    assert healths == [Health.THROTTLED, Health.UP]


# Probing.


def test_probes_that_hang_on_leave_room_for_the_start_but_count_for_what_is_configured() -> None:
    """Ten of sixteen slots are theirs until they time out; the others are free at once."""
    subject = down(now=5.0)
    for probes in range(11):
        subject.sent(6.0 + probes)
    answer(subject, 16.1, seconds=0.1, in_flight=11)
    assert subject.next_allowed(10) <= 16.1
    assert subject.next_allowed(10 + subject.limit) == inf
    for wave in range(4):
        answer_wave(subject, 16.2 + wave / 10, hanging=10)
    assert subject.next_allowed(15) <= 16.5
    assert subject.next_allowed(16) == inf


def test_a_bus_that_is_down_is_probed_once_a_second_even_while_probes_are_unanswered() -> None:
    """One that hangs holds each probe for its whole time-out."""
    subject = down(now=5.0)
    assert subject.is_probing
    assert subject.limit == 1
    for probes in range(16):
        assert subject.next_allowed(probes) == 5.0 + (probes + 1) * PROBE_SECONDS
        subject.sent(subject.next_allowed(probes))
    assert subject.next_allowed(16) == inf


def test_a_failed_probe_neither_hastens_nor_delays_the_next() -> None:
    """A second from one to the next, whenever the answer comes."""
    subject = down(now=5.0)
    subject.sent(6.0)
    fail(subject, 6.7)
    assert subject.next_allowed(0) == 6.0 + PROBE_SECONDS


def test_with_one_request_at_a_time_a_probe_waits_for_the_one_before() -> None:
    """What is configured holds for probes too."""
    subject = down(max_in_flight=1)
    subject.sent(1.0)
    assert subject.next_allowed(1) == inf
    fail(subject, 11.0)
    assert subject.next_allowed(0) <= 11.0


def test_a_bus_that_answers_again_gets_its_requests_at_once() -> None:
    """Neither the probe's pause nor its single slot outlast the outage: a quick start follows."""
    subject = down(now=5.0)
    subject.sent(6.0)
    answer(subject, 6.2)
    assert subject.health is Health.UP
    assert not subject.is_probing
    assert subject.next_allowed(0) <= 6.2
    for wave in range(3):
        answer_wave(subject, 6.3 + wave / 10)
    assert subject.limit == 16


def test_what_becomes_of_other_probes_after_the_return_tells_nothing() -> None:
    """Ten of them run into their time-outs later, and one is answered late."""
    subject = down(now=5.0)
    for probes in range(11):
        subject.sent(6.0 + probes)
    answer(subject, 16.1, seconds=0.1, in_flight=11)
    for wave in range(4):
        answer_wave(subject, 16.2 + wave / 10, hanging=10)
    answer(subject, 16.9, seconds=8.0, in_flight=10)
    for left in range(9, 0, -1):
        fail(subject, 26.0 - left, in_flight=left)
    assert subject.health is Health.UP
    assert subject.limit == 16
    fail(subject, 27.0, in_flight=16)
    assert subject.limit == 8


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
    subject.sent(6.0)
    subject.blocked(6.1)
    assert subject.next_allowed(0) == 6.0 + PROBE_SECONDS
    answer(subject, 6.2)
    assert not subject.is_probing
    assert subject.next_allowed(0) <= 6.2


@pytest.mark.parametrize("failures", [1, FAILURES_UNTIL_DOWN])
def test_an_unavailable_bus_that_says_when_to_come_again_is_left_alone_until_then(failures: int) -> None:
    """Its 503 may carry `Retry-After`, from the first one on, and probes keep to it."""
    subject = pressure()
    for _ in range(failures):
        fail(subject, 10.0, retry_after_seconds=7.0)
    assert subject.next_allowed(0) == 17.0
