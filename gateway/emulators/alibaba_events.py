"""The rules of putEvents for the events of a request.

After Alibaba Cloud's PutEvents reference and its page on the size of events; the codes for what is wrong
with an event, which neither of them lists, after the open-source core of the service,
apache/rocketmq-eventbridge (`EventErrorCode`, `EventBridgeErrorCode`).
"""

import binascii
import re
from collections.abc import Sequence

from msgspec import Raw, Struct

from gateway.emulators.alibaba_error import AlibabaError
from gateway.emulators.json_members import NULL, read_list, read_object, read_string

MAX_EVENTS = 16
BUS_ATTRIBUTE = "aliyuneventbusname"
_RESERVED_PREFIX = "aliyun"
_NO_BASE64 = "'data_base64' is not Base64"
_TIME_BYTES = 36
"""What the size formula counts for a time, however it is written."""
_BUS_NAME = re.compile(r"(?!eventbridge-reserved-)[A-Za-z0-9-]{1,127}")
_RESTRICTED_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_EXTENSION_NAME = re.compile(r"[a-z0-9]+")
_EXTENSION_VALUE = re.compile(rb'".*"|true|false|-?[0-9]+', re.DOTALL)
_JSON_TYPE = re.compile(r"(application|text)/json|[^/;]+/[^/;]+\+json", re.IGNORECASE)


class EventLimits(Struct, frozen=True):
    """How much a request may hold, and how strictly two open questions are taken."""

    max_event_bytes: int
    max_request_bytes: int
    is_time_required: bool
    are_ids_restricted: bool


class AlibabaEvent(Struct, frozen=True):
    """An event that the bus would take."""

    id: str
    source: str
    type: str
    bus: str
    text: str
    size: int


class EventsRequest(Struct, frozen=True):
    """A request's events, up to the first that is wrong, and what is wrong with it."""

    events: Sequence[AlibabaEvent]
    error: AlibabaError | None


class _Attribute(Struct, frozen=True):
    """A string attribute: whether it must be there, its most characters, the code if it is wrong."""

    name: str
    code: str
    max_characters: int | None = None
    is_required: bool = False


_ATTRIBUTES = (
    _Attribute("id", "EventIdEmpty", 128, is_required=True),
    _Attribute("source", "EventSourceInvalid", 128, is_required=True),
    _Attribute("specversion", "EventSpecversionInvalid", is_required=True),
    _Attribute("type", "EventTypeInvalid", 64, is_required=True),
    _Attribute("time", "EventInvalid", 64),
    _Attribute("subject", "EventSubjectInvalid", 512),
    _Attribute("datacontenttype", "EventContentTypeInvalid"),
    _Attribute("dataschema", "EventSchemaInvalid"),
)
_NOT_EXTENSIONS = {*(attribute.name for attribute in _ATTRIBUTES), "data", "data_base64", BUS_ATTRIBUTE}


def read_events(body: bytes, limits: EventLimits) -> EventsRequest:
    """The events of a body.

    Raises AlibabaError for a body that is no list of 1 to 16 events, and for good events that are too
    large together or not all for one bus.
    """
    try:
        texts = read_list(body)
    except ValueError as error:
        raise AlibabaError("JsonAttributeInvalid", f"The Json attribute is invalid: {error}") from error
    if not 1 <= len(texts) <= MAX_EVENTS:
        raise AlibabaError(
            "RequestParameterInvalid",
            f"The request has {len(texts)} events, but 1 to {MAX_EVENTS} are allowed.",
            status=400,
        )
    events: list[AlibabaEvent] = []
    for text in texts:
        try:
            events.append(_read_event(text, limits))
        except AlibabaError as error:
            return EventsRequest(events, error)
    _check_together(events, limits.max_request_bytes)
    return EventsRequest(events, None)


def _check_together(events: Sequence[AlibabaEvent], max_bytes: int) -> None:
    if (size := sum(event.size for event in events)) > max_bytes:
        message = (
            f"The events of the request have {size} bytes together, which exceeds the limit {max_bytes}."
        )
        raise AlibabaError("RequestParameterInvalid", message, status=413)
    if len(buses := {event.bus for event in events}) > 1:
        raise AlibabaError(
            "PutEventsRequestMoreThanOneEventBus",
            f"The put events request has more than one event bus {sorted(buses)}",
        )


