"""A machine on which nothing is configured for Alibaba Cloud, what can be added, and its credential chain."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import BlockedError
from gateway.secret import Secret
from gateway.senders.alibaba.credentials import default_chain
from gateway.senders.alibaba.providers import Services
from gateway.senders.credentials.access_key import AccessKey
from gateway.senders.credentials.chain import CredentialChain
from tests.support.metadata import Reply

NOW = 1_772_600_767.0
"""2026-03-04T05:06:07Z."""
SECRET = "dummyAccessKeySecret0000000001"
ROLES = "/latest/meta-data/ram/security-credentials/"
TOKEN = "PUT /latest/api/token"
ENVIRONMENT = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAIdummy", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET}
NO_METADATA = {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}
STATIC = AccessKey("LTAIdummy", Secret(SECRET))


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


def chain_of(environment: dict[str, str], url: str = "http://127.0.0.1:1") -> CredentialChain[AccessKey]:
    """The chain, with every service at `url`."""
    return default_chain(environment, services=Services(url, url), clock=lambda: NOW)


async def refusal_of(environment: dict[str, str], url: str = "http://127.0.0.1:1") -> str:
    """Why the chain has no credentials."""
    with pytest.raises(BlockedError) as caught:
        await chain_of(environment, url).current()
    assert caught.value.code == "no_credentials"
    assert SECRET not in caught.value.message
    return caught.value.message


def an_instance(**replies: Reply) -> dict[str, Reply | list[Reply]]:
    """The metadata of an ECS instance with a role."""
    return {
        TOKEN: replies.get("token", Reply(b"metadata-token")),
        f"GET {ROLES}": replies.get("roles", Reply(b"my-role")),
        f"GET {ROLES}my-role": replies.get("key", reply(issued(1))),
    }


def a_role(tmp_path: Path) -> dict[str, str]:
    """The variables of RRSA, and the file that they name."""
    (tmp_path / "oidc-token").write_text("the.oidc.token\n")
    return {
        "ALIBABA_CLOUD_ROLE_ARN": "acs:ram::1234567890123456:role/my-role",
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "acs:ram::1234567890123456:oidc-provider/ack",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": str(tmp_path / "oidc-token"),
    }
