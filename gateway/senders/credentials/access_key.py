"""A key pair for signing, permanent or temporary, and the time at which it ends. Pure."""

from datetime import UTC, datetime

from msgspec import Struct

from gateway.secret import Secret


class AccessKey(Struct, frozen=True):
    """An access key; `security_token` is empty unless the key is a temporary one."""

    id: str
    secret: Secret
    security_token: Secret = Secret("")


def epoch_seconds(time: str) -> float:
    """ISO 8601 text in seconds since the epoch; in UTC where it names no offset.

    Raises ValueError for what is none.
    """
    moment = datetime.fromisoformat(time)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
