"""Verifies `SDK-HMAC-SHA256`, the AK/SK signature of Huawei Cloud, after its API signing guide."""

import hmac
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from urllib.parse import parse_qsl, quote, unquote

from msgspec import Struct

from gateway.emulators.bus import Headers, Request, bytes_of
from gateway.emulators.huawei_error import HuaweiError

_ALGORITHM = "SDK-HMAC-SHA256"
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII)
_MAX_CLOCK_SKEW_SECONDS = 900
_MUST_BE_SIGNED = ("host", "x-sdk-date")
_MUST_BE_SIGNED_IF_SENT = ("x-security-token", "x-project-id")


class AccessKey(Struct, frozen=True):
    """A key pair that the emulator knows; with a security token it is a temporary one."""

    access_key: str = "DUMMYACCESSKEY000001"
    secret_key: str = "DummySecretKey000000000000000000000000001"  # noqa: S105 - says itself that it is none
    security_token: str | None = None

    def __repr__(self) -> str:
        return f"AccessKey({self.access_key!r})"


class Authorization(Struct, frozen=True):
    """The `Authorization` header, taken apart."""

    access_key: str
    signed_headers: str
    signature: str


class SignatureVerifier:
    """Knows some access keys, and tells whether a request was signed with one of them just now."""

    def __init__(self, keys: Iterable[AccessKey]) -> None:
        self._keys = {key.access_key: key for key in keys}

    def verify(self, request: Request, wall_clock: float) -> None:
        """Believe the request, or raise HuaweiError."""
        headers = request.headers
        authorization = _authorization(headers)
        key = self._keys.get(authorization.access_key)
        if key is None:
            raise _incorrect(f"the access key {authorization.access_key} does not exist")
        if headers.get("X-Security-Token", "") != (key.security_token or ""):
            raise _incorrect("the security token is not the access key's")
        date = headers.get("X-Sdk-Date", "")
        _check_clock(date, wall_clock)
        _check_signed_headers(authorization, headers)
        canonical = canonical_request(request, authorization.signed_headers)
        if not hmac.compare_digest(sign(canonical, date, key.secret_key), bytes_of(authorization.signature)):
            raise _incorrect(f"verify aksk signature fail, the canonical request is [{canonical}]")


def canonical_request(request: Request, signed_headers: str) -> str:
    """What the signature covers. The path has a slash at its end here, and only here."""
    segments = [quote(unquote(segment), safe="~") for segment in request.path.split("/")]
    query = sorted(parse_qsl(request.query, keep_blank_values=True))
    lines = [
        request.method,
        "/".join(segments).removesuffix("/") + "/",
        "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in query),
        *(f"{name}:{request.headers.get(name, '').strip()}" for name in signed_headers.split(";")),
        "",
        signed_headers,
        sha256(request.body).hexdigest(),
    ]
    return "\n".join(lines)


def sign(canonical: str, date: str, secret_key: str) -> bytes:
    """The signature's hexadecimal digits: there is no derived key and no scope."""
    to_sign = f"{_ALGORITHM}\n{date}\n{sha256(bytes_of(canonical)).hexdigest()}"
    return hmac.digest(secret_key.encode(), bytes_of(to_sign), sha256).hex().encode()


def _authorization(headers: Headers) -> Authorization:
    values = headers.getall("Authorization", [])
    if len(values) != 1:
        raise _incorrect("neither a token nor one Authorization header was sent")
    algorithm, _, rest = values[0].partition(" ")
    parts = dict(_part(text) for text in rest.split(","))
    needed = [parts.get(name, "") for name in ("Access", "SignedHeaders", "Signature")]
    if algorithm != _ALGORITHM or not all(needed):
        raise _incorrect(f"Authorization must be {_ALGORITHM} Access=, SignedHeaders=, Signature=")
    return Authorization(*needed)


def _part(text: str) -> tuple[str, str]:
    name, _, value = text.strip().partition("=")
    return name, value


def _check_clock(date: str, wall_clock: float) -> None:
    try:
        signed_at = _seconds(date)
    except ValueError:
        raise _incorrect(f"X-Sdk-Date [{date}] is not in the form YYYYMMDDTHHMMSSZ") from None
    if abs(signed_at - wall_clock) > _MAX_CLOCK_SKEW_SECONDS:
        raise _incorrect(f"X-Sdk-Date [{date}] is more than 15 minutes from the current time")


@lru_cache(maxsize=16)  # the requests of one second carry the same date
def _seconds(date: str) -> float:
    if (match := _DATE.fullmatch(date)) is None:
        raise ValueError(date)
    year, month, day, hour, minute, second = map(int, match.groups())
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()


def _check_signed_headers(authorization: Authorization, headers: Headers) -> None:
    signed = authorization.signed_headers.split(";")
    needed = [*_MUST_BE_SIGNED, *(name for name in _MUST_BE_SIGNED_IF_SENT if headers.get(name, ""))]
    if missing := [name for name in needed if name not in signed]:
        raise _incorrect(f"{', '.join(missing)} must be signed")
    if signed != sorted(signed) or authorization.signed_headers != authorization.signed_headers.lower():
        raise _incorrect("the names in SignedHeaders must be in lower case and sorted")


def _incorrect(problem: str) -> HuaweiError:
    return HuaweiError("APIGW.0301", f"Incorrect IAM authentication information: {problem}")
