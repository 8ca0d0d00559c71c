"""The JSON event format: structured events and batches, read without touching their data.

Attributes are read and checked; the value of `data` is only checked for syntax and carried as it came.
"""

import re
from binascii import a2b_base64
from collections import Counter
from itertools import count
from typing import Annotated, Literal

from msgspec import DecodeError, Meta, Raw, Struct, ValidationError
from msgspec.json import Decoder, encode

from gateway.cloudevents.attributes import (
    CORE,
    REQUIRED,
    DataKind,
    data_kind,
    is_absolute_uri,
    is_name,
    is_string,
    is_timestamp,
    value_fault,
)
from gateway.cloudevents.faults import fault, invalid_batch, invalid_event, require_size, too_large
from gateway.cloudevents.jsontext import decode, is_too_deep, require_utf8
from gateway.cloudevents.limits import MAX_ATTRIBUTES, MAX_BATCH_EVENTS
from gateway.cloudevents.trace import Trace
from gateway.errors import EventTooLargeError, Fault, InvalidEventError, Reason
from gateway.event import Event

_Members = dict[str, Raw]
_NonEmpty = Annotated[str, Meta(min_length=1)]


class _Core(Struct, gc=False):
    """The core attributes; decoding one proves that the required ones are there and no type is wrong."""

    specversion: Literal["1.0"]
    id: _NonEmpty
    source: _NonEmpty
    type: _NonEmpty
    subject: _NonEmpty | None = None
    time: str | None = None
    dataschema: str | None = None
    datacontenttype: str | None = None


class _Usual(_Core, gc=False, omit_defaults=True):
    """An event with the members that most have and no others."""

    traceparent: str | None = None
    tracestate: str | None = None
    data: Raw = Raw()


class _Object(Struct, gc=False):
    """Any JSON object, in 24 bytes with its place in a list; a `Raw` takes three times that."""


