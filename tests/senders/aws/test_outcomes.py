"""Every code of EventBridge, and what it makes of entries and requests."""

import json
from typing import Any

import pytest

from gateway.errors import BlockedError, RefusedError, SendError, ThrottledError, UnavailableError
from gateway.sender import Delivered, Hold, Rejected, Retry, RetryReason
from gateway.senders.aws.outcomes import (
    MAX_ATTEMPTS_UNKNOWN,
    Verdict,
    read_failure,
    read_outcomes,
    request_id_of,
)
from gateway.senders.http import Answer

NOW = 1_772_600_760.0
REQUEST_ID = "e6b5d2bc-0b3c-4b5e-8a57-a2d7d6c3a2f1"


def answer(body: object = None, status: int = 200, **headers: str) -> Answer:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"x-amzn-RequestId": REQUEST_ID, **named}, text)


def results(*entries: dict[str, Any]) -> Answer:
    failed = sum("ErrorCode" in one for one in entries)
    return answer({"FailedEntryCount": failed, "Entries": entries})


def error_of(body: object, status: int, **headers: str) -> SendError:
    return read_failure(answer(body, status, **headers), NOW).error()


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("InternalFailure", Retry("InternalFailure", "why", REQUEST_ID)),
        ("InternalException", Retry("InternalException", "why", REQUEST_ID)),
        ("ThrottlingException", Retry("ThrottlingException", "why", REQUEST_ID, RetryReason.THROTTLED)),
        ("MalformedDetail", Rejected("MalformedDetail", "why", REQUEST_ID)),
        ("InvalidArgument", Rejected("InvalidArgument", "why", REQUEST_ID)),
        ("RedactionFailure", Rejected("RedactionFailure", "why", REQUEST_ID)),
        ("NotAuthorizedForSourceException", Rejected("NotAuthorizedForSourceException", "why", REQUEST_ID)),
        (
            "NotAuthorizedForDetailTypeException",
            Rejected("NotAuthorizedForDetailTypeException", "why", REQUEST_ID),
        ),
        ("AccessDeniedException", Hold("AccessDeniedException", "why", REQUEST_ID)),
        ("InvalidAccountIdException", Hold("InvalidAccountIdException", "why", REQUEST_ID)),
        ("NeverSeen", Retry("NeverSeen", "why", REQUEST_ID, max_attempts=MAX_ATTEMPTS_UNKNOWN)),
    ],
)
def test_the_code_of_a_failed_entry_decides_its_outcome(code: str, outcome: object) -> None:
    """Each with the bus's message and request id, to be quoted later."""
    assert read_outcomes(results({"ErrorCode": code, "ErrorMessage": "why"}), 1) == [outcome]


def test_outcomes_stand_in_the_order_of_the_entries() -> None:
    """A delivered one carries the bus's event id."""
    read = read_outcomes(results({"EventId": "a"}, {"ErrorCode": "MalformedDetail"}, {"EventId": "b"}), 3)
    assert read == [Delivered("a"), Rejected("MalformedDetail", "", REQUEST_ID), Delivered("b")]


@pytest.mark.parametrize("result", [{}, {"EventId": ""}, {"EventId": None, "ErrorCode": ""}])
def test_a_result_without_a_verdict_is_unclear(result: dict[str, Any]) -> None:
    """Neither delivered nor failed: sent again, a bounded number of times."""
    (outcome,) = read_outcomes(results(result), 1)
    assert isinstance(outcome, Retry)
    assert outcome.reason is RetryReason.UNCLEAR
    assert outcome.max_attempts == MAX_ATTEMPTS_UNKNOWN


def test_an_error_code_outweighs_an_event_id() -> None:
    """Success is an id and no code."""
    (outcome,) = read_outcomes(results({"EventId": "a", "ErrorCode": "MalformedDetail"}), 1)
    assert isinstance(outcome, Rejected)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"<html>",
        b"\xff",
        {"FailedEntryCount": 0},
        {"Entries": None},
        {"Entries": []},
        {"Entries": [{"EventId": "a"}, {"EventId": "b"}]},
        {"Entries": ["a"]},
        {"Entries": [{"EventId": 1}]},
    ],
)
def test_a_200_that_cannot_be_read_is_no_answer(body: object) -> None:
    """The entries may have been taken or not."""
    with pytest.raises(UnavailableError) as caught:
        read_outcomes(answer(body), 1)
    assert (caught.value.code, caught.value.request_id) == ("unreadable_answer", REQUEST_ID)


