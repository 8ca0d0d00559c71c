"""Where a Huawei destination's credentials come from: its configuration, IAM, or the vendor's chain.

After the credential providers of the vendor's SDK. Unlike there, pod identity is asked before instance
metadata: what was configured for the pod comes before what its node happens to have. The SDK's file of
profiles is not read.
"""

import os
import time
from collections.abc import Callable, Mapping

from gateway.secret import Secret
from gateway.senders.credentials.access_key import AccessKey
from gateway.senders.credentials.chain import CredentialChain, CredentialSource, FixedCredentials
from gateway.senders.credentials.metadata import MetadataClient, UnreachableError
from gateway.senders.credentials.provider import Fetched, Provider
from gateway.senders.credentials.token_file import read_text
from gateway.senders.huawei.config import HuaweiConfig, iam_endpoint_of, project_id_of, regional_endpoint
from gateway.senders.huawei.iam import (
    AgencyKeys,
    FederatedKeys,
    Login,
    PasswordTokens,
    require_success,
    service_at,
)
from gateway.senders.huawei.keys import Credentials, Token, printable, read_key

MARGIN_SECONDS = 40 * 60.0
"""What the vendor's SDK leaves before an end."""

METADATA_URL = "http://169.254.169.254"
METADATA_TOKEN_SECONDS = 6 * 3600

ACCESS_KEY = "HUAWEICLOUD_SDK_AK"
SECRET_KEY = "HUAWEICLOUD_SDK_SK"  # nosec B105 # noqa: S105 - a variable's name
SECURITY_TOKEN = "HUAWEICLOUD_SDK_SECURITY_TOKEN"  # nosec B105 # noqa: S105 - a variable's name
POD_URI = "HC_CONTAINER_CREDENTIALS_FULL_URI"
POD_TOKEN_FILE = "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE"  # nosec B105 # noqa: S105 - a variable's name

_NO_METADATA_TOKEN = (404, 405, 503)
"""An older metadata service: it is asked without a token."""

_NOT_FOUND = 404


def source_of(
    config: HuaweiConfig,
    environment: Mapping[str, str] = os.environ,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> CredentialSource[Credentials]:
    """Where the destination's credentials come from; asks nobody yet."""
    if config.access_key:
        return FixedCredentials(AccessKey(config.access_key, config.secret_key, config.security_token))
    if config.token:
        return FixedCredentials(Token(config.token))
    providers = [_tokens(config)] if config.user else chain_of(config, environment)
    return CredentialChain(providers, margin_seconds=MARGIN_SECONDS, clock=clock, monotonic=monotonic)


def _tokens(config: HuaweiConfig) -> Provider[Credentials]:
    login = Login(config.user, config.password, config.domain, project_id_of(config))
    return PasswordTokens(login, iam_endpoint_of(config))


def chain_of(config: HuaweiConfig, environment: Mapping[str, str]) -> list[Provider[Credentials]]:
    """Where keys are looked for when the configuration has none, in that order."""
    return [
        AgencyKeys(environment, regional_endpoint("sts", config.endpoint)),
        FederatedKeys(environment, iam_endpoint_of(config)),
        EnvironmentKey(environment),
        PodKeys(environment),
        InstanceKeys(),
    ]


class EnvironmentKey:
    """An access key in the SDK's variables; it does not expire."""

    name = "environment"

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    async def fetch(self) -> Fetched[Credentials] | None:
        """The key, where both its halves are set."""
        id_, secret = self._environment.get(ACCESS_KEY), self._environment.get(SECRET_KEY)
        if not id_ or not secret:
            return None
        security_token = printable(self._environment.get(SECURITY_TOKEN, ""), SECURITY_TOKEN)
        return Fetched(AccessKey(printable(id_, ACCESS_KEY), Secret(secret), Secret(security_token)))


class PodKeys:
    """Temporary keys of a pod's identity, where the platform has set its variables."""

    name = "pod identity"

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    async def fetch(self) -> Fetched[Credentials] | None:
        """The key that the service in the variable gives for the token in the file. Raises ProviderError."""
        uri, path = self._environment.get(POD_URI), self._environment.get(POD_TOKEN_FILE)
        if not uri or not path:
            return None
        token = printable(await read_text(path), POD_TOKEN_FILE)
        headers = {"Authorization": token, "Content-Type": "application/json"}
        async with service_at(uri, POD_URI) as service:
            answer = await service.request("POST", headers=headers, body=b"{}")
        return read_key(require_success(answer).body)


class InstanceKeys:
    """Temporary keys of the agency that an instance was given, from its metadata."""

    name = "instance metadata"

    def __init__(self, base_url: str = METADATA_URL) -> None:
        self._base_url = base_url

    async def fetch(self) -> Fetched[Credentials] | None:
        """The agency's key; None where there is no such service. Raises ProviderError."""
        async with MetadataClient(self._base_url) as service:
            try:
                headers = await self._token(service)
                answer = await service.request("GET", "/openstack/latest/securitykey", headers=headers)
            except UnreachableError:
                return None
        return None if answer.status == _NOT_FOUND else read_key(require_success(answer).body)

    async def _token(self, service: MetadataClient) -> dict[str, str]:
        """The header that opens the service, or none for an older one."""
        lifetime = {"X-Metadata-Token-Ttl-Seconds": str(METADATA_TOKEN_SECONDS)}
        answer = await service.request("PUT", "/meta-data/latest/api/token", headers=lifetime)
        if answer.status in _NO_METADATA_TOKEN:
            return {}
        token = require_success(answer).body.decode(errors="replace").strip()
        return {"X-Metadata-Token": printable(token, "the service's token")}
