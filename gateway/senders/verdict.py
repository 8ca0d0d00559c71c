"""What a bus's code asks of us, and the error or the outcome that it becomes: alike on every bus. Pure.

Which code asks for what stands in the tables of each bus.
"""

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from http import HTTPStatus

from msgspec import Struct

from gateway.errors import BlockedError, RefusedError, SendError, ThrottledError, UnavailableError
from gateway.sender import Hold, Outcome, Rejected, Retry, RetryAlone, RetryReason

MAX_ATTEMPTS_UNKNOWN = 5
"""For what nobody knows whether it passes: a code in no table, an entry alone without a verdict."""

MAX_MESSAGE_CHARACTERS = 1000
"""Of what a bus says, in errors and outcomes."""


class Verdict(Enum):
    """What a failure, of a request or of one of its entries, asks of us."""

    THROTTLED = auto()
    UNAVAILABLE = auto()
    SPLIT = auto()
    """The request as it stands: smaller ones may pass, and show in the end which entry does not. The entry
    that such a code stands beside may be named on behalf of all."""
    REFUSED = auto()
    """The entry that is named, for good; where none is, as SPLIT."""
    EXPIRED = auto()
    """Renew the credentials, and send again once."""
    CLOCK = auto()
    """Sign again by the bus's time, and send again once."""
    BLOCKED = auto()
    """Configuration: credentials, rights, quota, the wrong endpoint, or a bus that is not there."""


VERDICTS_BY_STATUS: Mapping[int, Verdict] = {
    401: Verdict.BLOCKED,
    403: Verdict.BLOCKED,
    404: Verdict.BLOCKED,
    408: Verdict.UNAVAILABLE,
    429: Verdict.THROTTLED,
}
"""For an answer without a known code, whoever gave it."""


def verdict_of_status(status: int, verdicts: Mapping[int, Verdict] = VERDICTS_BY_STATUS) -> Verdict:
    """What the status of a whole request's answer asks, where no code does; `verdicts` knows some of 4xx."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Verdict.UNAVAILABLE
    if status >= HTTPStatus.BAD_REQUEST:
        return verdicts.get(status, Verdict.SPLIT)
    return Verdict.BLOCKED  # a redirect, or a success that is none of the bus's: the wrong endpoint


class Failure(Struct, frozen=True):
    """A request that was answered, but not with a verdict on each entry."""

    verdict: Verdict
    code: str
    message: str
    request_id: str | None
    retry_after_seconds: float | None = None

    def error(self) -> SendError:
        """The failure as what `Sender.send` raises."""
        if (later := _LATER.get(self.verdict)) is not None:
            return later(
                self.code,
                self.message,
                request_id=self.request_id,
                retry_after_seconds=self.retry_after_seconds,
            )
        return _ERRORS[self.verdict](self.code, self.message, request_id=self.request_id)


_LATER: Mapping[Verdict, type[ThrottledError | UnavailableError]] = {
    Verdict.THROTTLED: ThrottledError,
    Verdict.UNAVAILABLE: UnavailableError,
}
"""Those that pass on `Retry-After`, which RFC 9110 §10.2.3 has with 503 as RFC 6585 has it with 429."""

_ERRORS: Mapping[Verdict, type[RefusedError | BlockedError]] = {
    Verdict.SPLIT: RefusedError,
    Verdict.REFUSED: RefusedError,
    Verdict.EXPIRED: BlockedError,
    Verdict.CLOCK: BlockedError,
    Verdict.BLOCKED: BlockedError,
}


def outcome_of(verdict: Verdict | None, code: str, message: str, request_id: str | None) -> Outcome:
    """What becomes of one entry that failed with `code`; None: the code stands in no table."""
    match verdict:
        case Verdict.THROTTLED:
            return Retry(code, message, request_id, RetryReason.THROTTLED)
        case Verdict.UNAVAILABLE:
            return Retry(code, message, request_id)
        case Verdict.SPLIT:
            return RetryAlone(code, message, request_id)
        case Verdict.REFUSED:
            return Rejected(code, message, request_id)
        case Verdict.EXPIRED | Verdict.CLOCK | Verdict.BLOCKED:
            return Hold(code, message, request_id)
        case None:
            return Retry(code, message, request_id, max_attempts=MAX_ATTEMPTS_UNKNOWN)


def unclear(message: str, request_id: str | None) -> Retry:
    """For an entry whose own result says nothing: again, but not for ever."""
    return Retry("no_verdict", message, request_id, RetryReason.UNCLEAR, max_attempts=MAX_ATTEMPTS_UNKNOWN)


def undecided(message: str, request_id: str | None, count: int) -> Sequence[Outcome]:
    """For the `count` entries of a request where nobody knows which were taken: each again by itself."""
    if count > 1:
        return [RetryAlone("no_verdict", message, request_id)] * count
    return [unclear(message, request_id)] * count
