"""Bearer tokens (RFC 6750): whether a request may do what it asks for.

Pure, but for what it is made of: constant-time comparison is the standard library's.
"""

import hmac
import re
from collections.abc import Iterable
from enum import Enum

from gateway.secret import Secret

REALM = "gateway"

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""A `b64token` (RFC 6750 2.1)."""


class Verdict(Enum):
    """What a request's `Authorization` comes to."""

    GRANTED = "granted"
    MISSING = "missing"
    """No token is shown, be it that another scheme is used."""
    WRONG = "wrong"


CHALLENGES = {
    Verdict.MISSING: f'Bearer realm="{REALM}"',
    Verdict.WRONG: f'Bearer realm="{REALM}", error="invalid_token"',
}
"""The `WWW-Authenticate` of a 401: one that showed no token is told no error (RFC 6750 3.1)."""


class BearerTokens:
    """The tokens any of which is right, several at once while they are rotated; none: nobody is asked.

    Never prints a token, as it has no `repr` of its own.
    """

    __slots__ = ("_tokens",)

    def __init__(self, tokens: Iterable[Secret] = ()) -> None:
        self._tokens = tuple(token.reveal().encode() for token in tokens)

    def __bool__(self) -> bool:
        return bool(self._tokens)

    def judge(self, authorization: bytes | None) -> Verdict:
        """The value of a request's `Authorization`, None where it has none; the scheme's case is free.

        Every token is compared, each in a time that says nothing of where it differs.
        """
        if not self._tokens:
            return Verdict.GRANTED
        scheme, _, credentials = (authorization or b"").partition(b" ")
        if scheme.lower() != b"bearer":
            return Verdict.MISSING
        shown = credentials.strip(b" ")
        matches = [hmac.compare_digest(token, shown) for token in self._tokens]
        return Verdict.GRANTED if any(matches) else Verdict.WRONG


NO_TOKENS = BearerTokens()


def is_token(secret: Secret) -> bool:
    """Whether a client could show it: letters, digits and `-._~+/`, then any number of `=`."""
    return _TOKEN.fullmatch(secret.reveal()) is not None
