"""Alibaba Cloud's default chain of credentials, against stand-ins of the services it asks."""

from pathlib import Path
from urllib.parse import parse_qs

import pytest

from gateway.errors import BlockedError
from gateway.secret import Secret
from gateway.senders.alibaba.credentials import MARGIN_SECONDS, default_chain
from gateway.senders.alibaba.providers import Services, sts_url_of
from gateway.senders.credentials.access_key import AccessKey
from tests.senders.alibaba.environment import (
    ENVIRONMENT,
    NO_METADATA,
    NOW,
    ROLES,
    SECRET,
    STATIC,
    TOKEN,
    a_role,
    an_instance,
    chain_of,
    issued,
    key,
    refusal_of,
    reply,
)
from tests.support.metadata import MetadataService, Reply

pytestmark = pytest.mark.usefixtures("home")


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
