"""Tokens and temporary keys from Huawei Cloud's identity services, IAM and STS.

After "Obtaining a User Token", "Obtaining a Token with an OpenID Connect ID Token" and "Obtaining a
Temporary Access Key and Security Token Through a Token" in the IAM API reference, "AssumeAgencyWithOIDC"
in that of STS, and the variables that the vendor's SDK reads.
"""

from collections.abc import Mapping

import msgspec
from msgspec import DecodeError, Struct
from msgspec.json import Decoder
from yarl import URL

from gateway.secret import Secret
from gateway.senders.answer import Answer
from gateway.senders.credentials.metadata import MetadataClient
from gateway.senders.credentials.provider import Fetched, ProviderError
from gateway.senders.credentials.token_file import read_text
from gateway.senders.huawei.answer import read
from gateway.senders.huawei.keys import Credentials, Token, printable, read_end, read_key

TIMEOUT_SECONDS = 5.0
"""For one request: these services are a network away, unlike those on the instance."""

FEDERATED_KEY_SECONDS = 6 * 3600
AGENCY_KEY_SECONDS = 3600
SESSION_NAME = "gateway"

IDP_ID = "HUAWEICLOUD_SDK_IDP_ID"
ID_TOKEN_FILE = "HUAWEICLOUD_SDK_ID_TOKEN_FILE"  # nosec B105 # noqa: S105 - a variable's name
STS_ENDPOINT = "HUAWEICLOUD_SDK_STS_ENDPOINT"
PROVIDER_URN = "HUAWEICLOUD_OIDC_PROVIDER_URN"
AGENCY_URN = "HUAWEICLOUD_OIDC_AGENCY_URN"
ID_TOKEN = "HUAWEICLOUD_OIDC_ID_TOKEN"  # nosec B105 # noqa: S105 - a variable's name
TOKEN_FILE = "HUAWEICLOUD_OIDC_TOKEN_FILE"  # nosec B105 # noqa: S105 - a variable's name
OIDC_SESSION_NAME = "HUAWEICLOUD_OIDC_SESSION_NAME"
DURATION_SECONDS = "HUAWEICLOUD_OIDC_DURATION_SECONDS"
POLICY = "HUAWEICLOUD_OIDC_POLICY"
POLICY_IDS = "HUAWEICLOUD_OIDC_POLICY_IDS"

_JSON = "application/json;charset=utf8"


class Login(Struct, frozen=True):
    """Who asks IAM for tokens, and the project that they shall be good for."""

    user: str
    password: Secret
    domain: str
    """The account's name."""
    project_id: str


class PasswordTokens:
    """Tokens for a user's name and password; IAM's are valid for 24 hours."""

    name = "IAM"

    def __init__(self, login: Login, iam_endpoint: str) -> None:
        self._login = login
        self._iam_endpoint = iam_endpoint

    async def fetch(self) -> Fetched[Credentials] | None:
        """A new token; those before it stay valid. Raises ProviderError."""
        async with service_at(self._iam_endpoint, "iam_endpoint") as iam:
            answer = await _post(iam, "/v3/auth/tokens?nocatalog=true", _password_request(self._login))
        return Fetched(Token(Secret(_subject_token(answer))), _token_end(answer.body))


class FederatedKeys:
    """Temporary keys for an identity provider's token, through IAM: where the SDK's variables name both."""

    name = "OpenID Connect through IAM"

    def __init__(self, environment: Mapping[str, str], iam_endpoint: str) -> None:
        self._environment = environment
        self._iam_endpoint = iam_endpoint

    async def fetch(self) -> Fetched[Credentials] | None:
        """A key of six hours. Raises ProviderError."""
        provider, path = self._environment.get(IDP_ID), self._environment.get(ID_TOKEN_FILE)
        if not provider or not path:
            return None
        id_token = await read_text(path)
        headers = {"X-Idp-Id": printable(provider, IDP_ID)}
        async with service_at(self._iam_endpoint, "iam_endpoint") as iam:
            answer = await _post(
                iam,
                "/v3.0/OS-AUTH/id-token/tokens",
                {"auth": {"id_token": {"id": id_token}}},
                headers,
            )
            identity = {"id": _subject_token(answer), "duration_seconds": FEDERATED_KEY_SECONDS}
            answer = await _post(
                iam,
                "/v3.0/OS-CREDENTIAL/securitytokens",
                {"auth": {"identity": {"methods": ["token"], "token": identity}}},
            )
        return read_key(answer.body)


