"""Again, when, or never; and the queue of what waits for its next attempt."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pipeline.retry import Company, GiveUp, GiveUpReason, RetryAt, RetryQueue
from gateway.sender import Retry, RetryAlone
from tests.support.build import entries, entry, policy

FAILED = Retry("failed")


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 0.1), (2, 0.2), (3, 0.4), (9, 25.6), (10, 30.0), (5000, 30.0)]
)
def test_the_backoff_doubles_up_to_its_bound(attempt: int, seconds: float) -> None:
    """With the dice at their highest it is the whole ceiling, however many attempts there were."""
    assert policy().backoff_seconds(attempt, 1.0) == pytest.approx(seconds)


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_jitter_takes_up_to_half_of_the_backoff(attempt: int, jitter: float) -> None:
    """Never nothing: entries that fail together must not come back at once."""
    ceiling = policy().backoff_seconds(attempt, 1.0)
    assert ceiling / 2 <= policy().backoff_seconds(attempt, jitter) <= ceiling


def test_a_failed_entry_is_sent_again_after_its_backoff() -> None:
    """Counted from the moment of the failure."""
    decision = policy().decide(FAILED, entry(attempt=2), now=10.0, jitter=0.0)
    assert decision == RetryAt(10.1)


def test_by_default_only_age_counts() -> None:
    """`max_attempts` 0: after a thousand attempts an entry is still tried."""
    assert isinstance(policy().decide(FAILED, entry(attempt=1000), now=1.0, jitter=0.0), RetryAt)


@pytest.mark.parametrize("outcome", [FAILED, RetryAlone("unclear")])
def test_an_entry_that_was_sent_as_often_as_configured_is_given_up(outcome: Retry | RetryAlone) -> None:
    """The third attempt of three was the last."""
    three = policy(max_attempts=3)
    assert isinstance(three.decide(outcome, entry(attempt=2), now=1.0, jitter=0.0), RetryAt)
    assert three.decide(outcome, entry(attempt=3), now=1.0, jitter=0.0) == GiveUp(GiveUpReason.ATTEMPTS)


@pytest.mark.parametrize(("configured", "of_outcome", "last"), [(0, 2, 2), (5, 2, 2), (2, 5, 2)])
def test_the_smaller_bound_on_attempts_counts(configured: int, of_outcome: int, last: int) -> None:
    """Codes of which nobody knows whether they pass bring a bound of their own."""
    outcome = Retry("odd", max_attempts=of_outcome)
    both = policy(max_attempts=configured)
    assert isinstance(both.decide(outcome, entry(attempt=last - 1), now=1.0, jitter=0.0), RetryAt)
    assert both.decide(outcome, entry(attempt=last), now=1.0, jitter=0.0) == GiveUp(GiveUpReason.ATTEMPTS)


def test_an_entry_that_has_grown_too_old_expires() -> None:
    """At its age exactly, whatever attempts are left."""
    short = policy(max_age_seconds=5.0)
    old = entry(arrived_at=1.0, attempt=1)
    assert short.expires_at(old) == 6.0
    assert not short.is_expired(old, 5.999)
    assert short.is_expired(old, 6.0)
    assert short.decide(FAILED, old, now=6.0, jitter=0.0) == GiveUp(GiveUpReason.EXPIRED)


def test_an_empty_queue_has_nothing_to_say() -> None:
    """Nothing due, ever; nothing to pop."""
    queue = RetryQueue()
    assert queue.next_due() == queue.oldest_arrival() == inf
    assert queue.pop_due(inf) is None
    assert queue.pop_next() is None
    assert queue.give_back() == []


def test_entries_come_back_when_they_are_due_and_not_before() -> None:
    """The earliest first, those of the same moment in the order in which they were added."""
    queue = RetryQueue()
    for name, due in (("c", 3.0), ("a", 1.0), ("b", 1.0)):
        queue.add([entry(name)], due)
    assert queue.next_due() == 1.0
    assert queue.pop_due(0.999) is None
    popped = [queue.pop_due(1.0), queue.pop_due(1.0)]
    assert [each.entries[0].event.id for each in popped if each] == ["a", "b"]
    assert queue.pop_due(1.0) is None
    assert queue.waiting_events == 1


def test_a_probe_takes_the_next_group_due_or_not() -> None:
    """A bus that may be back is asked with whatever waits."""
    queue = RetryQueue()
    queue.add(entries(1, 1), 30.0, Company.SAME)
    waiting = queue.pop_next()
    assert waiting is not None
    assert len(waiting.entries) == 2
    assert waiting.company is Company.SAME
    assert queue.waiting_events == 0


def test_hastened_entries_are_due_at_once_and_none_is_put_off() -> None:
    """What was due earlier stays so."""
    queue = RetryQueue()
    for name, due in (("late", 30.0), ("soon", 1.0)):
        queue.add([entry(name)], due)
    queue.hasten(5.0)
    assert queue.next_due() == 1.0
    queue.pop_next()
    assert queue.next_due() == 5.0


def test_expired_entries_are_taken_out_of_their_group() -> None:
    """The younger ones of the group stay, with their company and due time."""
    queue = RetryQueue()
    queue.add([entry("old", arrived_at=0.0), entry("young", arrived_at=4.0)], 9.0, Company.SAME)
    queue.add([entry("other", arrived_at=0.0)], 9.5)
    expired = queue.remove_expired(policy(max_age_seconds=5.0), 6.0)
    assert [each.event.id for each in expired] == ["old", "other"]
    assert queue.waiting_events == 1
    assert queue.oldest_arrival() == 4.0
    waiting = queue.pop_due(9.0)
    assert waiting is not None
    assert [each.event.id for each in waiting.entries] == ["young"]
    assert waiting.company is Company.SAME


def test_everything_can_be_taken_back() -> None:
    """By due time, and nothing waits any more."""
    queue = RetryQueue()
    queue.add([entry("b")], 2.0)
    queue.add([entry("a")], 1.0)
    assert [each.event.id for each in queue.give_back()] == ["a", "b"]
    assert queue.waiting_events == 0
    assert queue.next_due() == inf
