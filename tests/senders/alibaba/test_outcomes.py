"""Every code of Alibaba's EventBridge, and what it makes of entries and requests."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.errors import BlockedError, RefusedError, SendError, ThrottledError, UnavailableError
from gateway.sender import Delivered, Hold, Outcome, Rejected, Retry, RetryAlone, RetryReason
from gateway.senders.alibaba.outcomes import (
    VERDICTS,
    read_failure,
    read_outcomes,
)
from gateway.senders.answer import Answer
from gateway.senders.verdict import MAX_ATTEMPTS_UNKNOWN, MAX_MESSAGE_CHARACTERS, Verdict

NOW = 1_772_600_767.0
REQUEST_ID = "72C60FDD-7A7A-4A6F-8A5C-6C0F3C8E4E2B"


def answer(body: object = None, status: int = 200, **headers: str) -> Answer:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"x-eventbridge-request-id": REQUEST_ID, **named}, text)


def result(event_id: str | None = None, code: str | None = None) -> dict[str, Any]:
    return {"EventId": event_id, "TraceId": "t", "ErrorCode": code, "ErrorMessage": "why"}


def outcomes(
    ids: Sequence[str], *results: dict[str, Any], failed: int | None = None, **members: Any
) -> Sequence[Outcome]:
    count = sum(one.get("ErrorCode") not in (None, "", "Success") for one in results)
    document = {
        "RequestId": REQUEST_ID,
        "FailedEntryCount": count if failed is None else failed,
        "EntryList": results,
        **members,
    }
    return read_outcomes(answer(document), ids)


def error_of(body: object, status: int, **headers: str) -> SendError:
    return read_failure(answer(body, status, **headers), NOW).error()


RATE = (429, Verdict.THROTTLED, ThrottledError, Retry)
SERVER = (500, Verdict.UNAVAILABLE, UnavailableError, Retry)
EXPIRED = (403, Verdict.EXPIRED, BlockedError, Hold)
FORBIDDEN = (403, Verdict.BLOCKED, BlockedError, Hold)
CONFLICT = (409, Verdict.BLOCKED, BlockedError, Hold)
WRONG = (409, Verdict.REFUSED, RefusedError, Rejected)
PARAMETER = (400, Verdict.REFUSED, RefusedError, Rejected)

CODES = {
    "TooManyRequests": RATE,
    "InternalError": SERVER,
    "SecurityTokenInvalid": EXPIRED,
    "StsAccessIdExpired": EXPIRED,
    "InvalidStsAccessKeyId": EXPIRED,
    "InvalidAccessKeyId": FORBIDDEN,
    "SignatureDoesNotMatch": FORBIDDEN,
    "AccountIdNotExist": FORBIDDEN,
    "ParentAccountNotExist": FORBIDDEN,
    "AccessDenied": FORBIDDEN,
    "AccessDeniedByPreCheck": FORBIDDEN,
    "AccessDeniedForInternalRegion": FORBIDDEN,
    "ServiceAccessDenied": FORBIDDEN,
    "ServiceNotEnable": FORBIDDEN,
    "OptionsMethodNotEnable": FORBIDDEN,
    "LoginFailed": CONFLICT,
    "EventBusNotExist": CONFLICT,
    "EventBusNameInvalid": CONFLICT,
    "EventBusEmpty": CONFLICT,
    "PutEventsRequestMoreThanOneEventBus": WRONG,
    "EventHTTPProtocolBindingInvalid": WRONG,
    "EventSizeExceed": WRONG,
    "EventIdEmpty": WRONG,
    "EventDataEmpty": WRONG,
    "EventSourceInvalid": WRONG,
    "EventSubjectInvalid": WRONG,
    "EventTypeInvalid": WRONG,
    "EventSpecversionInvalid": WRONG,
    "EventContentTypeInvalid": WRONG,
    "EventSchemaInvalid": WRONG,
    "EventExtensionsAttributeInvalid": WRONG,
    "EventExtensionsAttributeExceedLimit": WRONG,
    "EventInvalid": WRONG,
    "JsonAttributeInvalid": WRONG,
    "RequestParameterInvalid": PARAMETER,
}
"""The documented codes: status, verdict, what the request raises, what an entry becomes."""


def test_the_table_of_codes_is_the_documented_one() -> None:
    """None is left out of the tests below."""
    assert {code: row[1] for code, row in CODES.items()} == VERDICTS


@pytest.mark.parametrize("code", CODES)
def test_the_code_of_a_request_decides_what_is_raised(code: str) -> None:
    """With the bus's own words and its name for the request."""
    status, verdict, kind, _ = CODES[code]
    failure = read_failure(answer({"code": code, "message": "why", "requestId": "other"}, status), NOW)
    error = failure.error()
    assert failure.verdict is verdict
    assert type(error) is kind
    assert (error.code, error.message, error.request_id) == (code, "why", REQUEST_ID)


@pytest.mark.parametrize("code", CODES)
def test_the_code_decides_and_not_the_status(code: str) -> None:
    """409 is the status of ordinary validation errors here, and of missing buses."""
    _, verdict, _, _ = CODES[code]
    assert read_failure(answer({"code": code}, 418), NOW).verdict is verdict


