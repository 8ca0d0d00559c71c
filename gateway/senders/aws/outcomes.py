"""What EventBridge's answers mean: codes in, outcomes out. Pure.

Codes of entries after the API reference of PutEvents, codes of requests after its common errors and
the error classes in the AWS SDKs. A code decides, not the status: throttling may come as 400.
"""

import re
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from http import HTTPStatus

from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from gateway.errors import BlockedError, RefusedError, SendError, ThrottledError, UnavailableError
from gateway.sender import Delivered, Hold, Outcome, Rejected, Retry, RetryReason
from gateway.senders.answer import Answer, retry_after_seconds

MAX_ATTEMPTS_UNKNOWN = 5
"""For codes that stand in no table: nobody knows whether they pass."""

MAX_MESSAGE_CHARACTERS = 1000


class Verdict(Enum):
    """What a whole request's failure asks of us."""

    THROTTLED = auto()
    UNAVAILABLE = auto()
    REFUSED = auto()
    """As it stands; a smaller request may pass."""
    EXPIRED = auto()
    """Renew the credentials, and send again once."""
    CLOCK = auto()
    """Sign again by the bus's time, and send again once."""
    BLOCKED = auto()
    """Configuration: credentials, rights, or the wrong endpoint."""


VERDICTS: Mapping[str, Verdict] = {
    "ThrottlingException": Verdict.THROTTLED,
    "RequestLimitExceeded": Verdict.THROTTLED,
    "TooManyRequestsException": Verdict.THROTTLED,
    "InternalException": Verdict.UNAVAILABLE,
    "InternalFailure": Verdict.UNAVAILABLE,
    "ServiceUnavailable": Verdict.UNAVAILABLE,
    "RequestTimeoutException": Verdict.UNAVAILABLE,
    "RequestAbortedException": Verdict.UNAVAILABLE,
    "ValidationException": Verdict.REFUSED,
    "SerializationException": Verdict.REFUSED,
    "MalformedHttpRequestException": Verdict.REFUSED,
    "413": Verdict.REFUSED,
    "ExpiredTokenException": Verdict.EXPIRED,
    "ExpiredToken": Verdict.EXPIRED,
    "RequestExpired": Verdict.CLOCK,
    "UnrecognizedClientException": Verdict.BLOCKED,
    "InvalidClientTokenId": Verdict.BLOCKED,
    "InvalidSignatureException": Verdict.BLOCKED,
    "IncompleteSignature": Verdict.BLOCKED,
    "MissingAuthenticationToken": Verdict.BLOCKED,
    "SignatureDoesNotMatch": Verdict.BLOCKED,
    "OptInRequired": Verdict.BLOCKED,
    "NotAuthorized": Verdict.BLOCKED,
    "AccessDeniedException": Verdict.BLOCKED,
    "UnknownOperationException": Verdict.BLOCKED,
    "ResourceNotFoundException": Verdict.BLOCKED,
}
"""By the code of a whole request."""

_VERDICTS_BY_STATUS: Mapping[int, Verdict] = {
    401: Verdict.BLOCKED,
    403: Verdict.BLOCKED,
    404: Verdict.BLOCKED,
    408: Verdict.UNAVAILABLE,
    429: Verdict.THROTTLED,
}

# The one place where the text decides: the code for a bad signature is also that for a wrong clock.
_QUOTED_VALUE = re.compile(r"Value '.*?' at", re.DOTALL)
"""How AWS's validation names what it refuses: "Value 'x' at 'entries.1.member.source' failed to …"."""

_SPEAKS_OF_TIME = re.compile(r"Signature (expired|not yet current)")


