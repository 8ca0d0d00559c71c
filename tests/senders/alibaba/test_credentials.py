"""Alibaba Cloud's default chain of credentials, against stand-ins of the services it asks."""

import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from gateway.errors import BlockedError
from gateway.secret import Secret
from gateway.senders.alibaba.credentials import MARGIN_SECONDS, default_chain
from gateway.senders.alibaba.providers import Services, sts_url_of
from gateway.senders.credentials.access_key import AccessKey
from gateway.senders.credentials.chain import CredentialChain
from tests.senders.alibaba.environment import NOW, SECRET, issued, key, reply
from tests.support.metadata import MetadataService, Reply

ROLES = "/latest/meta-data/ram/security-credentials/"
TOKEN = "PUT /latest/api/token"
ENVIRONMENT = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAIdummy", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET}
NO_METADATA = {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}
STATIC = AccessKey("LTAIdummy", Secret(SECRET))


@pytest.fixture(autouse=True)
def a_home_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The developer's own profiles must not decide."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def nowhere() -> str:
    """An address at which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


def chain_of(environment: dict[str, str], url: str = "http://127.0.0.1:1") -> CredentialChain[AccessKey]:
    """The chain, with every service at `url`."""
    return default_chain(environment, services=Services(url, url), clock=lambda: NOW)


async def refusal_of(environment: dict[str, str], url: str = "http://127.0.0.1:1") -> str:
    with pytest.raises(BlockedError) as caught:
        await chain_of(environment, url).current()
    assert caught.value.code == "no_credentials"
    assert SECRET not in caught.value.message
    return caught.value.message


def an_instance(**replies: Reply) -> dict[str, Reply | list[Reply]]:
    """The metadata of an ECS instance with a role."""
    return {
        TOKEN: replies.get("token", Reply(b"metadata-token")),
        f"GET {ROLES}": replies.get("roles", Reply(b"my-role")),
        f"GET {ROLES}my-role": replies.get("key", reply(issued(1))),
    }


async def test_the_environment_comes_first() -> None:
    """With a security token or without; they do not expire as far as we know."""
    chain = chain_of(ENVIRONMENT)
    assert await chain.current() == STATIC
    assert chain.expire_at() is None
    with_token = {**ENVIRONMENT, "ALIBABA_CLOUD_SECURITY_TOKEN": "token"}
    assert await chain_of(with_token).current() == AccessKey("LTAIdummy", Secret(SECRET), Secret("token"))


async def test_a_machine_with_nothing_is_told_where_keys_were_looked_for(nowhere: str) -> None:
    """No instance of Alibaba Cloud is no fault: nobody answers at the metadata service's address."""
    assert await refusal_of({}, nowhere) == (
        "none in the configuration, and none in: environment, OIDC, command line profile, profile file, "
        "instance metadata, credentials URI"
    )


async def test_the_environment_is_read_anew_at_each_look() -> None:
    """So that a mended one needs no restart, where the platform can mend it."""
    environment = dict(NO_METADATA)
    chain = chain_of(environment)
    with pytest.raises(BlockedError):
        await chain.current()
    environment.update(ENVIRONMENT)
    assert await chain.current() == STATIC


def a_role(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "oidc-token").write_text("the.oidc.token\n")
    return {
        "ALIBABA_CLOUD_ROLE_ARN": "acs:ram::1234567890123456:role/my-role",
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "acs:ram::1234567890123456:oidc-provider/ack",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": str(tmp_path / "oidc-token"),
    }


