"""How Alibaba's EventBridge counts an event, what it never takes, and its exact bytes."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import EventTooLargeError, InvalidEventError, Reason, UndeliverableEventError
from gateway.event import Event
from gateway.senders.alibaba.entry import EntryFormat
from tests.senders.builders import entry, event

VECTORS = msgspec.json.decode((Path(__file__).parents[2] / "vectors" / "alibaba.json").read_bytes())
TIME = "2026-03-04T05:06:07.5+01:00"
LIMIT = 65_536


def entry_format(max_event_bytes: int = LIMIT, event_bus: str = "my-bus") -> EntryFormat:
    return EntryFormat(event_bus=event_bus, max_event_bytes=max_event_bytes)


def size_of(measured: Event) -> int:
    return entry_format().size(measured)


def event_of(document: bytes, received_at: float = 0.0) -> Event:
    """The event that JSON is, in the gateway's own form."""
    members = json.loads(document)
    return Event(
        id=members["id"],
        source=members["source"],
        type=members["type"],
        time=members.get("time"),
        traceparent=members.get("traceparent"),
        json=document,
        received_at=received_at,
    )


def framed(*events: Event) -> bytes:
    return entry_format().frame([entry(one) for one in events])


def sent(one: Event) -> dict[str, Any]:
    (document,) = json.loads(framed(one))
    members: dict[str, Any] = document
    return members


def refusal_of(
    refused: Event, max_event_bytes: int = LIMIT
) -> tuple[type[InvalidEventError], Reason, str | None]:
    with pytest.raises(InvalidEventError) as caught:
        entry_format(max_event_bytes).size(refused)
    (fault,) = caught.value.faults
    return type(caught.value), fault.reason, fault.attribute


def test_an_event_goes_out_in_its_own_bytes_with_the_buss_name() -> None:
    """Nothing else is touched: white space and escapes in the data, the text of the time."""
    one = event(id="1", source="/shop", type="order", time=TIME, data=b'{"say": "\\u00e9",\n"\xc3\xa9":1e2}')
    document = (
        b'{"specversion":"1.0","id":"1","source":"/shop","type":"order",'
        b'"time":"2026-03-04T05:06:07.5+01:00","data":{"say": "\\u00e9",\n"\xc3\xa9":1e2}'
        b',"aliyuneventbusname":"my-bus"}'
    )
    assert framed(one, one) == b"[" + document + b"," + document + b"]"


@pytest.mark.parametrize(
    "vector",
    [v for v in VECTORS if v["name"].startswith(("single_event", "full_batch", "binary_data"))],
    ids=lambda vector: vector["name"],
)
def test_bodies_are_those_of_the_vendors_sdk(vector: dict[str, Any]) -> None:
    """Byte for byte, where the SDK writes the members in the order in which they came."""
    tail = ',"aliyuneventbusname":"test-bus"}'
    documents = [f"{{{one}}}" for one in vector["body"][2:-2].split("},{")]
    assert all(document.endswith(tail) for document in documents)
    events = [event_of(document.removesuffix(tail).encode() + b"}") for document in documents]
    body = entry_format(event_bus="test-bus").frame([entry(one) for one in events])
    assert body == vector["body"].encode()


def test_an_event_without_a_time_is_given_that_of_its_arrival() -> None:
    """In UTC, to the millisecond: the reference asks for one."""
    document = event(id="1").json
    assert sent(event_of(document, received_at=1_772_600_767.9876))["time"] == "2026-03-04T05:06:07.987Z"
    assert sent(event_of(document, received_at=1_772_600_767.0))["time"] == "2026-03-04T05:06:07.000Z"


@pytest.mark.parametrize(
    "content_type", [None, "application/json", "text/json", "application/json; charset=utf-8"]
)
@pytest.mark.parametrize("data", [b'{"n":1}', b'"text"', b"[1, 2]", b"1.50"])
def test_json_goes_out_as_the_value_that_it_is(content_type: str | None, data: bytes) -> None:
    """Byte for byte, with or without parameters of the content type."""
    extensions = {} if content_type is None else {"datacontenttype": content_type}
    one = event(extensions=extensions, data=data)
    assert b',"data":' + data + b"," in framed(one)


@pytest.mark.parametrize(
    ("content_type", "data", "payload"),
    [
        ("text/plain", b'"Gr\xc3\xbc\\u00dfe \\"\\ud83c\\udf89\\""', 'Grüße "🎉"'.encode()),
        ("application/xml", b'"<a/>"', b"<a/>"),
        ("application/jsonl", b'"{}\\n{}"', b"{}\n{}"),
        ("text/plain; charset=utf-8", b'""', b""),
        ("application/vnd.shop+json", b'{"n": 1}', b'{"n": 1}'),
        ("application/vnd.shop+json", b'"text"', b'"text"'),
        ("APPLICATION/JSON", b'"text"', b'"text"'),
    ],
)
def test_everything_else_goes_out_in_base64(content_type: str, data: bytes, payload: bytes) -> None:
    """Consumers get the same bytes, whatever the bus makes of the content type."""
    one = event(extensions={"datacontenttype": content_type, "seen": True}, data=data)
    members = sent(one)
    assert b64decode(members.pop("data_base64"), validate=True) == payload
    assert members.pop("time")
    attributes = {name: value for name, value in json.loads(one.json).items() if name != "data"}
    assert members == {**attributes, "aliyuneventbusname": "my-bus"}


