"""The environment of a machine on which nothing is configured for Alibaba Cloud, and what can be added."""

import json
from datetime import UTC, datetime
from typing import Any

from gateway.secret import Secret
from gateway.senders.credentials.access_key import AccessKey
from tests.support.metadata import Reply

NOW = 1_772_600_767.0
"""2026-03-04T05:06:07Z."""
SECRET = "dummyAccessKeySecret0000000001"


def issued(
    number: int, *, lifetime_seconds: float = 3600.0, now: float = NOW, **members: Any
) -> dict[str, Any]:
    """A temporary key, as metadata services and URIs give it."""
    expiration = datetime.fromtimestamp(now + lifetime_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "Code": "Success",
        "AccessKeyId": f"STS.dummy{number}",
        "AccessKeySecret": SECRET,
        "SecurityToken": f"token-{number}",
        "Expiration": expiration,
        **members,
    }


def key(number: int) -> AccessKey:
    """The same, as the sender knows it."""
    return AccessKey(f"STS.dummy{number}", Secret(SECRET), Secret(f"token-{number}"))


def reply(document: object, status: int = 200) -> Reply:
    """A JSON document."""
    return Reply(json.dumps(document).encode(), status)
