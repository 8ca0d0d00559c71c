"""The error tree: what can go wrong, whose fault it is, and whether trying again can help.

Knows nothing of HTTP bodies, buses or queues. Every exception that crosses a module border is one
of these; foreign ones are mapped where they arise.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import ClassVar

from msgspec import Struct


class Reason(StrEnum):
    """Why an event or a request was refused: the closed set of problem details and metrics."""

    MISSING_ATTRIBUTE = "missing_attribute"
    EMPTY_ATTRIBUTE = "empty_attribute"
    INVALID_NAME = "invalid_name"
    INVALID_TYPE = "invalid_type"
    INVALID_CHARACTER = "invalid_character"
    INVALID_TIME = "invalid_time"
    INVALID_URI = "invalid_uri"
    INVALID_MEDIA_TYPE = "invalid_media_type"
    UNSUPPORTED_SPECVERSION = "unsupported_specversion"
    DUPLICATE_ATTRIBUTE = "duplicate_attribute"
    DATA_CONFLICT = "data_conflict"
    INVALID_BASE64 = "invalid_base64"
    INVALID_JSON = "invalid_json"
    INVALID_UTF8 = "invalid_utf8"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    UNDELIVERABLE = "undeliverable"
    MALFORMED_HTTP = "malformed_http"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    UNAUTHORIZED = "unauthorized"
    TIMEOUT = "timeout"
    NO_ROOM = "no_room"
    DRAINING = "draining"


class Fault(Struct, frozen=True):
    """One thing that is wrong with one event: never holds an attribute's value."""

    reason: Reason
    attribute: str | None = None
    index: int | None = None
    """The event's position in its batch; None outside a batch."""


class GatewayError(Exception):
    """The root of every error that is ours."""


class ConfigFault(Struct, frozen=True):
    """One thing that is wrong with the configuration, named by its dotted key."""

    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}"


class ConfigError(GatewayError):
    """The configuration cannot be used; carries every fault found, not only the first."""

    def __init__(self, faults: Iterable[ConfigFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


class InvalidEventError(GatewayError):
    """The producer sent what is no valid CloudEvent, or what we cannot take. `detail` is one sentence."""

    http_status: ClassVar[int] = 400

    def __init__(self, detail: str, *faults: Fault) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = faults


class UnsupportedMediaTypeError(InvalidEventError):
    """A content type or content coding that we do not read."""

    http_status = 415


class EventTooLargeError(InvalidEventError):
    """An event, a batch or a body over its limit; the limit stands in the detail."""

    http_status = 413


class UndeliverableEventError(InvalidEventError):
    """A valid CloudEvent that a destination can never take."""

    http_status = 422


class SendError(GatewayError):
    """A request to a bus got no usable answer: the outcome of each of its entries is the same.

    `code` is the bus's own or one of ours in snake_case, `request_id` the bus's, where it gave one.
    """

    retryable: ClassVar[bool]

    def __init__(self, code: str, message: str = "", *, request_id: str | None = None) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message
        self.request_id = request_id


class _LaterError(SendError):
    """The bus may say when to come again: `retry_after_seconds` from now, None where it did not."""

    retryable = True

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(code, message, request_id=request_id)
        self.retry_after_seconds = retry_after_seconds


class ThrottledError(_LaterError):
    """The bus asks us to slow down: this pauses the whole destination, not just the batch."""


class UnavailableError(_LaterError):
    """Time-out, reset, 5xx, or an answer nobody can read: the entries may or may not have arrived."""


class BlockedError(SendError):
    """Credentials, rights or a missing bus: an operator can mend it, so no entry spends an attempt."""

    retryable = True


class RefusedError(SendError):
    """The bus will never take this request as it stands; a smaller one may do."""

    retryable = False