class _Name(str):
    """A member's name that equals only itself, so that a dict keeps members of the same name."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


_CORE = Decoder(_Core)
_USUAL = Decoder(_Usual)
_MEMBERS = Decoder(_Members)
_EVERY_MEMBER = Decoder(dict[_Name, Raw], dec_hook=type.__call__)
_ELEMENTS = Decoder(list[Raw])
_OBJECTS = Decoder(list[_Object])
_STRING = Decoder(str)
_OBJECT = "a JSON object"
_BATCH = "a JSON array of events"
_MANY_COMMAS = 100_000
"""A batch may have that many elements more: as `Raw` they take 7 MiB for a moment. Most have fewer commas."""
_MANY_COLONS = 10_000
"""An object may have as many members, of 200 bytes each; most have fewer colons, those in strings counted."""
_DATA_MEMBERS = ("data", "data_base64")
_KNOWN = CORE.union(_DATA_MEMBERS)
_TEXTUAL = (DataKind.TEXT, DataKind.ASCII_TEXT, DataKind.OTHER)
_NULL, _TRUE, _FALSE = Raw(b"null"), Raw(b"true"), Raw(b"false")
_QUOTE = ord('"')
_INTEGER = re.compile(rb"-?(?:0|[1-9][0-9]{0,9})")
_INTEGER_MIN, _INTEGER_MAX = -(2**31), 2**31 - 1


def read_event(body: bytes, *, received_at: float, trace: Trace | None = None) -> Event:
    """The event that `body` is, in the CloudEvents JSON format.

    `received_at` is wall-clock seconds; `trace` becomes the event's where it has no `traceparent`.
    Raises InvalidEventError with every fault found, EventTooLargeError.
    """
    require_utf8(body)
    return _read(body, received_at, trace)


def read_batch(body: bytes, *, received_at: float, trace: Trace | None = None) -> list[Event]:
    """The events of a batch in the CloudEvents JSON batch format, in order: all of them or none.

    Raises InvalidEventError with the faults of each bad event, EventTooLargeError.
    """
    require_utf8(body)
    if body.count(b",") > _MANY_COMMAS:
        _require_few(len(decode(_OBJECTS, body, expected=_BATCH)))
    elements = decode(_ELEMENTS, body, expected=_BATCH)
    _require_few(len(elements))
    events: list[Event] = []
    refused: list[tuple[int, tuple[Fault, ...]]] = []
    for index, element in enumerate(elements):
        try:
            # A copy: one event that waits long must not keep the whole batch in memory.
            events.append(_read(bytes(element), received_at, trace))
        except InvalidEventError as error:
            refused.append((index, error.faults))
    if refused:
        raise invalid_batch(refused, events=len(elements))
    return events


def _require_few(elements: int) -> None:
    if elements > MAX_BATCH_EVENTS:
        raise EventTooLargeError(
            f"the batch has more than {MAX_BATCH_EVENTS} events", Fault(Reason.TOO_LARGE)
        )


def _read(body: bytes, received_at: float, trace: Trace | None) -> Event:
    core: _Core
    if (usual := _read_usual(body)) is not None:
        core, traceparent, has_state = usual, usual.traceparent, usual.tracestate is not None
        base64_bytes = 0
    else:
        body, members = _compact(body)
        core = _read_core(body, members)
        traceparent = _text(members["traceparent"]) if "traceparent" in members else None
        has_state = "tracestate" in members
        base64_bytes = len(members.get("data_base64", b""))
    if trace is not None and traceparent is None:
        traceparent = trace.traceparent
        body = _with_trace(body, trace, with_state=not has_state)
    require_size(body, base64_bytes=base64_bytes)
    return Event(
        id=core.id,
        source=core.source,
        type=core.type,
        time=core.time,
        traceparent=traceparent,
        json=body,
        received_at=received_at,
    )


def _read_usual(body: bytes) -> _Usual | None:
    """The event if it is valid, compact and has only the usual members; else None, and nothing is said.

    It takes half the time of a look at every member by itself.
    """
    try:
        usual = _USUAL.decode(body)
    except (DecodeError, RecursionError):
        return None
    # Written anew it is never longer, and as long only if no member was unknown, null or there twice, no
    # white space stood between them, and no text was escaped where it need not be.
    if len(encode(usual)) != len(body) or usual.data == _NULL:
        return None
    if not (_is_plain(body) or (_has_strings(usual) and is_string(f"{usual.traceparent}{usual.tracestate}"))):
        return None
    return usual if _obeys_rules(usual, usual.data or None, None) else None


def _is_plain(body: bytes) -> bool:
    """Whether every text in `body`, which is JSON, is a String by its bytes alone.

    Without escapes each stands there as it is, and JSON lets no control character of ASCII through but DEL.
    """
    return body.isascii() and b"\\" not in body and b"\x7f" not in body


def _compact(body: bytes) -> tuple[bytes, _Members]:
    """The event without white space and null attributes; and its members. Raises InvalidEventError."""
    if body.count(b":") > _MANY_COLONS:
        _require_few_names(body)
    members = decode(_MEMBERS, body, expected=_OBJECT)
    if len(members) > MAX_ATTRIBUTES and len(members.keys() - _DATA_MEMBERS) > MAX_ATTRIBUTES:
        raise too_large()
    compact = encode(members)
    # Equal lengths: no white space to leave out and no duplicate lost, and 1.3 µs saved of looking for one.
    if len(compact) != len(body):
        _require_distinct(body, members)
        body = compact
    if _NULL in members.values():
        members = _without_nulls(members)
        body = encode(members)
    return body, members


def _require_few_names(body: bytes) -> None:
    """Raise InvalidEventError before the members of an object are all in memory, if it has far too many."""
    names = count(1)

    def take(kind: type[_Name], name: str) -> _Name:
        if next(names) > MAX_ATTRIBUTES + len(_DATA_MEMBERS):
            raise too_large()
        return kind(name)

    decode(Decoder(dict[_Name, Raw], dec_hook=take), body, expected=_OBJECT)


def _require_distinct(body: bytes, members: _Members) -> None:
    """Raise InvalidEventError, with all the faults beside it, if a member's name is there twice."""
    names = decode(_EVERY_MEMBER, body, expected=_OBJECT)
    if len(names) > len(members):
        times = Counter(map(str, names))
        duplicates = [fault(Reason.DUPLICATE_ATTRIBUTE, name) for name in members if times[name] > 1]
        raise invalid_event([*duplicates, *_faults(members)])


def _without_nulls(members: _Members) -> _Members:
    """What is left without attributes set to null, which are not set; a null under a bad name stays wrong."""
    return {name: raw for name, raw in members.items() if raw != _NULL or not is_name(name)}


def _read_core(body: bytes, members: _Members) -> _Core:
    """The core attributes of an event that is valid as a whole. Raises InvalidEventError."""
    try:
        core = _CORE.decode(body)
    except (ValidationError, RecursionError):
        # RecursionError: this pass may need more of the stack than the first, as Python's version has it.
        raise invalid_event(_faults(members)) from None
    if not _is_valid(core, members):
        raise invalid_event(_faults(members))
    return core


