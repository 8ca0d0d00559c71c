"""What becomes of each entry of an answered batch. Pure: sorts, and leaves the acting to others."""

from collections.abc import Sequence

from msgspec import Struct, field

from gateway.entry import Entry
from gateway.pipeline.retry import Company, GiveUp, GiveUpReason, RetryPolicy
from gateway.sender import Delivered, Hold, Outcome, Rejected, Retry, RetryAlone, RetryReason
from gateway.snapshots import count


class GivenUp(Struct, frozen=True):
    """An entry that will never be delivered, and why."""

    entry: Entry
    reason: GiveUpReason
    code: str
    message: str = ""
    request_id: str | None = None


class Again(Struct, frozen=True):
    """Entries to be sent again at `due`, in that company."""

    entries: list[Entry]
    due: float
    company: Company


class Settlement(Struct, frozen=True):
    """The entries of one batch, each in exactly one of these."""

    delivered: list[tuple[Entry, str | None]] = field(default_factory=list)
    """With the bus's own id for it."""
    again: list[Again] = field(default_factory=list)
    held: list[Entry] = field(default_factory=list)
    """Back to the buffer at once, no attempt spent: an operator must mend something."""
    given_up: list[GivenUp] = field(default_factory=list)
    retried: dict[str, int] = field(default_factory=dict)
    """How many go again, by `RetryReason`."""


def settle(
    entries: Sequence[Entry], outcomes: Sequence[Outcome], policy: RetryPolicy, *, now: float, jitter: float
) -> Settlement:
    """Sort `entries` by their outcomes (same order); counts the attempt on those that failed."""
    settlement = Settlement()
    for entry, outcome in zip(entries, outcomes, strict=True):
        if isinstance(outcome, Delivered):  # nearly all are, and need no pattern
            settlement.delivered.append((entry, outcome.event_id))
            continue
        match outcome:
            case Hold():
                settlement.held.append(entry)
                count(settlement.retried, RetryReason.BLOCKED)
            case Rejected(code, message, request_id):
                entry.attempt += 1
                given_up = GivenUp(entry, GiveUpReason.REJECTED, code, message, request_id)
                settlement.given_up.append(given_up)
            case Retry() | RetryAlone():
                entry.attempt += 1
                _retry(settlement, entry, outcome, policy, now=now, jitter=jitter)
    return settlement


def _retry(
    settlement: Settlement,
    entry: Entry,
    outcome: Retry | RetryAlone,
    policy: RetryPolicy,
    *,
    now: float,
    jitter: float,
) -> None:
    decision = policy.decide(outcome, entry, now=now, jitter=jitter)
    if isinstance(decision, GiveUp):
        settlement.given_up.append(
            GivenUp(entry, decision.reason, outcome.code, outcome.message, outcome.request_id)
        )
        return
    alone = isinstance(outcome, RetryAlone)
    count(settlement.retried, outcome.reason if isinstance(outcome, Retry) else RetryReason.UNCLEAR)
    if not alone:
        for group in settlement.again:  # those of one attempt come back together
            if group.company is Company.ANY and group.due == decision.due:
                group.entries.append(entry)
                return
    settlement.again.append(Again([entry], decision.due, Company.SAME if alone else Company.ANY))


def halves(entries: Sequence[Entry]) -> tuple[Sequence[Entry], Sequence[Entry]]:
    """A refused batch of several, cut in two to find the culprit."""
    middle = len(entries) // 2
    return entries[:middle], entries[middle:]
