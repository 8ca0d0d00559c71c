"""Context attributes: what a name and a value must look like (CloudEvents 1.0, "Context Attributes").

Texts come in, reasons go out: nothing here knows HTTP, JSON or where a text came from.
"""

import re
from calendar import isleap
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import lru_cache

from gateway.errors import Reason

SPECVERSION = "1.0"
REQUIRED = ("specversion", "id", "source", "type")
CORE = frozenset((*REQUIRED, "subject", "time", "dataschema", "datacontenttype"))

_NAME = re.compile(r"[a-z0-9]+")
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF)
)
_FORBIDDEN = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff{_NONCHARACTERS}]")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_DAYS_OF_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FEBRUARY = 2
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S*")
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # nosec B105 # noqa: S105 - RFC 9110's word for a run of name characters
_MEDIA_TYPE = re.compile(rf"({_TOKEN})/({_TOKEN})[ \t]*(?:;.*)?", re.DOTALL)
# Possessive throughout: what has matched is never given back, or a long run of spaces would take seconds.
_PARAMETER = re.compile(
    rf';[ \t]*+(?:({_TOKEN}+)[ \t]*+=[ \t]*+({_TOKEN}+|"[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t]*+)?(?=;|\Z)',
    re.DOTALL,
)
_UTF8_NAMES = frozenset(("utf-8", "utf8"))
_ASCII_NAME = "us-ascii"
_LONGEST_REMEMBERED = 128


def is_name(text: str) -> bool:
    """Whether an attribute may be called so: ASCII letters and digits; `data` is reserved."""
    return _NAME.fullmatch(text) is not None and text != "data"


def is_string(text: str) -> bool:
    """Whether `text` is a String of the type system: no control character, surrogate or noncharacter."""
    # isprintable() is ten times as fast and refuses whatever is forbidden; but also private use and U+2028
    return text.isprintable() or _FORBIDDEN.search(text) is None


def is_timestamp(text: str) -> bool:
    """Whether `text` is a date-time of RFC 3339 §5.6 on a day that exists; second 60 on any day.

    By grammar and calendar, not by `datetime`, which has no leap second and no year 0.
    """
    if (match := _TIMESTAMP.fullmatch(text)) is None:
        return False
    # Every month has 28 days: 0.2 µs saved for nine of ten timestamps.
    if match[3] <= "28":
        return True
    year, month, day = map(int, match.groups())
    return day <= _DAYS_OF_MONTH[month - 1] and (month != _FEBRUARY or isleap(year))


def is_absolute_uri(text: str) -> bool:
    """Whether `text` is a scheme, a colon, and anything but white space; a fragment may be there."""
    return _ABSOLUTE_URI.fullmatch(text) is not None


class DataKind(Enum):
    """How `data` of a media type reads: what decides between `data` and `data_base64`."""

    JSON = "json"
    TEXT = "text"
    """`text/*` in UTF-8."""
    ASCII_TEXT = "ascii_text"
    """`text/*` in US-ASCII: UTF-8 as long as it keeps to that."""
    OTHER = "other"


def speaks_utf8(media_type: str) -> bool:
    """Whether no `charset` of the media type names anything but UTF-8 or its subset US-ASCII."""
    return all(name in _UTF8_NAMES or name == _ASCII_NAME for name in _charsets(media_type))


def _charsets(media_type: str) -> Iterator[str]:
    position = media_type.find(";")
    while position >= 0 and (parameter := _PARAMETER.match(media_type, position)) is not None:
        name, value = parameter.groups()
        if name and name.lower() == "charset":
            yield value.strip('"').lower()
        position = parameter.end() if parameter.end() < len(media_type) else -1


def _classify(media_type: str) -> DataKind | None:
    if (match := _MEDIA_TYPE.fullmatch(media_type)) is None:
        return None
    main, sub = match[1].lower(), match[2].lower()
    if sub == "json" or sub.endswith("+json"):
        return DataKind.JSON
    if main != "text" or not speaks_utf8(media_type):
        return DataKind.OTHER
    return DataKind.ASCII_TEXT if _ASCII_NAME in _charsets(media_type) else DataKind.TEXT


_remembered = lru_cache(maxsize=256)(_classify)


def data_kind(media_type: str) -> DataKind | None:
    """The kind of data under a `datacontenttype`; None if that is no media type of RFC 2046."""
    # A producer has one or two of them: 0.1 µs instead of 1.5. Long ones are not kept: bounded in bytes too.
    return _remembered(media_type) if len(media_type) <= _LONGEST_REMEMBERED else _classify(media_type)


_RULES: dict[str, tuple[Reason, Callable[[str], bool]]] = {
    "specversion": (Reason.UNSUPPORTED_SPECVERSION, SPECVERSION.__eq__),
    "time": (Reason.INVALID_TIME, is_timestamp),
    "dataschema": (Reason.INVALID_URI, is_absolute_uri),
    "datacontenttype": (Reason.INVALID_MEDIA_TYPE, lambda text: data_kind(text) is not None),
}


def rules_for(names: Iterable[str]) -> list[tuple[str, Callable[[str], bool]]]:
    """What the values of those of the attributes must obey that must be more than Strings."""
    return [(name, _RULES[name][1]) for name in names if name in _RULES]


def value_fault(name: str, text: str) -> Reason | None:
    """What is wrong with `text` as the value of the attribute `name`; None if nothing is.

    Extension attributes may be empty, and mean nothing to us.
    """
    if not text and name in CORE:
        return Reason.EMPTY_ATTRIBUTE
    if (rule := _RULES.get(name)) is not None and not rule[1](text):
        return rule[0]
    return None if is_string(text) else Reason.INVALID_CHARACTER
