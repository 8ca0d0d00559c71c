"""The rules of PutEvents for a request's entries after its API reference."""

import re
from collections.abc import Iterator, Sequence

import msgspec
import orjson
from msgspec import Struct

from gateway.emulators.aws_error import AwsError

MAX_ENTRIES = 10
MAX_DETAIL_TYPE_CHARACTERS = 128
_MAX_BUS_NAME_CHARACTERS = 1600
_MAX_TRACE_HEADER_CHARACTERS = 500
_MAX_RESOURCE_CHARACTERS = 2048
_MAX_ENDPOINT_ID_CHARACTERS = 50
_MAX_DETAIL_DEPTH = 1000
_TIME_BYTES = 14
"""What the size formula counts for a time, however it is written."""
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**63 - 1

_BUS_NAME = re.compile(
    r"(arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus/)?[.\-_A-Za-z0-9]+", re.ASCII
)
_ENDPOINT_ID = re.compile(r"[A-Za-z0-9\-]+\.[A-Za-z0-9\-]+")
_ONLY_DIGITS = bytes(
    ord("0") if chr(byte).isascii() and chr(byte).isdigit() else ord(" ") for byte in range(256)
)
_LONG_NUMBER = b"0" * 19  # 2**63 has 19 digits
_STRING_OR_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|(-?[0-9]+)([.eE][0-9.eE+-]*)?')
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])')


class PutEventsEntry(Struct, frozen=True, rename="pascal", gc=False):
    """One entry as it was sent; members that the API does not name are ignored."""

    source: str | None = None
    detail_type: str | None = None
    detail: str | None = None
    time: float | None = None
    resources: tuple[str | None, ...] | None = None
    event_bus_name: str | None = None
    trace_header: str | None = None

    @property
    def bus(self) -> str:
        """The bus's name, be it given by name, by ARN or not at all."""
        return (self.event_bus_name or "default").rpartition("/")[2]

    def size(self) -> int:
        """What the bus counts: UTF-8 bytes of source, detail type, detail and resources, 14 for a time."""
        texts = [self.source, self.detail_type, self.detail, *(self.resources or ())]
        return sum([len(text.encode()) for text in texts if text]) + (0 if self.time is None else _TIME_BYTES)


class PutEventsRequest(Struct, frozen=True, rename="pascal"):
    """The body of a PutEvents call."""

    entries: tuple[PutEventsEntry | None, ...] | None = None
    endpoint_id: str | None = None


class EntryError(Struct, frozen=True):
    """Why one entry failed."""

    code: str
    message: str


class EntriesRequest(Struct, frozen=True):
    """A readable request: its entries and, for each of them, the size the bus counts."""

    entries: Sequence[PutEventsEntry]
    sizes: Sequence[int]


_decoder = msgspec.json.Decoder(PutEventsRequest)
_MALFORMED = EntryError("MalformedDetail", "Detail is malformed.")
_RESERVED_SOURCE = EntryError("NotAuthorizedForSourceException", "Not authorized for the source.")


def read_entries(body: bytes, *, max_request_bytes: int) -> EntriesRequest:
    """The entries of a body within the API's constraints.

    Raises AwsError: SerializationException for what is no JSON of the API's types,
    ValidationException for what breaks a constraint or, all entries together, the size limit.
    """
    try:
        request = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise AwsError("SerializationException", str(error)) from error
    if violations := list(_violations(request)):
        raise _constraint_error(violations)
    entries = [entry for entry in request.entries or () if entry is not None]
    sizes = [entry.size() for entry in entries]
    if sum(sizes) > max_request_bytes:
        raise AwsError("ValidationException", "Total size of the entries in the request is over the limit.")
    missing = [lack for entry in entries if (lack := _missing_member(entry)) is not None]
    if len(missing) == len(entries):
        raise AwsError("ValidationException", missing[0].message)
    return EntriesRequest(entries, sizes)


def judge(entry: PutEventsEntry) -> EntryError | None:
    """Why the bus fails this entry by itself, or None: it takes it."""
    if (missing := _missing_member(entry)) is not None:
        return missing
    if (entry.source or "").startswith("aws."):
        return _RESERVED_SOURCE
    return None if is_detail(entry.detail or "") else _MALFORMED