@pytest.mark.parametrize("code", CODES)
def test_the_code_of_an_entry_decides_what_becomes_of_it(code: str) -> None:
    """The other entries are delivered."""
    good, failed = outcomes(["1", "2"], result("1"), result("2", code))
    assert good == Delivered("1")
    assert type(failed) is CODES[code][3]
    assert not isinstance(failed, Delivered)
    assert (failed.code, failed.message, failed.request_id) == (code, "why", REQUEST_ID)


def test_a_throttled_entry_is_told_from_a_failed_one() -> None:
    """Both are sent again; the metric names the reason."""
    (throttled,) = outcomes(["1"], result("1", "TooManyRequests"))
    (failed,) = outcomes(["1"], result("1", "InternalError"))
    assert isinstance(throttled, Retry)
    assert isinstance(failed, Retry)
    assert (throttled.reason, failed.reason) == (RetryReason.THROTTLED, RetryReason.FAILED)
    assert (throttled.max_attempts, failed.max_attempts) == (None, None)


def test_an_unknown_code_of_an_entry_is_retried_a_bounded_number_of_times() -> None:
    """Nobody knows whether it passes."""
    (outcome,) = outcomes(["1"], result("1", "NeverHeardOf"))
    assert outcome == Retry("NeverHeardOf", "why", REQUEST_ID, max_attempts=MAX_ATTEMPTS_UNKNOWN)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RefusedError),
        (401, BlockedError),
        (403, BlockedError),
        (404, BlockedError),
        (405, BlockedError),
        (407, BlockedError),
        (408, UnavailableError),
        (409, RefusedError),
        (413, RefusedError),
        (422, RefusedError),
        (429, ThrottledError),
        (500, UnavailableError),
        (502, UnavailableError),
        (503, UnavailableError),
        (504, UnavailableError),
        (302, BlockedError),
        (204, BlockedError),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"\xff", b"[]", b'"text"', b'{"code":1}', b"{}", b'{"code":"NeverHeardOf"}']
)
def test_without_a_known_code_the_status_decides(status: int, kind: type[SendError], body: bytes) -> None:
    """A proxy's page, nothing at all, or a code that stands in no table."""
    error = error_of(body, status)
    assert type(error) is kind
    assert error.code == ("NeverHeardOf" if b"NeverHeardOf" in body else f"http_{status}")


def test_codes_are_read_in_capitals_too() -> None:
    """As other services of the vendor spell them."""
    error = error_of({"Code": "AccessDenied", "Message": "why", "RequestId": "r"}, 403)
    assert (error.code, error.message, error.request_id) == ("AccessDenied", "why", REQUEST_ID)


@pytest.mark.parametrize("name", ["requestId", "RequestId"])
def test_the_request_is_named_in_the_body_where_no_header_names_it(name: str) -> None:
    """To quote when asking the bus's operator."""
    code = {"requestId": "code", "RequestId": "Code"}[name]
    body = json.dumps({code: "AccessDenied", name: "r-1"}).encode()
    assert read_failure(Answer(403, {}, body), NOW).request_id == "r-1"
    assert read_failure(Answer(403, {}, b"{}"), NOW).request_id is None


@pytest.mark.parametrize(("status", "code"), [(429, "TooManyRequests"), (503, "ServiceUnavailable")])
@pytest.mark.parametrize(
    ("hint", "seconds"), [("7", 7.0), ("Wed, 04 Mar 2026 05:06:17 GMT", 10.0), ("soon", None)]
)
def test_retry_after_is_passed_on(status: int, code: str, hint: str, seconds: float | None) -> None:
    """In seconds or as a date, with a throttle and with an outage."""
    error = error_of({"code": code}, status, Retry_After=hint)
    assert isinstance(error, ThrottledError | UnavailableError)
    assert error.retry_after_seconds == seconds


def test_long_messages_are_cut() -> None:
    """They go into dead letters and logs."""
    assert (
        len(error_of({"code": "AccessDenied", "message": "x" * 9999}, 403).message) == MAX_MESSAGE_CHARACTERS
    )
    (outcome,) = outcomes(["1"], {"ErrorCode": "EventInvalid", "ErrorMessage": "x" * 9999})
    assert isinstance(outcome, Rejected)
    assert len(outcome.message) == MAX_MESSAGE_CHARACTERS


@pytest.mark.parametrize("code", [None, "", "Success"])
def test_an_entry_without_an_error_is_delivered(code: str | None) -> None:
    """`Success` too is no error: newer SDKs document it. To take it for one would send for ever."""
    assert outcomes(["1", "2"], result("1", code), result("2", code)) == [Delivered("1"), Delivered("2")]


def test_results_come_in_any_order() -> None:
    """Each entry gets the one that names it."""
    found = outcomes(["1", "2", "3"], result("3"), result("1", "EventInvalid"), result("2"))
    assert found == [Rejected("EventInvalid", "why", REQUEST_ID), Delivered("2"), Delivered("3")]