async def test_the_bearer_of_a_token_takes_a_role(tmp_path: Path) -> None:
    """AssumeRoleWithOIDC, unsigned; the token travels in the body, not in the address."""
    replies = {"POST /": reply({"RequestId": "r", "Credentials": issued(1)})}
    async with MetadataService(replies) as sts:
        chain = chain_of(a_role(tmp_path), sts.url)
        assert await chain.current() == key(1)
    assert chain.expire_at() == NOW + 3600
    (asked,) = sts.asked
    assert asked.query == {
        "Action": "AssumeRoleWithOIDC",
        "Format": "JSON",
        "Version": "2015-04-01",
        "Timestamp": "2026-03-04T05:06:07Z",
    }
    assert parse_qs(asked.body.decode()) == {
        "RoleArn": ["acs:ram::1234567890123456:role/my-role"],
        "OIDCProviderArn": ["acs:ram::1234567890123456:oidc-provider/ack"],
        "OIDCToken": ["the.oidc.token"],
        "RoleSessionName": ["gateway"],
        "DurationSeconds": ["3600"],
    }
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"


async def test_a_role_is_renewed_ahead_of_its_end_with_the_token_of_then(tmp_path: Path) -> None:
    """15 minutes ahead; the platform rewrites the file."""
    now = [NOW]
    replies = {"POST /": [reply({"Credentials": issued(n, lifetime_seconds=3600 * n)}) for n in (1, 2)]}
    async with MetadataService(dict(replies)) as sts:
        chain = default_chain(a_role(tmp_path), services=Services("", sts.url), clock=lambda: now[0])
        await chain.current()
        (tmp_path / "oidc-token").write_text("another.token")
        now[0] += 3600 - MARGIN_SECONDS
        assert await chain.current() == key(1)
        assert await chain.renew(key(1)) == key(2)
        await chain.aclose()
    assert [parse_qs(asked.body.decode())["OIDCToken"][0] for asked in sts.asked] == [
        "the.oidc.token",
        "another.token",
    ]


async def test_a_session_may_be_named(tmp_path: Path) -> None:
    """It stands in the vendor's audit log."""
    environment = {**a_role(tmp_path), "ALIBABA_CLOUD_ROLE_SESSION_NAME": "orders"}
    async with MetadataService({"POST /": reply({"Credentials": issued(1)})}) as sts:
        await chain_of(environment, sts.url).current()
    assert parse_qs(sts.asked[0].body.decode())["RoleSessionName"] == ["orders"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            reply({"Code": "AuthenticationFail.OIDCToken.Expired"}, 400),
            "HTTP 400 AuthenticationFail.OIDCToken",
        ),
        (Reply(b"<html>", 502), "HTTP 502"),
        (reply({"Credentials": {}}), "no key in the answer"),
        (reply({"Credentials": issued(1, Expiration="soon")}), "no readable Expiration"),
        (Reply(b"<html>"), "no key in the answer"),
    ],
)
async def test_a_role_that_is_refused_ends_the_search(tmp_path: Path, answer: Reply, message: str) -> None:
    """The instance's own role, which would come next, is another identity."""
    async with MetadataService({"POST /": answer, **an_instance()}) as service:
        refusal = await refusal_of(a_role(tmp_path), service.url)
    assert refusal.startswith("OIDC: HTTP ")
    assert message in refusal
    assert set(service.lines()) == {"POST /"}


async def test_a_token_file_that_is_missing_is_named(tmp_path: Path) -> None:
    """The operator's mistake, most of the time."""
    environment = {**a_role(tmp_path), "ALIBABA_CLOUD_OIDC_TOKEN_FILE": "/missing/token"}
    assert await refusal_of(environment) == "OIDC: /missing/token is missing"


async def test_an_instance_is_asked_for_its_role_and_its_key() -> None:
    """With the session token that the newer form of the service asks for."""
    async with MetadataService(an_instance()) as service:
        chain = chain_of({}, service.url)
        assert await chain.current() == key(1)
    assert chain.expire_at() == NOW + 3600
    assert service.lines() == [TOKEN, f"GET {ROLES}", f"GET {ROLES}my-role"]
    assert service.asked[0].headers["x-aliyun-ecs-metadata-token-ttl-seconds"] == "21600"
    assert {asked.headers["x-aliyun-ecs-metadata-token"] for asked in service.asked[1:]} == {"metadata-token"}
    assert service.connections == 1