def is_detail(text: str) -> bool:
    """Whether `text` is a JSON object, at most 1000 deep, with no integer of more than 64 bits."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:  # also nesting over 1024, which orjson does not read
        return False
    # Counting and searching are quick and rule out nearly every text; only the rest is looked at closely.
    return (
        isinstance(value, dict)
        and (text.count("{") + text.count("[") <= _MAX_DETAIL_DEPTH or _depth(text) <= _MAX_DETAIL_DEPTH)
        and (_LONG_NUMBER not in text.encode().translate(_ONLY_DIGITS) or _integers_fit(text))
    )


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in _BRACKET.finditer(text):
        depth += (match[1] is not None) - (match[2] is not None)
        deepest = max(deepest, depth)
    return deepest


def _integers_fit(text: str) -> bool:
    return all(
        len(match[1]) <= len(str(_MIN_INTEGER)) and _MIN_INTEGER <= int(match[1]) <= _MAX_INTEGER
        for match in _STRING_OR_NUMBER.finditer(text)
        if match[1] is not None and match[2] is None
    )


def _missing_member(entry: PutEventsEntry) -> EntryError | None:
    for name, value in (
        ("Source", entry.source),
        ("DetailType", entry.detail_type),
        ("Detail", entry.detail),
    ):
        if not value:
            message = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return EntryError("InvalidArgument", message)
    return None


def _violations(request: PutEventsRequest) -> Iterator[str]:
    """Every constraint of the API's model that the request breaks."""
    endpoint_id = request.endpoint_id
    if endpoint_id is not None and not (
        len(endpoint_id) <= _MAX_ENDPOINT_ID_CHARACTERS and _ENDPOINT_ID.fullmatch(endpoint_id)
    ):
        yield f"at 'endpointId' failed to satisfy constraint: {_pattern(_ENDPOINT_ID)}"
    entries = request.entries
    if entries is None:
        yield "null at 'entries' failed to satisfy constraint: Member must not be null"
        return
    if not entries:
        yield "at 'entries' failed to satisfy constraint: Member must have length greater than or equal to 1"
    if len(entries) > MAX_ENTRIES:
        yield f"at 'entries' failed to satisfy constraint: {_at_most(MAX_ENTRIES)}"
    for number, entry in enumerate(entries, start=1):
        for violation in _entry_violations(entry):
            yield violation.replace("at '", f"at 'entries.{number}.member", 1)


def _entry_violations(entry: PutEventsEntry | None) -> Iterator[str]:
    if entry is None:
        yield "null at '' failed to satisfy constraint: Member must not be null"
        return
    name, trace_header = entry.event_bus_name, entry.trace_header
    if name is not None and len(name) > _MAX_BUS_NAME_CHARACTERS:
        yield f"at '.eventBusName' failed to satisfy constraint: {_at_most(_MAX_BUS_NAME_CHARACTERS)}"
    if name is not None and not _BUS_NAME.fullmatch(name):
        yield f"at '.eventBusName' failed to satisfy constraint: {_pattern(_BUS_NAME)}"
    if trace_header is not None and not 1 <= len(trace_header) <= _MAX_TRACE_HEADER_CHARACTERS:
        yield f"at '.traceHeader' failed to satisfy constraint: {_at_most(_MAX_TRACE_HEADER_CHARACTERS)}"
    if entry.resources and any(_is_bad_resource(resource) for resource in entry.resources):
        yield f"at '.resources' failed to satisfy constraint: {_at_most(_MAX_RESOURCE_CHARACTERS)}"


def _is_bad_resource(resource: str | None) -> bool:
    return resource is None or len(resource) > _MAX_RESOURCE_CHARACTERS


def _at_most(length: int) -> str:
    return f"Member must have length less than or equal to {length}"


def _pattern(pattern: re.Pattern[str]) -> str:
    return f"Member must satisfy regular expression pattern: {pattern.pattern}"


def _constraint_error(violations: Sequence[str]) -> AwsError:
    errors = "error" if len(violations) == 1 else "errors"
    values = "; ".join(f"Value {violation}" for violation in violations)
    return AwsError("ValidationException", f"{len(violations)} validation {errors} detected: {values}")
