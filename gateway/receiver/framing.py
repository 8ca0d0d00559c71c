"""Where a request ends and what its head must say: the rules of HTTP/1.1 that the parser leaves to us.

llhttp, strict, refuses by itself: a Content-Length that is not digits, or there twice, or beside a
Transfer-Encoding; folded lines; line ends that are not CR LF; control characters; spaces around
names; signs and prefixes in chunk sizes. It lets through, and this module stops: other versions, no
Host or two, chunked after another coding or in HTTP/1.0, heads of any size.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from gateway.receiver.limits import ReceiverLimits
from gateway.receiver.responses import METHOD_NOT_ALLOWED, RequestRefusedError, Response, malformed

Headers = Sequence[tuple[bytes, bytes]]

HTTP_1_1 = "1.1"
HTTP_1_0 = "1.0"

_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=:%\[\]-]*")
_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?: |\Z)")
_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ ([!-~]+) HTTP/1\.[01]\r\n")


def combine(headers: Headers) -> dict[bytes, bytes]:
    """The header fields by name; repeated ones joined as a list (RFC 9110 5.3)."""
    fields = dict(headers)
    if len(fields) != len(headers):
        fields = {}
        for name, value in headers:
            fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def body_length(version: str, fields: dict[bytes, bytes]) -> int | None:
    """The bytes of the body that follows; None if it comes in chunks.

    Raises RequestRefusedError if the head is not that of one HTTP/1.x request.
    """
    if version not in (HTTP_1_1, HTTP_1_0):
        raise RequestRefusedError(malformed(505, "the version understood is HTTP/1.1"))
    host = fields.get(b"host")
    if host is None:
        if version == HTTP_1_1:
            raise RequestRefusedError(malformed(400, "there is no Host"))
    elif not _HOST.fullmatch(host):  # two of them are a list by now, and no host has its space
        raise RequestRefusedError(malformed(400, "the Host is none"))
    if b"transfer-encoding" in fields:
        _check_transfer_coding(version, fields[b"transfer-encoding"])
        return None
    return int(fields.get(b"content-length", b"0"))


def body_framing(length: int | None) -> bytes:
    """The header line that frames a body of that length."""
    return b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length


def _check_transfer_coding(version: str, coding: bytes) -> None:
    if version == HTTP_1_0:  # RFC 9112 6.1: faulty framing, as a 1.0 hop may have passed it on unread
        raise RequestRefusedError(malformed(400, "HTTP/1.0 has no transfer codings"))
    if coding.lower() != b"chunked":
        raise RequestRefusedError(malformed(501, "the transfer coding understood is chunked"))


def check_header_size(headers: Headers, limits: ReceiverLimits) -> None:
    """Raises RequestRefusedError if the header section is over its limit of lines or bytes."""
    size = sum(len(name) + len(value) + len(b": \r\n") for name, value in headers)
    if len(headers) > limits.max_header_lines or size > limits.max_header_bytes:
        raise RequestRefusedError(header_too_large(limits))


def header_too_large(limits: ReceiverLimits) -> Response:
    """The answer to a header section over its limits."""
    return malformed(
        431,
        f"the header section is larger than {limits.max_header_bytes} bytes"
        f" or {limits.max_header_lines} lines",
    )


def line_too_long(limits: ReceiverLimits) -> Response:
    """The answer to a request line over its limit."""
    return malformed(414, f"the request line is longer than {limits.max_request_line_bytes} bytes")


_PARSER_ERRORS = {
    # llhttp's reasons: the only thing httptools passes on of what it found.
    "Invalid HTTP version": malformed(505, "the version understood is HTTP/1.1"),
    "Pause on PRI/Upgrade": malformed(505, "the version understood is HTTP/1.1"),
    "Invalid method for HTTP/x.x request": METHOD_NOT_ALLOWED,  # RTSP's methods, which llhttp knows
}
_MALFORMED = malformed(400, "the request is not well-formed HTTP/1.1")


def parser_refusal(error: Exception) -> Response:
    """The answer to bytes that the parser does not take."""
    return _PARSER_ERRORS.get(str(error), _MALFORMED)


def behind_whole_requests(data: bytes) -> bytes:
    """What of `data` comes behind the last request that is whole in it.

    The parser tells nobody where it stopped. Fed ever shorter beginnings, it shows where the last whole
    request ended: a dozen passes over a chunk that ends its connection.
    """

    def count(length: int) -> int:
        requests = _Requests()
        with suppress(HttpParserError, HttpParserUpgrade):
            HttpRequestParser(requests).feed_data(data[:length])
        return requests.count

    return data[bisect_left(range(len(data)), count(len(data)), key=count) :]


class _Requests:
    """A parser's callbacks that count whole requests."""

    def __init__(self) -> None:
        self.count = 0

    def on_message_complete(self) -> None:
        """The end of one."""
        self.count += 1


def unknown_method(line: bytes, limits: ReceiverLimits) -> bytes | None:
    """The target of a request line whose method the parser does not know; None if it needs more.

    llhttp stops at the first letter of `post` or `FROB` as it does at rubbish, but a good request line
    deserves its 404 or 405. Raises RequestRefusedError for rubbish, and for a line over
    its limit.
    """
    line = line.lstrip(b"\r\n")
    if not _METHOD.match(line):
        raise RequestRefusedError(_MALFORMED)
    if b"\n" not in line:
        if len(line) > limits.max_request_line_bytes:
            raise RequestRefusedError(line_too_long(limits))
        return None
    if (match := _REQUEST_LINE.match(line)) is None:
        raise RequestRefusedError(_MALFORMED)
    return match[1]
