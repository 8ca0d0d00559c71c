"""AWS Signature Version 4A against requests signed by the vendor's SDK."""

import subprocess
import sys
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.emulators import p256
from gateway.secret import Secret
from gateway.senders.sigv4 import Credentials
from gateway.senders.sigv4a import AsymmetricSigner, is_available

VECTORS = [
    vector
    for vector in msgspec.json.decode((Path(__file__).parents[1] / "vectors" / "aws.json").read_bytes())
    if vector["signature_algorithm"] == "AWS4-ECDSA-P256-SHA256"
]
each_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])


def signed(vector: dict[str, Any], *, secret: str | None = None) -> dict[str, str]:
    """What we send for a vector, at its time."""
    keys = vector["credentials"]
    credentials = Credentials(
        keys["access_key_id"],
        Secret(secret or keys["secret_access_key"]),
        Secret(keys.get("session_token", "")),
    )
    headers = {
        "content-type": vector["headers"]["Content-Type"],
        "host": vector["host"],
        "x-amz-target": vector["headers"]["X-Amz-Target"],
    }
    signer = AsymmetricSigner(credentials, service=vector["service"], headers=headers)
    return signer.sign(vector["body"].encode(), datetime.fromisoformat(vector["time"]).timestamp())


def parts(authorization: str) -> tuple[str, str]:
    """All of it but the signature, and the signature."""
    rest, _, signature = authorization.partition("Signature=")
    return rest, signature


def verifies(vector: dict[str, Any], signature: str, text: str) -> bool:
    """Whether the signature is over `text`, by the public key that another implementation derived."""
    ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
    hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
    invalid = pytest.importorskip("cryptography.exceptions").InvalidSignature
    point = vector["derived_public_key"]
    numbers = ec.EllipticCurvePublicNumbers(int(point["x"], 16), int(point["y"], 16), ec.SECP256R1())
    try:
        numbers.public_key().verify(bytes.fromhex(signature), text.encode(), ec.ECDSA(hashes.SHA256()))
    except invalid:
        return False
    return True


def test_both_of_the_vectors_are_checked() -> None:
    """The other ten are signed with SigV4."""
    assert len(VECTORS) == 2


@each_vector
def test_all_but_the_signature_is_the_vendors_own_byte_for_byte(vector: dict[str, Any]) -> None:
    """Every header that is signed, scope and names of the signed headers; none beside them."""
    ours = signed(vector)
    theirs = {name.lower(): value for name, value in vector["headers"].items()} | {"host": vector["host"]}
    rest, _ = parts(ours.pop("authorization"))
    their_rest, _ = parts(theirs["authorization"])
    assert rest == their_rest
    assert ours == {name: theirs[name] for name in ours}
    assert set(ours) == set(their_rest.partition("SignedHeaders=")[2].rstrip(", ").split(";"))


@each_vector
def test_the_string_that_we_sign_is_the_vendors_own_byte_for_byte(vector: dict[str, Any]) -> None:
    """Our signature verifies over theirs, which holds the digest of the canonical request."""
    _, signature = parts(signed(vector)["authorization"])
    text = vector["string_to_sign"]
    assert text.rpartition("\n")[2] == sha256(vector["canonical_request"].encode()).hexdigest()
    assert verifies(vector, signature, text)
    assert not verifies(vector, signature, text + " ")


@each_vector
def test_another_secret_makes_another_key(vector: dict[str, Any]) -> None:
    """Its signature does not verify with this one's public key."""
    _, signature = parts(signed(vector, secret="another")["authorization"])
    assert not verifies(vector, signature, vector["string_to_sign"])


@each_vector
def test_each_byte_of_the_body_counts(vector: dict[str, Any]) -> None:
    """The signature covers the body's hash."""
    longer = {**vector, "body": vector["body"] + " "}
    _, signature = parts(signed(longer)["authorization"])
    assert not verifies(vector, signature, vector["string_to_sign"])


@given(
    access_key_id=st.from_regex(r"[A-Z0-9]{16,32}", fullmatch=True),
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16, max_size=60),
)
@settings(max_examples=20, deadline=None)
def test_the_key_is_derived_from_any_access_key(access_key_id: str, secret: str) -> None:
    """As the documentation's recipe derives it: the emulated bus's own derivation agrees."""
    vector = VECTORS[0]
    keys = {"access_key_id": access_key_id, "secret_access_key": secret}
    headers = signed({**vector, "credentials": keys})
    _, signature = parts(headers["authorization"])
    # Only the scope's access key differs from the recorded request, and that is not signed.
    private_key = p256.derived_key(**keys)
    assert p256.verifies(bytes.fromhex(signature), vector["string_to_sign"].encode(), private_key)


def exit_code_of(program: str) -> int:
    """What an interpreter of its own ends with."""
    return subprocess.run([sys.executable, "-c", program], check=False).returncode  # noqa: S603 - ours


def test_the_extra_is_available_here() -> None:
    """These tests could not run without it."""
    assert is_available()


def test_without_the_extra_it_is_not_available() -> None:
    """Found out without an exception."""
    program = (
        "import sys; sys.modules['awscrt'] = None\n"
        "from gateway.senders.sigv4a import is_available; sys.exit(is_available())"
    )
    assert exit_code_of(program) == 0


def test_awscrt_is_imported_by_those_who_sign_only() -> None:
    """It would take 6 MiB of every gateway's memory."""
    program = (
        "import sys, gateway.senders.aws as aws; from gateway.senders.aws.config import AwsConfig\n"
        "config = AwsConfig(region='eu-west-1'); list(aws.plugin.check(config)); aws.plugin.create(config)\n"
        "sys.exit(any(name.startswith(('awscrt', '_awscrt')) for name in sys.modules))"
    )
    assert exit_code_of(program) == 0
