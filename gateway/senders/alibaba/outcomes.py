"""What EventBridge's answers mean: codes in, outcomes out. Pure.

Codes with 403 and 429 after the vendor's page "Error codes", those with 409 after its open-source core
(Apache RocketMQ EventBridge). There 409 is the status of ordinary validation errors, not of conflicts.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from gateway.errors import UnavailableError
from gateway.sender import Delivered, Outcome, RetryAlone
from gateway.senders.answer import Answer, retry_after_seconds
from gateway.senders.verdict import (
    MAX_MESSAGE_CHARACTERS,
    VERDICTS_BY_STATUS,
    Failure,
    Verdict,
    outcome_of,
    undecided,
    verdict_of_status,
)
from gateway.senders.wording import speakable

SUCCESS = "Success"
"""As good as no code at all: newer SDKs document it, and the open-source core always sets it."""


VERDICTS: Mapping[str, Verdict] = {
    "TooManyRequests": Verdict.THROTTLED,
    "InternalError": Verdict.UNAVAILABLE,
    "SecurityTokenInvalid": Verdict.EXPIRED,
    "StsAccessIdExpired": Verdict.EXPIRED,
    "InvalidStsAccessKeyId": Verdict.EXPIRED,
    "InvalidAccessKeyId": Verdict.BLOCKED,
    "SignatureDoesNotMatch": Verdict.BLOCKED,
    "AccountIdNotExist": Verdict.BLOCKED,
    "ParentAccountNotExist": Verdict.BLOCKED,
    "AccessDenied": Verdict.BLOCKED,
    "AccessDeniedByPreCheck": Verdict.BLOCKED,
    "AccessDeniedForInternalRegion": Verdict.BLOCKED,
    "ServiceAccessDenied": Verdict.BLOCKED,
    "ServiceNotEnable": Verdict.BLOCKED,
    "OptionsMethodNotEnable": Verdict.BLOCKED,
    "LoginFailed": Verdict.BLOCKED,
    "EventBusNotExist": Verdict.BLOCKED,
    "EventBusNameInvalid": Verdict.BLOCKED,
    "EventBusEmpty": Verdict.BLOCKED,
    "PutEventsRequestMoreThanOneEventBus": Verdict.REFUSED,
    "EventHTTPProtocolBindingInvalid": Verdict.REFUSED,
    "EventSizeExceed": Verdict.REFUSED,
    "EventIdEmpty": Verdict.REFUSED,
    "EventDataEmpty": Verdict.REFUSED,
    "EventSourceInvalid": Verdict.REFUSED,
    "EventSubjectInvalid": Verdict.REFUSED,
    "EventTypeInvalid": Verdict.REFUSED,
    "EventSpecversionInvalid": Verdict.REFUSED,
    "EventContentTypeInvalid": Verdict.REFUSED,
    "EventSchemaInvalid": Verdict.REFUSED,
    "EventExtensionsAttributeInvalid": Verdict.REFUSED,
    "EventExtensionsAttributeExceedLimit": Verdict.REFUSED,
    "EventInvalid": Verdict.REFUSED,
    "JsonAttributeInvalid": Verdict.REFUSED,
    "RequestParameterInvalid": Verdict.REFUSED,
}
"""By the code of a whole request, or of one entry."""

_VERDICTS_BY_STATUS = {
    **VERDICTS_BY_STATUS,  # with 403: the vendor's table of codes is not closed there
    405: Verdict.BLOCKED,  # as 404, no path of EventBridge's: the wrong endpoint, which is no event's fault
    407: Verdict.BLOCKED,
}


class _Problem(Struct, rename={"request_id": "requestId"}):
    """As the SDKs read it."""

    code: str | None = None
    message: str | None = None
    request_id: str | None = None


class _CapitalProblem(Struct, rename="pascal"):
    """Other services of the vendor spell the same so; accepted as well."""

    code: str | None = None
    message: str | None = None
    request_id: str | None = None


class _Result(Struct, rename="pascal"):
    event_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None


class _Results(Struct, rename="pascal"):
    request_id: str | None = None
    failed_entry_count: int | None = None
    entry_list: list[_Result] | None = None


_decode_problem = Decoder(_Problem).decode
_decode_capital_problem = Decoder(_CapitalProblem).decode
_decode_results = Decoder(_Results).decode


def read_failure(answer: Answer, now: float) -> Failure:
    """The meaning of an answer other than 200; `now` is wall-clock, for `Retry-After` as a date."""
    problem = _read_problem(answer.body)
    code = problem.code or ""
    return Failure(
        VERDICTS.get(code) or verdict_of_status(answer.status, _VERDICTS_BY_STATUS),
        code or f"http_{answer.status}",
        speakable(problem.message or ""),
        _request_id(answer, problem.request_id),
        retry_after_seconds(answer.headers, now),
    )


def _read_problem(body: bytes) -> _Problem | _CapitalProblem:
    try:
        problem = _decode_problem(body)
        return problem if problem.code else _decode_capital_problem(body)
    except (DecodeError, UnicodeDecodeError):  # a proxy's page, or nothing
        return _Problem()


def _request_id(answer: Answer, in_body: str | None) -> str | None:
    """The bus's name for the request, to quote when asking its operator."""
    return answer.headers.get("x-eventbridge-request-id") or in_body or None


