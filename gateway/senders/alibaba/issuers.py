"""Conversations with what issues temporary keys: STS, an instance's metadata service, a credentials URI.

After alibabacloud_credentials 1.0.12 and the pages "AssumeRoleWithOIDC" and "Instance metadata".
"""

from http import HTTPStatus
from urllib.parse import quote, urlencode

from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from gateway.secret import Secret
from gateway.senders.alibaba.entry import rfc3339
from gateway.senders.answer import Answer
from gateway.senders.credentials.access_key import AccessKey, epoch_seconds
from gateway.senders.credentials.metadata import MetadataClient, UnreachableError
from gateway.senders.credentials.provider import Fetched, ProviderError
from gateway.senders.credentials.token_file import read_text

METADATA_URL = "http://100.100.100.200"
STS_TIMEOUT_SECONDS = 5.0
STS_VERSION = "2015-04-01"
ROLE_SECONDS = 3600
METADATA_TOKEN_SECONDS = 21600
MAX_ROLE_CHARACTERS = 64
MAX_CODE_CHARACTERS = 100

_ROLES = "/latest/meta-data/ram/security-credentials/"


class OidcRole(Struct, frozen=True):
    """A role that the bearer of a token may take."""

    role_arn: str
    provider_arn: str
    token_file: str
    session_name: str
    sts_url: str


class _Issued(Struct, frozen=True, rename="pascal"):
    access_key_id: str = ""
    access_key_secret: str = ""
    security_token: str = ""
    expiration: str = ""
    code: str = ""
    """What STS and metadata services say of a failure; "Success" beside a key."""


class _AssumedRole(Struct, rename="pascal"):
    credentials: _Issued = _Issued()
    code: str = ""


_decode_issued = Decoder(_Issued).decode
_decode_assumed_role = Decoder(_AssumedRole).decode


async def assume_role(role: OidcRole, now: float) -> Fetched[AccessKey]:
    """`AssumeRoleWithOIDC`, which is not signed; `now` is wall-clock seconds. Raises ProviderError."""
    token = await read_text(role.token_file)
    timestamp = f"{rfc3339(now).decode()[:19]}Z"
    query = {
        "Action": "AssumeRoleWithOIDC",
        "Format": "JSON",
        "Version": STS_VERSION,
        "Timestamp": timestamp,
    }
    # In the body and not, as STS would allow, in the query: addresses are logged on their way.
    form = {
        "RoleArn": role.role_arn,
        "OIDCProviderArn": role.provider_arn,
        "OIDCToken": token,
        "RoleSessionName": role.session_name,
        "DurationSeconds": str(ROLE_SECONDS),
    }
    async with MetadataClient(role.sts_url, timeout_seconds=STS_TIMEOUT_SECONDS) as sts:
        answer = await sts.request(
            "POST",
            f"/?{urlencode(query)}",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
        )
    try:
        assumed = _decode_assumed_role(answer.body)
    except (DecodeError, UnicodeDecodeError):
        assumed = _AssumedRole()
    if answer.status != HTTPStatus.OK:
        raise _refused(answer, assumed.code)
    return _fetched(answer, assumed.credentials)


async def instance_key(
    role_name: str, *, requires_token: bool, metadata_url: str = METADATA_URL
) -> Fetched[AccessKey] | None:
    """The key of the instance's role, which is asked for where `role_name` is empty.

    None: no instance of Alibaba Cloud, or one without a role; where a role is named that is an error.
    `requires_token` leaves out the older form of the service, which asks for no token. Raises
    ProviderError.
    """
    async with MetadataClient(metadata_url) as service:
        try:
            headers = await _metadata_headers(service, requires_token=requires_token)
        except UnreachableError:
            if role_name:
                raise
            return None
        if not role_name:
            answer = await service.request("GET", _ROLES, headers=headers)
            if answer.status == HTTPStatus.NOT_FOUND:
                return None
            role_name = _role_in(answer)
        answer = await service.request("GET", _ROLES + quote(role_name, safe=""), headers=headers)
        return _read(answer)


async def key_from(uri: str) -> Fetched[AccessKey]:
    """The key that a GET of `uri` gives. Raises ProviderError."""
    async with MetadataClient(uri, timeout_seconds=STS_TIMEOUT_SECONDS) as service:
        return _read(await service.request("GET"))


async def _metadata_headers(service: MetadataClient, *, requires_token: bool) -> dict[str, str]:
    answer = await service.request(
        "PUT",
        "/latest/api/token",
        headers={"X-aliyun-ecs-metadata-token-ttl-seconds": str(METADATA_TOKEN_SECONDS)},
    )
    if answer.status == HTTPStatus.OK:
        return {"X-aliyun-ecs-metadata-token": _ascii(answer)}
    if requires_token:
        raise ProviderError(f"the metadata service gives no token: HTTP {answer.status}")
    return {}


def _role_in(answer: Answer) -> str:
    role_name = _ascii(answer)
    if answer.status != HTTPStatus.OK or not 0 < len(role_name) <= MAX_ROLE_CHARACTERS:
        raise ProviderError(f"the metadata service names no role: HTTP {answer.status}")
    return role_name


def _ascii(answer: Answer) -> str:
    """The one word that an answer is."""
    text = answer.body.decode("ascii", errors="replace").strip()
    if not text.isascii() or not text.isprintable():
        raise ProviderError("the metadata service answers with something else than a word")
    return text


def _read(answer: Answer) -> Fetched[AccessKey]:
    try:
        issued = _decode_issued(answer.body)
    except (DecodeError, UnicodeDecodeError):
        issued = _Issued()
    if answer.status != HTTPStatus.OK or issued.code not in ("", "Success"):
        raise _refused(answer, issued.code)
    return _fetched(answer, issued)


def _fetched(answer: Answer, issued: _Issued) -> Fetched[AccessKey]:
    if not (issued.access_key_id and issued.access_key_secret and issued.security_token):
        raise _refused(answer, "no key in the answer")
    try:
        expires_at = epoch_seconds(issued.expiration)
    except ValueError:
        raise _refused(answer, "no readable Expiration in the answer") from None
    key = AccessKey(issued.access_key_id, Secret(issued.access_key_secret), Secret(issued.security_token))
    return Fetched(key, expires_at)


def _refused(answer: Answer, code: str) -> ProviderError:
    return ProviderError(f"HTTP {answer.status} {code[:MAX_CODE_CHARACTERS]}".rstrip())
