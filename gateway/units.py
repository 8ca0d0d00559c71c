"""Durations and sizes as an operator writes them: "200ms", "64MiB"."""

import re
from typing import Self

from msgspec import Meta

MAY_BE_ZERO = Meta(extra={"may_be_zero": True})
"""Annotates a field of a configuration; elsewhere zero is refused, since it means never to one reader and
without end to another."""

# Digits are bounded: no text becomes infinite, and each is read in no time.
_DURATION = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_MAX_SECONDS = 36_500 * 86_400.0
_SIZE = re.compile(r"([0-9]{1,15})(B|KiB|MiB|GiB)")
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


class Duration(float):
    """Seconds, to the nanosecond; prints as it is written in the configuration."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """`text` in seconds.

        Raises ValueError for anything but a number and ms, s, m, h or d, and for a century and more.
        """
        if (match := _DURATION.fullmatch(text)) is None:
            raise ValueError('expected a duration like "200ms", "5s" or "1h"')
        if (seconds := float(match[1]) * _SECONDS[match[2]]) > _MAX_SECONDS:
            raise ValueError('expected a duration like "200ms", "5s" or "1h", of at most 36500d')
        return cls(round(seconds, 9))

    def __str__(self) -> str:
        """The largest unit that counts it whole; else seconds or milliseconds with decimals."""
        for unit in ("d", "h", "m", "s"):
            if (count := self / _SECONDS[unit]) >= 1 and count.is_integer():
                return f"{int(count)}{unit}"
        milliseconds = f"{_decimal(self * 1000)}ms"
        return milliseconds if self.parse(milliseconds) == self else f"{_decimal(self)}s"


def _decimal(number: float) -> str:
    return f"{number:.9f}".rstrip("0").rstrip(".")


class Size(int):
    """Bytes; prints as it is written in the configuration."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """`text` in bytes. Raises ValueError for anything but a whole number and B, KiB, MiB or GiB."""
        if (match := _SIZE.fullmatch(text)) is None:
            raise ValueError('expected a size like "256KiB" or "64MiB"')
        return cls(int(match[1]) * _BYTES[match[2]])

    def __str__(self) -> str:
        for unit in ("GiB", "MiB", "KiB"):
            if self and self % _BYTES[unit] == 0:
                return f"{self // _BYTES[unit]}{unit}"
        return f"{int(self)}B"
