"""Where a Huawei destination's credentials come from: configuration, IAM, and each place of the chain."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import BlockedError
from gateway.secret import Secret
from gateway.senders.credentials.access_key import AccessKey
from gateway.senders.credentials.chain import CredentialChain
from gateway.senders.credentials.provider import Fetched, Provider, ProviderError
from gateway.senders.huawei.config import HuaweiConfig
from gateway.senders.huawei.credentials import EnvironmentKey, InstanceKeys, PodKeys, chain_of, source_of
from gateway.senders.huawei.iam import AgencyKeys, FederatedKeys, Login, PasswordTokens
from gateway.senders.huawei.keys import Credentials, Token
from tests.senders.scripted_server import HangUp, Received, ScriptedServer, http_answer
from tests.support.process import clean_environment

KEY = AccessKey("DUMMYACCESSKEY000001", Secret("DummySecretKey000000000000000000000000001"), Secret("t/+=="))
END = datetime(2026, 3, 5, 5, 6, 7, 123000, UTC).timestamp()
END_TEXT = "2026-03-05T05:06:07.123000Z"
LOGIN = Login("publisher", Secret("pass word"), "example", "0123456789abcdef0123456789abcdef")
ROLE = {
    "HUAWEICLOUD_OIDC_PROVIDER_URN": "iam::example:oidc-provider:ci",
    "HUAWEICLOUD_OIDC_AGENCY_URN": "iam::example:agency:publisher",
}


def answered(document: object, status: int = 200, **headers: str) -> bytes:
    return http_answer(json.dumps(document).encode(), status, **headers)


def key_answer(wrapper: str = "credential") -> bytes:
    """A temporary key as IAM and instance metadata write it."""
    members = {
        "access": KEY.id,
        "secret": KEY.secret.reveal(),
        "securitytoken": KEY.security_token.reveal(),
        "expires_at": END_TEXT,
    }
    return answered({wrapper: members}, 201)


def token_answer(token: str = "MIIF-1", expires_at: str = END_TEXT) -> bytes:
    return answered({"token": {"expires_at": expires_at}}, 201, X_Subject_Token=token)


def unauthorized(message: str) -> bytes:
    return answered({"error": {"code": 401, "message": message, "title": "Unauthorized"}}, 401)


def body_of(request: Received) -> Any:
    return json.loads(request.body)


async def failure_of(provider: Provider[Credentials]) -> str:
    with pytest.raises(ProviderError) as caught:
        await provider.fetch()
    return str(caught.value)


@pytest.fixture
def id_token(tmp_path: Path) -> str:
    """The path of an identity provider's token."""
    path = tmp_path / "token"
    path.write_text("eyJ-id-token\n")
    return str(path)


async def test_a_login_becomes_a_token_of_the_project() -> None:
    """The token comes in a header, its end in the body; the catalogue is not asked for."""
    async with ScriptedServer(token_answer()) as iam:
        fetched = await PasswordTokens(LOGIN, iam.url).fetch()
    assert fetched == Fetched(Token(Secret("MIIF-1")), END)
    (request,) = iam.received
    assert request.request_line == "POST /v3/auth/tokens?nocatalog=true HTTP/1.1"
    assert request.headers["content-type"] == "application/json;charset=utf8"
    user = {"name": "publisher", "password": "pass word", "domain": {"name": "example"}}
    assert body_of(request) == {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"id": LOGIN.project_id}},
        }
    }


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            unauthorized("The username or password is wrong."),
            "status 401: The username or password is wrong.",
        ),
        (http_answer(b"<html>pass word</html>", 502), "answered with status 502"),
        (http_answer(b"{}", 201, X_Subject_Token="MIIF"), "does not say when the token ends"),
        (token_answer(expires_at="soon"), "does not say when the credentials end"),
        (answered({"token": {"expires_at": END_TEXT}}, 201), "without X-Subject-Token"),
        (HangUp(), "ServerDisconnectedError"),
    ],
)
async def test_iam_that_gives_no_token_says_why(answer: bytes | HangUp, words: str) -> None:
    """Never the password."""
    async with ScriptedServer(answer) as iam:
        message = await failure_of(PasswordTokens(LOGIN, iam.url))
    assert words in message
    assert "pass word" not in message


