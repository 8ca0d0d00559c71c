"""The binary content mode: attributes out of `ce-` headers, and the data that the body is.

Given headers and a body as bytes (CloudEvents, HTTP protocol binding 3.1); the event becomes JSON here.
"""

import re
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from urllib.parse import unquote_to_bytes

from msgspec.json import encode

from gateway.cloudevents.attributes import (
    CORE,
    REQUIRED,
    DataKind,
    data_kind,
    is_name,
    rules_for,
    value_fault,
)
from gateway.cloudevents.faults import fault, invalid_event, require_size, too_large
from gateway.cloudevents.jsontext import read_value
from gateway.cloudevents.limits import MAX_ATTRIBUTES
from gateway.cloudevents.trace import Trace
from gateway.errors import Fault, InvalidEventError, Reason
from gateway.event import Event

Headers = Sequence[tuple[bytes, bytes]]
"""In order of arrival; names lower-cased ASCII, values without surrounding spaces and tabs."""

_TOLD = frozenset(REQUIRED)
_ATTRIBUTE_OF = {b"ce-" + name.encode(): name for name in CORE - {"datacontenttype"}}
_QUOTED = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


def read_binary(attributes: Mapping[str, str], body: bytes, *, received_at: float) -> Event:
    """The event of valid attributes and the data that `body` is.

    Raises InvalidEventError (too_deep), EventTooLargeError.
    """
    data = _data_member(body, attributes.get("datacontenttype")) if body else b""
    json = encode(attributes)[:-1] + data + b"}"
    require_size(json, base64_bytes=len(data) if data.startswith(b',"data_base64') else 0)
    return Event(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        time=attributes.get("time"),
        traceparent=attributes.get("traceparent"),
        json=json,
        received_at=received_at,
    )


def read_attributes(headers: Headers, trace: Trace | None) -> dict[str, str]:
    """Every attribute that the headers carry, in their order, and those of `trace` if there is none.

    Raises InvalidEventError with all their faults, EventTooLargeError for too many.
    """
    return with_trace(_read_headers(headers), trace)


def with_trace(attributes: dict[str, str], trace: Trace | None) -> dict[str, str]:
    """`attributes`, and those of `trace` if the event is part of no other."""
    if trace is not None and "traceparent" not in attributes:
        attributes["traceparent"] = trace.traceparent
        if trace.tracestate is not None:
            attributes.setdefault("tracestate", trace.tracestate)
    return attributes


class AttributeForm:
    """The attributes of binary events whose heads differ from one another in the values of some of them.

    Filling it in takes a third of the time of reading the headers.
    """

    def __init__(self, first: Mapping[str, str], varying: Sequence[str]) -> None:
        self._first = dict(first)
        self._varying = tuple(varying)
        self._rules = rules_for(varying)

    @classmethod
    def of(cls, headers: Headers, varying: Sequence[bytes]) -> "AttributeForm | None":
        """That of requests with these headers but for the values of those that are named.

        None if those make no valid event.
        """
        try:
            first = _read_headers(headers)
        except InvalidEventError:
            return None
        return cls(first, [_attribute_of(header) for header in varying])

    def fill_in(self, values: Sequence[bytes]) -> dict[str, str] | None:
        """Every attribute, with `values` (visible ASCII, not empty) for the varying ones, in their order.

        None if a value does not stand for itself or breaks a rule: then the headers are to be read.
        """
        text = b'"'.join(values).decode("ascii")
        texts = text.split('"')
        if "%" in text or len(texts) != len(self._varying):
            return None
        attributes = self._first.copy()
        attributes.update(zip(self._varying, texts, strict=True))
        for name, obeys in self._rules:
            if not obeys(attributes[name]):
                return None
        return attributes


def _read_headers(headers: Headers) -> dict[str, str]:
    attributes: dict[str, str] = {}
    faults: list[Fault] = []
    for header, value in headers:
        if header.startswith(b"ce-"):
            name = _attribute_of(header)
            if header not in _ATTRIBUTE_OF and not _is_extension(name):
                faults.append(fault(Reason.INVALID_NAME, name))
                continue
            text = _decode_value(value)
        elif header == b"content-type":
            name, text = "datacontenttype", _decode_utf8(value)
        else:
            continue
        reason = _text_fault(name, text) if name not in attributes else Reason.DUPLICATE_ATTRIBUTE
        if reason is not None:
            faults.append(fault(reason, name))
        attributes[name] = text or ""
    if len(attributes) > MAX_ATTRIBUTES:
        raise too_large()
    if faults or not attributes.keys() >= _TOLD:
        missing = [fault(Reason.MISSING_ATTRIBUTE, name) for name in REQUIRED if name not in attributes]
        raise invalid_event(missing + faults)
    return attributes


def _attribute_of(header: bytes) -> str:
    return _ATTRIBUTE_OF.get(header) or header[3:].decode("ascii", "backslashreplace")


def _is_extension(name: str) -> bool:
    # Content-Type is the header of datacontenttype: with a second one a request could say two things.
    return is_name(name) and name != "datacontenttype"


def _text_fault(name: str, text: str | None) -> Reason | None:
    return Reason.INVALID_UTF8 if text is None else value_fault(name, text)


def _decode_value(value: bytes) -> str | None:
    """A `ce-` header's value as its attribute's (HTTP binding 3.1.3.2); None if that is not UTF-8.

    Unquoting comes first and only for one whole quoted-string; then one pass of percent-decoding,
    which leaves a percent sign alone where no two hexadecimal digits follow.
    """
    if value[:1] == b'"' and _QUOTED.fullmatch(value):
        value = _ESCAPED.sub(rb"\1", value[1:-1])
    return _decode_utf8(unquote_to_bytes(value) if b"%" in value else value)


def _decode_utf8(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _data_member(body: bytes, datacontenttype: str | None) -> bytes:
    """The member that says what `body` says: raw JSON, a JSON string, or its bytes in base64."""
    kind = None if datacontenttype is None else data_kind(datacontenttype)
    if kind is DataKind.JSON and (value := read_value(body)) is not None:
        return b',"data":' + value
    is_text = kind is DataKind.TEXT or (kind is DataKind.ASCII_TEXT and body.isascii())
    if is_text and (text := _decode_utf8(body)) is not None:
        return b',"data":' + encode(text)
    return b',"data_base64":"' + b2a_base64(body, newline=False) + b'"'
