"""Every code of EventBridge, and what it makes of entries and requests."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Struct

from gateway.errors import BlockedError, RefusedError, SendError, ThrottledError, UnavailableError
from gateway.sender import Delivered, Hold, Rejected, Retry, RetryReason
from gateway.senders.answer import Answer
from gateway.senders.aws.outcomes import (
    read_failure,
    read_outcomes,
    request_id_of,
)
from gateway.senders.verdict import MAX_ATTEMPTS_UNKNOWN, Verdict

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


RETRIED = "retry"
PERMANENT = "permanent, this event"
OPERATORS = "configuration"


def entry_row(meaning: str, outcome: Retry | Rejected | Hold) -> Any:
    """A row of the entries' table: its code is in the outcome."""
    return pytest.param(outcome, id=f"{meaning}: {outcome.code}")


@pytest.mark.parametrize(
    "outcome",
    [
        entry_row(RETRIED, Retry("InternalFailure", "why", REQUEST_ID)),
        entry_row(RETRIED, Retry("InternalException", "why", REQUEST_ID)),
        entry_row(RETRIED, Retry("ThrottlingException", "why", REQUEST_ID, RetryReason.THROTTLED)),
        entry_row(PERMANENT, Rejected("MalformedDetail", "why", REQUEST_ID)),
        entry_row(PERMANENT, Rejected("InvalidArgument", "why", REQUEST_ID)),
        entry_row(PERMANENT, Rejected("RedactionFailure", "why", REQUEST_ID)),
        entry_row(PERMANENT, Rejected("NotAuthorizedForSourceException", "why", REQUEST_ID)),
        entry_row(PERMANENT, Rejected("NotAuthorizedForDetailTypeException", "why", REQUEST_ID)),
        entry_row(OPERATORS, Hold("AccessDeniedException", "why", REQUEST_ID)),
        entry_row(OPERATORS, Hold("InvalidAccountIdException", "why", REQUEST_ID)),
        entry_row("any other", Retry("NeverSeen", "why", REQUEST_ID, max_attempts=MAX_ATTEMPTS_UNKNOWN)),
    ],
)
def test_the_code_of_a_failed_entry_decides_its_outcome(outcome: Retry | Rejected | Hold) -> None:
    """Each with the bus's message and request id, to be quoted later."""
    assert read_outcomes(results({"ErrorCode": outcome.code, "ErrorMessage": "why"}), 1) == [outcome]


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


ENTRIES_TEXT = (
    "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length"
    " less than or equal to 10"
)
TIME_TEXTS = (
    "Signature expired: 20260304T050607Z is now earlier than 20260304T051107Z",
    "Signature not yet current: 20260304T050607Z is still later than 20260304T045607Z",
)


class Row(Struct, frozen=True):
    """A row of the requests' table: what its codes mean, and what the sender raises in the end."""

    meaning: str
    verdict: Verdict
    error: type[SendError]
    cases: tuple[tuple[str, int, str], ...]
    """Code, status and message."""

    def params(self) -> Iterator[Any]:
        """A named test case for each code."""
        for number, (code, status, message) in enumerate(self.cases, 1):
            yield pytest.param(self, code, status, message, id=f"{self.meaning}: {number} {code} {status}")