class AgencyKeys:
    """Temporary keys of an agency for an identity provider's token, through STS."""

    name = "OpenID Connect through STS"

    def __init__(self, environment: Mapping[str, str], sts_endpoint: str) -> None:
        self._environment = environment
        self._sts_endpoint = environment.get(STS_ENDPOINT) or sts_endpoint

    async def fetch(self) -> Fetched[Credentials] | None:
        """A key of an hour, or as long as the SDK's variable says. Raises ProviderError."""
        urns = [self._environment.get(variable) for variable in (PROVIDER_URN, AGENCY_URN)]
        if not all(urns) or not (id_token := await self._id_token()):
            return None
        request = {
            "provider_urn": urns[0],
            "agency_urn": urns[1],
            "agency_session_name": self._environment.get(OIDC_SESSION_NAME) or SESSION_NAME,
            "id_token": id_token,
            "duration_seconds": self._duration_seconds(),
            **self._policies(),
        }
        async with service_at(self._sts_endpoint, STS_ENDPOINT) as sts:
            answer = await _post(sts, "/v5/agencies/assume-with-oidc", request)
        return read_key(answer.body)

    async def _id_token(self) -> str | None:
        if id_token := self._environment.get(ID_TOKEN):
            return id_token
        path = self._environment.get(TOKEN_FILE)
        return await read_text(path) if path else None

    def _duration_seconds(self) -> int:
        text = self._environment.get(DURATION_SECONDS) or str(AGENCY_KEY_SECONDS)
        if not (text.isascii() and text.isdigit()):
            raise ProviderError(f"{DURATION_SECONDS} is not a whole number")
        return int(text)

    def _policies(self) -> dict[str, object]:
        """What narrows the agency's rights: left out, the key could do more than was meant."""
        policy, ids = self._environment.get(POLICY), self._environment.get(POLICY_IDS)
        policies: dict[str, object] = {"policy": policy} if policy else {}
        if ids:
            policies["policy_ids"] = [id_.strip() for id_ in ids.split(",") if id_.strip()]
        return policies


class _TokenAnswer(Struct):
    token: "_TokenDetails"


class _TokenDetails(Struct):
    expires_at: str


_decode_token = Decoder(_TokenAnswer).decode


def _password_request(login: Login) -> dict[str, object]:
    user = {"name": login.user, "password": login.password.reveal(), "domain": {"name": login.domain}}
    return {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"id": login.project_id}},
        }
    }


def service_at(endpoint: str, name: str) -> MetadataClient:
    """A conversation with one of the vendor's services. Raises ProviderError naming what gave its address."""
    if not endpoint:
        raise ProviderError(f"{name} is not set, and the destination's endpoint is not a region's own")
    try:
        URL(endpoint).origin()
    except ValueError:
        raise ProviderError(f"{name} is not the address of a service") from None
    return MetadataClient(endpoint, timeout_seconds=TIMEOUT_SECONDS)


async def _post(
    service: MetadataClient, path: str, request: object, headers: Mapping[str, str] | None = None
) -> Answer:
    """The answer of a success. Raises ProviderError with the service's own words for any other."""
    body = msgspec.json.encode(request)
    answer = await service.request(
        "POST", path, headers={"Content-Type": _JSON, **(headers or {})}, body=body
    )
    return require_success(answer)


def require_success(answer: Answer) -> Answer:
    """The answer itself. Raises ProviderError with the service's own words unless its status is 2xx."""
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the class of success
        return answer
    error = read(answer, ())
    # Text that is no error of the service's may be anything, and is not repeated.
    words = f": {error.message}" if error.code and error.message else ""
    raise ProviderError(f"answered with status {answer.status}{words}")


def _subject_token(answer: Answer) -> str:
    if token := answer.headers.get("X-Subject-Token"):
        return printable(token, "X-Subject-Token")
    raise ProviderError("answered without X-Subject-Token")


def _token_end(body: bytes) -> float:
    try:
        return read_end(_decode_token(body).token.expires_at)
    except (DecodeError, UnicodeDecodeError):
        raise ProviderError("the answer does not say when the token ends") from None
