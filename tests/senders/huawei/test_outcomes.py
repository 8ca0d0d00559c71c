"""Every code of EventGrid and of the gateway before it, in every shape that the documents show."""

import pytest

from gateway.errors import BlockedError, RefusedError, SendError, ThrottledError, UnavailableError
from gateway.sender import Delivered, Hold, Outcome, Rejected, Retry, RetryAlone, RetryReason
from gateway.senders.verdict import MAX_ATTEMPTS_UNKNOWN, Verdict
from tests.senders.huawei.answers import (
    ALONE,
    REQUEST_ID,
    UNCLEAR,
    answer,
    error_of,
    failure,
    outcomes,
    result,
    results,
)

TABLE = [
    ("00533007", 400, Verdict.SPLIT, RefusedError),
    ("00533013", 400, Verdict.SPLIT, RefusedError),
    ("00533012", 400, Verdict.REFUSED, RefusedError),
    ("00014000", 400, Verdict.SPLIT, RefusedError),
    ("00513000", 400, Verdict.SPLIT, RefusedError),
    ("00513005", 400, Verdict.BLOCKED, BlockedError),
    ("00014010", 401, Verdict.EXPIRED, BlockedError),
    ("APIGW.0301", 401, Verdict.EXPIRED, BlockedError),
    ("APIGW.0305", 401, Verdict.EXPIRED, BlockedError),
    ("APIGW.0307", 401, Verdict.EXPIRED, BlockedError),
    ("00014030", 403, Verdict.BLOCKED, BlockedError),
    ("00512000", 403, Verdict.BLOCKED, BlockedError),
    ("APIGW.0302", 403, Verdict.BLOCKED, BlockedError),
    ("APIGW.0304", 403, Verdict.BLOCKED, BlockedError),
    ("APIGW.0306", 403, Verdict.BLOCKED, BlockedError),
    ("APIGW.0310", 403, Verdict.BLOCKED, BlockedError),
    ("APIGW.0401", 403, Verdict.BLOCKED, BlockedError),
    ("APIGW.0402", 403, Verdict.BLOCKED, BlockedError),
    ("APIGW.0801", 403, Verdict.BLOCKED, BlockedError),
    ("APIGW.0802", 403, Verdict.BLOCKED, BlockedError),
    ("00512001", 403, Verdict.BLOCKED, BlockedError),
    ("00514003", 403, Verdict.BLOCKED, BlockedError),
    ("00014040", 404, Verdict.BLOCKED, BlockedError),
    ("APIGW.0101", 404, Verdict.BLOCKED, BlockedError),
    ("APIGW.0103", 404, Verdict.BLOCKED, BlockedError),
    ("APIGW.0201", 413, Verdict.SPLIT, RefusedError),
    ("APIGW.0308", 429, Verdict.THROTTLED, ThrottledError),
    ("00015000", 500, Verdict.UNAVAILABLE, UnavailableError),
    ("APIGW.0201", 502, Verdict.UNAVAILABLE, UnavailableError),
    ("APIGW.0201", 504, Verdict.UNAVAILABLE, UnavailableError),
    ("APIGW.0601", 500, Verdict.UNAVAILABLE, UnavailableError),
    ("APIGW.0605", 500, Verdict.UNAVAILABLE, UnavailableError),
    ("APIGW.0606", 500, Verdict.UNAVAILABLE, UnavailableError),
    ("APIGW.0608", 500, Verdict.UNAVAILABLE, UnavailableError),
    ("APIGW.0609", 500, Verdict.UNAVAILABLE, UnavailableError),
    ("APIGW.0610", 500, Verdict.UNAVAILABLE, UnavailableError),
    ("APIGW.0611", 500, Verdict.UNAVAILABLE, UnavailableError),
    ("APIGW.0613", 503, Verdict.UNAVAILABLE, UnavailableError),
    ("APIGW.0705", 500, Verdict.UNAVAILABLE, UnavailableError),
]


@pytest.mark.parametrize(("code", "status", "verdict", "error"), TABLE)
@pytest.mark.parametrize(
    "shape",
    [
        '{"error_code":"CODE","error_msg":"why","error_detail":"because"}',
        '{"error_code":"CODE","error_msg":"why","error_details":"because","request_id":"r"}',
        '{"error_msg":"why: because","error_code":"CODE","request_id":"r","unknown":{"later":1}}',
    ],
    ids=["S3", "S4", "S7"],
)
def test_the_code_of_a_refused_request_decides(
    *, code: str, status: int, verdict: Verdict, error: type[SendError], shape: str
) -> None:
    """In each shape of an error object, with the vendor's message and detail."""
    told = failure(answer(shape.replace("CODE", code).encode(), status), "001", "002")
    assert (told.verdict, type(told.error())) == (verdict, error)
    assert (told.error().code, told.error().message) == (code, "why: because")
    assert told.error().request_id == REQUEST_ID


