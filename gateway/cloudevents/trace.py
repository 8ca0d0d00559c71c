"""W3C Trace Context as HTTP headers carry it: what a request says about the trace it belongs to."""

import re
from collections.abc import Iterable

from msgspec import Struct

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?P<later>-[!-~]*)?"
)
_KEY = r"[a-z0-9][a-z0-9_*/@-]{0,255}"
_VALUE = r"[ -+\--<>-~]{0,255}[!-+\--<>-~]"
_MEMBER = re.compile(f"{_KEY}={_VALUE}")
_MAX_MEMBERS = 32
MAX_STATE_CHARACTERS = 512
"""What W3C asks everybody to pass on; a longer list is dropped, as it goes into every event of a batch."""


class Trace(Struct, frozen=True):
    """The values of the extension attributes `traceparent` and `tracestate`, well-formed."""

    traceparent: str
    tracestate: str | None = None


def read_trace(headers: Iterable[tuple[bytes, bytes]]) -> Trace | None:
    """The request's trace, or None if it names none or not well (then it is ignored, as W3C asks).

    A bad `tracestate` is dropped alone; several are one list, in order.
    """
    parents: list[bytes] = []
    states: list[bytes] = []
    for name, value in headers:
        if name == b"traceparent":
            parents.append(value)
        elif name == b"tracestate":
            states.append(value)
    if len(parents) != 1 or not _is_traceparent(parent := parents[0].decode("latin-1")):
        return None
    return Trace(parent, _read_state(states))


def _is_traceparent(text: str) -> bool:
    match = _TRACEPARENT.fullmatch(text)
    # Version 00 ends after its flags; a later one may go on after another dash.
    return match is not None and (match["later"] is None or not text.startswith("00"))


def _read_state(lines: Iterable[bytes]) -> str | None:
    text = b",".join(lines).decode("latin-1")
    if len(text) > MAX_STATE_CHARACTERS:
        return None
    members = [stripped for member in text.split(",") if (stripped := member.strip(" \t"))]
    keys = {member.partition("=")[0] for member in members}
    if len(members) > _MAX_MEMBERS or len(keys) < len(members):
        return None
    if not all(map(_MEMBER.fullmatch, members)):
        return None
    return ",".join(members) or None
