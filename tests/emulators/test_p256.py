"""The curve behind SigV4A, judged by the recorded vectors and by an independent implementation."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.emulators import p256

VECTORS: list[dict[str, Any]] = [
    vector
    for vector in json.loads(Path(__file__, "../../vectors/aws.json").resolve().read_text(encoding="utf-8"))
    if vector["signature_algorithm"] == "AWS4-ECDSA-P256-SHA256"
]


def key_of(vector: dict[str, Any]) -> int:
    credentials = vector["credentials"]
    return p256.derived_key(
        access_key_id=credentials["access_key_id"], secret_access_key=credentials["secret_access_key"]
    )


def signature_of(vector: dict[str, Any]) -> bytes:
    return bytes.fromhex(vector["headers"]["Authorization"].rpartition("Signature=")[2])


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_a_recorded_signature_verifies(vector: dict[str, Any]) -> None:
    """Over its own text and with its own key, and over nothing else."""
    key, signature, text = key_of(vector), signature_of(vector), vector["string_to_sign"].encode()
    assert p256.verifies(signature, text, key)
    assert not p256.verifies(signature, text + b" ", key)
    assert not p256.verifies(signature, text, key + 1)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_a_mangled_signature_does_not_verify(vector: dict[str, Any]) -> None:
    """Cut off anywhere, lengthened, or of zeros: false, and no exception."""
    key, signature, text = key_of(vector), signature_of(vector), vector["string_to_sign"].encode()
    mangled = [signature[:length] for length in range(len(signature))]
    mangled += [signature + b"\0", b"\x31" + signature[1:], bytes.fromhex("3006020100020100")]
    assert not any(p256.verifies(one, text, key) for one in mangled)


@given(private_key=st.integers(1, 2**255), message=st.binary(max_size=100))
@settings(max_examples=25, deadline=None)
def test_what_another_implementation_signs_verifies(private_key: int, message: bytes) -> None:
    """Any key and message."""
    ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
    hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
    signer = ec.derive_private_key(private_key, ec.SECP256R1())
    assert p256.verifies(signer.sign(message, ec.ECDSA(hashes.SHA256())), message, private_key)
