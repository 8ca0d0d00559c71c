"""JSON taken apart one level at a time, each member as the very text that was sent."""

from typing import TypeVar

import msgspec

T = TypeVar("T")


NULL = msgspec.Raw(b"null")
_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])
_lists = msgspec.json.Decoder(list[msgspec.Raw])
_strings = msgspec.json.Decoder(str)
_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)


def read_object(text: msgspec.Raw | bytes) -> dict[str, msgspec.Raw]:
    """The members of an object. Raises ValueError for anything else, bytes that are no UTF-8 included."""
    return _read(_objects, text)


def read_list(text: msgspec.Raw | bytes) -> list[msgspec.Raw]:
    """The elements of an array. Raises ValueError for anything else, bytes that are no UTF-8 included."""
    return _read(_lists, text)


def read_string(text: msgspec.Raw) -> str | None:
    """The string, or None: it is something else."""
    try:
        return _strings.decode(text)
    except _UNREADABLE:
        return None


def _read(decoder: msgspec.json.Decoder[T], text: msgspec.Raw | bytes) -> T:
    try:
        if isinstance(text, bytes):  # raw members are checked for their syntax only, so it is done here
            text.decode()
        return decoder.decode(text)
    except _UNREADABLE as error:
        raise ValueError(str(error)) from error
