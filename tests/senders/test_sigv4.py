"""AWS Signature Version 4 against requests signed by the vendor's SDK."""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.secret import Secret
from gateway.senders.sigv4 import Credentials, Signer

VECTORS = [
    vector
    for vector in msgspec.json.decode((Path(__file__).parents[1] / "vectors" / "aws.json").read_bytes())
    if vector["signature_algorithm"] == "AWS4-HMAC-SHA256"
]


def signer_of(vector: dict[str, Any]) -> Signer:
    keys = vector["credentials"]
    credentials = Credentials(
        keys["access_key_id"], Secret(keys["secret_access_key"]), Secret(keys.get("session_token", ""))
    )
    headers = {
        "content-type": vector["headers"]["Content-Type"],
        "host": vector["host"],
        "x-amz-target": vector["headers"]["X-Amz-Target"],
    }
    return Signer(credentials, region=vector["region"], service=vector["service"], headers=headers)


def seconds_of(vector: dict[str, Any]) -> float:
    return datetime.fromisoformat(vector["time"]).timestamp()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_signature_is_the_vendors_own_byte_for_byte(vector: dict[str, Any]) -> None:
    """So are the other signed headers."""
    signed = signer_of(vector).sign(vector["body"].encode(), seconds_of(vector))
    theirs = {name.lower(): value for name, value in vector["headers"].items()}
    assert signed == {name: {"host": vector["host"], **theirs}[name] for name in signed}
    assert "authorization" in signed


def test_ten_of_the_vectors_are_checked() -> None:
    """The other two are signed with SigV4A."""
    assert len(VECTORS) == 10


def test_a_signer_follows_the_date() -> None:
    """The key is derived anew for another day, and again for the first."""
    vector = VECTORS[0]
    signer, body, at = signer_of(vector), vector["body"].encode(), seconds_of(vector)
    first = signer.sign(body, at)
    next_day = signer.sign(body, at + 86400)
    assert next_day == signer_of(vector).sign(body, at + 86400)
    assert "/20260305/" in next_day["authorization"]
    assert signer.sign(body, at) == first


@pytest.mark.parametrize("later", [0.9, 1.0, -1.0], ids=["same second", "next second", "clock set back"])
def test_a_signer_follows_the_second(later: float) -> None:
    """A bus refuses what is signed for another time; what is kept of the last second is no more than that."""
    vector = VECTORS[0]
    signer, body, at = signer_of(vector), vector["body"].encode(), seconds_of(vector)
    signer.sign(body, at)
    assert signer.sign(body, at + later) == signer_of(vector).sign(body, at + later)


def test_each_byte_of_the_body_counts() -> None:
    """The signature covers the body's hash."""
    signer = signer_of(VECTORS[0])
    assert signer.sign(b"{}", 0.0)["authorization"] != signer.sign(b"{} ", 0.0)["authorization"]