@pytest.mark.parametrize(
    ("code", "status", "verdict"),
    [
        ("ThrottlingException", 400, Verdict.THROTTLED),
        ("RequestLimitExceeded", 400, Verdict.THROTTLED),
        ("TooManyRequestsException", 429, Verdict.THROTTLED),
        ("InternalException", 500, Verdict.UNAVAILABLE),
        ("InternalFailure", 500, Verdict.UNAVAILABLE),
        ("ServiceUnavailable", 503, Verdict.UNAVAILABLE),
        ("RequestTimeoutException", 408, Verdict.UNAVAILABLE),
        ("RequestAbortedException", 400, Verdict.UNAVAILABLE),
        ("ValidationException", 400, Verdict.REFUSED),
        ("SerializationException", 400, Verdict.REFUSED),
        ("MalformedHttpRequestException", 400, Verdict.REFUSED),
        ("413", 413, Verdict.REFUSED),
        ("ExpiredTokenException", 400, Verdict.EXPIRED),
        ("ExpiredToken", 403, Verdict.EXPIRED),
        ("RequestExpired", 400, Verdict.CLOCK),
        ("UnrecognizedClientException", 400, Verdict.BLOCKED),
        ("InvalidClientTokenId", 403, Verdict.BLOCKED),
        ("InvalidSignatureException", 400, Verdict.BLOCKED),
        ("IncompleteSignature", 400, Verdict.BLOCKED),
        ("MissingAuthenticationToken", 403, Verdict.BLOCKED),
        ("SignatureDoesNotMatch", 403, Verdict.BLOCKED),
        ("OptInRequired", 403, Verdict.BLOCKED),
        ("NotAuthorized", 401, Verdict.BLOCKED),
        ("AccessDeniedException", 400, Verdict.BLOCKED),
        ("UnknownOperationException", 404, Verdict.BLOCKED),
        ("ResourceNotFoundException", 400, Verdict.BLOCKED),
        # unknown ones go by the status
        ("NeverSeen", 400, Verdict.REFUSED),
        ("NeverSeen", 403, Verdict.BLOCKED),
        ("NeverSeen", 500, Verdict.UNAVAILABLE),
        ("NeverSeen", 307, Verdict.BLOCKED),
    ],
)
def test_the_code_of_a_failed_request_decides(code: str, status: int, verdict: Verdict) -> None:
    """Not the status, as long as the code is known."""
    failure = read_failure(answer({"__type": f"com.amazon.events#{code}", "message": "why"}, status), NOW)
    assert (failure.verdict, failure.code, failure.message) == (verdict, code, "why")


@pytest.mark.parametrize(
    "message",
    [
        "Signature expired: 20260304T050607Z is now earlier than 20260304T051107Z",
        "Signature not yet current: 20260304T050607Z is still later than 20260304T045607Z",
    ],
)
def test_a_bad_signature_that_speaks_of_time_is_a_matter_of_clocks(message: str) -> None:
    """The one code whose text decides."""
    body = {"__type": "InvalidSignatureException", "message": message}
    assert read_failure(answer(body, 400), NOW).verdict is Verdict.CLOCK


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (301, BlockedError, "http_301"),
        (401, BlockedError, "http_401"),
        (403, BlockedError, "http_403"),
        (404, BlockedError, "http_404"),
        (408, UnavailableError, "http_408"),
        (413, RefusedError, "http_413"),
        (429, ThrottledError, "http_429"),
        (500, UnavailableError, "http_500"),
        (502, UnavailableError, "http_502"),
        (504, UnavailableError, "http_504"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[]", b"\xff"])
def test_without_a_code_the_status_decides(
    body: bytes, status: int, error: type[SendError], code: str
) -> None:
    """As when a proxy answers in the bus's place."""
    raised = error_of(body, status)
    assert (type(raised), raised.code) == (error, code)


@pytest.mark.parametrize(
    "told",
    [
        answer({"__type": "ThrottlingException"}, 400),
        answer({"__type": "a.b#ThrottlingException"}, 400),
        answer({"code": "ThrottlingException"}, 400),
        answer(b"", 400, x_amzn_ErrorType="ThrottlingException:http://internal.amazon.com/coral/"),
    ],
)
def test_the_code_is_found_wherever_it_stands(told: Answer) -> None:
    """With a prefix or a suffix, in the body or in a header."""
    assert read_failure(told, NOW).code == "ThrottlingException"


def test_a_capital_message_is_read_too() -> None:
    """Both spellings occur."""
    raised = error_of({"__type": "AccessDeniedException", "Message": "User is not authorized"}, 400)
    assert raised.message == "User is not authorized"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({}, None), ({"Retry_After": "7"}, 7.0), ({"Retry_After": "Wed, 04 Mar 2026 05:06:30 GMT"}, 30.0)],
)
def test_throttling_passes_on_how_long(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds or an HTTP date, or nothing."""
    raised = error_of({"__type": "ThrottlingException"}, 400, **headers)
    assert isinstance(raised, ThrottledError)
    assert (raised.retry_after_seconds, raised.request_id) == (seconds, REQUEST_ID)


def test_a_missing_request_id_is_none() -> None:
    """Not an empty text."""
    assert request_id_of(Answer(200, {}, b"")) is None


def test_messages_are_cut() -> None:
    """They end in logs and dead letters."""
    (outcome,) = read_outcomes(results({"ErrorCode": "InvalidArgument", "ErrorMessage": "x" * 5000}), 1)
    assert isinstance(outcome, Rejected)
    assert len(outcome.message) == 1000
    assert len(error_of({"__type": "ValidationException", "message": "x" * 5000}, 400).message) == 1000
