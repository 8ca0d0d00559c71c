"""Signatures against requests that the vendor's SDK signed."""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.secret import Secret
from gateway.senders.alibaba.signing import Signer, signature, string_to_sign
from gateway.senders.credentials.access_key import AccessKey

VECTORS = msgspec.json.decode((Path(__file__).parents[2] / "vectors" / "alibaba.json").read_bytes())
WITH_MD5 = [vector for vector in VECTORS if "content-md5" in vector["headers"]]
AS_SENT_BY_THE_CLIENT = {"host", "user-agent", "Accept-Encoding", "Content-Length"}


def named(vector: dict[str, Any]) -> str:
    name: str = vector["name"]
    return name


def key_of(vector: dict[str, Any]) -> AccessKey:
    keys = vector["credentials"]
    return AccessKey(
        keys["access_key_id"], Secret(keys["access_key_secret"]), Secret(keys.get("security_token", ""))
    )


def sign(vector: dict[str, Any]) -> dict[str, str]:
    at = datetime.fromisoformat(vector["time"]).timestamp()
    nonce = vector["headers"]["x-acs-signature-nonce"]
    return Signer(key_of(vector)).sign(vector["body"].encode(), at, nonce=nonce)


@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_the_string_to_sign_and_the_signature_are_the_vendors_own(vector: dict[str, Any]) -> None:
    """Byte for byte, with a Content-MD5 and without."""
    headers = vector["headers"]
    signed = {name: value for name, value in headers.items() if name.startswith("x-acs-")}
    text = string_to_sign(headers["date"], signed, headers.get("content-md5", ""))
    assert text == vector["string_to_sign"]
    authorization = f"acs:{key_of(vector).id}:{signature(key_of(vector).secret.reveal().encode(), text)}"
    assert authorization == headers["authorization"]


@pytest.mark.parametrize("vector", WITH_MD5, ids=named)
def test_all_headers_are_the_vendors_own(vector: dict[str, Any]) -> None:
    """Where the vendor's class was given a Content-MD5; `host` is the HTTP client's to send."""
    assert sign(vector) == {
        name: value for name, value in vector["headers"].items() if name not in AS_SENT_BY_THE_CLIENT
    }


@pytest.mark.parametrize("vector", [v for v in VECTORS if v not in WITH_MD5], ids=named)
def test_where_the_sdk_leaves_the_md5_out_all_other_headers_are_the_same(vector: dict[str, Any]) -> None:
    """But for the signature, which then covers it, and the region, which is not configured."""
    differ = AS_SENT_BY_THE_CLIENT | {"authorization", "x-eventbridge-regionId"}
    ours = sign(vector)
    assert ours.pop("content-md5")
    assert {name: value for name, value in ours.items() if name != "authorization"} == {
        name: value for name, value in vector["headers"].items() if name not in differ
    }


def test_another_body_has_another_signature() -> None:
    """Nobody on the way can change an event unnoticed."""
    signer = Signer(key_of(VECTORS[0]))
    signatures = {signer.sign(body, 0.0, nonce="1")["authorization"] for body in (b"[]", b"[ ]")}
    assert len(signatures) == 2


def test_the_date_is_whole_seconds_in_english() -> None:
    """RFC 1123, whatever the locale."""
    signed = Signer(key_of(VECTORS[0])).sign(b"", 1_772_600_767.999, nonce="1")
    assert signed["date"] == "Wed, 04 Mar 2026 05:06:07 GMT"
