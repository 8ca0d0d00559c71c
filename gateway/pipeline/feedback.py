"""What an answer of the bus tells the pressure on it."""

from gateway.errors import BlockedError, RefusedError, SendError, ThrottledError, UnavailableError
from gateway.pipeline.delivery import Attempt, BusOutcome
from gateway.pipeline.pressure import Pressure
from gateway.sender import Hold, Outcome, Retry, RetryReason


def tell(
    pressure: Pressure, result: Attempt, *, seconds: float, in_flight: int, now: float, jitter: float
) -> None:
    """Tell `pressure` of a request answered so after `seconds`; it was one of `in_flight`, itself counted."""
    match result.error:
        case None if result.outcome is BusOutcome.DELIVERED:
            pressure.answered(now, seconds=seconds, in_flight=in_flight)
        case ThrottledError() as error:
            pressure.throttled(now, retry_after_seconds=error.retry_after_seconds, jitter=jitter)
        case BlockedError():
            pressure.blocked(now)
        case SendError() as error if not isinstance(error, RefusedError):
            hint = error.retry_after_seconds if isinstance(error, UnavailableError) else None
            pressure.unavailable(now, retry_after_seconds=hint, in_flight=in_flight)
        case _ if any(isinstance(outcome, Hold) for outcome in result.outcomes):
            pressure.blocked(now)
        case _ if any(_is_throttled(outcome) for outcome in result.outcomes):
            pressure.throttled(now, retry_after_seconds=None, jitter=jitter)
        case _:
            pressure.answered(now, seconds=seconds, in_flight=in_flight)


def _is_throttled(outcome: Outcome) -> bool:
    return isinstance(outcome, Retry) and outcome.reason is RetryReason.THROTTLED