def _is_valid(core: _Core, members: _Members) -> bool:
    """Whether `_faults` would find nothing, in a fifth of its time: most events are as they should be."""
    if not (_has_strings(core) and _obeys_rules(core, members.get("data"), members.get("data_base64"))):
        return False
    return not any(_attribute_fault(name, members[name]) for name in members.keys() - _KNOWN)


def _has_strings(core: _Core) -> bool:
    """Whether every core attribute is a String: one look at all of them, wherever each begins."""
    return is_string(
        f"{core.id}{core.source}{core.type}{core.subject}{core.time}{core.dataschema}{core.datacontenttype}"
    )


def _obeys_rules(core: _Core, data: Raw | None, encoded: Raw | None) -> bool:
    """Whether the attributes that must be more than Strings are, and the data is as they say."""
    time, schema, content_type = core.time, core.dataschema, core.datacontenttype
    if (time is not None and not is_timestamp(time)) or (schema is not None and not is_absolute_uri(schema)):
        return False
    kind = DataKind.JSON if content_type is None else data_kind(content_type)
    return kind is not None and _data_fault(data, encoded, kind) is None


def _faults(members: _Members) -> list[Fault]:
    """Everything that is wrong with an event, in the order of its members; what is missing comes first."""
    faults = [fault(Reason.MISSING_ATTRIBUTE, name) for name in REQUIRED if _is_unset(members.get(name))]
    for name, raw in members.items():
        if name not in _DATA_MEMBERS and (reason := _attribute_fault(name, raw)) is not None:
            faults.append(fault(reason, name))
    data, encoded = members.get("data"), members.get("data_base64")
    if (found := _data_fault(data, encoded, _declared_kind(members))) is not None:
        faults.append(found)
    return faults


def _is_unset(raw: Raw | None) -> bool:
    return raw is None or raw == _NULL


def _attribute_fault(name: str, raw: Raw) -> Reason | None:
    if not is_name(name):
        return Reason.INVALID_NAME
    if memoryview(raw)[0] == _QUOTE:
        return value_fault(name, _STRING.decode(raw))
    if raw == _NULL:
        return None
    is_boolean_or_integer = raw in (_TRUE, _FALSE) or _is_integer(raw)
    return None if is_boolean_or_integer and name not in CORE else Reason.INVALID_TYPE


def _is_integer(raw: Raw) -> bool:
    return _INTEGER.fullmatch(raw) is not None and _INTEGER_MIN <= int(bytes(raw)) <= _INTEGER_MAX


def _declared_kind(members: _Members) -> DataKind | None:
    """The kind of data by `datacontenttype`; None if that says nothing we can read."""
    raw = members.get("datacontenttype", _NULL)
    return DataKind.JSON if raw == _NULL else data_kind(_text(raw))


def _data_fault(data: Raw | None, encoded: Raw | None, kind: DataKind | None) -> Fault | None:
    if encoded is not None:
        reason = Reason.DATA_CONFLICT if data is not None else _base64_fault(encoded)
        return None if reason is None else fault(reason, "data_base64")
    if data is None:
        return None
    if kind in _TEXTUAL and memoryview(data)[0] != _QUOTE:
        return fault(Reason.INVALID_TYPE, "data")
    return fault(Reason.TOO_DEEP, "data") if is_too_deep(data) else None


def _base64_fault(raw: Raw) -> Reason | None:
    if memoryview(raw)[0] != _QUOTE:
        return Reason.INVALID_TYPE
    text = _STRING.decode(raw)
    try:
        decoded = a2b_base64(text, strict_mode=True)
    except ValueError:
        return Reason.INVALID_BASE64
    # The length, because CPython's strict mode takes padding where none is due: `AAAA=`.
    return None if len(text) == (len(decoded) + 2) // 3 * 4 else Reason.INVALID_BASE64


def _text(raw: Raw) -> str:
    """An attribute's value as a string: a boolean's and an integer's JSON text is its canonical form."""
    return _STRING.decode(raw) if memoryview(raw)[0] == _QUOTE else bytes(raw).decode()


def _with_trace(body: bytes, trace: Trace, *, with_state: bool) -> bytes:
    added = {"traceparent": trace.traceparent}
    if with_state and trace.tracestate is not None:
        added["tracestate"] = trace.tracestate
    return body[:-1] + b"," + encode(added)[1:]
