"""Where Alibaba Cloud's tools look for keys beside their own files: environment, OIDC, instance, URI.

Every provider looks at its environment at each fetch. Variables after alibabacloud_credentials 1.0.12.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from gateway.secret import Secret
from gateway.senders.alibaba.issuers import METADATA_URL, OidcRole, assume_role, instance_key, key_from
from gateway.senders.credentials.access_key import AccessKey
from gateway.senders.credentials.provider import Fetched, ProviderError

SESSION_NAME = "gateway"


class Services(Struct, frozen=True):
    """Where the issuers of keys are."""

    metadata_url: str = METADATA_URL
    sts_url: str = ""
    """Empty: of the region that the environment or a profile names, else the global one."""


def is_true(environment: Mapping[str, str], name: str) -> bool:
    """Whether a switch is on."""
    return environment.get(name, "").lower() == "true"


def sts_url_of(services: Services, environment: Mapping[str, str], region: str = "") -> str:
    """Where roles are assumed; `region` is a profile's."""
    if services.sts_url:
        return services.sts_url
    region = region or environment.get("ALIBABA_CLOUD_STS_REGION", "")
    if not region:
        return "https://sts.aliyuncs.com"
    prefix = "sts-vpc" if is_true(environment, "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED") else "sts"
    return f"https://{prefix}.{region}.aliyuncs.com"


class EnvironmentProvider:
    """ALIBABA_CLOUD_ACCESS_KEY_ID and its like."""

    name = "environment"

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    async def fetch(self) -> Fetched[AccessKey] | None:
        """The key, if id and secret are set."""
        key_id = self._environment.get("ALIBABA_CLOUD_ACCESS_KEY_ID", "")
        secret = self._environment.get("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "")
        token = self._environment.get("ALIBABA_CLOUD_SECURITY_TOKEN", "")
        return Fetched(AccessKey(key_id, Secret(secret), Secret(token))) if key_id and secret else None


class OidcProvider:
    """A role for the bearer of a token in a file: RRSA in ACK. `clock` gives wall-clock seconds."""

    name = "OIDC"

    def __init__(
        self, environment: Mapping[str, str], services: Services, clock: Callable[[], float]
    ) -> None:
        self._environment = environment
        self._services = services
        self._clock = clock

    async def fetch(self) -> Fetched[AccessKey] | None:
        """The role's key, if role, provider and token file are named. Raises ProviderError."""
        role = OidcRole(
            role_arn=self._environment.get("ALIBABA_CLOUD_ROLE_ARN", ""),
            provider_arn=self._environment.get("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", ""),
            token_file=self._environment.get("ALIBABA_CLOUD_OIDC_TOKEN_FILE", ""),
            session_name=self._environment.get("ALIBABA_CLOUD_ROLE_SESSION_NAME") or SESSION_NAME,
            sts_url=sts_url_of(self._services, self._environment),
        )
        if not (role.role_arn and role.provider_arn and role.token_file):
            return None
        return await assume_role(role, self._clock())


class InstanceProvider:
    """The role of the ECS instance, or that which ALIBABA_CLOUD_ECS_METADATA names."""

    name = "instance metadata"

    def __init__(self, environment: Mapping[str, str], services: Services) -> None:
        self._environment = environment
        self._services = services

    async def fetch(self) -> Fetched[AccessKey] | None:
        """The role's key, if there is a role and metadata are not disabled. Raises ProviderError."""
        if is_true(self._environment, "ALIBABA_CLOUD_ECS_METADATA_DISABLED"):
            return None
        return await instance_key(
            self._environment.get("ALIBABA_CLOUD_ECS_METADATA", ""),
            requires_token=is_true(self._environment, "ALIBABA_CLOUD_IMDSV1_DISABLED"),
            metadata_url=self._services.metadata_url,
        )


class UriProvider:
    """Whatever serves keys at ALIBABA_CLOUD_CREDENTIALS_URI."""

    name = "credentials URI"

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    async def fetch(self) -> Fetched[AccessKey] | None:
        """The key, if an address is set. Raises ProviderError."""
        uri = self._environment.get("ALIBABA_CLOUD_CREDENTIALS_URI", "")
        if not uri:
            return None
        if not uri.startswith(("http://", "https://")):
            raise ProviderError("ALIBABA_CLOUD_CREDENTIALS_URI is no http or https address")
        return await key_from(uri)