async def test_a_role_that_is_named_need_not_be_asked_for() -> None:
    """ALIBABA_CLOUD_ECS_METADATA names it; no character of it leads elsewhere."""
    async with MetadataService(an_instance()) as service:
        chain = chain_of({"ALIBABA_CLOUD_ECS_METADATA": "my-role"}, service.url)
        assert await chain.current() == key(1)
    assert service.lines() == [TOKEN, f"GET {ROLES}my-role"]


async def test_the_older_form_of_the_metadata_service_will_do() -> None:
    """It knows no tokens."""
    async with MetadataService(an_instance(token=Reply(status=404))) as service:
        assert await chain_of({}, service.url).current() == key(1)
    assert "x-aliyun-ecs-metadata-token" not in service.asked[-1].headers


async def test_the_older_form_can_be_ruled_out() -> None:
    """ALIBABA_CLOUD_IMDSV1_DISABLED."""
    async with MetadataService(an_instance(token=Reply(status=404))) as service:
        message = await refusal_of({"ALIBABA_CLOUD_IMDSV1_DISABLED": "true"}, service.url)
    assert message == "instance metadata: the metadata service gives no token: HTTP 404"


async def test_an_instance_without_a_role_has_no_key() -> None:
    """That is no fault: the chain goes on."""
    async with MetadataService(
        {**an_instance(roles=Reply(status=404)), "GET /k": reply(issued(2))}
    ) as service:
        environment = {"ALIBABA_CLOUD_CREDENTIALS_URI": f"{service.url}/k"}
        assert await chain_of(environment, service.url).current() == key(2)


@pytest.mark.parametrize(
    ("replies", "message"),
    [
        ({"key": reply({"Code": "Failed"})}, "instance metadata: HTTP 200 Failed"),
        ({"key": Reply(status=404)}, "instance metadata: HTTP 404"),
        ({"roles": Reply(status=500)}, "instance metadata: the metadata service names no role: HTTP 500"),
        ({"roles": Reply(b"two\nroles")}, "instance metadata: the metadata service answers with"),
        ({"token": Reply(b"\xff")}, "instance metadata: the metadata service answers with"),
    ],
)
async def test_metadata_that_make_no_sense_are_a_fault(replies: dict[str, Reply], message: str) -> None:
    """An instance with a role shall not go on without."""
    async with MetadataService(an_instance(**replies)) as service:
        assert (await refusal_of({}, service.url)).startswith(message)


async def test_a_role_that_is_named_must_be_there(nowhere: str) -> None:
    """Whoever names one says that this is an instance."""
    message = await refusal_of({"ALIBABA_CLOUD_ECS_METADATA": "my-role"}, nowhere)
    assert message.startswith(f"instance metadata: PUT {nowhere}/latest/api/token")


async def test_metadata_can_be_disabled() -> None:
    """Then nobody is asked."""
    async with MetadataService(an_instance()) as service:
        await refusal_of(NO_METADATA, service.url)
    assert service.asked == []


async def test_a_credentials_uri_is_asked_last() -> None:
    """Where nothing else has a key."""
    async with MetadataService({"GET /keys": reply(issued(1))}) as service:
        uri = {"ALIBABA_CLOUD_CREDENTIALS_URI": f"{service.url}/keys?for=me", **NO_METADATA}
        chain = chain_of(uri)
        assert await chain.current() == key(1)
        assert await chain_of({**uri, **ENVIRONMENT}).current() == STATIC
    assert chain.expire_at() == NOW + 3600
    assert [asked.query for asked in service.asked] == [{"for": "me"}]


async def test_a_credentials_uri_that_fails_is_a_fault() -> None:
    """It is configured."""
    async with MetadataService({"GET /keys": reply({"Code": "Failed"}, 500)}) as service:
        uri = {"ALIBABA_CLOUD_CREDENTIALS_URI": f"{service.url}/keys", **NO_METADATA}
        assert await refusal_of(uri) == "credentials URI: HTTP 500 Failed"
    other = {"ALIBABA_CLOUD_CREDENTIALS_URI": "file:///etc/passwd", **NO_METADATA}
    assert (
        await refusal_of(other)
        == "credentials URI: ALIBABA_CLOUD_CREDENTIALS_URI is no http or https address"
    )


