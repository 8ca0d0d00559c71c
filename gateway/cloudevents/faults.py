"""What is wrong with an event, as an error: every fault in a list, the first in a sentence.

Attributes are named, escaped and cut; their values never appear (CloudEvents, "Privacy and Security").
"""

from collections.abc import Sequence

from msgspec.structs import replace

from gateway.cloudevents.attributes import CORE
from gateway.cloudevents.limits import MAX_ATTRIBUTES, MAX_DEPTH, MAX_EVENT_BYTES
from gateway.errors import EventTooLargeError, Fault, InvalidEventError, Reason

MAX_FAULTS = 100
_LONGEST_NAME = 64

_RULES = {
    Reason.MISSING_ATTRIBUTE: "the required attribute {} is missing",
    Reason.EMPTY_ATTRIBUTE: "the attribute {} must not be empty",
    Reason.INVALID_NAME: "{} is no attribute name: only lower-case ASCII letters and digits are allowed",
    Reason.INVALID_TYPE: "the attribute {} must be a string, a boolean or a 32-bit integer",
    Reason.INVALID_CHARACTER: "the attribute {} holds a control character or a noncharacter of Unicode",
    Reason.INVALID_TIME: "the attribute {} is not a timestamp as RFC 3339 has it",
    Reason.INVALID_URI: "the attribute {} is not an absolute URI",
    Reason.INVALID_MEDIA_TYPE: "the attribute {} is not a media type",
    Reason.UNSUPPORTED_SPECVERSION: "the attribute {} must be 1.0, the only version supported",
    Reason.DUPLICATE_ATTRIBUTE: "the attribute {} is there more than once",
    Reason.DATA_CONFLICT: "data and data_base64 exclude each other",
    Reason.INVALID_BASE64: "{} is not standard base64 with padding",
    Reason.INVALID_JSON: "the body is not JSON",
    Reason.INVALID_UTF8: "the attribute {} is not UTF-8",
    Reason.TOO_DEEP: f"the JSON is nested deeper than {MAX_DEPTH} levels",
    Reason.TOO_LARGE: f"the event is larger than {MAX_EVENT_BYTES} bytes, or has more than {MAX_ATTRIBUTES}"
    " attributes",
}
_EXCEPTIONS: dict[tuple[Reason, str | None], str] = {
    (Reason.INVALID_NAME, "data"): "data is no attribute: the name is reserved",
    (Reason.INVALID_NAME, "datacontenttype"): "ce-datacontenttype is not allowed beside Content-Type",
    (Reason.INVALID_TYPE, None): "an event in the JSON format must be a JSON object",
    (Reason.INVALID_TYPE, "data"): "data must be a string where datacontenttype is not a JSON type",
    (Reason.INVALID_TYPE, "data_base64"): "data_base64 must be a string",
    (Reason.INVALID_UTF8, None): "the body is not UTF-8",
    **{(Reason.INVALID_TYPE, name): f"the attribute {name} must be a string" for name in CORE},
}


def fault(reason: Reason, attribute: str | None = None) -> Fault:
    """A fault whose attribute is safe to show: ASCII, and at most 64 characters of it."""
    if attribute is None:
        return Fault(reason)
    name = attribute[:_LONGEST_NAME]
    return Fault(reason, name if name.isascii() and name.isprintable() else ascii(name)[1:-1])


def describe(subject: Fault) -> str:
    """The rule that was broken, as the main clause of a sentence."""
    if (words := _EXCEPTIONS.get((subject.reason, subject.attribute))) is not None:
        return words
    return _RULES[subject.reason].format(subject.attribute or '""')


def invalid_event(faults: Sequence[Fault]) -> InvalidEventError:
    """The refusal of one event for all of `faults` (at least one)."""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return InvalidEventError(f"{describe(faults[0])}{more}", *faults[:MAX_FAULTS])


def invalid(reason: Reason, attribute: str | None = None) -> InvalidEventError:
    """The refusal of one event or body for one reason."""
    return invalid_event([fault(reason, attribute)])


def require_size(json: bytes, *, base64_bytes: int) -> None:
    """Raise EventTooLargeError if the event's compact JSON, of which so much is base64, is over its limit."""
    if len(json) - base64_bytes // 4 > MAX_EVENT_BYTES:
        raise too_large()


def too_large() -> EventTooLargeError:
    """The refusal of an event with too many bytes or attributes."""
    found = Fault(Reason.TOO_LARGE)
    return EventTooLargeError(describe(found), found)


def invalid_batch(refused: Sequence[tuple[int, Sequence[Fault]]], *, events: int) -> InvalidEventError:
    """The refusal of a whole batch of `events` for those at the given indexes.

    Lists every fault, or the first of each event where that would be more than 100.
    """
    index, faults = refused[0]
    detail = (
        f"{len(refused)} of {events} events are invalid, the first at index {index}: {describe(faults[0])}"
    )
    listed = [replace(found, index=index) for index, faults in refused for found in faults]
    if len(listed) > MAX_FAULTS:
        listed = [replace(faults[0], index=index) for index, faults in refused[:MAX_FAULTS]]
        detail += f" (the first {len(listed)} are listed)"
    if all(found.reason is Reason.TOO_LARGE for found in listed):
        return EventTooLargeError(detail, *listed)
    return InvalidEventError(detail, *listed)