@pytest.mark.parametrize("code", [code for code, *_ in TABLE if code != "APIGW.0201"], ids=lambda code: code)
def test_a_known_code_outweighs_the_status(code: str) -> None:
    """Whatever a proxy makes of it."""
    expected = next(verdict for known, _, verdict, _ in TABLE if known == code)
    assert failure(answer({"error_code": code, "error_msg": "why"}, 418)).verdict is expected


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, BlockedError),
        (400, RefusedError),
        (401, BlockedError),
        (403, BlockedError),
        (404, BlockedError),
        (405, BlockedError),
        (407, BlockedError),
        (408, UnavailableError),
        (413, RefusedError),
        (429, ThrottledError),
        (500, UnavailableError),
        (502, UnavailableError),
        (503, UnavailableError),
    ],
)
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"error_code":"EG.00599999","error_msg":"new"}', "00599999"),
        (b'{"errorCode":"APIGW.9999"}', "APIGW.9999"),
        (b"", None),
        (b"<html>Bad gateway, 20260304</html>", None),
        (b"[]", None),
        (b"{}", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
        (b'{"failed_count":0,"events":7}', None),
    ],
)
def test_an_unknown_code_or_none_goes_by_the_status(
    *, body: bytes, code: str | None, status: int, error: type[SendError]
) -> None:
    """As when a proxy answers in the bus's place."""
    raised = error_of(body, status)
    assert (type(raised), raised.code) == (error, code or f"http_{status}")


def test_results_without_codes_are_acceptance() -> None:
    """S1, with the bus's name for each event."""
    assert outcomes(answer(results(result("001"), result("002"))), "001", "002") == [
        Delivered("001"),
        Delivered("002"),
    ]


def test_acceptance_holds_whatever_the_ids() -> None:
    """The vendor's own sample is out of order; an id that is another event's is not passed on."""
    sample = answer(results(result("003"), result("003"), result("002")))
    assert outcomes(sample, "001", "002", "003") == [Delivered()] * 3
    foreign = answer(results(result("a"), result("b")))
    assert outcomes(foreign, "001", "002") == [Delivered("a"), Delivered("b")]


def test_a_count_of_no_failures_is_enough() -> None:
    """Where the list is missing, or of another length; without the count, nobody knows."""
    for listed in ([], [result("001")], [result("001"), result("002"), result("003")]):
        assert outcomes(answer({"failed_count": 0, "events": listed}), "001", "002") == [Delivered()] * 2
        assert failure(answer({"events": listed}), "001", "002").code == "unreadable_answer"
    assert outcomes(answer({"failed_count": 0}), "001", "002") == [Delivered()] * 2
    assert outcomes(answer({"failed_count": 0, "events": None}), "001") == [Delivered()]


def test_an_error_under_a_success_is_an_error() -> None:
    """A known code decides; an unknown one may pass."""
    assert isinstance(error_of({"error_code": "00513005"}, 200), BlockedError)
    assert isinstance(error_of({"error_code": "00599999"}, 200), UnavailableError)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("00533012", Rejected("00533012", "why", REQUEST_ID)),
        ("00014000", RetryAlone("00014000", "why", REQUEST_ID)),
        ("EG.00513000", RetryAlone("00513000", "why", REQUEST_ID)),
        ("00533007", RetryAlone("00533007", "why", REQUEST_ID)),
        ("00533013", RetryAlone("00533013", "why", REQUEST_ID)),
        ("00513005", Hold("00513005", "why", REQUEST_ID)),
        ("APIGW.0307", Hold("APIGW.0307", "why", REQUEST_ID)),
        ("APIGW.0308", Retry("APIGW.0308", "why", REQUEST_ID, RetryReason.THROTTLED)),
        ("00015000", Retry("00015000", "why", REQUEST_ID)),
        ("00599999", Retry("00599999", "why", REQUEST_ID, max_attempts=MAX_ATTEMPTS_UNKNOWN)),
    ],
)
def test_the_code_of_one_event_is_its_own(code: str, outcome: Outcome) -> None:
    """S2 under 200: what has no code was accepted."""
    told = answer(results(result("001"), result("002", code, "why")))
    assert outcomes(told, "001", "002") == [Delivered("001"), outcome]


@pytest.mark.parametrize("code", ["00533007", "00533013", "00014000", "00513000"])
def test_what_is_refused_by_itself_is_refused_for_good(code: str) -> None:
    """The request cannot be made smaller, and nobody else is to blame."""
    assert outcomes(answer(results(result("001", code))), "001") == [Rejected(code, "", REQUEST_ID)]


def test_results_are_matched_by_id() -> None:
    """In whatever order they come."""
    told = answer(results(result("003"), result("001", "00533012"), result("002")))
    assert outcomes(told, "001", "002", "003") == [
        Rejected("00533012", "", REQUEST_ID),
        Delivered("002"),
        Delivered("003"),
    ]


def test_results_without_ids_are_matched_by_position() -> None:
    """Nothing contradicts it."""
    told = answer(results(result(), result(None, "00533012"), result("003")))
    rejected = Rejected("00533012", "", REQUEST_ID)
    assert outcomes(told, "001", "002", "003") == [Delivered(), rejected, Delivered("003")]


