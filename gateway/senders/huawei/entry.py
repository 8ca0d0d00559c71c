"""An event as EventGrid takes it: whether it does, how it counts it, and a request's bytes on the wire.

Pure. Members, types and limits after "Publishing Events" in the EventGrid API reference. A formula for
sizes is not published: counted is the UTF-8 length of the event's JSON as it is sent.
"""

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Raw, Struct
from msgspec.json import Decoder, encode

from gateway.entry import Entry
from gateway.errors import EventTooLargeError, Fault, Reason, UndeliverableEventError
from gateway.event import Event

CONTENT_TYPE = "application/json"

ATTRIBUTES = frozenset(
    ("id", "source", "specversion", "type", "datacontenttype", "dataschema", "data", "time", "subject")
)
"""The members that the bus's model of an event has."""

_HEAD, _TAIL = b'{"events":[', b"]}"

COMMA_BYTES = 1
"""Counted with every event, so that only integers are added when requests are packed."""

FRAME_BYTES = len(_HEAD) + len(_TAIL) - COMMA_BYTES
"""What a request's body has beyond its events and a comma for each: the last event has none."""

_OBJECT = ord("{")


class Extensions(StrEnum):
    """What becomes of extension attributes, for which the bus's model of an event has no place."""

    SEND = "send"
    """They go as top-level members, as in the CloudEvents JSON format."""
    DROP = "drop"
    """They are left out, `traceparent` among them."""


class _Data(Struct, gc=False):
    datacontenttype: str = CONTENT_TYPE
    data: Raw = Raw(b"{}")
    data_base64: Raw = Raw()


_decode_data = Decoder(_Data).decode
_decode_members = Decoder(dict[str, Raw]).decode


class EntryFormat:
    """Measures events and writes requests. `max_entry_bytes` counts an event with its comma."""

    def __init__(self, *, extensions: Extensions, max_entry_bytes: int) -> None:
        self._drops_extensions = extensions is Extensions.DROP
        self._max_entry_bytes = max_entry_bytes

    def size(self, event: Event) -> int:
        """The bytes that the event adds to a request: its JSON as it is sent, and a comma.

        Raises UndeliverableEventError for what the bus can never take, EventTooLargeError for more
        than `max_entry_bytes`.
        """
        data = _decode_data(event.json)
        # Compared as they are usually written: the look for what exactly is wrong comes later.
        if data.datacontenttype != CONTENT_TYPE or data.data_base64 or memoryview(data.data)[0] != _OBJECT:
            _require_deliverable(data)
        size = len(self._written(event)) + COMMA_BYTES
        if size > self._max_entry_bytes:
            raise EventTooLargeError(
                f"the event counts {size - COMMA_BYTES} bytes, and the destination takes"
                f" at most {self._max_entry_bytes - COMMA_BYTES}",
                Fault(Reason.TOO_LARGE),
            )
        return size

    def frame(self, entries: Iterable[Entry]) -> bytes:
        """The body of one request, without white space of ours; each event's `data` byte for byte."""
        return _HEAD + b",".join([self._written(entry.event) for entry in entries]) + _TAIL

    def _written(self, event: Event) -> bytes:
        return _without_extensions(event.json) if self._drops_extensions else event.json


def _without_extensions(json: bytes) -> bytes:
    members = _decode_members(json)
    if ATTRIBUTES.issuperset(members):
        return json
    return encode({name: raw for name, raw in members.items() if name in ATTRIBUTES})


def _require_deliverable(data: _Data) -> None:
    """Raise UndeliverableEventError with everything that the bus does not take, if there is anything."""
    faults = []
    # A media type's name has no case, and a parameter does not make it another (RFC 9110 §8.3.1).
    if data.datacontenttype.partition(";")[0].rstrip().lower() != CONTENT_TYPE:
        faults.append(Fault(Reason.UNDELIVERABLE, "datacontenttype"))
    if data.data_base64:
        faults.append(Fault(Reason.UNDELIVERABLE, "data_base64"))
    if memoryview(data.data)[0] != _OBJECT:
        faults.append(Fault(Reason.UNDELIVERABLE, "data"))
    if faults:
        raise UndeliverableEventError(
            f'the bus takes data only as a JSON object, under the content type "{CONTENT_TYPE}"', *faults
        )
