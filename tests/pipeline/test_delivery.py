"""One attempt of one batch: whatever a sender does becomes one outcome for each entry."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, cast

import pytest

from gateway.entry import Batch
from gateway.errors import BlockedError, RefusedError, SendError, ThrottledError, UnavailableError
from gateway.pipeline.delivery import Attempt, BusOutcome, attempt
from gateway.sender import Delivered, Hold, Outcome, Rejected, Retry, RetryReason
from tests.support.build import entries
from tests.support.clock import now, on_virtual_clock, until
from tests.support.sender import Answer, FakeSender, Step


async def outcome_of(answer: Answer | Step, *, count: int = 3, timeout_seconds: float = 10.0) -> Attempt:
    """What comes of a batch of so many entries that is answered so."""
    return await attempt(FakeSender(answer), Batch.of(entries(*[1] * count)), timeout_seconds=timeout_seconds)


@on_virtual_clock
async def test_a_whole_delivery() -> None:
    """The outcomes are the sender's own."""
    outcomes = [Delivered("a"), Delivered("b"), Delivered("c")]
    result = await outcome_of(outcomes)
    assert result == Attempt(outcomes, BusOutcome.DELIVERED)


@on_virtual_clock
async def test_a_partial_delivery() -> None:
    """One entry that is not delivered is enough."""
    outcomes: list[Outcome] = [Delivered("a"), Retry("slow"), Rejected("bad")]
    assert await outcome_of(outcomes) == Attempt(outcomes, BusOutcome.PARTIAL)


ERRORS = [
    (
        ThrottledError("slow", "wait", request_id="r", retry_after_seconds=3.0),
        Retry("slow", "wait", "r", RetryReason.THROTTLED),
        BusOutcome.THROTTLED,
    ),
    (
        UnavailableError("reset", "gone", request_id="r"),
        Retry("reset", "gone", "r", RetryReason.UNAVAILABLE),
        BusOutcome.UNAVAILABLE,
    ),
    (
        UnavailableError("timeout", "slow"),
        Retry("timeout", "slow", None, RetryReason.TIMEOUT),
        BusOutcome.UNAVAILABLE,
    ),
    (BlockedError("no_rights", "who?", request_id="r"), Hold("no_rights", "who?", "r"), BusOutcome.REFUSED),
    (RefusedError("bad", "no", request_id="r"), Rejected("bad", "no", "r"), BusOutcome.REFUSED),
    (
        SendError("odd", "?"),
        Retry("odd", "?", None, RetryReason.UNAVAILABLE),
        BusOutcome.UNAVAILABLE,
    ),
]


@pytest.mark.parametrize(("error", "each", "outcome"), ERRORS, ids=lambda value: type(value).__name__)
@on_virtual_clock
async def test_an_error_becomes_the_same_outcome_for_every_entry(
    error: SendError, each: Outcome, outcome: BusOutcome
) -> None:
    """With the bus's code, words and request id, and the error itself for the pressure."""
    result = await outcome_of(error)
    assert result.outcomes == [each] * 3
    assert result.outcome is outcome
    assert result.error is error


@pytest.mark.parametrize(("count", "splits"), [(1, False), (2, True)])
@on_virtual_clock
async def test_only_a_refused_batch_of_several_is_to_be_split(count: int, splits: bool) -> None:  # noqa: FBT001 - a column of a table
    """A single entry that is refused is the culprit."""
    assert (await outcome_of(RefusedError("bad"), count=count)).splits is splits
    assert not (await outcome_of(UnavailableError("reset"), count=count)).splits


@on_virtual_clock
async def test_no_answer_in_time_is_a_time_out() -> None:
    """At the configured moment exactly; the entries may or may not have arrived."""
    result = await outcome_of(Step(Delivered(), seconds=60.0), timeout_seconds=2.5)
    assert now() == 2.5
    assert isinstance(result.error, UnavailableError)
    assert result.error.code == "timeout"
    assert result.outcomes == [Retry("timeout", "no answer within 2.5 s", None, RetryReason.TIMEOUT)] * 3


@pytest.mark.parametrize("count", [0, 2, 4])
@on_virtual_clock
async def test_a_wrong_number_of_outcomes_tells_nothing(count: int) -> None:
    """Which is whose nobody knows: every entry is sent again."""
    result = await outcome_of([Delivered()] * count)
    assert result.outcome is BusOutcome.UNAVAILABLE
    assert (
        result.outcomes
        == [Retry("wrong_count", f"{count} results for 3 entries", None, RetryReason.UNCLEAR)] * 3
    )


@pytest.mark.parametrize("nonsense", [None, 7, [None, Delivered(), Delivered()], ["ok"] * 3])
@on_virtual_clock
async def test_an_answer_that_is_none_tells_nothing(nonsense: Any) -> None:
    """A sender may be anybody's; its nonsense loses no entry."""
    result = await outcome_of(lambda _: cast("Sequence[Outcome]", nonsense))
    assert result.outcome is BusOutcome.UNAVAILABLE
    assert [type(outcome) for outcome in result.outcomes] == [Retry] * 3
    assert result.error is not None
    assert result.error.code == "unreadable_answer"


@pytest.mark.parametrize("foreign", [ValueError("oops"), KeyError("x"), asyncio.CancelledError()])
@on_virtual_clock
async def test_a_foreign_exception_ends_here(
    foreign: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """Logged with its trace, named by its type alone, and retried."""
    result = await outcome_of(foreign)
    assert (
        result.outcomes == [Retry("sender_error", type(foreign).__name__, None, RetryReason.UNAVAILABLE)] * 3
    )
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None


@on_virtual_clock
async def test_cancellation_passes() -> None:
    """Who cancels the attempt is obeyed."""
    task = asyncio.create_task(outcome_of(Step(Delivered(), seconds=60.0)))
    await until(1.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert now() == 1.0