def test_the_buss_own_ids_are_passed_on_only_where_they_are_certain() -> None:
    """A single event has one; of several nobody knows which is whose."""
    assert outcomes(["1"], result("bus-1")) == [Delivered("bus-1")]
    assert outcomes(["1", "2"], result("bus-1"), result("bus-2")) == [Delivered(), Delivered()]
    assert outcomes(["1", "2"], result("bus-1"), result("1")) == [Delivered("1"), Delivered("bus-1")]


def test_a_failure_that_nobody_can_assign_sends_each_entry_alone() -> None:
    """The index would be a guess. One by one, each verdict is certain."""
    found = outcomes(["1", "2", "3"], result("bus-1"), result(None, "EventInvalid"), result("bus-3"))
    assert [type(outcome) for outcome in found] == [RetryAlone] * 3
    assert isinstance(found[0], RetryAlone)
    assert (found[0].code, found[0].request_id) == ("EventInvalid", REQUEST_ID)


def test_entries_that_are_named_keep_their_verdict_beside_those_that_are_not() -> None:
    """Only the others are in doubt."""
    found = outcomes(["1", "2", "3"], result("x"), result(None, "EventInvalid"), result("1"))
    assert found[0] == Delivered("1")
    assert [type(outcome) for outcome in found[1:]] == [RetryAlone] * 2


def test_a_failure_is_certain_where_it_is_the_only_one_left() -> None:
    """All others are named."""
    found = outcomes(["1", "2"], result(None, "EventInvalid"), result("2"))
    assert found == [Rejected("EventInvalid", "why", REQUEST_ID), Delivered("2")]


def test_a_failure_is_certain_where_all_have_it() -> None:
    """Then it does not matter whose is whose."""
    found = outcomes(["1", "2"], result(None, "InternalError"), result(None, "InternalError"))
    assert found == [Retry("InternalError", "why", REQUEST_ID)] * 2
    mixed = outcomes(["1", "2"], result(None, "InternalError"), result(None, "EventInvalid"))
    assert [type(outcome) for outcome in mixed] == [RetryAlone] * 2


def test_an_id_that_is_there_twice_names_nobody() -> None:
    """Two producers may use the same id: CloudEvents only forbids it to one source."""
    found = outcomes(["1", "1", "2"], result("1"), result("1", "EventInvalid"), result("2"))
    assert [type(outcome) for outcome in found] == [RetryAlone, RetryAlone, Delivered]
    found = outcomes(["1", "2"], result("1"), result("1", "EventInvalid"))
    assert [type(outcome) for outcome in found] == [RetryAlone, RetryAlone]


def test_a_count_of_failures_without_any_failure_is_no_verdict() -> None:
    """A duplicate can be mended, a loss cannot. Alone it is not asked for ever."""
    found = outcomes(["1", "2"], result("1"), result("2"), failed=1)
    assert [type(outcome) for outcome in found] == [RetryAlone] * 2
    (alone,) = outcomes(["1"], result("1"), failed=1)
    assert isinstance(alone, Retry)
    assert (alone.reason, alone.max_attempts) == (RetryReason.UNCLEAR, MAX_ATTEMPTS_UNKNOWN)


def test_a_failure_counts_whatever_the_count_says() -> None:
    """The entry's own code is the closer witness."""
    assert outcomes(["1"], result("1", "EventInvalid"), failed=0) == [
        Rejected("EventInvalid", "why", REQUEST_ID)
    ]


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"EntryList": None},
        {"EntryList": []},
        {"EntryList": [result("1")]},
        {"EntryList": [result("1"), result("2", "Success"), result("3")]},
    ],
)
def test_a_count_of_no_failures_is_enough(members: dict[str, Any]) -> None:
    """All of them are accepted, whatever the list has or lacks, while no code contradicts it."""
    assert read_outcomes(answer({"FailedEntryCount": 0, **members}), ["1", "2"]) == [Delivered(), Delivered()]


def test_more_failures_by_the_count_than_by_the_list_leave_the_others_in_doubt() -> None:
    """Somebody among them failed: to call them delivered could lose one."""
    found = outcomes(["1", "2", "3"], result("1"), result("2", "EventInvalid"), result("3"), failed=2)
    assert [type(outcome) for outcome in found] == [RetryAlone, Rejected, RetryAlone]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff",
        b"{}",
        b"[]",
        {"FailedEntryCount": 1},
        {"EntryList": []},
        {"EntryList": [result("1")]},
        {"FailedEntryCount": 1, "EntryList": [result("1")]},
        {"FailedEntryCount": 0, "EntryList": [result("1", "EventInvalid")]},
        {"FailedEntryCount": 0, "EntryList": [result("1"), result("2"), result("3", "EventInvalid")]},
        {"FailedEntryCount": 0, "EntryList": "none"},
    ],
)
def test_an_answer_that_nobody_can_read_is_none(body: object) -> None:
    """The events may or may not have arrived: they are sent again."""
    with pytest.raises(UnavailableError) as caught:
        read_outcomes(answer(body), ["1", "2"])
    assert (caught.value.code, caught.value.request_id) == ("unreadable_answer", REQUEST_ID)
