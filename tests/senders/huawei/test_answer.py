"""EventGrid's answers in every form that the documents show, and in some that they do not."""

import json

import pytest

from gateway.errors import BlockedError, RefusedError, SendError, UnavailableError
from gateway.sender import Delivered, Rejected
from gateway.senders.answer import Answer
from gateway.senders.verdict import Verdict
from tests.senders.huawei.answers import (
    ALONE,
    REQUEST_ID,
    answer,
    error_of,
    failure,
    outcomes,
    result,
    results,
)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ('"00533013"', "00533013"),
        ('"EG.00533013"', "00533013"),
        ('"533013"', "00533013"),
        ("533013", "00533013"),
        ('" EG.00533013 "', "00533013"),
        ('"APIGW.0307"', "APIGW.0307"),
        ('"APIG.0307"', "APIG.0307"),
    ],
)
def test_codes_are_normalised(written: str, code: str) -> None:
    """The bus's own to eight digits; those of API Gateway stay."""
    body = f'{{"error_code":{written},"error_msg":"why"}}'.encode()
    assert error_of(body, 400).code == code
    listed = f'{{"failed_count":1,"events":[{{"error_code":{written}}}]}}'.encode()
    (outcome,) = outcomes(answer(listed), "001")
    assert not isinstance(outcome, Delivered)
    assert outcome.code == code


def test_an_older_prefix_means_the_same() -> None:
    """APIG for APIGW."""
    assert failure(answer({"error_code": "APIG.0307"}, 401)).verdict is Verdict.EXPIRED


@pytest.mark.parametrize(
    "body",
    [
        {"errorCode": "00513005", "errorMsg": "why"},
        {"code": "00513005", "message": "why"},
        {"error": {"code": "EG.00513005", "message": "why"}},
        {"data": 1, "error": {"error_code": 513005, "error_msg": "why"}},
    ],
)
def test_other_spellings_are_read(body: object) -> None:
    """Those that the vendor's SDK knows, also one level down."""
    raised = error_of(body, 400)
    assert (type(raised), raised.code, raised.message) == (BlockedError, "00513005", "why")


@pytest.mark.parametrize(
    ("text", "code", "error"),
    [
        ('{"error_code":00533013,"error_msg":too many events}', "00533013", RefusedError),
        ("EG.00513005 the channel is not available", "00513005", BlockedError),
        ("date 20260304, 00599999, then 00513005", "00513005", BlockedError),
        ("error 00599999", "00599999", RefusedError),
        ("rejected by APIGW.0307: the token must be updated", "APIGW.0307", BlockedError),
        ("id 100533013", "http_400", RefusedError),
    ],
)
def test_a_code_is_found_in_text_that_is_no_json(text: str, code: str, error: type[SendError]) -> None:
    """S5: a known code first; digits inside longer ones are none."""
    raised = error_of(text.encode(), 400)
    assert (type(raised), raised.code, raised.message) == (error, code, text)


def test_of_several_objects_the_first_counts() -> None:
    """S6, with an error or with results."""
    errors = b'{"error_code":"00513005","error_msg":"why"}\n{"error_code":"00533013"}'
    assert error_of(errors, 400).code == "00513005"
    first, second = (json.dumps(results(result("001", code), result("002"))) for code in ("00533012", None))
    assert outcomes(answer((first + second).encode(), 400), "001", "002") == [
        Rejected("00533012", "", REQUEST_ID),
        ALONE,
    ]


def test_results_may_come_one_after_another() -> None:
    """S6, with an object for each event."""
    first, second, third = (
        json.dumps(result(*one)) for one in (("001",), ("002", "00533012", "why"), ("003",))
    )
    assert outcomes(answer(f"{first}\n{second}{third}\n".encode(), 400), "001", "002", "003") == [
        ALONE,
        Rejected("00533012", "why", REQUEST_ID),
        ALONE,
    ]
    assert outcomes(answer(second.encode(), 400), "002") == [Rejected("00533012", "why", REQUEST_ID)]
    split = json.dumps(result("002", "00533013"))
    assert failure(answer((first + split).encode(), 400), "001", "002").verdict is Verdict.SPLIT


def test_a_detail_that_says_the_same_is_not_repeated() -> None:
    """Code and message are enough."""
    told = {"error_code": "00513005", "error_msg": "why", "error_details": "why"}
    assert error_of(told, 400).message == "why"


@pytest.mark.parametrize("empty", [None, "", 0])
def test_an_empty_code_is_none(empty: object) -> None:
    """Null, an empty text, or zero."""
    assert outcomes(answer(results(result("001", empty))), "001") == [Delivered("001")]


def test_members_that_came_later_are_ignored() -> None:
    """The API guide asks for it."""
    body = {"failed_count": 0, "events": [{**result("001"), "shard": 3}], "trace": {"id": 1}}
    assert outcomes(answer(body), "001") == [Delivered("001")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"<html>20260304</html>",
        b"\xff",
        {"failed_count": 1},
        {"events": []},
        {"events": [result("001"), result("002")]},
        {"failed_count": 0, "events": ["001"]},
        {"failed_count": 0, "events": [{"event_id": 1}]},
    ],
)
def test_a_success_that_cannot_be_read_is_no_answer(body: object) -> None:
    """The events may have been taken or not."""
    told = failure(answer(body))
    assert isinstance(told.error(), UnavailableError)
    assert (told.error().code, told.error().request_id) == ("unreadable_answer", REQUEST_ID)


def test_the_request_id_may_stand_in_the_body() -> None:
    """Where the header is missing; where both are, it is None."""
    body = {"error_code": "00513005", "request_id": "in-body"}
    for told, request_id in ((body, "in-body"), ({"error_code": "00513005"}, None)):
        assert failure(Answer(400, {}, json.dumps(told).encode())).error().request_id == request_id


def test_messages_are_cut() -> None:
    """They end in logs and dead letters."""
    (outcome,) = outcomes(answer(results(result("001", "00533012", "x" * 5000))), "001")
    assert isinstance(outcome, Rejected)
    assert len(outcome.message) == 1000
    assert len(error_of({"error_code": "00513005", "error_msg": "x" * 5000}, 400).message) == 1000
    assert len(error_of(b"x" * 5000, 400).message) == 1000
