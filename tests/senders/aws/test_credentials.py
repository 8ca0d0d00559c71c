"""Where AWS credentials come from, against a container's credential endpoint of our own."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.emulators.aws import AwsBusOptions, AwsEmulator, Operation
from gateway.emulators.faults import ExpireToken, Faults
from gateway.emulators.sigv4 import AccessKey
from gateway.errors import BlockedError
from gateway.secret import Secret
from gateway.sender import Delivered
from gateway.senders.aws.config import AwsConfig
from gateway.senders.aws.credentials import ChainCredentials, StaticCredentials
from gateway.senders.aws.sender import AwsSender
from gateway.senders.sigv4 import Credentials
from tests.senders.builders import batch
from tests.senders.scripted_server import ScriptedServer, http_answer

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.fixture(autouse=True)
def an_empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the developer's own machine, and no look at instance metadata."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def provided(number: int, *, lifetime: timedelta = timedelta(hours=6)) -> bytes:
    """What a container's credential endpoint answers."""
    expiration = (datetime.now(UTC) + lifetime).strftime("%Y-%m-%dT%H:%M:%SZ")
    document = {
        "AccessKeyId": f"AKIDEXAMPLE{number}",
        "SecretAccessKey": SECRET,
        "Token": f"token-{number}",
        "Expiration": expiration,
    }
    return http_answer(json.dumps(document).encode(), Content_Type="application/json")


async def test_configured_credentials_are_used_as_they_are() -> None:
    """And are the same after a renewal: a reload brings others."""
    credentials = Credentials("AKIDEXAMPLE", Secret(SECRET))
    source = StaticCredentials(credentials)
    assert [await source.current(), await source.renew()] == [credentials, credentials]
    assert source.expire_at() is None


async def test_the_environment_is_part_of_the_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes first there."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    source = ChainCredentials()
    assert await source.current() == Credentials("AKIDEXAMPLE", Secret(SECRET))
    assert source.expire_at() is None


async def test_no_credentials_block_until_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator can mend it without a restart."""
    source = ChainCredentials()
    with pytest.raises(BlockedError) as caught:
        await source.current()
    assert caught.value.code == "no_credentials"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert (await source.current()).access_key_id == "AKIDEXAMPLE"


async def test_credentials_are_fetched_once_and_their_expiry_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those who ask at once share one fetch, and those who ask later its result."""
    async with ScriptedServer(provided(1)) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
        source = ChainCredentials()
        asked = await asyncio.gather(*(source.current() for _ in range(5)))
        asked.append(await source.current())
    assert set(asked) == {Credentials("AKIDEXAMPLE1", Secret(SECRET), Secret("token-1"))}
    assert len(server.received) == 1
    in_six_hours = (datetime.now(UTC) + timedelta(hours=6)).timestamp()
    assert source.expire_at() == pytest.approx(in_six_hours, abs=60)


async def test_credentials_are_renewed_ahead_of_their_expiry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five minutes are too few to begin with."""
    async with ScriptedServer(provided(1, lifetime=timedelta(minutes=5)), provided(2)) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
        source = ChainCredentials()
        keys = [(await source.current()).access_key_id for _ in range(3)]
    assert keys[-1] == "AKIDEXAMPLE2"
    assert len(server.received) == 2


async def test_a_provider_that_fails_blocks(tmp_path: Path) -> None:
    """With the provider's own words."""
    program = f"{sys.executable} -c \"raise SystemExit('the vault is sealed')\""
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {program}\n")
    with pytest.raises(BlockedError) as caught:
        await ChainCredentials().current()
    assert caught.value.code == "no_credentials"
    assert "the vault is sealed" in caught.value.message


async def test_a_renewal_goes_through_the_chain_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the last ones still seem to be valid."""
    async with ScriptedServer(provided(1), provided(2)) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
        source = ChainCredentials()
        assert (await source.current()).access_key_id == "AKIDEXAMPLE1"
        assert (await source.renew()).access_key_id == "AKIDEXAMPLE2"
        assert (await source.current()).access_key_id == "AKIDEXAMPLE2"


async def test_expired_credentials_are_renewed_and_the_batch_is_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One renewal inside the send: nobody else hears of it."""
    keys = tuple(AccessKey(f"AKIDEXAMPLE{number}", SECRET, f"token-{number}") for number in (1, 2))
    async with (
        ScriptedServer(provided(1), provided(2)) as server,
        AwsEmulator(AwsBusOptions(access_keys=keys)) as bus,
    ):
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
        sender = AwsSender(AwsConfig(region="us-east-1", endpoint=bus.url))
        bus.faults = Faults(script=(ExpireToken(),))
        (outcome,) = await sender.send(batch())
        expire_at = sender.status().credentials_expire_at
        await sender.aclose()
    assert isinstance(outcome, Delivered)
    assert expire_at is not None
    assert len(bus.received) == 1


async def test_renewed_credentials_that_are_called_expired_too_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """One renewal and one more try, not more: then it is a matter for an operator."""
    keys = tuple(AccessKey(f"AKIDEXAMPLE{number}", SECRET, f"token-{number}") for number in (1, 2))
    async with (
        ScriptedServer(provided(1), provided(2)) as server,
        AwsEmulator(AwsBusOptions(access_keys=keys)) as bus,
    ):
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
        sender = AwsSender(AwsConfig(region="us-east-1", endpoint=bus.url))
        bus.faults = Faults(standing=(ExpireToken(),))
        with pytest.raises(BlockedError) as caught:
            await sender.send(batch())
        await sender.aclose()
    assert caught.value.code == "ExpiredTokenException"
    assert [request.operation for request in bus.requests].count(Operation.PUT_EVENTS) == 2
    assert len(server.received) == 2


def test_configured_credentials_cost_no_import_of_the_chain() -> None:
    """Aiobotocore would take 16 MiB of every gateway's memory."""
    program = (
        "import sys, gateway.senders.aws as aws; from gateway.secret import Secret;"
        "from gateway.senders.aws.config import AwsConfig;"
        "aws.plugin.create(AwsConfig(region='eu-west-1', access_key_id='A', secret_access_key=Secret('s')));"
        "aws.plugin.create(AwsConfig(region='eu-west-1'));"
        "sys.exit(any(name.startswith(('botocore', 'aiobotocore', 'pytest')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603 - ours
