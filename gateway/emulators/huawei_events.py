"""The rules of "publishing events to a channel" for the events of a request, after EG's API reference.

The documents give the limits in KB and no formula: here an event is its JSON text as it was sent, in
UTF-8, and a KB has 1,024 bytes.
"""

import re
from collections.abc import Sequence

from msgspec import Raw, Struct

from gateway.emulators.huawei_error import HuaweiError
from gateway.emulators.json_members import NULL, read_list, read_object, read_string

MAX_EVENTS = 20
_REQUIRED = ("id", "source", "specversion", "type")
_OPTIONAL = ("datacontenttype", "dataschema", "time", "subject")
_MODEL = {*_REQUIRED, *_OPTIONAL, "data"}
_TIME = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
    r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.ASCII | re.IGNORECASE,
)
"""RFC 3339, as the reference asks for."""
_EXTENSION_NAME = re.compile(r"[a-z0-9]+")
_INVALID = "EG.00513000"


class EventLimits(Struct, frozen=True):
    """How much a request may hold, and whether extension attributes are taken."""

    max_event_bytes: int
    max_request_bytes: int
    are_extensions_refused: bool


class HuaweiEvent(Struct, frozen=True):
    """An event that the bus would take."""

    id: str
    source: str
    type: str
    text: str
    size: int


def read_events(body: bytes, limits: EventLimits) -> Sequence[HuaweiEvent]:
    """The events of a body; none if it has none. Raises HuaweiError."""
    texts = _texts(body)
    if len(texts) > MAX_EVENTS:
        message = f"The number of events {len(texts)} exceeds the limit {MAX_EVENTS}."
        raise HuaweiError("EG.00533013", message, index=MAX_EVENTS)
    events: list[HuaweiEvent] = []
    size = 0
    for index, text in enumerate(texts):
        events.append(_read_event(text, index, limits))
        size += events[-1].size
        if size > limits.max_request_bytes:
            message = f"The total size of the events exceeds the limit {limits.max_request_bytes}."
            raise HuaweiError("EG.00533007", message, index=index)
    return events


def event_ids(body: bytes) -> list[str | None]:
    """The ids of a body's events, None where one cannot be read; empty if no event can."""
    try:
        return [read_string(read_object(text).get("id", NULL)) for text in _texts(body)]
    except (HuaweiError, ValueError):
        return []


def _texts(body: bytes) -> Sequence[Raw]:
    try:
        events = read_object(body).get("events", NULL)
        return () if events == NULL else read_list(events)
    except ValueError as error:
        raise HuaweiError("EG.00014000", f"Bad request: {error}") from error


def _read_event(text: Raw, index: int, limits: EventLimits) -> HuaweiEvent:
    try:
        members = {name: value for name, value in read_object(text).items() if value != NULL}
    except ValueError as error:
        raise HuaweiError("EG.00014000", f"Bad request: {error}", index=index) from error
    size = len(bytes(text))
    if size > limits.max_event_bytes:
        message = f"The size of the event {size} exceeds the limit {limits.max_event_bytes}."
        raise HuaweiError("EG.00533012", message, index=index)
    attributes = {name: read_string(members[name]) for name in (*_REQUIRED, *_OPTIONAL) if name in members}
    if (problem := _problem(members, attributes, limits)) is not None:
        raise HuaweiError(_INVALID, f"Invalid parameters: {problem}.", index=index)
    named = {name: attributes[name] or "" for name in ("id", "source", "type")}
    return HuaweiEvent(**named, text=str(text, "utf-8"), size=size)


def _problem(members: dict[str, Raw], attributes: dict[str, str | None], limits: EventLimits) -> str | None:
    """What is wrong with an event's members, or None."""
    for name in _REQUIRED:
        if name not in attributes:
            return f"{name} is missing"
    for name, value in attributes.items():
        if not value:
            return f"{name} is not a string, or empty"
    if attributes["specversion"] != "1.0":
        return "specversion must be 1.0"
    if not _is_json(attributes.get("datacontenttype")):
        return "datacontenttype must be application/json"
    if not _TIME.fullmatch(attributes.get("time") or "1970-01-01T00:00:00Z"):
        return "time is not in the form of RFC 3339"
    if "data_base64" in members:
        return "data_base64 is not supported"
    if not bytes(members.get("data", b"{")).startswith(b"{"):
        return "data must be an object"
    return _extension_problem(members.keys() - _MODEL, limits)


def _is_json(content_type: str | None) -> bool:
    return content_type is None or content_type.partition(";")[0].strip().lower() == "application/json"


def _extension_problem(names: set[str], limits: EventLimits) -> str | None:
    for name in sorted(names):
        if limits.are_extensions_refused or not _EXTENSION_NAME.fullmatch(name):
            return f"{name} is not supported"
    return None
