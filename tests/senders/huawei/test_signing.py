"""SDK-HMAC-SHA256 against requests signed by the vendor's SDK."""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.secret import Secret
from gateway.senders.credentials.access_key import AccessKey
from gateway.senders.huawei.signing import Signer

VECTORS = msgspec.json.decode((Path(__file__).parents[2] / "vectors" / "huawei.json").read_bytes())
NOW = datetime.fromisoformat("2026-03-04T05:06:07Z").timestamp()
KEY = AccessKey("DUMMYACCESSKEY000001", Secret("DummySecretKey000000000000000000000000001"))


def signer_of(vector: dict[str, Any]) -> Signer:
    keys = vector["credentials"]
    key = AccessKey(keys["access_key"], Secret(keys["secret_key"]), Secret(keys.get("security_token", "")))
    sent = {name.lower(): value for name, value in vector["headers"].items()}
    signed_names = sent["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    constant = set(signed_names) - {"x-sdk-date", "x-security-token"}
    return Signer(key, path=vector["path"], headers={name: sent[name] for name in constant})


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_signature_is_the_vendors_own_byte_for_byte(vector: dict[str, Any]) -> None:
    """So are the other signed headers."""
    at = datetime.fromisoformat(vector["time"]).timestamp()
    signed = signer_of(vector).sign(vector["body"].encode(), at)
    theirs = {name.lower(): value for name, value in vector["headers"].items()}
    assert signed == {name: theirs[name] for name in signed}
    assert "authorization" in signed


def test_all_of_the_vectors_are_checked() -> None:
    """With and without a security token, with few and with many headers."""
    assert len(VECTORS) == 7


def test_a_signer_follows_the_time() -> None:
    """Every attempt is signed anew."""
    signer = signer_of(VECTORS[0])
    first, second = signer.sign(b"{}", NOW), signer.sign(b"{}", NOW + 1)
    assert (first["x-sdk-date"], second["x-sdk-date"]) == ("20260304T050607Z", "20260304T050608Z")
    assert first["authorization"] != second["authorization"]


def test_each_byte_of_the_body_counts() -> None:
    """The signature covers the body's hash."""
    signer = signer_of(VECTORS[0])
    assert signer.sign(b"{}", NOW)["authorization"] != signer.sign(b"{} ", NOW)["authorization"]


def test_a_path_is_signed_percent_encoded_with_one_final_slash() -> None:
    """Whether it ends in one or not; only unreserved characters stand for themselves."""

    def signature(path: str) -> str:
        return Signer(KEY, path=path, headers={"host": "eg.example"}).sign(b"{}", NOW)["authorization"]

    assert signature("/v1/a~b") == signature("/v1/a~b/")
    # The canonical path is "/v1/%E4%B8%96%20%2B/", computed by hand after the vendor's rule.
    assert signature("/v1/世 +").endswith("c4372bd3529fb118746bc0555dee95a914ddbddd7cdedd359c374d7937ecbef2")