async def test_an_id_token_becomes_a_key_through_iam(id_token: str) -> None:
    """First a token without scope, then a key of six hours for it."""
    async with ScriptedServer(answered({}, 201, X_Subject_Token="MIIF-0"), key_answer()) as iam:
        environment = {"HUAWEICLOUD_SDK_IDP_ID": "ci", "HUAWEICLOUD_SDK_ID_TOKEN_FILE": id_token}
        fetched = await FederatedKeys(environment, iam.url).fetch()
    assert fetched == Fetched(KEY, END)
    first, second = iam.received
    assert first.request_line == "POST /v3.0/OS-AUTH/id-token/tokens HTTP/1.1"
    assert first.headers["x-idp-id"] == "ci"
    assert body_of(first) == {"auth": {"id_token": {"id": "eyJ-id-token"}}}
    assert second.request_line == "POST /v3.0/OS-CREDENTIAL/securitytokens HTTP/1.1"
    token = {"id": "MIIF-0", "duration_seconds": 21600}
    assert body_of(second) == {"auth": {"identity": {"methods": ["token"], "token": token}}}


async def test_an_id_token_becomes_an_agencys_key_through_sts(id_token: str) -> None:
    """For an hour, under this gateway's name; STS spells its answer in its own way."""
    members = {
        "access_key_id": KEY.id,
        "secret_access_key": KEY.secret.reveal(),
        "security_token": KEY.security_token.reveal(),
        "expiration": END_TEXT,
    }
    async with ScriptedServer(answered({"credentials": members})) as sts:
        environment = {**ROLE, "HUAWEICLOUD_OIDC_TOKEN_FILE": id_token}
        fetched = await AgencyKeys(environment, sts.url).fetch()
    assert fetched == Fetched(KEY, END)
    (request,) = sts.received
    assert request.request_line == "POST /v5/agencies/assume-with-oidc HTTP/1.1"
    assert body_of(request) == {
        "provider_urn": "iam::example:oidc-provider:ci",
        "agency_urn": "iam::example:agency:publisher",
        "agency_session_name": "gateway",
        "id_token": "eyJ-id-token",
        "duration_seconds": 3600,
    }


async def test_the_sdks_variables_shape_the_request_to_sts() -> None:
    """Its name, its time, what narrows its rights, and where it goes."""
    async with ScriptedServer(key_answer("credentials")) as sts:
        environment = {
            **ROLE,
            "HUAWEICLOUD_OIDC_ID_TOKEN": "eyJ-direct",
            "HUAWEICLOUD_OIDC_SESSION_NAME": "orders",
            "HUAWEICLOUD_OIDC_DURATION_SECONDS": "900",
            "HUAWEICLOUD_OIDC_POLICY": "{}",
            "HUAWEICLOUD_OIDC_POLICY_IDS": "a, b,",
            "HUAWEICLOUD_SDK_STS_ENDPOINT": sts.url,
        }
        assert await AgencyKeys(environment, "http://127.0.0.1:1").fetch() == Fetched(KEY, END)
    sent = body_of(sts.received[0])
    assert (sent["id_token"], sent["agency_session_name"], sent["duration_seconds"]) == (
        "eyJ-direct",
        "orders",
        900,
    )
    assert (sent["policy"], sent["policy_ids"]) == ("{}", ["a", "b"])


async def test_a_pods_identity_becomes_a_key(id_token: str) -> None:
    """The file's text is the authorization."""
    async with ScriptedServer(key_answer()) as service:
        environment = {
            "HC_CONTAINER_CREDENTIALS_FULL_URI": f"{service.url}/v1/credentials?x=1",
            "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE": id_token,
        }
        assert await PodKeys(environment).fetch() == Fetched(KEY, END)
    (request,) = service.received
    assert request.request_line == "POST /v1/credentials?x=1 HTTP/1.1"
    assert (request.headers["authorization"], request.body) == ("eyJ-id-token", b"{}")


async def test_an_instances_agency_becomes_a_key() -> None:
    """The service is opened by a token of its own."""
    async with ScriptedServer(http_answer(b"metadata-token"), key_answer()) as metadata:
        assert await InstanceKeys(metadata.url).fetch() == Fetched(KEY, END)
    first, second = metadata.received
    assert first.request_line == "PUT /meta-data/latest/api/token HTTP/1.1"
    assert first.headers["x-metadata-token-ttl-seconds"] == "21600"
    assert second.request_line == "GET /openstack/latest/securitykey HTTP/1.1"
    assert second.headers["x-metadata-token"] == "metadata-token"


