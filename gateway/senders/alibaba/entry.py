"""An event as Alibaba's EventBridge takes it: whether it does, how it counts it, and its bytes on the wire.

Pure. Limits after the API reference of PutEvents, sizes after "Calculate the size of events published by
PutEvents". That formula knows no extension attributes; they are counted too, names and values, as the
vendor's open-source core (Apache RocketMQ EventBridge) does; the bus's name is an address, and is not.
"""

from base64 import b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum, auto
from functools import lru_cache

import orjson
from msgspec import Raw, Struct
from msgspec.json import Decoder, encode

from gateway.entry import Entry
from gateway.errors import EventTooLargeError, Fault, Reason, UndeliverableEventError
from gateway.event import Event

MAX_ID_CHARACTERS = 128
MAX_SOURCE_CHARACTERS = 128
MAX_TYPE_CHARACTERS = 64
MAX_SUBJECT_CHARACTERS = 512
MAX_TIME_CHARACTERS = 64
TIME_BYTES = 36
"""Whatever the text; every event is sent with a time."""
BUS_ATTRIBUTE = "aliyuneventbusname"
RESERVED_PREFIX = "aliyun"

_CONSTANT_BYTES = TIME_BYTES + len("1.0")
_QUOTE = ord('"')


class _Members(Struct, gc=False):
    """What the size needs beside the attributes that an Event knows."""

    subject: str = ""
    dataschema: str = ""
    datacontenttype: str = ""
    data: Raw = Raw()
    """Empty: there is none."""
    data_base64: str | None = None


_decode_members = Decoder(_Members).decode
_decode_all = Decoder(dict[str, Raw]).decode
_decode_text = Decoder(str).decode

_REQUIRED_JSON_BYTES = len('{"specversion":"1.0","id":"","source":"","type":""}')
_COUNTED = frozenset(
    (
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "dataschema",
        "datacontenttype",
        "data",
        "data_base64",
    )
)
"""What the vendor's formula counts; every other member is an extension attribute."""


class _Carriage(Enum):
    """How `data` goes out, by its content type."""

    VALUE = auto()
    """As the JSON value that it is."""
    JSON_TEXT = auto()
    """Its JSON text in base64."""
    TEXT = auto()
    """It is a JSON string, and what that says goes out in base64."""


class EntryFormat:
    """Measures and writes events for one bus; all that is the same in each of them is made once."""

    def __init__(self, *, event_bus: str, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes
        self._tail = b',"%b":%b}' % (BUS_ATTRIBUTE.encode(), orjson.dumps(event_bus))

    def size(self, event: Event) -> int:
        """The bytes that count: 36 for the time, the texts of the other attributes, and the data's bytes.

        Raises UndeliverableEventError for what the bus can never take, EventTooLargeError for more
        than `max_event_bytes`.
        """
        members, time = _decode_members(event.json), event.time
        if (
            len(event.id) > MAX_ID_CHARACTERS
            or len(event.source) > MAX_SOURCE_CHARACTERS
            or len(event.type) > MAX_TYPE_CHARACTERS
            or len(members.subject) > MAX_SUBJECT_CHARACTERS
            or (time is not None and len(time) > MAX_TIME_CHARACTERS)
        ):
            raise _too_long(event, members.subject)
        text = (
            f"{event.id}{event.source}{event.type}"
            f"{members.subject}{members.dataschema}{members.datacontenttype}"
        )
        text_bytes = len(text) if text.isascii() else len(text.encode())
        size = _CONSTANT_BYTES + text_bytes + _data_bytes(members)
        # Does the JSON hold nothing else? Then there are no extensions to look at, 2 µs saved.
        if len(event.json) != _json_bytes(members, event, text_bytes):
            size += _extension_bytes(event.json)
        elif event.traceparent is not None:
            size += len("traceparent") + len(event.traceparent)
        if size > self._max_event_bytes:
            raise EventTooLargeError(
                f"the event counts {size} bytes, and the bus takes at most {self._max_event_bytes}",
                Fault(Reason.TOO_LARGE),
            )
        return size

    def frame(self, entries: Iterable[Entry]) -> bytes:
        """The body of one putEvents request, without white space of ours."""
        return b"[" + b",".join([self._element(entry.event) for entry in entries]) + b"]"

    def _element(self, event: Event) -> bytes:
        """The event's own JSON, and in it the bus's name, and the time where there is none."""
        json, members = event.json, _decode_members(event.json)
        if members.data and _carriage(members.datacontenttype) is not _Carriage.VALUE:
            json = _with_encoded_data(json, _plain_data(members))
        if event.time is None:
            return b'%b,"time":"%b"%b' % (json[:-1], rfc3339(event.received_at), self._tail)
        return json[:-1] + self._tail


def rfc3339(at: float) -> bytes:
    """Seconds since the epoch as RFC 3339 text in UTC, cut to milliseconds."""
    moment = datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='milliseconds')}Z".encode()


