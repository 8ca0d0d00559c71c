"""The official Python SDK as the producer; it makes headers and bodies, and aiohttp sends them."""

import base64
from collections.abc import Callable
from datetime import datetime

import aiohttp
import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1 import conversion
from cloudevents.v1.http import CloudEvent as OlderEvent

from tests.producers.events import ATTRIBUTES, EVENTS, Said, said
from tests.support.intake import FakeIntake

TIMED: list[Said] = [{**event, "time": "2024-02-29T12:30:45.123456Z"} for event in EVENTS]
"""With a time as this SDK writes it."""
BEYOND_ASCII = {
    "id": "A-1 %41",
    "source": "https://example.com/café?q=1",
    "subject": 'Euro € 😀 "quoted" 100%',
}
"""What only a producer can send that encodes its headers as the specification says."""
NOT_ENCODED = ['{"a": 5}', "100%", "a b", "café €"]


def produce(wanted: Said) -> CloudEvent:
    """The SDK's event for what the JSON format says."""
    attributes = {name: value for name, value in wanted.items() if not name.startswith("data_")}
    data = attributes.pop("data", None)
    if "data_base64" in wanted:
        data = base64.b64decode(wanted["data_base64"])
    return CloudEvent({**attributes, "time": datetime.fromisoformat(attributes["time"])}, data)


async def post(url: str, *messages: HTTPMessage) -> list[int]:
    """The status of the answer to each message."""
    statuses = []
    async with aiohttp.ClientSession() as session:
        for message in messages:
            async with session.post(url, headers=message.headers, data=message.body) as answer:
                statuses.append(answer.status)
    return statuses


@pytest.mark.parametrize("write", [to_binary_event, to_structured_event], ids=["binary", "structured"])
async def test_what_the_sdk_sends_arrives_equal(
    url: str, intake: FakeIntake, write: Callable[[CloudEvent], HTTPMessage]
) -> None:
    """Every attribute and every kind of data, also what headers cannot hold unless encoded."""
    events = [*TIMED, *({**event, **BEYOND_ASCII} for event in TIMED)]
    assert await post(url, *(write(produce(event)) for event in events)) == [202] * len(events)
    assert said(intake.events) == events


async def test_a_batch_of_what_the_sdk_writes_arrives_equal(url: str, intake: FakeIntake) -> None:
    """It has no batched mode, but the array of what its JSON format writes is one."""
    body = b"[" + b",".join(JSONFormat().write(produce(event)) for event in TIMED) + b"]"
    batch = HTTPMessage({"Content-Type": "application/cloudevents-batch+json"}, body)
    assert await post(url, batch) == [202]
    assert [len(events) for events, _ in intake.accepted] == [len(TIMED)]
    assert said(intake.events) == TIMED


@pytest.mark.parametrize("text", NOT_ENCODED)
async def test_headers_that_the_older_interface_does_not_encode_arrive_equal(
    url: str, intake: FakeIntake, text: str
) -> None:
    """It percent-encodes nothing: raw spaces, quotes, percent signs and UTF-8 are taken as they are."""
    event = OlderEvent({**ATTRIBUTES, "subject": text}, {"n": 1})
    lines, body = conversion.to_binary(event)
    assert await post(url, HTTPMessage(dict(lines), body)) == [202]
    assert said(intake.events)[0]["subject"] == text


async def test_the_older_interface_s_structured_events_arrive_equal(url: str, intake: FakeIntake) -> None:
    """In JSON there is nothing to encode."""
    event = OlderEvent({**ATTRIBUTES, **BEYOND_ASCII}, {"n": "é"})
    lines, body = conversion.to_structured(event)
    assert await post(url, HTTPMessage(dict(lines), body)) == [202]
    assert said(intake.events) == [{**ATTRIBUTES, **BEYOND_ASCII, "data": {"n": "é"}}]
