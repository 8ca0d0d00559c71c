"""The files in which Alibaba Cloud's tools keep keys: `~/.aliyun/config.json` and `credentials.ini`.

After the command line tool's documentation of its profiles and alibabacloud_credentials 1.0.12. Roles
that a signed request has to assume, and logins through a browser, are not supported, and said so.
"""

from collections.abc import Awaitable, Callable, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from enum import Enum, auto

from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from gateway.secret import Secret
from gateway.senders.alibaba.issuers import OidcRole, assume_role, instance_key
from gateway.senders.alibaba.providers import SESSION_NAME, Services, is_true, sts_url_of
from gateway.senders.credentials.access_key import AccessKey
from gateway.senders.credentials.provider import Fetched, ProviderError
from gateway.senders.credentials.token_file import FileMissingError, read_text

CLI_FILE = "~/.aliyun/config.json"
PROFILE_FILE = "~/.alibabacloud/credentials.ini"


class _Kind(Enum):
    KEY = auto()
    INSTANCE_ROLE = auto()
    OIDC_ROLE = auto()


_KINDS_BY_MODE = {
    "AK": _Kind.KEY,
    "StsToken": _Kind.KEY,
    "EcsRamRole": _Kind.INSTANCE_ROLE,
    "OIDC": _Kind.OIDC_ROLE,
}
"""By `mode` of the command line tool's profiles."""

_KINDS_BY_TYPE = {
    "access_key": _Kind.KEY,
    "sts": _Kind.KEY,
    "ecs_ram_role": _Kind.INSTANCE_ROLE,
    "oidc_role_arn": _Kind.OIDC_ROLE,
}
"""By `type` of the sections in the profile file."""


class _CliProfile(Struct):
    name: str = ""
    mode: str = ""
    access_key_id: str = ""
    access_key_secret: str = ""
    sts_token: str = ""
    ram_role_name: str = ""
    ram_role_arn: str = ""
    oidc_provider_arn: str = ""
    oidc_token_file: str = ""
    role_session_name: str = ""
    sts_region: str = ""


class _CliFile(Struct):
    current: str = ""
    profiles: tuple[_CliProfile, ...] = ()


class Profile(Struct, frozen=True):
    """What either file says, in one spelling."""

    kind: _Kind
    key: AccessKey
    role_name: str
    role_arn: str
    provider_arn: str
    token_file: str
    session_name: str
    sts_region: str = ""


_decode_cli_file = Decoder(_CliFile).decode


class ProfileProvider:
    """The key that a profile leads to, if `find` finds one."""

    def __init__(
        self,
        name: str,
        find: Callable[[Mapping[str, str]], Awaitable[Profile | None]],
        environment: Mapping[str, str],
        services: Services,
        clock: Callable[[], float],
    ) -> None:
        self.name = name
        self._find = find
        self._environment = environment
        self._services = services
        self._clock = clock

    async def fetch(self) -> Fetched[AccessKey] | None:
        """The profile's key, if there is such a profile and it is not disabled. Raises ProviderError."""
        profile = await self._find(self._environment)
        if profile is None:
            return None
        return await _redeem(profile, self._environment, self._services, self._clock())


async def cli_profile(environment: Mapping[str, str]) -> Profile | None:
    """What `aliyun configure` wrote: the current profile, or that of ALIBABA_CLOUD_PROFILE."""
    if is_true(environment, "ALIBABA_CLOUD_CLI_PROFILE_DISABLED"):
        return None
    try:
        text = await read_text(CLI_FILE)
    except FileMissingError:
        return None
    return _profile_in_cli_file(text, environment.get("ALIBABA_CLOUD_PROFILE", ""))


async def ini_profile(environment: Mapping[str, str]) -> Profile | None:
    """A section of the file, or of ALIBABA_CLOUD_CREDENTIALS_FILE: "default" or ALIBABA_CLOUD_PROFILE."""
    try:
        text = await read_text(environment.get("ALIBABA_CLOUD_CREDENTIALS_FILE") or PROFILE_FILE)
    except FileMissingError:
        return None
    return _profile_in_ini(text, environment.get("ALIBABA_CLOUD_PROFILE") or "default")


def _profile_in_cli_file(text: str, name: str) -> Profile | None:
    try:
        file = _decode_cli_file(text)
    except DecodeError:
        raise ProviderError("the file is not the JSON that it should be") from None
    name = name or file.current
    found = next((profile for profile in file.profiles if profile.name == name), None)
    if found is None:
        return None
    return Profile(
        kind=_kind(_KINDS_BY_MODE, found.mode),
        key=AccessKey(found.access_key_id, Secret(found.access_key_secret), Secret(found.sts_token)),
        role_name=found.ram_role_name,
        role_arn=found.ram_role_arn,
        provider_arn=found.oidc_provider_arn,
        token_file=found.oidc_token_file,
        session_name=found.role_session_name,
        sts_region=found.sts_region,
    )


def _profile_in_ini(text: str, name: str) -> Profile | None:
    file = ConfigParser(interpolation=None, inline_comment_prefixes=("#",))
    try:
        file.read_string(text)
    except ConfigParserError:
        raise ProviderError("the file is not the INI that it should be") from None
    if not file.has_section(name):
        return None
    section = file[name]
    return Profile(
        kind=_kind(_KINDS_BY_TYPE, section.get("type", "")),
        key=AccessKey(
            section.get("access_key_id", ""),
            Secret(section.get("access_key_secret", "")),
            Secret(section.get("security_token", "")),
        ),
        role_name=section.get("role_name", ""),
        role_arn=section.get("role_arn", ""),
        provider_arn=section.get("oidc_provider_arn", ""),
        token_file=section.get("oidc_token_file_path", ""),
        session_name=section.get("role_session_name", ""),
    )


def _kind(kinds: Mapping[str, _Kind], word: str) -> _Kind:
    if (kind := kinds.get(word)) is None:
        raise ProviderError(f"the profile is not of a supported kind: {', '.join(kinds)}")
    return kind


async def _redeem(
    profile: Profile, environment: Mapping[str, str], services: Services, now: float
) -> Fetched[AccessKey]:
    """The key that a profile leads to. Raises ProviderError."""
    match profile.kind:
        case _Kind.KEY:
            if not (profile.key.id and profile.key.secret):
                raise ProviderError("the profile lacks access_key_id or access_key_secret")
            return Fetched(profile.key)
        case _Kind.INSTANCE_ROLE:
            return await _instance_role(profile, environment, services)
        case _Kind.OIDC_ROLE:
            role = OidcRole(
                role_arn=profile.role_arn,
                provider_arn=profile.provider_arn,
                token_file=profile.token_file,
                session_name=profile.session_name or SESSION_NAME,
                sts_url=sts_url_of(services, environment, profile.sts_region),
            )
            return await assume_role(role, now)


async def _instance_role(
    profile: Profile, environment: Mapping[str, str], services: Services
) -> Fetched[AccessKey]:
    found = await instance_key(
        profile.role_name,
        requires_token=is_true(environment, "ALIBABA_CLOUD_IMDSV1_DISABLED"),
        metadata_url=services.metadata_url,
    )
    if found is None:
        raise ProviderError("the profile asks for the instance's role, and there is none")
    return found
