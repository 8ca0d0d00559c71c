"""AWS Signature Version 4 for JSON POSTs to `/`: pure, given the time and the bytes.

After "Signature Version 4 signing process" in the AWS General Reference. Knows no bus beyond the
service name it is given, and no network.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

from msgspec import Struct

from gateway.secret import Secret

_ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(Struct, frozen=True):
    """An AWS access key; `session_token` is empty unless the key is a temporary one."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret = Secret("")


class RequestSigner(Protocol):
    """Signs POSTs to `/` with one of AWS's signatures."""

    def sign(self, body: bytes, at: float) -> dict[str, str]:
        """All headers to send with `body`, the signature included; `at` is seconds since the epoch."""


class Signer:
    """Signs POSTs to `/` that differ in body and time only; all else is prepared once.

    `headers` are the constant ones that go out and are signed, by lower-case name, `host` among
    them exactly as it will be sent. The timestamp is written once for each
    second, the key derived once for each day.
    """

    def __init__(
        self, credentials: Credentials, *, region: str, service: str, headers: Mapping[str, str]
    ) -> None:
        self._secret = credentials.secret_access_key
        self._scope = (region, service, "aws4_request")
        self._headers = dict(headers)
        if credentials.session_token:
            self._headers["x-amz-security-token"] = credentials.session_token.reveal()
        names = sorted({*self._headers, "x-amz-date"})
        lines = {name: f"{name}:{' '.join(value.split())}\n" for name, value in self._headers.items()}
        self._signed_names = ";".join(names)
        self._before_date = "POST\n/\n\n" + "".join(lines[name] for name in names if name < "x-amz-date")
        self._after_date = "".join(lines[name] for name in names if name > "x-amz-date")
        self._access_key_id = credentials.access_key_id
        self._second: int | None = None
        self._timestamp = ""
        self._day = ""
        self._key = b""

    def sign(self, body: bytes, at: float) -> dict[str, str]:
        """All headers to send with `body`, the signature included.

        `at` is the time of signing in seconds since the epoch; the bus refuses a signature that is
        more than five minutes off.
        """
        if (second := int(at)) != self._second:
            self._turn_to(second)
        timestamp = self._timestamp
        canonical_request = (
            f"{self._before_date}x-amz-date:{timestamp}\n{self._after_date}\n"
            f"{self._signed_names}\n{hashlib.sha256(body).hexdigest()}"
        )
        scope = "/".join((self._day, *self._scope))
        digest = hashlib.sha256(canonical_request.encode()).hexdigest()
        string_to_sign = f"{_ALGORITHM}\n{timestamp}\n{scope}\n{digest}"
        signature = hmac.digest(self._key, string_to_sign.encode(), "sha256").hex()
        return {
            **self._headers,
            "x-amz-date": timestamp,
            "authorization": f"{_ALGORITHM} Credential={self._access_key_id}/{scope}, "
            f"SignedHeaders={self._signed_names}, Signature={signature}",
        }

    def _turn_to(self, second: int) -> None:
        """Make what holds for all that is signed in a second, and on another day the key."""
        self._timestamp = datetime.fromtimestamp(second, UTC).strftime("%Y%m%dT%H%M%SZ")
        self._renew_key(self._timestamp[:8])
        self._second = second

    def _renew_key(self, day: str) -> None:
        if day == self._day:
            return
        key = b"AWS4" + self._secret.reveal().encode()
        for part in (day, *self._scope):
            key = hmac.digest(key, part.encode(), "sha256")
        self._day, self._key = day, key
