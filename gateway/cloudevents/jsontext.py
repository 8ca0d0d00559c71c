"""JSON as text (RFC 8259): syntax, UTF-8 and depth, without reading what it says.

msgspec checks syntax to the letter also where it leaves values raw, but not UTF-8 there, and its
limit of depth is the interpreter's stack: both are made good here.
"""

import re
from itertools import accumulate
from typing import TypeVar

from msgspec import DecodeError, Raw, ValidationError
from msgspec.json import Decoder

from gateway.cloudevents.faults import invalid
from gateway.cloudevents.limits import MAX_DEPTH
from gateway.errors import Fault, InvalidEventError, Reason

T = TypeVar("T")

_VALUE = Decoder(Raw)
_BRACKETS_ALIKE = bytes.maketrans(b"{}", b"[]")
_NO_MARKS = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_RUN = re.compile(rb"\[+|\]+")
_OPENING = ord("[")
_PEELED_LEVELS = 8


def require_utf8(body: bytes) -> None:
    """Raise InvalidEventError (invalid_utf8) unless `body` is strictly UTF-8."""
    # Looking for a high byte costs 0.05 µs; ASCII is UTF-8.
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError:
        raise invalid(Reason.INVALID_UTF8) from None


def decode(decoder: Decoder[T], text: bytes, *, expected: str) -> T:
    """`text` in the decoder's type, which `expected` says in words.

    Raises InvalidEventError: invalid_json for what is no JSON, too_deep for what the stack does not
    hold, invalid_type for JSON of another type.
    """
    try:
        return decoder.decode(text)
    except ValidationError:
        raise InvalidEventError(f"the body must be {expected}", Fault(Reason.INVALID_TYPE)) from None
    except DecodeError:
        raise invalid(Reason.INVALID_JSON) from None
    except RecursionError:
        raise invalid(Reason.TOO_DEEP) from None


def read_value(body: bytes) -> bytes | None:
    """The JSON value that `body` is, without the white space around it; None if it is no JSON in UTF-8.

    Raises InvalidEventError (too_deep).
    """
    try:
        body.decode()
        value = bytes(_VALUE.decode(body))
    except (DecodeError, UnicodeDecodeError):
        return None
    except RecursionError:
        raise invalid(Reason.TOO_DEEP, "data") from None
    if is_too_deep(value):
        raise invalid(Reason.TOO_DEEP, "data")
    return value


def is_too_deep(raw: Raw | bytes) -> bool:
    """Whether `raw`, which is JSON, has more than 512 arrays and objects inside one another."""
    # 513 levels have 513 pairs of brackets: most values are too short, or have too few, to look further.
    if len(raw) <= 2 * MAX_DEPTH:
        return False
    value = bytes(raw)
    marks = value.translate(_BRACKETS_ALIKE, _NO_MARKS)
    if marks.count(b"[") <= MAX_DEPTH:
        return False
    if b"\\" in value:
        # Escaped backslashes first, then escaped quotes: now every quote begins or ends a string.
        unescaped = value.replace(b"\\\\", b"").replace(b'\\"', b"")
        marks = unescaped.translate(_BRACKETS_ALIKE, _NO_MARKS)
    # Two quotes side by side change nothing for what is around them; then every other piece is a string's.
    brackets = b"".join(marks.replace(b'""', b"").split(b'"')[::2])
    for peeled in range(_PEELED_LEVELS):
        if len(brackets) <= 2 * (MAX_DEPTH - peeled):
            return False
        brackets = brackets.replace(b"[]", b"")
    # Common data is gone by now. The rest rises and falls in long runs: count those, not each bracket.
    steps = (len(run) if run[0] == _OPENING else -len(run) for run in _RUN.findall(brackets))
    return max(accumulate(steps), default=0) > MAX_DEPTH - _PEELED_LEVELS
