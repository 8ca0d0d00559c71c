"""A configuration as TOML, every default filled in and every secret masked."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from msgspec import Struct, structs

from gateway.config.key import dotted, quoted
from gateway.config.model import Config, DestinationConfig
from gateway.secret import Secret
from gateway.units import Duration, Size

_SECTIONS = ("receiver", "admin", "shutdown", "log")


def render(config: Config) -> str:
    """The file that would give `config` again, but for the secrets, which print as dots.

    A key that is not set and has no value for that, such as an endpoint, stands in a comment.
    """
    return "\n".join(_document(config)).lstrip("\n") + "\n"


def _document(config: Config) -> Iterator[str]:
    for name in _SECTIONS:
        yield from _table(name, _members(getattr(config, name)))
    for name, destination in config.destinations.items():
        yield from _table(dotted("destinations", name), _destination(destination))


def _destination(destination: DestinationConfig) -> dict[str, Any]:
    sections = ("buffer", "flush", "delivery", "dead_letters")
    return {
        "type": destination.type,
        **_members(destination.sender),
        **{name: getattr(destination, name) for name in sections},
    }


def _members(struct: Struct) -> dict[str, Any]:
    return {field.encode_name: getattr(struct, field.name) for field in structs.fields(struct)}


def _table(key: str, members: Mapping[str, Any]) -> Iterator[str]:
    """One table, its plain values first: what follows a sub-table's header belongs to the sub-table."""
    yield ""
    yield f"[{key}]"
    tables = {}
    for name, value in members.items():
        if isinstance(value, Struct | Mapping):
            tables[name] = value
        elif value is None:
            yield f"# {dotted('', name)} is not set"
        else:
            yield f"{dotted('', name)} = {_value(value)}"
    for name, table in tables.items():
        yield from _table(dotted(key, name), _members(table) if isinstance(table, Struct) else table)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Secret):
        return _string(str(value) if value else "")
    if isinstance(value, Enum):
        return _value(value.value)
    if isinstance(value, str | Duration | Size):
        return _string(str(value))
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    raise TypeError(f"a {type(value).__name__} has no form in TOML here")


def _string(text: str) -> str:
    """A string of the file: a dollar sign stands in it twice."""
    return quoted(text.replace("$", "$$"))