ROWS = (
    Row(
        "retry, slower",
        Verdict.THROTTLED,
        ThrottledError,
        (
            ("ThrottlingException", 400, "Rate exceeded"),
            ("RequestLimitExceeded", 400, "why"),
            ("TooManyRequestsException", 429, "why"),
        ),
    ),
    Row(
        "retry",
        Verdict.UNAVAILABLE,
        UnavailableError,
        (
            ("InternalException", 500, "why"),
            ("InternalFailure", 500, "why"),
            ("ServiceUnavailable", 503, "why"),
            ("RequestTimeoutException", 408, "why"),
            ("RequestAbortedException", 400, "why"),
        ),
    ),
    Row(
        "split, too many or too large",
        Verdict.REFUSED,
        RefusedError,
        (
            ("ValidationException", 400, ENTRIES_TEXT),
            ("ValidationException", 400, "Total size of the entries in the request is over the limit."),
        ),
    ),
    Row("split, 413", Verdict.REFUSED, RefusedError, (("413", 413, "why"),)),
    Row(
        "split, to find it",
        Verdict.REFUSED,
        RefusedError,
        (("ValidationException", 400, "why"), ("SerializationException", 400, "why")),
    ),
    Row(
        "permanent, this request",
        Verdict.REFUSED,
        RefusedError,
        (("MalformedHttpRequestException", 400, "why"),),
    ),
    Row(
        "refresh credentials, then configuration",
        Verdict.EXPIRED,
        BlockedError,
        (
            ("ExpiredTokenException", 400, "why"),
            ("ExpiredTokenException", 403, "why"),
            ("ExpiredToken", 400, "why"),
            ("ExpiredToken", 403, "why"),
        ),
    ),
    Row(
        "clock, then configuration",
        Verdict.CLOCK,
        BlockedError,
        (
            ("RequestExpired", 400, "why"),
            *(("InvalidSignatureException", 400, text) for text in TIME_TEXTS),
        ),
    ),
    Row(
        "configuration",
        Verdict.BLOCKED,
        BlockedError,
        (
            ("UnrecognizedClientException", 400, "why"),
            ("InvalidClientTokenId", 403, "why"),
            ("InvalidSignatureException", 400, "why"),
            ("IncompleteSignature", 400, "why"),
            ("MissingAuthenticationToken", 403, "why"),
            ("SignatureDoesNotMatch", 403, "why"),
            ("OptInRequired", 403, "why"),
            ("NotAuthorized", 401, "why"),
            ("AccessDeniedException", 400, "why"),
            ("AccessDeniedException", 403, "why"),
        ),
    ),
    Row("wrong endpoint", Verdict.BLOCKED, BlockedError, (("UnknownOperationException", 404, "why"),)),
    Row("missing bus", Verdict.BLOCKED, BlockedError, (("ResourceNotFoundException", 400, "why"),)),
)


@pytest.mark.parametrize(
    ("row", "code", "status", "message"), [param for row in ROWS for param in row.params()]
)
def test_the_code_of_a_failed_request_decides(row: Row, code: str, status: int, message: str) -> None:
    """Not the status, as long as the code is known; the text only where it tells a clock from a key."""
    failure = read_failure(answer({"__type": f"com.amazon.events#{code}", "message": message}, status), NOW)
    error = failure.error()
    assert (failure.verdict, type(error)) == (row.verdict, row.error)
    assert (error.code, error.message, error.request_id) == (code, message, REQUEST_ID)


@pytest.mark.parametrize(
    ("code", "status", "misleading"),
    [
        ("ThrottlingException", 500, UnavailableError),
        ("AccessDeniedException", 503, UnavailableError),
        ("InternalException", 400, RefusedError),
        ("ValidationException", 403, BlockedError),
    ],
)
def test_a_known_code_outweighs_its_status(code: str, status: int, misleading: type[SendError]) -> None:
    """The same status alone would mean something else."""
    assert type(error_of(b"", status)) is misleading
    assert type(error_of({"__type": code}, status)) is not misleading


@pytest.mark.parametrize(
    ("status", "error"),
    [(307, BlockedError), (400, RefusedError), (403, BlockedError), (500, UnavailableError)],
)
def test_an_unknown_code_goes_by_its_status(status: int, error: type[SendError]) -> None:
    """But is told as the bus told it."""
    raised = error_of({"__type": "NeverSeen"}, status)
    assert (type(raised), raised.code) == (error, "NeverSeen")


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
        (503, UnavailableError, "http_503"),
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
@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"__type": "ThrottlingException"}, 400, id="throttled"),
        pytest.param({"__type": "ServiceUnavailable"}, 503, id="unavailable"),
        pytest.param(b"<html>Maintenance</html>", 503, id="unavailable, by a proxy"),
    ],
)
def test_a_bus_may_say_when_to_come_again(
    body: object, status: int, headers: dict[str, str], seconds: float | None
) -> None:
    """Seconds or an HTTP date, or nothing."""
    raised = error_of(body, status, **headers)
    assert isinstance(raised, (ThrottledError, UnavailableError))
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


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        (
            "InvalidSignatureException",
            "No match.\n\nThe Canonical String for this request should be\n'x-amz-security-token:IQoJ…",
            "No match.",
        ),
        (
            "ValidationException",
            "1 validation error detected: Value 'an event's own' at 'entries.1.member.source' failed",
            "1 validation error detected: Value '…' at 'entries.1.member.source' failed",
        ),
    ],
)
def test_a_message_s_quotations_are_left_out(code: str, message: str, said: str) -> None:
    """It reaches logs and `/status`, where neither tokens nor event data belong."""
    assert read_failure(answer({"__type": code, "message": message}, 400), NOW).message == said
