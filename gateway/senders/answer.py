"""An HTTP answer as plain values, and what its headers say of time. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime

from msgspec import Struct

MAX_RETRY_AFTER_SECONDS = 3600.0
"""A longer wait is taken for a mistake: nothing should be held for days on one header's word."""


class Answer(Struct, frozen=True):
    """A complete HTTP answer; `headers` are looked up in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class AnswerHeaders(Mapping[str, str]):
    """Headers as they came, looked up in any case; of several by one name the first counts.

    Hardly any is ever looked at, so they are decoded when they are asked for.
    """

    __slots__ = ("_lines",)

    def __init__(self, lines: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self._lines = lines

    def __getitem__(self, name: str) -> str:
        wanted = name.lower().encode()
        for found, value in self._lines:
            if found.lower() == wanted:
                return value.decode("latin-1")
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.decode("latin-1").lower() for name, _ in self._lines))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"AnswerHeaders({dict(self)!r})"


def retry_after_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """What `Retry-After` (RFC 9110 §10.2.3) asks for: seconds or an HTTP date; None if nothing readable.

    `now` is wall-clock time in seconds since the epoch.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), MAX_RETRY_AFTER_SECONDS)
    at = http_date(text)
    return None if at is None else min(max(at - now, 0.0), MAX_RETRY_AFTER_SECONDS)


def http_date(text: str) -> float | None:
    """An HTTP date in seconds since the epoch, or None if it is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