def test_binary_data_and_no_data_are_left_as_they_are() -> None:
    """Base64 is passed through, and absence too."""
    encoded = event(extensions={"data_base64": "AAH+/w=="}, data=None)
    assert sent(encoded)["data_base64"] == "AAH+/w=="
    assert not {"data", "data_base64"} & set(sent(event(data=None)))


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30)


@given(
    core=st.fixed_dictionaries(
        {"id": TEXT, "source": TEXT, "type": TEXT},
        optional={"subject": TEXT, "dataschema": TEXT, "time": st.just(TIME)},
    ),
    extensions=st.dictionaries(
        st.sampled_from(["traceparent", "tracestate", "partitionkey", "a", "b1"]),
        TEXT | st.booleans() | st.integers(-(2**31), 2**31 - 1) | st.just(""),
    ),
    content=st.sampled_from([None, "application/json", "text/plain", "application/vnd.x+json", "base64"]),
    text=st.text(st.characters(codec="utf-8"), max_size=30),
    is_ascii=st.booleans(),
)
def test_the_size_is_that_of_the_published_formula_and_the_extensions(
    *, core: dict[str, str], extensions: dict[str, Any], content: str | None, text: str, is_ascii: bool
) -> None:
    """36 for a time, the UTF-8 bytes of the other attributes, the data's own bytes, extensions with names."""
    members: dict[str, Any] = {"specversion": "1.0", **core, **extensions}
    data = text.encode()
    if content == "base64":
        members["data_base64"] = msgspec.json.decode(msgspec.json.encode(data))
    else:
        members |= {"data": text} if content is None else {"data": text, "datacontenttype": content}
        if content != "text/plain":
            data = json.dumps(text, ensure_ascii=is_ascii).encode()
    document = json.dumps(members, ensure_ascii=is_ascii, separators=(",", ":")).encode()
    traceparent = members.get("traceparent")
    one = event_of(document)
    if traceparent is not None and not isinstance(traceparent, str):
        one = msgspec.structs.replace(one, traceparent=json.dumps(traceparent))
    counted = [members[name] for name in core if name != "time"]
    counted += [] if "datacontenttype" not in members else [content]
    counted += [part for name in extensions for part in (name, _text(extensions[name]))]
    expected = 36 + len("1.0") + sum(len(part.encode()) for part in counted) + len(data)
    assert size_of(one) == expected


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize(
    ("members", "added"),
    [
        ({}, 0),
        ({"traceparent": "00-1-2-01"}, len("traceparent00-1-2-01")),
        ({"partitionkey": "k"}, len("partitionkeyk")),
        ({"seen": True, "n": -10}, len("seentruen-10")),
        ({"subject": "é"}, 2),
        ({"dataschema": "x:y"}, 3),
        ({"datacontenttype": "text/json"}, 9),
        ({"datacontenttype": f"text/json;{' ' * 200}"}, 210),
    ],
)
def test_each_attribute_counts_what_the_formula_says(members: dict[str, Any], added: int) -> None:
    """Beside 36 for the time and 3 for the version, id, source, type and data."""
    one = event(id="1", extensions=members, data=b"[]", traceparent=members.get("traceparent"))
    assert size_of(one) == 36 + 3 + len("1") + len(one.source) + len(one.type) + len("[]") + added


def test_the_largest_event_is_taken_and_one_byte_more_is_not() -> None:
    """As the bus counts, and the limit stands in the detail."""
    one = event(data=b'"%b"' % (b"x" * 1000))
    size = size_of(one)
    assert entry_format(size).size(one) == size
    assert refusal_of(one, size - 1) == (EventTooLargeError, Reason.TOO_LARGE, None)
    with pytest.raises(EventTooLargeError, match=f"at most {size - 1}"):
        entry_format(size - 1).size(one)


@pytest.mark.parametrize(
    ("attribute", "highest"), [("id", 128), ("source", 128), ("type", 64), ("subject", 512), ("time", 64)]
)
def test_attributes_longer_than_the_bus_takes_are_refused_by_name(attribute: str, highest: int) -> None:
    """In characters, not bytes; while the producer is still listening."""

    def of_length(characters: int) -> Event:
        text = "é" * characters if attribute != "time" else f"{TIME[:19]}.{'0' * (characters - 21)}Z"
        document = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", attribute: text}
        return event_of(msgspec.json.encode(document))

    assert size_of(of_length(highest))
    refused = refusal_of(of_length(highest + 1))
    assert refused == (UndeliverableEventError, Reason.UNDELIVERABLE, attribute)


@pytest.mark.parametrize("name", ["aliyuneventbusname", "aliyunpublishtime", "aliyun"])
def test_extensions_under_the_services_own_names_are_refused_by_name(name: str) -> None:
    """The service writes them itself; the bus's name is ours to write."""
    refused = refusal_of(event(extensions={name: "x"}))
    assert refused == (UndeliverableEventError, Reason.UNDELIVERABLE, name)


def test_names_that_only_look_like_the_services_own_are_taken() -> None:
    """In another place, or in the data."""
    assert size_of(event(extensions={"myaliyun": "aliyun"}, data=b'{"aliyunregionid":"aliyun"}')) > 0
