"""One attempt of one batch: send it, bound its time, and say what became of each entry.

Foreign trouble ends here: whatever a sender raises becomes one outcome for every entry.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from enum import StrEnum

from msgspec import Struct

from gateway.entry import Batch
from gateway.errors import BlockedError, RefusedError, SendError, ThrottledError, UnavailableError
from gateway.sender import Delivered, Hold, Outcome, Rejected, Retry, RetryReason, Sender

log = logging.getLogger(__name__)


class BusOutcome(StrEnum):
    """How a request went: label values of `gateway_bus_requests_total`."""

    DELIVERED = "delivered"
    PARTIAL = "partial"
    THROTTLED = "throttled"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"


class Attempt(Struct, frozen=True):
    """What one request came to. `outcomes` has one for each entry, in the batch's order.

    `error` is set where the request as a whole got no usable answer; `splits` where it was refused and
    is to be sent again in halves (then the outcomes mean nothing).
    """

    outcomes: Sequence[Outcome]
    outcome: BusOutcome
    error: SendError | None = None
    splits: bool = False


def _ignore(_: asyncio.Timeout) -> None:
    pass


async def attempt(
    sender: Sender,
    batch: Batch,
    *,
    timeout_seconds: float,
    begun: Callable[[asyncio.Timeout], None] = _ignore,
) -> Attempt:
    """Send `batch` once. Never raises but for cancellation. `begun` is given the time-out, to shorten it."""
    count, loop = len(batch.entries), asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(timeout_seconds) as timeout:
            begun(timeout)
            outcomes = await sender.send(batch)
    except TimeoutError:
        waited = loop.time() - began
        return _failed(UnavailableError("timeout", f"no answer within {waited:.3g} s"), count)
    except SendError as error:
        return _failed(error, count)
    except asyncio.CancelledError as error:
        if _is_cancelled_by_us():
            raise
        return _failed(_unexpected(error), count)
    except Exception as error:  # noqa: BLE001 - a sender may be anybody's; the pipeline goes on
        return _failed(_unexpected(error), count)
    return _judged(outcomes, count)


def _is_cancelled_by_us() -> bool:
    """Whether somebody wants the task to end; else a sender let a cancellation of its own escape."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _unexpected(error: BaseException) -> UnavailableError:
    log.error("a sender failed unexpectedly", exc_info=error)
    return UnavailableError("sender_error", type(error).__name__)


def _judged(outcomes: Sequence[Outcome], count: int) -> Attempt:
    """The attempt that was answered so; an answer that cannot be understood tells nothing."""
    if not isinstance(outcomes, Sequence):
        return _failed(UnavailableError("unreadable_answer", "no sequence of outcomes"), count)
    if len(outcomes) != count:
        return _failed(UnavailableError("wrong_count", f"{len(outcomes)} results for {count} entries"), count)
    if all(isinstance(outcome, Delivered) for outcome in outcomes):
        return Attempt(outcomes, BusOutcome.DELIVERED)
    if not all(isinstance(outcome, Outcome) for outcome in outcomes):
        return _failed(UnavailableError("unreadable_answer", "a result that is no outcome"), count)
    return Attempt(outcomes, BusOutcome.PARTIAL)


def _failed(error: SendError, count: int) -> Attempt:
    code, message, request_id = error.code, error.message, error.request_id
    match error:
        case ThrottledError():
            retry = Retry(code, message, request_id, RetryReason.THROTTLED)
            return Attempt([retry] * count, BusOutcome.THROTTLED, error)
        case BlockedError():
            return Attempt([Hold(code, message, request_id)] * count, BusOutcome.REFUSED, error)
        case RefusedError():
            rejected = Rejected(code, message, request_id)
            return Attempt([rejected] * count, BusOutcome.REFUSED, error, splits=count > 1)
        case _:
            retry = Retry(code, message, request_id, _REASONS.get(code, RetryReason.UNAVAILABLE))
            return Attempt([retry] * count, BusOutcome.UNAVAILABLE, error)


_REASONS = {
    "timeout": RetryReason.TIMEOUT,
    "wrong_count": RetryReason.UNCLEAR,
    "unreadable_answer": RetryReason.UNCLEAR,
}
"""Codes of ours that say more than that the bus is unavailable."""