def _read_event(text: Raw, limits: EventLimits) -> AlibabaEvent:
    try:
        members = {name: value for name, value in read_object(text).items() if value != NULL}
    except ValueError as error:
        raise AlibabaError("JsonAttributeInvalid", f"The Json attribute is invalid: {error}") from error
    attributes = _attributes(members)
    _check_values(attributes, limits)
    bus = _bus(members)
    size = _attributes_size(attributes) + _extensions_size(members) + _data_size(members, attributes)
    if size > limits.max_event_bytes:
        message = f"The single event entry size[{size}] exceed the limit [{limits.max_event_bytes}]!"
        raise AlibabaError("EventSizeExceed", message)
    named = {name: attributes[name] for name in ("id", "source", "type")}
    return AlibabaEvent(**named, bus=bus, text=str(text, "utf-8"), size=size)


def _attributes(members: dict[str, Raw]) -> dict[str, str]:
    """Every context attribute that is there, as text."""
    found = {}
    for attribute in _ATTRIBUTES:
        text = members.get(attribute.name)
        if text is None:
            if attribute.is_required:
                raise _invalid(attribute.code, attribute.name, "is missing")
            continue
        value = read_string(text)
        if not value:
            raise _invalid(attribute.code, attribute.name, "is not a string, or empty")
        if attribute.max_characters is not None and len(value) > attribute.max_characters:
            raise _invalid(
                attribute.code, attribute.name, f"has more than {attribute.max_characters} characters"
            )
        found[attribute.name] = value
    return found


def _check_values(attributes: dict[str, str], limits: EventLimits) -> None:
    if attributes["specversion"] != "1.0":
        raise _invalid("EventSpecversionInvalid", "specversion", "must be 1.0")
    if limits.is_time_required and "time" not in attributes:
        raise _invalid("EventInvalid", "time", "is missing")
    if limits.are_ids_restricted and not _RESTRICTED_ID.fullmatch(attributes["id"]):
        raise _invalid("EventInvalid", "id", "may have letters, digits and hyphens only")


def _bus(members: dict[str, Raw]) -> str:
    name = read_string(members.get(BUS_ATTRIBUTE, NULL))
    if not name:
        raise AlibabaError("EventBusEmpty", "The event bus is empty.")
    if not _BUS_NAME.fullmatch(name):
        raise AlibabaError("EventBusNameInvalid", f"The event bus name [{name}] is invalid!")
    return name


def _attributes_size(attributes: dict[str, str]) -> int:
    """By the published formula: 36 for a time, and the UTF-8 bytes of all the others."""
    return sum(_TIME_BYTES if name == "time" else len(value.encode()) for name, value in attributes.items())


def _extensions_size(members: dict[str, Raw]) -> int:
    """Names and values; the formula does not name them, but the service's open-source core counts them.

    The bus's name is an address, and not counted.
    """
    size = 0
    for name in members.keys() - _NOT_EXTENSIONS:
        if name.startswith(_RESERVED_PREFIX) or not _EXTENSION_NAME.fullmatch(name):
            raise _invalid("EventExtensionsAttributeInvalid", name, "is no name for an extension attribute")
        if not _EXTENSION_VALUE.fullmatch(members[name]):
            raise _invalid("EventExtensionsAttributeInvalid", name, "is no string, boolean or integer")
        text = read_string(members[name])
        size += len(name) + len(members[name] if text is None else text.encode())
    return size


def _data_size(members: dict[str, Raw], attributes: dict[str, str]) -> int:
    """Bytes of the data itself: base64 decoded, other text without its JSON quotes."""
    if "data" not in members:
        return _base64_size(members["data_base64"]) if "data_base64" in members else 0
    if "data_base64" in members:
        raise AlibabaError("EventInvalid", "CloudEvent cannot have both 'data' and 'data_base64' fields")
    media_type = attributes.get("datacontenttype", "application/json").partition(";")[0].strip()
    if _JSON_TYPE.fullmatch(media_type):
        return len(bytes(members["data"]))
    text = read_string(members["data"])
    if text is None:
        raise AlibabaError("EventInvalid", "Because content type is not a json, only a string is accepted.")
    return len(text.encode())


def _base64_size(text: Raw) -> int:
    value = read_string(text)
    if value is None:
        raise AlibabaError("EventInvalid", _NO_BASE64)
    try:
        return len(binascii.a2b_base64(value.encode(), strict_mode=True))
    except ValueError as error:
        raise AlibabaError("EventInvalid", _NO_BASE64) from error


def _invalid(code: str, name: str, problem: str) -> AlibabaError:
    return AlibabaError(code, f"The event's {name} {problem}.")
