"""What a verdict makes of a request and of an entry, on every bus."""

import pytest

from gateway.errors import BlockedError, RefusedError, SendError, ThrottledError, UnavailableError
from gateway.sender import Hold, Outcome, Rejected, Retry, RetryAlone, RetryReason
from gateway.senders.verdict import MAX_ATTEMPTS_UNKNOWN, Failure, Verdict, outcome_of

THROTTLED = Retry("c", "m", "r", RetryReason.THROTTLED)

TABLE: dict[Verdict, tuple[type[SendError], Outcome]] = {
    Verdict.THROTTLED: (ThrottledError, THROTTLED),
    Verdict.UNAVAILABLE: (UnavailableError, Retry("c", "m", "r")),
    Verdict.SPLIT: (RefusedError, RetryAlone("c", "m", "r")),
    Verdict.REFUSED: (RefusedError, Rejected("c", "m", "r")),
    Verdict.EXPIRED: (BlockedError, Hold("c", "m", "r")),
    Verdict.CLOCK: (BlockedError, Hold("c", "m", "r")),
    Verdict.BLOCKED: (BlockedError, Hold("c", "m", "r")),
}


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_is_an_error_of_the_request_and_an_outcome_of_the_entry(verdict: Verdict) -> None:
    """With the bus's code, message and request id in both."""
    kind, outcome = TABLE[verdict]
    error = Failure(verdict, "c", "m", "r").error()
    assert (type(error), error.code, error.message, error.request_id) == (kind, "c", "m", "r")
    assert outcome_of(verdict, "c", "m", "r") == outcome


def test_a_code_in_no_table_is_retried_a_bounded_number_of_times() -> None:
    """Nobody knows whether it passes."""
    assert outcome_of(None, "c", "m", "r") == Retry("c", "m", "r", max_attempts=MAX_ATTEMPTS_UNKNOWN)


@pytest.mark.parametrize("verdict", [Verdict.THROTTLED, Verdict.UNAVAILABLE])
def test_a_bus_that_may_come_back_is_given_the_time_it_asks_for(verdict: Verdict) -> None:
    """RFC 9110 has `Retry-After` with 503, RFC 6585 with 429."""
    error = Failure(verdict, "c", "m", "r", 7.0).error()
    assert isinstance(error, ThrottledError | UnavailableError)
    assert error.retry_after_seconds == 7.0
