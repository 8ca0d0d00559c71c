"""Content codings (RFC 9110 8.4): gzip and deflate, one at a time and never beyond a limit."""

import zlib
from enum import Enum

from gateway.errors import EventTooLargeError, Fault, GatewayError, InvalidEventError, Reason


class UnsupportedCodingError(GatewayError):
    """A content coding we do not read, or more than one."""


class Coding(Enum):
    """A content coding we read; the value is zlib's name for its container, and its window."""

    GZIP = 16 + zlib.MAX_WBITS
    DEFLATE = zlib.MAX_WBITS
    """The zlib form, as RFC 9110 8.4.1.2 says; a bare deflate stream is none."""


_MAX_MEMBERS = {Coding.GZIP: 16, Coding.DEFLATE: 1}
# A gzip body is a series of members (RFC 1952 2.2); 20 bytes make an empty one, and each costs a decoder.
_CODINGS = {b"gzip": Coding.GZIP, b"x-gzip": Coding.GZIP, b"deflate": Coding.DEFLATE}


def content_coding(field: bytes | None) -> Coding | None:
    """The coding that a `Content-Encoding` names; None where the body is as it is.

    Raises UnsupportedCodingError.
    """
    if field is None:
        return None
    names = [
        name for part in field.split(b",") if (name := part.strip(b" \t").lower()) not in (b"", b"identity")
    ]
    if not names:
        return None
    if len(names) > 1 or names[0] not in _CODINGS:
        raise UnsupportedCodingError
    return _CODINGS[names[0]]


def inflate(body: bytes, coding: Coding, *, max_bytes: int) -> bytes:
    """The decoded body; zlib stops one byte beyond `max_bytes`, so a bomb costs no more than that.

    Raises EventTooLargeError beyond the limit; InvalidEventError for what is not of that coding, is cut
    short, has too many members, or has something after its end.
    """
    decoded = b""
    for _ in range(_MAX_MEMBERS[coding]):
        decoder = zlib.decompressobj(coding.value)
        try:
            decoded += decoder.decompress(body, max_bytes + 1 - len(decoded))
        except zlib.error as error:
            raise _corrupt(coding) from error
        if len(decoded) > max_bytes:
            raise EventTooLargeError(
                f"the decoded body is larger than {max_bytes} bytes", Fault(Reason.TOO_LARGE)
            )
        if not decoder.eof:
            break
        if not (body := decoder.unused_data):
            return decoded
    raise _corrupt(coding)


def _corrupt(coding: Coding) -> InvalidEventError:
    return InvalidEventError(
        f"the body is not one whole {coding.name.lower()} stream", Fault(Reason.MALFORMED_HTTP)
    )
