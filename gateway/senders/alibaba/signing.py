"""Signed headers of Alibaba Cloud EventBridge requests: pure, given the time, the nonce and the bytes.

As the vendor's SDKs sign (alibabacloud_eventbridge 1.3.8 and its siblings for Java, Go, C#, TypeScript,
PHP and C++), not as the page "Request signatures" says, which has a space after "acs" and a line for
`Accept`.
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import md5

from gateway.senders.alibaba.config import PATH
from gateway.senders.credentials.access_key import AccessKey

CONTENT_TYPE = "application/cloudevents-batch+json; charset=utf-8"
VERSION = "2015-06-06"
"""What every SDK sends; the pages say 2020-04-01."""

_SCHEME = "acs:"


class Signer:
    """Signs putEvents requests that differ in body, time and nonce only; all else is prepared once."""

    def __init__(self, key: AccessKey) -> None:
        self._secret = key.secret.reveal().encode()
        self._authorization = f"{_SCHEME}{key.id}:"
        self._signed = {"x-acs-signature-method": "HMAC-SHA1", "x-acs-signature-version": "1.0"}
        if key.security_token:
            self._signed["x-acs-accesskey-id"] = key.id
            self._signed["x-acs-security-token"] = key.security_token.reveal()
        self._constant = {
            **self._signed,
            "accept": "application/json",
            "content-type": CONTENT_TYPE,
            "x-eventbridge-version": VERSION,
        }

    def sign(self, body: bytes, at: float, *, nonce: str) -> dict[str, str]:
        """All headers to send with `body`, the signature included.

        `at` is the time of signing in seconds since the epoch, `nonce` a text that no other request
        has. Without Content-MD5, which the SDKs leave out, the signature would not cover the body.
        """
        date = format_datetime(datetime.fromtimestamp(at, UTC).replace(microsecond=0), usegmt=True)
        content_md5 = b64encode(md5(body, usedforsecurity=False).digest()).decode()
        signed = {**self._signed, "x-acs-signature-nonce": nonce}
        return {
            **self._constant,
            "date": date,
            "content-md5": content_md5,
            "x-acs-signature-nonce": nonce,
            "authorization": self._authorization
            + signature(self._secret, string_to_sign(date, signed, content_md5)),
        }


def string_to_sign(date: str, signed: Mapping[str, str], content_md5: str = "") -> str:
    """What is signed of a POST: `signed` are the x-acs-* headers by lower-case name; an MD5 may be absent."""
    lines = "".join([f"{name}:{value}\n" for name, value in sorted(signed.items())])
    return f"POST\n{content_md5}\n{CONTENT_TYPE}\n{date}\n{lines}{PATH}"


def signature(secret: bytes, text: str) -> str:
    """Base64 of the HMAC-SHA1 of `text`."""
    return b64encode(hmac.digest(secret, text.encode(), "sha1")).decode()