@pytest.mark.parametrize("status", [404, 405, 503])
async def test_an_older_metadata_service_is_asked_without_a_token(status: int) -> None:
    """It knows none."""
    async with ScriptedServer(http_answer(status=status), key_answer()) as metadata:
        assert await InstanceKeys(metadata.url).fetch() == Fetched(KEY, END)
    assert "x-metadata-token" not in metadata.received[1].headers


async def test_in_the_tests_environment_the_search_ends_before_the_instances_metadata() -> None:
    """Nobody answers there on a machine at home; on one in a cloud somebody would."""
    chain = [provider.name for provider in chain_of(HuaweiConfig(endpoint="http://127.0.0.1:1"), {})]
    assert chain[-2:] == [PodKeys.name, InstanceKeys.name]
    assert "no regular file" in await failure_of(PodKeys(clean_environment()))


async def test_where_there_is_no_metadata_there_is_no_key() -> None:
    """Nobody answers, or another cloud's service does."""
    async with ScriptedServer(HangUp()) as nobody:
        assert await InstanceKeys(nobody.url).fetch() is None
    async with ScriptedServer(http_answer(status=404)) as another:
        assert await InstanceKeys(another.url).fetch() is None


async def test_an_instance_without_an_agency_says_so() -> None:
    """In the service's own words."""
    refusal = answered({"code": 401, "message": "Please configure Cloud Service Agency first"}, 401)
    async with ScriptedServer(http_answer(b"t"), refusal) as metadata:
        message = await failure_of(InstanceKeys(metadata.url))
    assert message == "answered with status 401: Please configure Cloud Service Agency first"


async def test_the_environment_may_hold_a_key() -> None:
    """With or without a security token; half a key is none."""
    environment = {"HUAWEICLOUD_SDK_AK": KEY.id, "HUAWEICLOUD_SDK_SK": KEY.secret.reveal()}
    assert await EnvironmentKey(environment).fetch() == Fetched(AccessKey(KEY.id, KEY.secret))
    environment["HUAWEICLOUD_SDK_SECURITY_TOKEN"] = KEY.security_token.reveal()
    assert await EnvironmentKey(environment).fetch() == Fetched(KEY)
    assert await EnvironmentKey({"HUAWEICLOUD_SDK_AK": KEY.id}).fetch() is None


async def test_what_is_not_configured_is_not_asked(id_token: str) -> None:
    """Nor is what is configured by half."""
    half = {
        "HUAWEICLOUD_OIDC_PROVIDER_URN": "iam::example:oidc-provider:ci",
        "HUAWEICLOUD_SDK_ID_TOKEN_FILE": id_token,
        "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE": id_token,
        "HUAWEICLOUD_SDK_SK": "x",
    }
    for environment in ({}, half, ROLE):
        assert await AgencyKeys(environment, "http://127.0.0.1:1").fetch() is None
        assert await FederatedKeys(environment, "http://127.0.0.1:1").fetch() is None
        assert await PodKeys(environment).fetch() is None
        assert await EnvironmentKey(environment).fetch() is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no JSON object"),
        (b"\xff", "no JSON object"),
        (b"[]", "no JSON object"),
        (b"{}", 'no "access"'),
        (b'{"credential":1}', 'no "access"'),
        (b'{"credential":{"access":"a","secret":""}}', 'no "secret"'),
        (b'{"credential":{"access":"a","secret":"hush","securitytoken":"t"}}', 'no "expires_at"'),
        (
            b'{"credential":{"access":"a","secret":"hush","securitytoken":"t","expires_at":"soon"}}',
            "when the credentials end",
        ),
        (b'{"credential":{"access":"a\\r\\nb"}}', "control characters"),
    ],
)
async def test_an_answer_without_a_key_says_what_is_missing(body: bytes, words: str) -> None:
    """Never what there is."""
    async with ScriptedServer(http_answer(b"t"), http_answer(body)) as metadata:
        message = await failure_of(InstanceKeys(metadata.url))
    assert words in message
    assert "hush" not in message


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        (
            {"HUAWEICLOUD_SDK_IDP_ID": "ci", "HUAWEICLOUD_SDK_ID_TOKEN_FILE": "FILE"},
            "iam_endpoint is not set",
        ),
        ({**ROLE, "HUAWEICLOUD_OIDC_ID_TOKEN": "x"}, "HUAWEICLOUD_SDK_STS_ENDPOINT is not set"),
        (
            {**ROLE, "HUAWEICLOUD_OIDC_ID_TOKEN": "x", "HUAWEICLOUD_SDK_STS_ENDPOINT": "sts"},
            "HUAWEICLOUD_SDK_STS_ENDPOINT is not the address",
        ),
        (
            {**ROLE, "HUAWEICLOUD_OIDC_ID_TOKEN": "x", "HUAWEICLOUD_OIDC_DURATION_SECONDS": "1h"},
            "HUAWEICLOUD_OIDC_DURATION_SECONDS is not a whole number",
        ),
        ({**ROLE, "HUAWEICLOUD_OIDC_TOKEN_FILE": "/none"}, "/none"),
        (
            {"HC_CONTAINER_CREDENTIALS_FULL_URI": "pod", "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE": "FILE"},
            "HC_CONTAINER_CREDENTIALS_FULL_URI is not the address",
        ),
        ({"HUAWEICLOUD_SDK_AK": "a\nb", "HUAWEICLOUD_SDK_SK": "x"}, "HUAWEICLOUD_SDK_AK holds control"),
    ],
)
async def test_what_is_configured_wrongly_blocks_and_is_named(
    environment: Mapping[str, str], words: str, id_token: str
) -> None:
    """The search ends there: another place's key may be another identity's."""
    environment = {name: value.replace("FILE", id_token) for name, value in environment.items()}
    source = source_of(HuaweiConfig(endpoint="http://127.0.0.1:4030"), environment)
    with pytest.raises(BlockedError) as caught:
        await source.current()
    assert caught.value.code == "no_credentials"
    assert words in caught.value.message


