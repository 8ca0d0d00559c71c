"""Plain counts: histograms, and the sums that must hold."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.snapshots import DestinationCounters, DestinationStatistics, Histogram, count

BOUNDS = (1.0, 2.0, 5.0)


def statistics(
    counters: DestinationCounters, *, buffered: int = 0, in_flight: int = 0, retrying: int = 0
) -> DestinationStatistics:
    """Of a destination that holds so much."""
    return DestinationStatistics(
        counters=counters,
        buffered=buffered,
        in_flight=in_flight,
        retrying=retrying,
        buffer_bytes=0,
        buffer_max_bytes=1,
        buffer_max_events=1,
        oldest_age_seconds=0.0,
        seconds_to_full=0.0,
        requests_saved=0,
        in_flight_limit=1,
        requests_per_second_limit=inf,
        requests_in_flight=0,
        accepted_per_second=0.0,
        delivered_per_second=0.0,
        health="up",
        last_error=None,
    )


@pytest.mark.parametrize(("value", "bucket"), [(0.5, 0), (1.0, 0), (1.1, 1), (5.0, 2), (5.1, 3)])
def test_a_value_is_counted_in_the_first_bucket_that_reaches_up_to_it(value: float, bucket: int) -> None:
    """A bound belongs to its own bucket, as Prometheus has it; what is over all goes to the last."""
    histogram = Histogram(BOUNDS)
    histogram.observe(value)
    assert [index for index, number in enumerate(histogram.counts) if number] == [bucket]
    assert histogram.total == value


@given(st.lists(st.floats(0, 10), min_size=1, max_size=20))
def test_observing_a_range_is_observing_each_or_nothing(values: list[float]) -> None:
    """One step where one bucket holds all; otherwise nothing is counted, and the answer is no."""
    at_once, one_by_one = Histogram(BOUNDS), Histogram(BOUNDS)
    for value in values:
        one_by_one.observe(value)
    if at_once.observe_range(min(values), max(values), count=len(values), total=sum(values)):
        assert at_once.counts == one_by_one.counts
        assert at_once.total == pytest.approx(one_by_one.total)
    else:
        assert sum(at_once.counts) == at_once.total == 0
        assert sum(number > 0 for number in one_by_one.counts) > 1


def test_labels_are_counted_apart() -> None:
    """By one or by several, from zero."""
    counters = {"known": 0}
    count(counters, "known")
    count(counters, "new", 3)
    count(counters, "new")
    assert counters == {"known": 1, "new": 4}


def test_held_is_buffered_in_flight_and_retrying() -> None:
    """The three states, and no fourth."""
    assert statistics(DestinationCounters(), buffered=1, in_flight=2, retrying=4).held == 7


def test_an_event_too_few_or_too_many_is_unaccounted() -> None:
    """Accepted less delivered, dead-lettered by any reason, expired and held."""
    counters = DestinationCounters(
        accepted=20, delivered=5, expired=2, dead_lettered={"rejected": 3, "attempts": 1}
    )
    assert statistics(counters, buffered=4, in_flight=3, retrying=2).unaccounted == 0
    assert statistics(counters, buffered=3, in_flight=3, retrying=2).unaccounted == 1
    assert statistics(counters, buffered=5, in_flight=3, retrying=2).unaccounted == -1


def test_counters_share_nothing() -> None:
    """Each destination counts for itself."""
    one, other = DestinationCounters(), DestinationCounters()
    count(one.retried, "failed")
    one.linger_seconds.observe(1.0)
    assert other.retried == {}
    assert other.linger_seconds.total == 0