def _json_bytes(members: _Members, event: Event, text_bytes: int) -> int:
    """The length of the event's JSON, if it holds no extension but `traceparent`, and no escapes."""
    size = _REQUIRED_JSON_BYTES + text_bytes
    if members.subject:
        size += len(',"subject":""')
    if members.dataschema:
        size += len(',"dataschema":""')
    if members.datacontenttype:
        size += len(',"datacontenttype":""')
    if event.time is not None:
        size += len(',"time":""') + len(event.time)
    if event.traceparent is not None:
        size += len(',"traceparent":""') + len(event.traceparent)
    if members.data:
        size += len(',"data":') + len(members.data)
    elif members.data_base64 is not None:
        size += len(',"data_base64":""') + len(members.data_base64)
    return size


def _extension_bytes(json: bytes) -> int:
    """Names and values of the extension attributes. Raises UndeliverableEventError for a reserved name."""
    size, members = 0, _decode_all(json)
    for name in members.keys() - _COUNTED:
        if name.startswith(RESERVED_PREFIX):
            raise _undeliverable(f'names that begin with "{RESERVED_PREFIX}" are the bus\'s own', name)
        raw = members[name]
        is_text = memoryview(raw)[0] == _QUOTE
        size += len(name) + (len(_decode_text(raw).encode()) if is_text else len(raw))
    return size


def _data_bytes(members: _Members) -> int:
    """The length of the data itself, whichever way it travels."""
    if members.data:
        is_text = _carriage(members.datacontenttype) is _Carriage.TEXT
        return len(_plain_data(members)) if is_text else len(members.data)
    if members.data_base64 is not None:
        return len(members.data_base64) // 4 * 3 - members.data_base64[-2:].count("=")
    return 0


def _plain_data(members: _Members) -> bytes:
    """`data` as bytes. Every text has them: an event whose JSON escapes a lone surrogate is none."""
    if _carriage(members.datacontenttype) is not _Carriage.TEXT:
        return bytes(members.data)
    return _decode_text(members.data).encode()


def _with_encoded_data(json: bytes, plain_data: bytes) -> bytes:
    members = _decode_all(json)
    del members["data"]
    return encode(members | {"data_base64": Raw(b'"%b"' % b64encode(plain_data))})


_VALUE_TYPES = frozenset(("", "application/json", "text/json"))
_LONGEST_REMEMBERED = 128


def _classify(datacontenttype: str) -> _Carriage:
    """What the bus reads as a JSON value: the types that the SDKs and the open-source core know as JSON.

    In that spelling, and no others that begin alike, for "application/jsonl" is another format. All
    else goes out in base64, which brings the same bytes to the consumer under any type.
    """
    media_type = datacontenttype.partition(";")[0].rstrip(" \t")
    if media_type in _VALUE_TYPES:
        return _Carriage.VALUE
    # CloudEvents JSON format 3.1: these subtypes mean that `data` is a JSON value, also a string.
    is_json = media_type.lower().endswith(("/json", "+json"))
    return _Carriage.JSON_TEXT if is_json else _Carriage.TEXT


_remembered = lru_cache(maxsize=256)(_classify)


def _carriage(datacontenttype: str) -> _Carriage:
    """See `_classify`; long types are not kept: bounded in bytes too."""
    if len(datacontenttype) > _LONGEST_REMEMBERED:
        return _classify(datacontenttype)
    return _remembered(datacontenttype)


def _too_long(event: Event, subject: str) -> UndeliverableEventError:
    for attribute, value, highest in (
        ("id", event.id, MAX_ID_CHARACTERS),
        ("source", event.source, MAX_SOURCE_CHARACTERS),
        ("type", event.type, MAX_TYPE_CHARACTERS),
        ("subject", subject, MAX_SUBJECT_CHARACTERS),
    ):
        if len(value) > highest:
            return _undeliverable(f"{attribute} is longer than {highest} characters", attribute)
    return _undeliverable(f"time is longer than {MAX_TIME_CHARACTERS} characters", "time")


def _undeliverable(detail: str, attribute: str) -> UndeliverableEventError:
    return UndeliverableEventError(detail, Fault(Reason.UNDELIVERABLE, attribute))