def write_cli_profiles(home: Path, *profiles: dict[str, Any], current: str = "default") -> None:
    (home / ".aliyun").mkdir()
    document = {"current": current, "profiles": profiles, "meta_path": ""}
    (home / ".aliyun" / "config.json").write_text(json.dumps(document))


AK = {"name": "default", "mode": "AK", "access_key_id": "LTAIdummy", "access_key_secret": SECRET}


async def test_the_command_line_tools_current_profile_is_used(tmp_path: Path) -> None:
    """With a key of its own."""
    write_cli_profiles(tmp_path, {"name": "other", "mode": "OAuth"}, {**AK, "language": "en"})
    assert await chain_of({}).current() == STATIC


async def test_another_profile_of_the_command_line_tool_may_be_named(tmp_path: Path) -> None:
    """By ALIBABA_CLOUD_PROFILE; here with temporary keys."""
    write_cli_profiles(tmp_path, AK, {**AK, "name": "sts", "mode": "StsToken", "sts_token": "token"})
    found = await chain_of({"ALIBABA_CLOUD_PROFILE": "sts"}).current()
    assert found == AccessKey("LTAIdummy", Secret(SECRET), Secret("token"))


async def test_profiles_of_the_command_line_tool_may_stand_for_roles(tmp_path: Path) -> None:
    """The instance's, or one for the bearer of a token."""
    role = a_role(tmp_path)
    write_cli_profiles(
        tmp_path,
        {"name": "ecs", "mode": "EcsRamRole", "ram_role_name": "my-role"},
        {
            "name": "oidc",
            "mode": "OIDC",
            "ram_role_arn": role["ALIBABA_CLOUD_ROLE_ARN"],
            "oidc_provider_arn": role["ALIBABA_CLOUD_OIDC_PROVIDER_ARN"],
            "oidc_token_file": role["ALIBABA_CLOUD_OIDC_TOKEN_FILE"],
            "role_session_name": "from-profile",
        },
    )
    replies = {**an_instance(), "POST /": reply({"Credentials": issued(2)})}
    async with MetadataService(replies) as service:
        assert await chain_of({"ALIBABA_CLOUD_PROFILE": "ecs"}, service.url).current() == key(1)
        assert await chain_of({"ALIBABA_CLOUD_PROFILE": "oidc"}, service.url).current() == key(2)
    assert parse_qs(service.asked[-1].body.decode())["RoleSessionName"] == ["from-profile"]


async def test_a_profile_that_is_not_there_is_looked_for_elsewhere(tmp_path: Path) -> None:
    """A name may be meant for the other file."""
    write_cli_profiles(tmp_path, AK)
    environment = write_ini(tmp_path / "credentials.ini", INI) | {"ALIBABA_CLOUD_PROFILE": "temporary"}
    assert (await chain_of(environment).current()).security_token == Secret("token%20")


async def test_profiles_of_the_command_line_tool_can_be_disabled(tmp_path: Path) -> None:
    """ALIBABA_CLOUD_CLI_PROFILE_DISABLED."""
    write_cli_profiles(tmp_path, AK)
    message = await refusal_of({"ALIBABA_CLOUD_CLI_PROFILE_DISABLED": "true", **NO_METADATA})
    assert message.startswith("none in the configuration")


async def test_a_profile_of_a_kind_that_is_not_supported_says_so(tmp_path: Path) -> None:
    """To go on would sign as somebody else."""
    write_cli_profiles(tmp_path, {**AK, "mode": "RamRoleArn"})
    assert await refusal_of({}) == (
        "command line profile: the profile is not of a supported kind: AK, StsToken, EcsRamRole, OIDC"
    )


@pytest.mark.parametrize("mode", ["", "CloudSSO", "ak"])
async def test_kinds_of_profiles_are_read_to_the_letter(tmp_path: Path, mode: str) -> None:
    """As the command line tool does."""
    write_cli_profiles(tmp_path, {**AK, "mode": mode})
    assert "not of a supported kind" in await refusal_of({})


