"""One line of a dead-letter file, read: a letter, or damage. No I/O here."""

import re

import msgspec
from msgspec import Struct

from gateway.commands.dead_letters.moment import instant
from gateway.pipeline.dead_letter import DeadLetter


class Letter(Struct, frozen=True):
    """A letter, its place, and what of its event is shown and asked for."""

    number: int
    """Its line, counted from 1."""
    text: bytes
    """The line as it stands."""
    content: DeadLetter
    given_up_at: float
    """Wall-clock seconds since the epoch."""
    id: str
    source: str
    type: str


class Damaged(Struct, frozen=True):
    """A line that is no letter; `why` quotes nothing of it."""

    number: int
    why: str


class _Head(Struct):
    id: str
    source: str
    type: str


_DESTINATION = re.compile(r"[a-z0-9][a-z0-9_-]*")
_letters = msgspec.json.Decoder(DeadLetter)
_heads = msgspec.json.Decoder(_Head)


def read_letter(number: int, text: bytes) -> Letter | Damaged:
    """The letter in that line, which is not empty."""
    try:
        text.decode()  # raw JSON is checked for syntax only
        content = _letters.decode(text)
        head = _heads.decode(content.event)
    except UnicodeDecodeError:
        return Damaged(number, "not UTF-8")
    except msgspec.ValidationError:
        return Damaged(number, "a member is missing or has another type")
    except (msgspec.DecodeError, RecursionError):
        return Damaged(number, "not JSON")
    if _DESTINATION.fullmatch(content.destination) is None:
        return Damaged(number, "a destination that is none")  # it becomes a part of a URL
    at = instant(content.time)
    if at is None or instant(content.accepted_at) is None:
        return Damaged(number, "a time that is none")
    return Letter(number, text, content, at, head.id, head.source, head.type)
