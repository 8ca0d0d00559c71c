"""The official Python SDK as the producer, in both of its HTTP modes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from gateway.cloudevents.http import ContentMode, content_mode
from tests.cloudevents.build import members, request

Payload = dict[str, Any] | str | bytes

ATTRIBUTES = {
    "specversion": "1.0",
    "id": "A-1 %41",
    "source": "https://example.com/café?q=1",
    "type": "com.example.order.created",
    "subject": 'Euro € 😀 "quoted" 100%',
    "time": datetime(2024, 2, 29, 12, 30, 45, 123456, tzinfo=UTC),
    "dataschema": "https://example.com/schema#/definitions/order",
    "partitionkey": "a+b",
}
PAYLOADS: list[tuple[str, Payload, str]] = [
    ("application/json", {"a": [1, 2.5, None, "é"]}, "data"),
    ("text/plain", "line\nbreak é", "data"),
    ("application/octet-stream", b"\x00\xff\x80", "data_base64"),
]


@pytest.mark.parametrize(("media_type", "data", "member"), PAYLOADS)
@pytest.mark.parametrize(
    ("produce", "mode"),
    [(to_binary_event, ContentMode.BINARY), (to_structured_event, ContentMode.STRUCTURED)],
    ids=["binary", "structured"],
)
def test_what_the_sdk_sends_is_what_it_was_given(
    produce: Callable[[CloudEvent], HTTPMessage],
    mode: ContentMode,
    media_type: str,
    data: Payload,
    member: str,
) -> None:
    """Attributes, time and data, in each mode and for each kind of data."""
    message = produce(CloudEvent({**ATTRIBUTES, "datacontenttype": media_type}, data))
    lines = [(name.lower().encode(), value.encode()) for name, value in message.headers.items()]
    assert content_mode(lines) is mode
    (event,) = request(lines, message.body)
    said = members(event)
    assert said.pop(member) == ("AP+A" if member == "data_base64" else data)
    assert said == {
        **ATTRIBUTES,
        "time": "2024-02-29T12:30:45.123456Z",
        "datacontenttype": media_type,
    }
