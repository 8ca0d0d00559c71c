"""What a request prefers (RFC 7240): to wait until its events are delivered, or not to.

Pure, and never raises: a preference that is unknown, or cannot be read, is none (RFC 7240 2).
"""

import re

from msgspec import Struct

MAX_WAIT_SECONDS = 600
"""The longest that a producer may wait; one that asks for longer waits so long."""

_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*+)(?:"|\\?\Z)', re.DOTALL)
"""A quoted string; one without an end is the rest of the field, so that each byte is looked at once."""
_MAX_DIGITS = 9


class Preferences(Struct, frozen=True):
    """What this receiver knows of the preferences of RFC 7240."""

    wait_seconds: int | None = None
    """`wait` (4.3): the longest that the producer wants to wait; never above `MAX_WAIT_SECONDS`."""
    responds_async: bool = False
    """`respond-async` (4.1): the producer would rather not wait."""

    @property
    def applied(self) -> bytes:
        """The header line that says which were honoured (RFC 7240 3); empty if there are none."""
        tokens = [b"respond-async"] if self.responds_async else []
        if self.wait_seconds is not None:
            tokens.append(b"wait=%d" % self.wait_seconds)
        return b"Preference-Applied: %b\r\n" % b", ".join(tokens) if tokens else b""


def read_preferences(field: bytes) -> Preferences:
    """What a `Prefer` says; several of them joined as a list are one.

    Of a preference that is there twice the first counts, and parameters have no meaning here.
    """
    values: dict[bytes, bytes] = {}
    for preference in _QUOTED.sub(_without_separators, field).split(b","):
        token, _, value = preference.partition(b";")[0].partition(b"=")
        values.setdefault(token.strip(b" \t").lower(), value.strip(b" \t"))
    return Preferences(
        wait_seconds=_seconds(values.get(b"wait", b"")),
        # An empty value, quoted or not, is none (RFC 7240 2).
        responds_async=values.get(b"respond-async") in (b"", b'""'),
    )


def _without_separators(quoted: re.Match[bytes]) -> bytes:
    """The string, if it can be a value of interest, else one that cannot be taken for anything."""
    text = quoted[1].replace(b"\\", b"")
    return b'"%b"' % text if text.isdigit() or not text else b'"?"'


def _seconds(value: bytes) -> int | None:
    if value.startswith(b'"'):
        value = value[1:-1]
    if not value.isdigit():
        return None
    digits = value.lstrip(b"0")
    return min(int(digits or b"0"), MAX_WAIT_SECONDS) if len(digits) <= _MAX_DIGITS else MAX_WAIT_SECONDS
