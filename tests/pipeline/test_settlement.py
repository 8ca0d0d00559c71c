"""What becomes of each entry of an answered batch: each in exactly one place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pipeline.retry import Company, GiveUpReason, RetryPolicy
from gateway.pipeline.settlement import halves, settle
from gateway.sender import Delivered, Hold, Outcome, Rejected, Retry, RetryAlone, RetryReason
from tests.support.build import entries, policy

OUTCOMES = st.sampled_from(
    [
        Delivered("bus-1"),
        Retry("slow", reason=RetryReason.THROTTLED),
        Retry("broken", max_attempts=1),
        RetryAlone("unclear"),
        Hold("no_rights"),
        Rejected("bad"),
    ]
)


@given(st.lists(OUTCOMES, max_size=12))
def test_every_entry_is_in_exactly_one_place(outcomes: list[Outcome]) -> None:
    """Whatever the mixture: nothing lost, nothing twice."""
    batch = entries(*[1] * len(outcomes))
    settlement = settle(batch, outcomes, policy(), now=1.0, jitter=0.5)
    placed = [entry for entry, _ in settlement.delivered]
    placed += [entry for again in settlement.again for entry in again.entries]
    placed += settlement.held
    placed += [each.entry for each in settlement.given_up]
    assert sorted(entry.event.id for entry in placed) == sorted(entry.event.id for entry in batch)
    again = sum(len(again.entries) for again in settlement.again)
    assert sum(settlement.retried.values()) == again + len(settlement.held)


def test_delivered_entries_carry_the_name_that_the_bus_gave() -> None:
    """And spend no attempt."""
    batch = entries(1, 1)
    settlement = settle(batch, [Delivered("a"), Delivered()], policy(), now=1.0, jitter=0.0)
    assert settlement.delivered == [(batch[0], "a"), (batch[1], None)]
    assert [entry.attempt for entry in batch] == [0, 0]


def test_entries_that_fail_together_come_back_together() -> None:
    """One group for any company, counted by reason, each with one attempt more."""
    batch = entries(1, 1, 1)
    outcomes: list[Outcome] = [Retry("slow", reason=RetryReason.THROTTLED), Delivered(), Retry("broken")]
    settlement = settle(batch, outcomes, policy(), now=1.0, jitter=0.0)
    (again,) = settlement.again
    assert again.entries == [batch[0], batch[2]]
    assert again.company is Company.ANY
    assert again.due == 1.05
    assert settlement.retried == {RetryReason.THROTTLED: 1, RetryReason.FAILED: 1}
    assert [entry.attempt for entry in batch] == [1, 0, 1]


def test_unclear_entries_come_back_each_alone() -> None:
    """In company the verdict would be unclear again."""
    settlement = settle(entries(1, 1), [RetryAlone("odd")] * 2, policy(), now=1.0, jitter=0.0)
    assert [(len(again.entries), again.company) for again in settlement.again] == [(1, Company.SAME)] * 2
    assert settlement.retried == {RetryReason.UNCLEAR: 2}


def test_a_hold_spends_no_attempt() -> None:
    """What an operator must mend is no fault of the entry's."""
    batch = entries(1)
    settlement = settle(batch, [Hold("no_rights")], policy(max_attempts=1), now=1.0, jitter=0.0)
    assert settlement.held == batch
    assert batch[0].attempt == 0
    assert settlement.retried == {RetryReason.BLOCKED: 1}


def test_a_rejected_entry_is_given_up_with_the_words_of_the_bus() -> None:
    """Its dead letter says what the bus said, and counts this attempt."""
    batch = entries(1)
    rejected = Rejected("bad", "no such field", "request-7")
    (given_up,) = settle(batch, [rejected], policy(), now=1.0, jitter=0.0).given_up
    assert given_up.reason is GiveUpReason.REJECTED
    assert (given_up.code, given_up.message, given_up.request_id) == ("bad", "no such field", "request-7")
    assert batch[0].attempt == 1


@pytest.mark.parametrize(
    ("reason", "settled_by"),
    [
        (GiveUpReason.ATTEMPTS, policy(max_attempts=1)),
        (GiveUpReason.EXPIRED, policy(max_age_seconds=1.0)),
    ],
)
def test_an_entry_past_a_bound_is_given_up_with_what_failed_last(
    reason: GiveUpReason, settled_by: RetryPolicy
) -> None:
    """Not retried, and not counted as retried."""
    settlement = settle(entries(1), [Retry("slow", "wait", "r")], settled_by, now=1.0, jitter=0.0)
    (given_up,) = settlement.given_up
    assert (given_up.reason, given_up.code, given_up.message, given_up.request_id) == (
        reason,
        "slow",
        "wait",
        "r",
    )
    assert settlement.retried == {}


@given(st.integers(2, 30))
def test_halves_are_the_whole_and_neither_is_empty(count: int) -> None:
    """So halving comes to an end."""
    batch = entries(*[1] * count)
    first, second = halves(batch)
    assert [*first, *second] == batch
    assert first
    assert second
