"""What EventBridge's answers mean: codes in, outcomes out. Pure.

Codes of entries after the API reference of PutEvents, codes of requests after its common errors and
the error classes in the AWS SDKs. A code decides, not the status: throttling may come as 400.
"""

import re
from collections.abc import Mapping, Sequence

from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from gateway.errors import UnavailableError
from gateway.sender import Delivered, Outcome
from gateway.senders.answer import Answer, retry_after_seconds
from gateway.senders.verdict import (
    Failure,
    Verdict,
    outcome_of,
    unclear,
    verdict_of_status,
)
from gateway.senders.wording import speakable

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

# The one place where the text decides: the code for a bad signature is also that for a wrong clock.
_SPEAKS_OF_TIME = re.compile(r"Signature (expired|not yet current)")


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
    verdict = VERDICTS.get(code) or verdict_of_status(answer.status)
    if code == "InvalidSignatureException" and _SPEAKS_OF_TIME.search(message):
        verdict = Verdict.CLOCK
    return Failure(
        verdict,
        code or f"http_{answer.status}",
        speakable(message),
        request_id_of(answer),
        retry_after_seconds(answer.headers, now),
    )


def _read_problem(answer: Answer) -> tuple[str, str]:
    try:
        problem = _decode_problem(answer.body)
    except (DecodeError, UnicodeDecodeError):  # a proxy's page, or nothing
        problem = _Problem()
    code = problem.type or problem.code or answer.headers.get("x-amzn-ErrorType", "")
    # "prefix#Code", and in the header also "Code:http://…"
    return code.rpartition("#")[2].partition(":")[0], problem.message or problem.capital_message or ""


def request_id_of(answer: Answer) -> str | None:
    """The bus's name for the request, to quote when asking its operator."""
    return answer.headers.get("x-amzn-RequestId") or None


ENTRY_VERDICTS: Mapping[str, Verdict] = {
    "InternalFailure": Verdict.UNAVAILABLE,
    "InternalException": Verdict.UNAVAILABLE,
    "ThrottlingException": Verdict.THROTTLED,
    "MalformedDetail": Verdict.REFUSED,
    "InvalidArgument": Verdict.REFUSED,
    "RedactionFailure": Verdict.REFUSED,
    "NotAuthorizedForSourceException": Verdict.REFUSED,
    "NotAuthorizedForDetailTypeException": Verdict.REFUSED,
    "AccessDeniedException": Verdict.BLOCKED,
    "InvalidAccountIdException": Verdict.BLOCKED,
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
    code, message = result.error_code, speakable(result.error_message or "")
    if not code:
        return unclear(message, request_id)
    return outcome_of(ENTRY_VERDICTS.get(code), code, message, request_id)
