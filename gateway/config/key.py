"""Keys and strings as TOML writes them."""

import re

from msgspec import json

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def quoted(text: str) -> str:
    """A basic string: JSON's escapes are TOML's too, but TOML wants DEL escaped as well."""
    return json.encode(text).decode().replace("\x7f", "\\u007f")


def dotted(key: str, name: str) -> str:
    """The key of `name` inside the table `key`; `key` is empty for the document itself."""
    name = name if _BARE_KEY.fullmatch(name) else quoted(name)
    return f"{key}.{name}" if key else name