async def test_configured_credentials_are_used_as_they_are() -> None:
    """A key or a token; the environment is not looked at."""
    environment = {"HUAWEICLOUD_SDK_AK": "OTHER", "HUAWEICLOUD_SDK_SK": "other"}
    key = HuaweiConfig(access_key=KEY.id, secret_key=KEY.secret, security_token=KEY.security_token)
    assert await source_of(key, environment).current() == KEY
    token = HuaweiConfig(token=Secret("MIIF-fixed"))
    assert await source_of(token, environment).current() == Token(Secret("MIIF-fixed"))


async def test_without_any_the_chain_is_asked(id_token: str) -> None:
    """What was set up for the process comes first: the roles, then a key, then the pod's identity."""
    environment = {"HUAWEICLOUD_SDK_AK": "ENVIRONMENT", "HUAWEICLOUD_SDK_SK": "x"}
    config = HuaweiConfig(endpoint="http://127.0.0.1:4030")
    async with ScriptedServer(key_answer("credentials"), key_answer()) as service:
        environment["HC_CONTAINER_CREDENTIALS_FULL_URI"] = service.url
        environment["HC_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = id_token
        assert await source_of(config, environment).current() == AccessKey("ENVIRONMENT", Secret("x"))
        environment |= {**ROLE, "HUAWEICLOUD_OIDC_ID_TOKEN": "x", "HUAWEICLOUD_SDK_STS_ENDPOINT": service.url}
        assert await source_of(config, environment).current() == KEY
        pod = {name: value for name, value in environment.items() if name.startswith("HC_")}
        assert await source_of(config, pod).current() == KEY


async def test_tokens_are_renewed_from_forty_minutes_before_their_end() -> None:
    """In the background: who asks gets the old one until the new one is there."""
    now = END - 2 * 86_400
    later = "2026-03-06T05:06:07.123000Z"
    async with ScriptedServer(token_answer("MIIF-1"), token_answer("MIIF-2", later)) as iam:
        source = source_of(
            HuaweiConfig(user="u", password=Secret("p"), domain="d", iam_endpoint=iam.url), {}, lambda: now
        )
        assert isinstance(source, CredentialChain)
        assert await source.current() == Token(Secret("MIIF-1"))
        assert source.expire_at() == END
        now = END - 2401
        assert await source.current() == Token(Secret("MIIF-1"))
        assert len(iam.received) == 1
        now = END - 2399
        assert await source.current() == Token(Secret("MIIF-1"))
        assert await source.renew(Token(Secret("MIIF-1"))) == Token(Secret("MIIF-2"))
        assert await source.current() == Token(Secret("MIIF-2"))
        await source.aclose()
    assert len(iam.received) == 2
