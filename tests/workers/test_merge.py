"""Several workers' figures as one: what the table of metrics says, for any figures."""

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import given

from gateway.metrics import METRICS, Merge, MetricDefinition
from gateway.snapshots import Histogram, LastError, Snapshot
from gateway.workers.merge import merged
from tests.workers.snapshots import snapshot, some_snapshot, statistics

COMBINE: Mapping[Merge, Callable[[Any, Any], Any]] = {
    Merge.SUM: lambda one, other: one + other,
    Merge.MAXIMUM: max,
    Merge.MINIMUM: min,
}


def samples(definition: MetricDefinition, taken: Snapshot) -> dict[tuple[str, ...], Any]:
    """By labels; a histogram as its counts and its sum."""
    return {labels: plain(value) for labels, value in definition.read(taken)}


def plain(value: float | Histogram) -> Any:
    return (*value.counts, value.total) if isinstance(value, Histogram) else value


def together(merge: Merge, one: Any, other: Any) -> Any:
    """What two workers' samples make, by the table's word alone."""
    if isinstance(one, tuple):
        return tuple(map(COMBINE[merge], one, other))
    return COMBINE[merge](one, other)


@given(some_snapshot(), some_snapshot())
def test_every_metric_of_two_workers_adds_up_as_its_definition_says(one: Snapshot, other: Snapshot) -> None:
    """Sum, maximum or minimum, label by label; what one worker alone has stays as it is."""
    both = merged([one, other])
    for definition in METRICS:
        first, second = samples(definition, one), samples(definition, other)
        expected = {
            labels: together(definition.merge, first[labels], second[labels])
            if labels in first and labels in second
            else first.get(labels, second.get(labels))
            for labels in {**first, **second}
        }
        assert samples(definition, both) == expected, definition.name


@given(some_snapshot(), some_snapshot(), some_snapshot())
def test_workers_may_be_added_up_in_any_order(one: Snapshot, two: Snapshot, three: Snapshot) -> None:
    """And in any groups."""
    at_once, grouped = merged([one, two, three]), merged([three, merged([two, one])])
    for definition in METRICS:
        assert samples(definition, at_once) == samples(definition, grouped), definition.name


@given(some_snapshot(), some_snapshot())
def test_the_workers_own_figures_stay_as_they_are(one: Snapshot, other: Snapshot) -> None:
    """They are added up again at the next scrape."""
    before = [samples(definition, one) for definition in METRICS]
    merged([one, other])
    assert [samples(definition, one) for definition in METRICS] == before


@given(some_snapshot(), some_snapshot())
def test_what_is_unaccounted_for_adds_up(one: Snapshot, other: Snapshot) -> None:
    """The sum that must hold for each worker holds for all, or is out by as much as theirs together."""
    both = merged([one, other])
    for name in ("a", "b"):
        parts = [each.destinations[name].unaccounted for each in (one, other)]
        assert both.destinations[name].unaccounted == sum(parts)


def test_the_worst_health_and_the_latest_error_stand_for_all() -> None:
    """An operator looks for trouble."""
    early, late = LastError(1.0, "early", ""), LastError(2.0, "late", "")
    one = snapshot(bus=statistics(health="throttled", last_error=late))
    two = snapshot(bus=statistics(health="blocked", last_error=early))
    three = snapshot(bus=statistics(health="up"))
    found = merged([three, one, two]).destinations["bus"]
    assert (found.health, found.last_error) == ("blocked", late)


def test_no_worker_is_a_gateway_of_which_nothing_is_known() -> None:
    """At the very start, before the first has spoken."""
    nobody = merged([])
    assert (nobody.workers.alive, nobody.destinations) == (0, {})
