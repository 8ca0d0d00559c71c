"""The HTTP protocol binding: which content mode a request is in, and its events.

Given headers and a body as bytes; framing, content codings and status lines are the receiver's.
"""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from gateway.cloudevents.attributes import REQUIRED, speaks_utf8
from gateway.cloudevents.binary import Headers, read_attributes, read_binary
from gateway.cloudevents.json import read_batch, read_event
from gateway.cloudevents.trace import Trace, read_trace
from gateway.errors import Fault, InvalidEventError, Reason, UnsupportedMediaTypeError
from gateway.event import Event


class ContentMode(StrEnum):
    """How a request carries events: label values of `gateway_events_received_total`."""

    BINARY = "binary"
    STRUCTURED = "structured"
    BATCHED = "batched"


class Envelope(Struct, frozen=True, gc=False):
    """What a request's head says of the events in its body."""

    mode: ContentMode
    headers: Headers
    trace: Trace | None
    attributes: Mapping[str, str] | None = None
    """In binary mode, where they are known and valid: then nobody looks at `headers`."""


_MODES = {
    b"application/cloudevents+json": ContentMode.STRUCTURED,
    b"application/cloudevents-batch+json": ContentMode.BATCHED,
}
_TELLING_HEADERS = frozenset(b"ce-" + name.encode() for name in REQUIRED)
_READABLE = (
    "application/cloudevents+json, application/cloudevents-batch+json,"
    " or the data's own type beside ce- headers"
)


def content_mode(headers: Headers) -> ContentMode:
    """The content mode of a request, by its headers alone.

    Raises UnsupportedMediaTypeError for a format or a charset we do not read and for a request that
    is no CloudEvent; InvalidEventError for one without any, or with two, `Content-Type`.
    """
    content_type: bytes | None = None
    has_attributes = False
    for name, value in headers:
        if name in _TELLING_HEADERS:
            has_attributes = True
        elif name == b"content-type":
            if content_type is not None:
                raise InvalidEventError("Content-Type is there more than once", Fault(Reason.MALFORMED_HTTP))
            content_type = value
    # The plain type is what nearly all send: 0.1 µs instead of 1.
    if (
        content_type is not None
        and (mode := _MODES.get(content_type) or _format_mode(content_type)) is not None
    ):
        return mode
    if has_attributes:
        return ContentMode.BINARY
    if content_type is not None:
        raise _unsupported(f"the request is no CloudEvent: Content-Type must be {_READABLE}")
    raise InvalidEventError(
        f"the request is no CloudEvent: it has no ce- headers and no Content-Type, which must be {_READABLE}",
        *(Fault(Reason.MISSING_ATTRIBUTE, name) for name in REQUIRED),
    )


def read_head(headers: Headers) -> Envelope:
    """All that the headers say but for the attributes of binary mode. Raises as `content_mode` does."""
    return Envelope(content_mode(headers), headers, read_trace(headers))


def read_events(envelope: Envelope, body: bytes, *, received_at: float) -> list[Event]:
    """The events of a request; `body` is free of content codings, `received_at` in wall-clock seconds.

    Raises InvalidEventError with every fault found, EventTooLargeError.
    """
    mode = envelope.mode
    if mode is ContentMode.STRUCTURED:
        return [read_event(body, received_at=received_at, trace=envelope.trace)]
    if mode is ContentMode.BATCHED:
        return read_batch(body, received_at=received_at, trace=envelope.trace)
    attributes = envelope.attributes
    if attributes is None:
        attributes = read_attributes(envelope.headers, envelope.trace)
    return [read_binary(attributes, body, received_at=received_at)]


def _format_mode(content_type: bytes) -> ContentMode | None:
    media_type = content_type.partition(b";")[0].strip(b" \t").lower()
    if not media_type.startswith(b"application/cloudevents"):
        return None
    if (mode := _MODES.get(media_type)) is None:
        raise _unsupported(f"the event format is not supported: Content-Type must be {_READABLE}")
    if not speaks_utf8(content_type.decode("latin-1")):
        raise _unsupported("the JSON event format is UTF-8: no other charset is supported")
    return mode


def _unsupported(detail: str) -> UnsupportedMediaTypeError:
    return UnsupportedMediaTypeError(detail, Fault(Reason.UNSUPPORTED_MEDIA_TYPE))