def test_events_of_one_id_are_matched_by_position() -> None:
    """An id is unique per source only."""
    told = answer(results(result("001"), result("001", "00533012")))
    assert outcomes(told, "001", "001") == [Delivered("001"), Rejected("00533012", "", REQUEST_ID)]


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("listed", "ids"),
    [
        (["003", "003", "002"], ["001", "002", "003"]),
        (["002", "001"], ["001", "001"]),
        (["a", "b"], ["001", "002"]),
        (["001"], ["001", "002"]),
        ([None, "001"], ["001", "002"]),
        ([None, None, None], ["001", "002"]),
    ],
)
def test_results_that_cannot_be_matched_decide_nothing(
    *, listed: list[str | None], ids: list[str], status: int
) -> None:
    """Each event is sent again by itself: a wrong guess would lose one."""
    first, *others = listed
    told = answer(results(result(first, "00533012"), *map(result, others)), status)
    assert outcomes(told, *ids) == [ALONE] * len(ids)


def test_the_only_result_is_that_of_the_only_event() -> None:
    """Whatever its id."""
    told = answer(results(result("x", "00533012")), 400)
    assert outcomes(told, "001") == [Rejected("00533012", "", REQUEST_ID)]


def test_more_failures_than_codes_leave_the_others_undecided() -> None:
    """Somebody among them failed."""
    one = {"failed_count": 2, "events": [result("001", "00533012"), result("002"), result("003")]}
    assert outcomes(answer(one), "001", "002", "003") == [Rejected("00533012", "", REQUEST_ID), ALONE, ALONE]
    none = {"failed_count": 1, "events": [result("001"), result("002")]}
    assert outcomes(answer(none), "001", "002") == [ALONE, ALONE]


def test_in_a_refused_request_what_has_no_code_is_undecided() -> None:
    """S2 under 400: the event that is named is refused, the others are sent again."""
    told = answer(results(result("001"), result("002", "EG.00533012", "too large")), 400)
    assert outcomes(told, "001", "002") == [ALONE, Rejected("00533012", "too large", REQUEST_ID)]


def test_in_a_refused_request_the_buss_own_failure_is_of_one_event() -> None:
    """The others are sent again by themselves, so that another's failure does not hold them up for ever."""
    told = answer(results(result("001"), result("002", "00015000", "why")), 400)
    assert outcomes(told, "001", "002") == [ALONE, Retry("00015000", "why", REQUEST_ID)]


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("00533013", Verdict.SPLIT),
        ("00533007", Verdict.SPLIT),
        ("00513000", Verdict.SPLIT),
        ("00014000", Verdict.SPLIT),
        ("00513005", Verdict.BLOCKED),
        ("APIGW.0307", Verdict.EXPIRED),
        ("APIGW.0308", Verdict.THROTTLED),
        ("00599999", Verdict.SPLIT),
    ],
)
def test_a_refusal_of_all_may_be_written_beside_one(code: str, verdict: Verdict) -> None:
    """As the user guide shows for too many events."""
    told = failure(answer(results(result("001", code, "why"), result("002")), 400), "001", "002")
    assert (told.verdict, told.error().code, told.error().message) == (verdict, code, "why")


def test_results_under_a_server_error_count_for_nothing() -> None:
    """All of it is sent again."""
    told = failure(answer(results(result("001", "00533012"), result("002")), 503), "001", "002")
    assert (told.verdict, told.error().code) == (Verdict.UNAVAILABLE, "http_503")


def test_a_refusal_that_names_nothing_is_undecided() -> None:
    """By itself, an event is not sent so for ever."""
    told = answer(results(result("001"), result("002")), 400)
    assert outcomes(told, "001", "002") == [ALONE, ALONE]
    assert outcomes(answer(results(result("001")), 400), "001") == [
        Retry("no_verdict", UNCLEAR, REQUEST_ID, RetryReason.UNCLEAR, max_attempts=MAX_ATTEMPTS_UNKNOWN)
    ]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({}, None), ({"Retry_After": "7"}, 7.0), ({"Retry_After": "Wed, 04 Mar 2026 05:06:30 GMT"}, 30.0)],
)
def test_throttling_passes_on_how_long(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds or an HTTP date, or nothing."""
    raised = error_of({"error_code": "APIGW.0308", "error_msg": "slower"}, 429, **headers)
    assert isinstance(raised, ThrottledError)
    assert (raised.retry_after_seconds, raised.request_id) == (seconds, REQUEST_ID)


@pytest.mark.parametrize(
    ("hint", "seconds"), [("7", 7.0), ("Wed, 04 Mar 2026 05:06:30 GMT", 30.0), ("soon", None)]
)
def test_an_outage_passes_on_how_long(hint: str, seconds: float | None) -> None:
    """RFC 9110 has `Retry-After` with 503 as well."""
    raised = error_of({"error_code": "APIGW.0601", "error_msg": "down"}, 503, Retry_After=hint)
    assert isinstance(raised, UnavailableError)
    assert raised.retry_after_seconds == seconds