async def test_a_profile_without_its_key_says_so(tmp_path: Path) -> None:
    """Half a key is none."""
    write_cli_profiles(tmp_path, {"name": "default", "mode": "AK", "access_key_id": "LTAIdummy"})
    assert "lacks access_key_id or access_key_secret" in await refusal_of({})


async def test_a_file_of_profiles_that_is_no_json_says_so(tmp_path: Path) -> None:
    """And does not show what it is instead."""
    (tmp_path / ".aliyun").mkdir()
    (tmp_path / ".aliyun" / "config.json").write_text(f"access_key_secret = {SECRET}")
    assert await refusal_of({}) == "command line profile: the file is not the JSON that it should be"


def write_ini(path: Path, text: str) -> dict[str, str]:
    path.write_text(text)
    return {"ALIBABA_CLOUD_CREDENTIALS_FILE": str(path), **NO_METADATA}


INI = f"""
[default]
type = access_key            # a key
access_key_id = LTAIdummy
access_key_secret = {SECRET}

[temporary]
type = sts
access_key_id = LTAIdummy
access_key_secret = {SECRET}
security_token = token%20

[ecs]
type = ecs_ram_role

[rsa]
type = rsa_key_pair
"""


async def test_the_profile_file_has_sections(tmp_path: Path) -> None:
    """The default one, or the one that is named; percent signs mean nothing in it."""
    environment = write_ini(tmp_path / "credentials.ini", INI)
    assert await chain_of(environment).current() == STATIC
    named = {**environment, "ALIBABA_CLOUD_PROFILE": "temporary"}
    assert await chain_of(named).current() == AccessKey("LTAIdummy", Secret(SECRET), Secret("token%20"))


async def test_the_profile_file_has_a_usual_place(tmp_path: Path) -> None:
    """Below the home directory."""
    (tmp_path / ".alibabacloud").mkdir()
    write_ini(tmp_path / ".alibabacloud" / "credentials.ini", INI)
    assert await chain_of({}).current() == STATIC


async def test_a_section_may_stand_for_the_instances_role(tmp_path: Path, nowhere: str) -> None:
    """And then there must be one."""
    environment = write_ini(tmp_path / "credentials.ini", INI) | {"ALIBABA_CLOUD_PROFILE": "ecs"}
    async with MetadataService(an_instance()) as service:
        assert await chain_of(environment, service.url).current() == key(1)
    assert await refusal_of(environment, nowhere) == (
        "profile file: the profile asks for the instance's role, and there is none"
    )


@pytest.mark.parametrize(
    ("text", "profile", "message"),
    [
        (INI, "rsa", "profile file: the profile is not of a supported kind: access_key, sts,"),
        (INI, "missing", "none in the configuration"),
        ("access_key_id = x", "default", "profile file: the file is not the INI that it should be"),
    ],
)
async def test_a_profile_file_that_does_not_help_says_why(
    tmp_path: Path, text: str, profile: str, message: str
) -> None:
    """A missing section only means that the key is elsewhere."""
    environment = write_ini(tmp_path / "credentials.ini", text) | {"ALIBABA_CLOUD_PROFILE": profile}
    assert (await refusal_of(environment)).startswith(message)


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "https://sts.aliyuncs.com"),
        ({"ALIBABA_CLOUD_STS_REGION": "cn-beijing"}, "https://sts.cn-beijing.aliyuncs.com"),
        (
            {"ALIBABA_CLOUD_STS_REGION": "cn-beijing", "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED": "true"},
            "https://sts-vpc.cn-beijing.aliyuncs.com",
        ),
        ({"ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED": "true"}, "https://sts.aliyuncs.com"),
    ],
)
def test_sts_is_asked_in_the_region_that_is_named(environment: dict[str, str], url: str) -> None:
    """By the environment, or by a profile, which goes before; else the global one."""
    assert sts_url_of(Services(), environment) == url
    assert sts_url_of(Services(), environment, "eu-central-1").endswith(".eu-central-1.aliyuncs.com")
