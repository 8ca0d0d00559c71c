"""What the SDKs are given to send, in the CloudEvents JSON format, and what of it must arrive."""

import json
from collections.abc import Iterable
from typing import Any

from gateway.event import Event

Said = dict[str, Any]

ATTRIBUTES: Said = {
    "specversion": "1.0",
    "id": "A-1",
    "source": "https://example.com/orders?q=1#x",
    "type": "com.example.order.created",
    "subject": "a+b, (c) {d}",
    "time": "2024-02-29T12:30:45.123Z",
    "dataschema": "https://example.com/schema#/definitions/order",
    "partitionkey": "eu-1",
}
EVENTS: list[Said] = [
    {
        **ATTRIBUTES,
        "datacontenttype": "application/json",
        "data": {"n": [1, 2.5, None, "é €"], "deep": [[{}]], "no": False},
    },
    {**ATTRIBUTES, "id": "A-2", "datacontenttype": "text/plain", "data": "line\nbreak é €\u2028"},
    {**ATTRIBUTES, "id": "A-3", "datacontenttype": "application/octet-stream", "data_base64": "AP+A"},
    {**ATTRIBUTES, "id": "A-4", "datacontenttype": "application/vnd.order+json", "data": []},
]
"""JSON, text and bytes; attributes of every kind, all of them ASCII."""


def said(events: Iterable[Event]) -> list[Said]:
    """What the events that arrived say, by a parser that is not ours."""
    return [json.loads(event.json) for event in events]
