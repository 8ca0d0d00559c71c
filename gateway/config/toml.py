"""A configuration as TOML, every default filled in and every secret masked."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.config.key import dotted, quoted
from gateway.config.masked import masked
from gateway.config.model import Config


def render(config: Config) -> str:
    """The file that would give `config` again, but for the secrets, which print as dots.

    A key that is not set and has no value for that stands in a comment. Raises TypeError for a
    value of a sender's that TOML has no form for.
    """
    tables = masked(config)
    destinations = {dotted("destinations", name): table for name, table in tables.pop("destinations").items()}
    return "\n".join(line for key, table in {**tables, **destinations}.items() for line in _table(key, table))


def _table(key: str, members: Mapping[str, Any]) -> Iterator[str]:
    """The lines of one table, plain values first: what follows a sub-table's header belongs to that."""
    yield f"[{key}]"
    for name, value in members.items():
        if value is None:
            yield f"# {dotted('', name)} is not set"
        elif not isinstance(value, dict):
            yield f"{dotted('', name)} = {_value(value)}"
    yield ""
    for name, value in members.items():
        if isinstance(value, dict):
            yield from _table(dotted(key, name), value)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value.replace("$", "$$"))  # else it would refer to the environment
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    raise TypeError(f"a {type(value).__name__} has no form in TOML here")