def read_outcomes(answer: Answer, ids: Sequence[str]) -> Sequence[Outcome]:
    """One outcome for each entry sent, from an answer with status 200; `ids` are the events' own.

    The bus promises no order of results, and its `EventId` need not be the event's. So a failure
    counts for an entry only if it is named, or if all that are not named say the same; else these
    are sent again one by one, as are those without a code where the count knows of more failures than
    the list. A count of none, with no code to contradict it, means that all were accepted, whatever
    the list's length. Raises UnavailableError for an answer that is otherwise of another length, or
    unreadable.
    """
    results = _read_results(answer)
    request_id = _request_id(answer, results.request_id)
    entries = results.entry_list or []
    told = [_outcome(result, request_id) for result in entries]
    failed_count = sum(not isinstance(outcome, Delivered) for outcome in told)
    if len(told) != len(ids):
        if results.failed_entry_count == 0 == failed_count:
            return [Delivered()] * len(ids)
        raise UnavailableError(
            "unreadable_answer", f"{len(told)} results for {len(ids)} entries", request_id=request_id
        )
    outcomes = _assign(told, [result.event_id for result in entries], ids)
    if (results.failed_entry_count or 0) <= failed_count:
        return outcomes
    message = f"{results.failed_entry_count} of {len(ids)} failed by the count, {failed_count} by the list"
    doubts = undecided(message, request_id, len(ids))
    return [
        doubt if isinstance(outcome, Delivered) else outcome
        for outcome, doubt in zip(outcomes, doubts, strict=True)
    ]


def _read_results(answer: Answer) -> _Results:
    try:
        return _decode_results(answer.body)
    except (DecodeError, UnicodeDecodeError) as error:
        raise UnavailableError(
            "unreadable_answer", str(error), request_id=_request_id(answer, None)
        ) from error


def _outcome(result: _Result, request_id: str | None) -> Outcome:
    code, message = result.error_code, speakable(result.error_message or "")
    if not code or code == SUCCESS:
        return Delivered(result.event_id or None)
    return outcome_of(VERDICTS.get(code), code, message, request_id)


def _assign(
    outcomes: Sequence[Outcome], event_ids: Sequence[str | None], ids: Sequence[str]
) -> Sequence[Outcome]:
    """The outcomes in the order of `ids`."""
    times_sent, times_named = Counter(ids), Counter(event_ids)
    named = {
        event_id: outcome
        for event_id, outcome in zip(event_ids, outcomes, strict=True)
        if event_id is not None and times_sent[event_id] == 1 == times_named[event_id]
    }
    if len(named) == len(ids):
        return [named[id_] for id_ in ids]
    unnamed = _common(
        [
            outcome
            for event_id, outcome in zip(event_ids, outcomes, strict=True)
            if event_id is None or event_id not in named
        ]
    )
    return [named.get(id_, unnamed) for id_ in ids]


def _common(outcomes: Sequence[Outcome]) -> Outcome:
    """What each of these entries may be told, though nobody knows which outcome is whose."""
    if len(outcomes) == 1:
        return outcomes[0]
    failures = [outcome for outcome in outcomes if not isinstance(outcome, Delivered)]
    if not failures:
        return Delivered()  # the bus's names for them are there, but not whose
    first = failures[0]
    if len(failures) == len(outcomes) and {failure.code for failure in failures} == {first.code}:
        return first
    message = f"{len(failures)} of {len(outcomes)} failed, and nothing says which: {first.message}"
    return RetryAlone(first.code, message[:MAX_MESSAGE_CHARACTERS], first.request_id)
