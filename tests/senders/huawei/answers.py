"""EventGrid's answers, and how they are read: builders for tests."""

import json
from collections.abc import Sequence
from typing import Any

from gateway.errors import SendError
from gateway.sender import Outcome, RetryAlone
from gateway.senders.answer import Answer
from gateway.senders.huawei.outcomes import read_outcomes
from gateway.senders.verdict import Failure

NOW = 1_772_600_760.0
REQUEST_ID = "6a63a18b8bab40ffb71ebd9cb80d0085"
UNCLEAR = "the bus did not say which events it took"
ALONE = RetryAlone("no_verdict", UNCLEAR, REQUEST_ID)


def answer(body: object, status: int = 200, **headers: str) -> Answer:
    """An answer with that body, as JSON unless it is bytes already."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"X-Request-Id": REQUEST_ID, **named}, text)


def result(event_id: str | None = None, code: Any = None, message: str | None = None) -> dict[str, Any]:
    """What a list says of one event."""
    return {"error_code": code, "error_msg": message, "event_id": event_id}


def results(*events: dict[str, Any]) -> dict[str, Any]:
    """A list of results, with the failures counted."""
    failed = sum(1 for one in events if one["error_code"])
    return {"failed_count": failed, "events": events}


def outcomes(told: Answer, *ids: str) -> Sequence[Outcome]:
    """The outcomes of events with these ids."""
    read = read_outcomes(told, ids, NOW)
    assert not isinstance(read, Failure)
    assert len(read) == len(ids)
    return read


def failure(told: Answer, *ids: str) -> Failure:
    """Why there are no outcomes."""
    read = read_outcomes(told, ids or ("001",), NOW)
    assert isinstance(read, Failure)
    return read


def error_of(body: object, status: int, **headers: str) -> SendError:
    """What the sender would raise."""
    return failure(answer(body, status, **headers)).error()