class Failure(Struct, frozen=True):
    """A request that was answered, but not with a verdict on each entry."""

    verdict: Verdict
    code: str
    message: str
    request_id: str | None
    retry_after_seconds: float | None = None

    def error(self) -> SendError:
        """The failure as what `Sender.send` raises."""
        if self.verdict in _LATER:
            return _LATER[self.verdict](
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
"""Those that pass on `Retry-After`: RFC 9110 §10.2.3 has it with 503 as RFC 6585 has it with 429."""
_ERRORS: Mapping[Verdict, type[RefusedError | BlockedError]] = {
    Verdict.REFUSED: RefusedError,
    Verdict.EXPIRED: BlockedError,
    Verdict.CLOCK: BlockedError,
    Verdict.BLOCKED: BlockedError,
}


class _Problem(Struct, rename={"type": "__type", "capital_message": "Message"}):
    type: str | None = None
    code: str | None = None
    message: str | None = None
    capital_message: str | None = None


class _Result(Struct, rename="pascal"):
    event_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None


class _Results(Struct, rename="pascal"):
    entries: list[_Result]


_decode_problem = Decoder(_Problem).decode
_decode_results = Decoder(_Results).decode


def read_failure(answer: Answer, now: float) -> Failure:
    """The meaning of an answer other than 200; `now` is wall-clock, for `Retry-After` as a date."""
    code, message = _read_problem(answer)
    verdict = VERDICTS.get(code) or _verdict_of_status(answer.status)
    if code == "InvalidSignatureException" and _SPEAKS_OF_TIME.search(message):
        verdict = Verdict.CLOCK
    return Failure(
        verdict,
        code or f"http_{answer.status}",
        _speakable(message),
        request_id_of(answer),
        retry_after_seconds(answer.headers, now),
    )


def _speakable(message: str) -> str:
    """The message without what it quotes of the request: an event's values, or signed headers and tokens."""
    return _QUOTED_VALUE.sub("Value '…' at", message.partition("The Canonical String")[0].rstrip())[
        :MAX_MESSAGE_CHARACTERS
    ]


def _read_problem(answer: Answer) -> tuple[str, str]:
    try:
        problem = _decode_problem(answer.body)
    except (DecodeError, UnicodeDecodeError):  # a proxy's page, or nothing
        problem = _Problem()
    code = problem.type or problem.code or answer.headers.get("x-amzn-ErrorType", "")
    # "prefix#Code", and in the header also "Code:http://…"
    return code.rpartition("#")[2].partition(":")[0], problem.message or problem.capital_message or ""


def _verdict_of_status(status: int) -> Verdict:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Verdict.UNAVAILABLE
    if status >= HTTPStatus.BAD_REQUEST:
        return _VERDICTS_BY_STATUS.get(status, Verdict.REFUSED)
    return Verdict.BLOCKED  # a redirect, or a success that is none of EventBridge's: the wrong endpoint


def request_id_of(answer: Answer) -> str | None:
    """The bus's name for the request, to quote when asking its operator."""
    return answer.headers.get("x-amzn-RequestId") or None


class EntryVerdict(Enum):
    """What a failed entry's code asks of us."""

    RETRY = auto()
    THROTTLED = auto()
    REJECTED = auto()
    HOLD = auto()


ENTRY_VERDICTS: Mapping[str, EntryVerdict] = {
    "InternalFailure": EntryVerdict.RETRY,
    "InternalException": EntryVerdict.RETRY,
    "ThrottlingException": EntryVerdict.THROTTLED,
    "MalformedDetail": EntryVerdict.REJECTED,
    "InvalidArgument": EntryVerdict.REJECTED,
    "RedactionFailure": EntryVerdict.REJECTED,
    "NotAuthorizedForSourceException": EntryVerdict.REJECTED,
    "NotAuthorizedForDetailTypeException": EntryVerdict.REJECTED,
    "AccessDeniedException": EntryVerdict.HOLD,
    "InvalidAccountIdException": EntryVerdict.HOLD,
}
"""By the code of one entry; any other is retried a bounded number of times."""


def read_outcomes(answer: Answer, count: int) -> Sequence[Outcome]:
    """One outcome for each of the `count` entries sent, from an answer with status 200.

    Raises UnavailableError for an answer without a list, with one of another length, or unreadable:
    then nobody knows what became of the entries.
    """
    request_id = request_id_of(answer)
    try:
        results = _decode_results(answer.body).entries
    except (DecodeError, UnicodeDecodeError) as error:
        raise UnavailableError("unreadable_answer", str(error), request_id=request_id) from error
    if len(results) != count:
        raise UnavailableError(
            "unreadable_answer", f"{len(results)} results for {count} entries", request_id=request_id
        )
    return [
        Delivered(result.event_id)
        if result.event_id and not result.error_code
        else _failed(result, request_id)
        for result in results
    ]


def _failed(result: _Result, request_id: str | None) -> Outcome:
    code, message = result.error_code, _speakable(result.error_message or "")
    if not code:
        return Retry(
            "no_verdict", message, request_id, RetryReason.UNCLEAR, max_attempts=MAX_ATTEMPTS_UNKNOWN
        )
    match ENTRY_VERDICTS.get(code):
        case EntryVerdict.RETRY:
            return Retry(code, message, request_id)
        case EntryVerdict.THROTTLED:
            return Retry(code, message, request_id, RetryReason.THROTTLED)
        case EntryVerdict.REJECTED:
            return Rejected(code, message, request_id)
        case EntryVerdict.HOLD:
            return Hold(code, message, request_id)
        case None:
            return Retry(code, message, request_id, max_attempts=MAX_ATTEMPTS_UNKNOWN)
