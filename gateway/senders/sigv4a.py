"""AWS Signature Version 4A for JSON POSTs to `/`: a signature that holds in every region.

After "Signature Version 4A" in the IAM User Guide: ECDSA on the curve P-256, with a key derived from
the secret. Both are awscrt's work, AWS's own library, which comes with the extra `sigv4a` and is
imported only where something is signed so: it costs 6 MiB and 35 ms.
"""

import hashlib
import importlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.senders.sigv4 import Credentials

EVERY_REGION = "*"


def is_available() -> bool:
    """Whether awscrt is installed and works here: tried by importing it."""
    try:
        importlib.import_module("awscrt.auth")
    except ImportError:
        return False
    return True


class AsymmetricSigner:
    """Signs POSTs to `/` for every region.

    `headers` are the constant ones that go out and are signed, by lower-case name, `host` among
    them exactly as it will be sent. Raises ImportError without the extra `sigv4a`.
    """

    def __init__(self, credentials: Credentials, *, service: str, headers: Mapping[str, str]) -> None:
        self._auth: Any = importlib.import_module("awscrt.auth")
        self._http: Any = importlib.import_module("awscrt.http")
        self._credentials = self._auth.AwsCredentialsProvider.new_static(
            credentials.access_key_id,
            credentials.secret_access_key.reveal(),
            credentials.session_token.reveal() or None,
        )
        self._service = service
        self._headers = list(headers.items())

    def sign(self, body: bytes, at: float) -> dict[str, str]:
        """All headers to send with `body`, the signature included: another one at each call.

        `at` is the time of signing in seconds since the epoch; the bus refuses a signature that is
        more than five minutes off.
        """
        request = self._http.HttpRequest("POST", "/", self._http.HttpHeaders(self._headers))
        # With credentials at hand awscrt has signed before it returns, on this thread: 25 µs, and
        # `result` waits for nothing. A thread of our own for it would cost more than that.
        signed = self._auth.aws_sign_request(request, self._signing(body, at)).result()
        return {name.lower(): value for name, value in signed.headers}

    def _signing(self, body: bytes, at: float) -> Any:
        auth = self._auth
        return auth.AwsSigningConfig(
            algorithm=auth.AwsSigningAlgorithm.V4_ASYMMETRIC,
            signature_type=auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=self._credentials,
            region=EVERY_REGION,
            service=self._service,
            date=datetime.fromtimestamp(at, UTC),
            signed_body_value=hashlib.sha256(body).hexdigest(),
            signed_body_header_type=auth.AwsSignedBodyHeaderType.NONE,
        )
