"""Builders: a request or a body with every default, so that a test shows only what it is about."""

import json
from collections.abc import Callable

import pytest

from gateway.cloudevents.binary import Headers
from gateway.cloudevents.http import read_events, read_head
from gateway.cloudevents.json import read_batch, read_event
from gateway.errors import InvalidEventError
from gateway.event import Event

Findings = list[tuple[str, str | None]]

REQUIRED = '"specversion":"1.0","id":"1","source":"/s","type":"t"'
"""The least members an event has, as compact JSON."""


def raw(members: str = "") -> bytes:
    """A compact structured event with these members, in JSON, after the required ones."""
    return ("{" + REQUIRED + ("," + members if members else "") + "}").encode()


def body(**members: object) -> bytes:
    """A compact structured event whose required members may be replaced; Ellipsis leaves one out."""
    merged = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", **members}
    kept = {name: value for name, value in merged.items() if value is not ...}
    return json.dumps(kept, separators=(",", ":"), ensure_ascii=False).encode()


def headers(
    *added: tuple[str, bytes], content_type: bytes | None = None, **attributes: bytes | None
) -> Headers:
    """Headers of binary mode; an attribute None is left out."""
    merged = {"specversion": b"1.0", "id": b"1", "source": b"/s", "type": b"t", **attributes}
    lines = [(f"ce-{name}".encode(), value) for name, value in merged.items() if value is not None]
    if content_type is not None:
        lines.append((b"content-type", content_type))
    return lines + [(name.encode(), value) for name, value in added]


def structured(text: bytes) -> Event:
    """The event of a structured body."""
    return read_event(text, received_at=1.5)


def batched(text: bytes) -> list[Event]:
    """The events of a batch."""
    return read_batch(text, received_at=1.5)


def request(lines: Headers, text: bytes = b"") -> list[Event]:
    """The events of a request in whatever mode its headers say."""
    return read_events(read_head(lines), text, received_at=1.5)


def binary(lines: Headers, text: bytes = b"") -> Event:
    """The one event of a request."""
    (event,) = request(lines, text)
    return event


def members(event: Event) -> dict[str, object]:
    """What the event's JSON says, by a parser that is not ours."""
    loaded: dict[str, object] = json.loads(event.json.decode())
    return loaded


def refusal(call: Callable[[], object]) -> InvalidEventError:
    """The error that `call` must raise."""
    with pytest.raises(InvalidEventError) as caught:
        call()
    return caught.value


def findings(call: Callable[[], object]) -> Findings:
    """Reason and attribute of each fault that `call` is refused for with status 400."""
    error = refusal(call)
    assert error.http_status == 400
    return [(found.reason.value, found.attribute) for found in error.faults]
