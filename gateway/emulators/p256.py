"""ECDSA over P-256 with the private key in hand: just enough to check a SigV4A signature.

Whoever knows the private key d can check (r, s) with one multiplication: the point (z + r·d)/s · G
has r as its first coordinate. Not constant in time: for keys that are no secret.
"""

import hmac
from hashlib import sha256

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_A = _P - 3
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_ALGORITHM = b"AWS4-ECDSA-P256-SHA256"
_SEQUENCE, _INTEGER = 0x30, 0x02

Point = tuple[int, int] | None
"""None is the point at infinity."""


def derived_key(*, access_key_id: str, secret_access_key: str) -> int:
    """The SigV4A private key of an access key, by AWS's derivation."""
    for counter in range(1, 255):
        message = b"\0\0\0\1" + _ALGORITHM + b"\0" + access_key_id.encode() + bytes([counter]) + b"\0\0\1\0"
        candidate = int.from_bytes(hmac.digest(b"AWS4A" + secret_access_key.encode(), message, sha256))
        if candidate <= _N - 2:
            return candidate + 1
    raise ValueError("no private key can be derived")  # pragma: no cover - once in 2**8000 keys


def verifies(signature: bytes, message: bytes, private_key: int) -> bool:
    """Whether the DER signature is one of `private_key` over the SHA-256 of `message`."""
    try:
        r, s = _read_signature(signature)
    except ValueError:
        return False
    if not (0 < r < _N and 0 < s < _N):
        return False
    z = int.from_bytes(sha256(message).digest())
    point = _multiply((z + r * private_key) * pow(s, -1, _N) % _N, _G)
    return point is not None and point[0] % _N == r


def _read_signature(der: bytes) -> tuple[int, int]:
    body, rest = _read_value(der, _SEQUENCE)
    r, tail = _read_value(body, _INTEGER)
    s, end = _read_value(tail, _INTEGER)
    if rest or end:
        raise ValueError("trailing bytes")
    return int.from_bytes(r, signed=True), int.from_bytes(s, signed=True)


def _read_value(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """One DER value of fewer than 128 bytes, and what follows it."""
    if len(der) < 2 or der[0] != tag or der[1] > len(der) - 2:  # noqa: PLR2004 - tag and length
        raise ValueError("not a DER signature")
    return der[2 : 2 + der[1]], der[2 + der[1] :]


def _multiply(factor: int, point: Point) -> Point:
    total: Point = None
    while factor:
        if factor & 1:
            total = _add(total, point)
        point = _add(point, point)
        factor >>= 1
    return total


def _add(left: Point, right: Point) -> Point:
    if left is None or right is None:
        return left or right
    (x1, y1), (x2, y2) = left, right
    if x1 == x2 and (y1 + y2) % _P == 0:
        return None
    slope = (3 * x1 * x1 + _A) * pow(2 * y1, -1, _P) if left == right else (y2 - y1) * pow(x2 - x1, -1, _P)
    x = (slope * slope - x1 - x2) % _P
    return x, (slope * (x1 - x) - y1) % _P
