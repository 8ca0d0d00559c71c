"""Builders of events, entries and batches: a test names only what it is about."""

from collections.abc import Mapping
from itertools import count
from typing import Any

import orjson

from gateway.entry import Batch, Entry
from gateway.event import Event

_numbers = count(1)


def event(
    *,
    id: str | None = None,  # noqa: A002 - the attribute's name
    source: str = "com.example.orders",
    type: str = "com.example.order.created",  # noqa: A002 - the attribute's name
    time: str | None = None,
    traceparent: str | None = None,
    extensions: Mapping[str, Any] | None = None,
    data: bytes | None = b'{"n":1}',
) -> Event:
    """A valid event; `data` is JSON text and kept byte for byte."""
    id_ = f"event-{next(_numbers):06}" if id is None else id
    attributes = {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "type": type,
        **({} if time is None else {"time": time}),
        **({} if traceparent is None else {"traceparent": traceparent}),
        **(extensions or {}),
    }
    json = orjson.dumps(attributes)
    if data is not None:
        json = json[:-1] + b',"data":' + data + b"}"
    return Event(
        id=id_, source=source, type=type, time=time, traceparent=traceparent, json=json, received_at=0.0
    )


def event_of_json_size(size: int) -> Event:
    """An event whose JSON has exactly `size` bytes."""
    empty = event(data=b'""')
    return event(id=empty.id, data=b'"%b"' % (b"x" * (size - len(empty.json))))


def entry(of: Event | None = None, *, size: int = 100) -> Entry:
    """An entry; its size matters to whoever packs only."""
    return Entry(of or event(), size, arrived_at=0.0)


def batch(*events: Event) -> Batch:
    """A batch of these events, or of one."""
    return Batch.of([entry(one) for one in events or (event(),)])
