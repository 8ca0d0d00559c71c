"""What the administration interface refuses before any of its operations is reached: bytes in, bytes out."""

import json
import logging
from collections.abc import Mapping
from http.client import HTTPResponse
from typing import Any, NoReturn

import pytest

from tests.admin.operations import FakeOperations
from tests.admin.wire import TOKENS, answered, request


class Broken(FakeOperations):
    """A gateway that has a fault in it."""

    def status(self) -> NoReturn:
        raise RuntimeError("broken")


def problem(answer: HTTPResponse) -> Mapping[str, Any]:
    """The details, of which some are the same in every answer."""
    assert answer.getheader("Content-Type") == "application/problem+json"
    told: dict[str, Any] = json.loads(answer.read())
    assert (told.pop("type"), told.pop("status")) == ("about:blank", answer.status)
    return told


@pytest.mark.parametrize("line", ["GET /healthz", "GET /status", "PUT /status", "POST /drain", "GET /events"])
async def test_an_expectation_that_cannot_be_met_is_refused(line: str) -> None:
    """417, be there such a path and such a method or not; and nothing is done."""
    operations = FakeOperations()
    told = problem(await answered(request(line, "Expect: wonders"), operations))
    assert told == {"title": "Expectation Failed", "detail": "the expectation understood is 100-continue"}
    assert operations.drains == 0


@pytest.mark.parametrize("line", ["GET /status", "PUT /status", "GET /events"])
@pytest.mark.parametrize("expected", ["wonders", "100-continue"])
async def test_a_token_is_asked_for_before_an_expectation_is_looked_at(line: str, expected: str) -> None:
    """Who shows none is told nothing else."""
    answer = await answered(request(line, f"Expect: {expected}"), tokens=TOKENS)
    assert (answer.status, problem(answer)["detail"]) == (401, "a bearer token is needed")


async def test_nobody_is_asked_for_a_body() -> None:
    """No operation reads one: the answer comes at once, which RFC 9110 10.1.1 allows."""
    operations = FakeOperations()
    answer = await answered(request("POST /drain", "Expect: 100-continue", "Content-Length: 0"), operations)
    assert (answer.status, operations.drains) == (202, 1)


@pytest.mark.parametrize(
    "sent",
    ["\0\r\n\r\n", "GET /status HTTP/1.1\r\nHost\r\n\r\n", request("GET /status", "Content-Length: x")],
)
async def test_what_is_no_http_is_refused_with_problem_details(sent: str) -> None:
    """Without a word of what was sent; the connection ends."""
    answer = await answered(sent)
    assert answer.status == 400
    assert problem(answer) == {
        "title": "Bad Request",
        "detail": "the request is not well-formed HTTP/1.1",
    }


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
async def test_a_fault_of_the_gateway_is_told_without_its_cause(
    accept: str, caplog: pytest.LogCaptureFixture
) -> None:
    """500 to the client; what it was stands in the log."""
    with caplog.at_level(logging.ERROR):
        answer = await answered(request("GET /status", f"Accept: {accept}"), Broken())
    assert problem(answer) == {
        "title": "Internal Server Error",
        "detail": "the gateway has failed; its log says how",
    }
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [RuntimeError]


@pytest.mark.parametrize(
    "sent",
    [
        request("GET /healthz"),
        request("GET /"),
        request("GET /events"),
        request("GET /healthz", "Expect: wonders"),
        request("GET /status"),
        "\0\r\n\r\n",
    ],
)
async def test_no_answer_names_a_version(sent: str) -> None:
    """Whatever the client asked for: whoever looks for a known hole learns nothing."""
    assert (await answered(sent, Broken())).getheader("Server") == "gateway"
