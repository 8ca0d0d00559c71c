"""How long a certificate lasts, which the standard library tells of none but a peer's. Pure."""

from datetime import UTC, datetime

_SEQUENCE = 0x30
_VERSION = 0xA0
_UTC_TIME = 0x17
_LONG_FORM = 0x80
_BEHIND_SERIAL = 3
"""`validity` stands behind serialNumber, signature and issuer (RFC 5280 4.1)."""
_CENTURY_TURNS = 50
"""A UTCTime from 50 on is of the last century (RFC 5280 4.1.2.5.1)."""


def not_after(certificate: bytes) -> float:
    """The end of a DER certificate's validity, in seconds since the epoch. Raises ValueError for no such."""
    to_be_signed = _content(_content(certificate, _SEQUENCE), _SEQUENCE)
    tag, _, rest = _element(to_be_signed)
    if tag != _VERSION:  # left out where it is 1
        rest = to_be_signed
    for _ in range(_BEHIND_SERIAL):
        _, _, rest = _element(rest)
    _, _, behind_begin = _element(_content(rest, _SEQUENCE))
    tag, content, _ = _element(behind_begin)
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if int(text[:2]) >= _CENTURY_TURNS else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _content(data: bytes, expected: int) -> bytes:
    tag, content, _ = _element(data)
    if tag != expected:
        raise ValueError("no certificate")
    return content


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag and content of the first DER element, and what stands behind it (X.690 8.1, 10.1)."""
    if len(data) < 2:  # noqa: PLR2004 - a tag and a length
        raise ValueError("no certificate")
    start, length = 2, data[1]
    if length & _LONG_FORM:
        start += length ^ _LONG_FORM
        length = int.from_bytes(data[2:start], "big")
    if start + length > len(data):
        raise ValueError("no certificate")
    return data[0], data[start : start + length], data[start + length :]
