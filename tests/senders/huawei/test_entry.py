"""How EventGrid counts an event, what it never takes, and a request's exact bytes."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import EventTooLargeError, InvalidEventError, Reason, UndeliverableEventError
from gateway.event import Event
from gateway.senders.huawei.entry import FRAME_BYTES, EntryFormat, Extensions
from tests.senders.builders import entry, event

LIMIT = 65_537
"""64 KiB and a comma."""


def entry_format(*, extensions: Extensions = Extensions.SEND, max_entry_bytes: int = LIMIT) -> EntryFormat:
    return EntryFormat(extensions=extensions, max_entry_bytes=max_entry_bytes)


def refusal_of(refused: Event) -> tuple[type[InvalidEventError], list[tuple[Reason, str | None]]]:
    with pytest.raises(InvalidEventError) as caught:
        entry_format().size(refused)
    return type(caught.value), [(fault.reason, fault.attribute) for fault in caught.value.faults]


def frame(*events: Event, extensions: Extensions = Extensions.SEND) -> bytes:
    return entry_format(extensions=extensions).frame([entry(one) for one in events])


def test_a_request_is_written_in_these_bytes() -> None:
    """The events' own JSON, in the order of the batch, with no white space of ours."""
    first = event(id="1", source="orders", type="created", data=b'{"say": "\\u00e9",\n"\xc3\xa9":1.0}')
    second = event(id="2", source="orders", type="created", extensions={"region": "eu"}, data=None)
    assert frame(first, second) == (
        b'{"events":[{"specversion":"1.0","id":"1","source":"orders","type":"created",'
        b'"data":{"say": "\\u00e9",\n"\xc3\xa9":1.0}},'
        b'{"specversion":"1.0","id":"2","source":"orders","type":"created","region":"eu"}]}'
    )


def test_extensions_are_left_out_where_that_is_configured() -> None:
    """All else stays as it is, in its order: every member that the bus knows, and the data's own bytes."""
    known = {"subject": "1", "dataschema": "https://example.com/1", "datacontenttype": "application/json"}
    full = event(
        id="1",
        source="orders",
        type="created",
        time="2026-03-04T05:06:00Z",
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        extensions={"region": "eu", **known, "priority": 1},
        data=b'{"region": 1.0}',
    )
    assert frame(full, extensions=Extensions.DROP) == (
        b'{"events":[{"specversion":"1.0","id":"1","source":"orders","type":"created",'
        b'"time":"2026-03-04T05:06:00Z","subject":"1","dataschema":"https://example.com/1",'
        b'"datacontenttype":"application/json","data":{"region": 1.0}}]}'
    )


def test_without_extensions_an_event_is_sent_as_it_is() -> None:
    """There is nothing to leave out."""
    plain = event()
    assert frame(plain, extensions=Extensions.DROP) == frame(plain)


texts = st.text(st.characters(codec="utf-8"), max_size=40)


@given(
    sources=st.lists(texts.map("x{}".format), min_size=1, max_size=20),
    text=texts,
    extension=st.none() | texts,
    extensions=st.sampled_from(Extensions),
)
def test_sizes_and_frame_make_up_the_body_to_the_byte(
    *, sources: Sequence[str], text: str, extension: str | None, extensions: Extensions
) -> None:
    """What is packed by size alone never exceeds the request's limit."""
    data = json.dumps({"text": text}).encode()
    attributes: dict[str, Any] = {} if extension is None else {"note": extension}
    events = [event(source=source, data=data, extensions=attributes) for source in sources]
    format_ = entry_format(extensions=extensions)
    body = format_.frame([entry(one) for one in events])
    assert sum(map(format_.size, events)) + FRAME_BYTES == len(body)
    assert len(json.loads(body)["events"]) == len(events)


@pytest.mark.parametrize("extensions", Extensions)
def test_the_limit_is_met_exactly_and_not_exceeded_by_one(extensions: Extensions) -> None:
    """Counted is what is sent: an extension that is left out makes room."""
    empty = event(id="1", data=b'{"x":""}')
    room = LIMIT - 1 - len(empty.json)
    fitting, larger = (event(id="1", data=b'{"x":"%b"}' % (b"x" * size)) for size in (room, room + 1))
    assert entry_format(extensions=extensions).size(fitting) == LIMIT
    with pytest.raises(EventTooLargeError) as caught:
        entry_format(extensions=extensions).size(larger)
    assert "65537 bytes" in caught.value.detail
    assert "at most 65536" in caught.value.detail


def test_extensions_count_where_they_are_sent() -> None:
    """The same event is larger by them."""
    one = event(extensions={"note": "é"})
    sent, dropped = (entry_format(extensions=extensions).size(one) for extensions in Extensions)
    assert sent - dropped == len(',"note":"é"'.encode())


@pytest.mark.parametrize("data", [b"{}", b'{"n": 1}', None])
def test_an_object_or_nothing_is_taken_as_data(data: bytes | None) -> None:
    """Data is optional."""
    assert entry_format().size(event(data=data))


@pytest.mark.parametrize("data", [b"[1]", b'"text"', b"1", b"true", b"null"])
def test_data_that_is_no_object_is_refused(data: bytes) -> None:
    """The bus's model has no other."""
    assert refusal_of(event(data=data)) == (UndeliverableEventError, [(Reason.UNDELIVERABLE, "data")])


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/vnd.a+json", "a/b"])
def test_another_content_type_is_refused(content_type: str) -> None:
    """Also one that is JSON under another name."""
    assert refusal_of(event(extensions={"datacontenttype": content_type})) == (
        UndeliverableEventError,
        [(Reason.UNDELIVERABLE, "datacontenttype")],
    )


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON", "application/json; charset=utf-8"]
)
def test_json_is_json_in_any_case_and_with_parameters(content_type: str) -> None:
    """RFC 9110 compares the names of media types without case."""
    assert entry_format().size(event(extensions={"datacontenttype": content_type}))


def test_a_content_type_inside_the_data_says_nothing() -> None:
    """Only the attribute counts."""
    assert entry_format().size(event(data=b'{"datacontenttype":"text/plain","data_base64":"AA=="}'))


def test_binary_data_is_refused_with_everything_else_that_is_wrong() -> None:
    """A producer mends all of it at once."""
    binary = {"data_base64": "AA=="}
    assert refusal_of(event(extensions=binary, data=None)) == (
        UndeliverableEventError,
        [(Reason.UNDELIVERABLE, "data_base64")],
    )
    assert refusal_of(event(extensions={"datacontenttype": "image/png", **binary}, data=None)) == (
        UndeliverableEventError,
        [(Reason.UNDELIVERABLE, "datacontenttype"), (Reason.UNDELIVERABLE, "data_base64")],
    )
