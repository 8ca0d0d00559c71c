"""Verifies the `acs` signature of Alibaba Cloud EventBridge, as its official SDKs make it.

The vendor's signature guide shows another form (a space after `acs`, and a line for `Accept`), which
no SDK of the vendor sends: it is refused here. For a date or a nonce that is not believed the vendor's
list has no code of its own; here they are `SignatureDoesNotMatch`, with a message that speaks of them.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache

from msgspec import Struct

from gateway.emulators.alibaba_error import AlibabaError
from gateway.emulators.bus import Headers, Request, bytes_of

_SCHEME = "acs"
_MAX_CLOCK_SKEW_SECONDS = 900
"""As elsewhere on the platform; EventBridge's own documents name no tolerance."""


class AccessKey(Struct, frozen=True):
    """A key pair that the emulator knows; with a security token it is a temporary one."""

    access_key_id: str = "LTAIdummyaccesskeyid0001"
    access_key_secret: str = "dummyAccessKeySecret0000000001"  # noqa: S105 - says itself that it is none
    security_token: str | None = None
    expires_at: float | None = None
    """Wall-clock seconds since the epoch; None: never."""

    def __repr__(self) -> str:
        return f"AccessKey({self.access_key_id!r})"


class SignatureVerifier:
    """Knows some access keys, and tells whether a request was signed with one of them just now.

    The newest `max_nonces` are remembered.
    """

    def __init__(self, keys: Iterable[AccessKey], *, max_nonces: int = 100_000) -> None:
        self._keys = {key.access_key_id: key for key in keys}
        self._max_nonces = max_nonces
        self._nonces: dict[str, None] = {}

    def verify(self, request: Request, wall_clock: float) -> None:
        """Believe the request, or raise AlibabaError."""
        headers = request.headers
        access_key_id, signature = _authorization(headers)
        key = self._key(access_key_id, headers)
        _check_headers(headers)
        _check_clock(headers.get("Date", ""), wall_clock)
        to_sign = string_to_sign(request)
        expected = sign(to_sign, key.access_key_secret)
        if not hmac.compare_digest(expected.encode(), bytes_of(signature)):
            raise _mismatch(f"The signature does not match. The string to sign is [{to_sign}]")
        _check_digest(request)
        if key.expires_at is not None and key.expires_at <= wall_clock:
            raise key_expired()
        self._spend(headers.get("x-acs-signature-nonce", ""))

    def _key(self, access_key_id: str, headers: Headers) -> AccessKey:
        key = self._keys.get(access_key_id)
        if key is None:
            raise AlibabaError("InvalidAccessKeyId", f"The access key id [{access_key_id}] is not valid.")
        if headers.get("x-acs-security-token", "") != (key.security_token or ""):
            raise AlibabaError("SecurityTokenInvalid", "The security token is not valid.")
        if key.security_token and headers.get("x-acs-accesskey-id", "") != access_key_id:
            raise AlibabaError("SecurityTokenInvalid", "The x-acs-accesskey-id is not the key of the token.")
        return key

    def _spend(self, nonce: str) -> None:
        if nonce in self._nonces:
            raise _mismatch(f"The signature nonce [{nonce}] was used already.")
        self._nonces[nonce] = None
        if len(self._nonces) > self._max_nonces:
            del self._nonces[next(iter(self._nonces))]


def string_to_sign(request: Request) -> str:
    """What the signature covers: all of the request but its body, host and other headers."""
    headers = request.headers
    lines = [request.method, *(headers.get(name, "") for name in ("Content-MD5", "Content-Type", "Date"))]
    names = sorted({name.lower() for name in headers if name.lower().startswith("x-acs-")})
    lines += [f"{name}:{headers.get(name, '').strip()}" for name in names]
    return "\n".join([*lines, request.path])


def sign(to_sign: str, access_key_secret: str) -> str:
    """Base64 of the HMAC-SHA1."""
    digest = hmac.digest(access_key_secret.encode(), bytes_of(to_sign), hashlib.sha1)
    return base64.b64encode(digest).decode()


def key_expired() -> AlibabaError:
    """What a temporary key gets when its time is over."""
    return AlibabaError("StsAccessIdExpired", "The STS access id has expired.")


def _authorization(headers: Headers) -> tuple[str, str]:
    """Access key id and signature."""
    values = headers.getall("Authorization", [])
    if len(values) != 1:
        raise AlibabaError("AccessDenied", "One Authorization header is needed.")
    scheme, _, rest = values[0].partition(":")
    access_key_id, _, signature = rest.partition(":")
    if scheme != _SCHEME or not access_key_id or not signature:
        raise AlibabaError("AccessDenied", "The Authorization header has the form acs:<key id>:<signature>.")
    return access_key_id, signature


def _check_headers(headers: Headers) -> None:
    for name, value in (("x-acs-signature-method", "HMAC-SHA1"), ("x-acs-signature-version", "1.0")):
        if headers.get(name, "") != value:
            raise _mismatch(f"The header {name} must be [{value}].")
    if not headers.get("x-acs-signature-nonce", ""):
        raise _mismatch("The header x-acs-signature-nonce is missing.")


def _check_clock(date: str, wall_clock: float) -> None:
    try:
        signed_at = _seconds(date)
    except ValueError:
        raise _mismatch(f"The date [{date}] is not in the form of RFC 1123.") from None
    if abs(signed_at - wall_clock) > _MAX_CLOCK_SKEW_SECONDS:
        raise _mismatch(f"The date [{date}] is too far from [{formatdate(wall_clock, usegmt=True)}].")


@lru_cache(maxsize=16)  # the requests of one second carry the same date
def _seconds(date: str) -> float:
    seconds = parsedate_to_datetime(date).replace(tzinfo=UTC).timestamp()
    if formatdate(seconds, usegmt=True) != date:  # the parser takes many other forms as well
        raise ValueError(date)
    return seconds


def _check_digest(request: Request) -> None:
    """The one thing that ties the signature to the body, where it is sent."""
    sent = request.headers.get("Content-MD5", "")
    digest = base64.b64encode(hashlib.md5(request.body, usedforsecurity=False).digest()).decode()
    if sent not in ("", digest):
        raise _mismatch(f"The Content-MD5 [{sent}] is not the body's, which is [{digest}].")


def _mismatch(message: str) -> AlibabaError:
    return AlibabaError("SignatureDoesNotMatch", message)
