"""Keys that have their name already and do nothing yet: set off their default they are refused.

Nobody shall believe in a token that is not asked for. What begins to work loses its row here.
"""

from collections.abc import Iterator
from operator import attrgetter

from msgspec import Struct

NOT_AVAILABLE = "not available yet"

_KEYS = (
    "receiver.tokens",
    "receiver.tls.certificate",
    "receiver.tls.key",
    "receiver.tls.client_ca",
    "admin.tokens",
)


def unavailable_keys(section: str, config: Struct) -> Iterator[str]:
    """The keys of `config`, counted from its section, that are set and do nothing yet."""
    default = type(config)()
    for path in _KEYS:
        owner, _, key = path.partition(".")
        value = attrgetter(key)
        if owner == section and value(config) != value(default):
            yield key
