"""Huawei Cloud's AK/SK request signature (SDK-HMAC-SHA256) for POSTs: pure, given the time and the bytes.

After "AK/SK Signing and Authentication" in the API Gateway documentation, and the vendor's SDK.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from gateway.senders.credentials.access_key import AccessKey

ALGORITHM = "SDK-HMAC-SHA256"

_DATE = "x-sdk-date"


class Signer:
    """Signs POSTs to one path that differ in body and time only; all else is prepared once.

    `headers` are the constant ones that go out and are signed, by lower-case name, `host` among them
    exactly as it will be sent. A temporary key's `x-security-token` joins them.
    """

    def __init__(self, key: AccessKey, *, path: str, headers: Mapping[str, str]) -> None:
        self._secret = key.secret.reveal().encode()
        self._headers = dict(headers)
        if key.security_token:
            self._headers["x-security-token"] = key.security_token.reveal()
        names = sorted({*self._headers, _DATE})
        lines = {name: f"{name}:{value.strip()}\n" for name, value in self._headers.items()}
        signed_names = ";".join(names)
        # The canonical path ends in a slash, which the request line has not; there is no query.
        self._before_date = f"POST\n{quote(path, safe='/').rstrip('/')}/\n\n" + "".join(
            lines[name] for name in names if name < _DATE
        )
        self._after_date = "".join(lines[name] for name in names if name > _DATE) + f"\n{signed_names}\n"
        self._prefix = f"{ALGORITHM} Access={key.id}, SignedHeaders={signed_names}, Signature="

    def sign(self, body: bytes, at: float) -> dict[str, str]:
        """All headers to send with `body`, the signature included.

        `at` is the time of signing in seconds since the epoch; the gateway before the bus refuses a
        signature that is more than fifteen minutes off.
        """
        timestamp = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
        canonical_request = (
            f"{self._before_date}{_DATE}:{timestamp}\n{self._after_date}{hashlib.sha256(body).hexdigest()}"
        )
        digest = hashlib.sha256(canonical_request.encode()).hexdigest()
        string_to_sign = f"{ALGORITHM}\n{timestamp}\n{digest}"
        signature = hmac.digest(self._secret, string_to_sign.encode(), "sha256").hex()
        return {**self._headers, _DATE: timestamp, "authorization": self._prefix + signature}
