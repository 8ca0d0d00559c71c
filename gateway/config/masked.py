"""A configuration as tables of plain values, the way an operator writes them, every secret masked."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from msgspec import Struct, structs

from gateway.config.model import Config, DestinationConfig
from gateway.secret import Secret
from gateway.units import Duration, Size

_ONCE = ("receiver", "admin", "shutdown", "log")
_PER_DESTINATION = ("buffer", "flush", "delivery", "dead_letters")


def masked(config: Config) -> dict[str, Any]:
    """Every key with its value, the sections of each destination resolved.

    Durations and sizes are texts; a secret that is set is a text of dots, one that is not an empty
    text; None stands for an optional key that is not set.
    """
    destinations = {name: _destination(destination) for name, destination in config.destinations.items()}
    return {**{name: _masked(getattr(config, name)) for name in _ONCE}, "destinations": destinations}


def _destination(destination: DestinationConfig) -> dict[str, Any]:
    sections = {name: _masked(getattr(destination, name)) for name in _PER_DESTINATION}
    return {"type": destination.type, **_masked(destination.sender), **sections}


def _masked(value: Any) -> Any:
    """One value, a section or a part of one, in the same form."""
    if isinstance(value, Struct):
        return {field.encode_name: _masked(getattr(value, field.name)) for field in structs.fields(value)}
    if isinstance(value, Mapping):
        return {name: _masked(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    if isinstance(value, Secret):
        return str(value) if value else ""
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Duration | Size | str) else value
