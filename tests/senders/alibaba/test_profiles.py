"""The files of Alibaba Cloud's tools in the chain of credentials."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from gateway.secret import Secret
from gateway.senders.credentials.access_key import AccessKey
from tests.senders.alibaba.environment import (
    NO_METADATA,
    SECRET,
    STATIC,
    a_role,
    an_instance,
    chain_of,
    issued,
    key,
    refusal_of,
    reply,
)
from tests.support.metadata import MetadataService

pytestmark = pytest.mark.usefixtures("home")


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
