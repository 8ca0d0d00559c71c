"""Where AWS credentials come from, against a container's credential endpoint of our own."""

import asyncio
import json
import subprocess
import sys
import time
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
from gateway.senders.aws.credentials import MARGIN_SECONDS, default_chain
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


async def test_the_environment_is_part_of_the_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes first there."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    source = default_chain()
    assert await source.current() == Credentials("AKIDEXAMPLE", Secret(SECRET))
    assert source.expire_at() is None


async def test_no_credentials_block_until_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator can mend it without a restart."""
    source = default_chain()
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
        source = default_chain()
        asked = await asyncio.gather(*(source.current() for _ in range(5)))
        asked.append(await source.current())
    assert set(asked) == {Credentials("AKIDEXAMPLE1", Secret(SECRET), Secret("token-1"))}
    assert len(server.received) == 1
    in_six_hours = (datetime.now(UTC) + timedelta(hours=6)).timestamp()
    assert source.expire_at() == pytest.approx(in_six_hours, abs=60)


async def test_credentials_are_renewed_ahead_of_their_expiry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the margin, in the background: who asks meanwhile gets the old ones."""
    now = time.time()
    async with ScriptedServer(provided(1, lifetime=timedelta(hours=1)), provided(2)) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
        source = default_chain(clock=lambda: now)
        assert (await source.current()).access_key_id == "AKIDEXAMPLE1"
        now += 3600 - MARGIN_SECONDS
        keys = [(await source.current()).access_key_id for _ in range(3)]
        assert keys == ["AKIDEXAMPLE1"] * 3
        # The bus's word joins the renewal under way.
        old = Credentials("AKIDEXAMPLE1", Secret(SECRET), Secret("token-1"))
        assert (await source.renew(old)).access_key_id == "AKIDEXAMPLE2"
        await source.aclose()
    assert len(server.received) == 2


async def test_credentials_of_a_few_minutes_are_not_fetched_at_every_send(tmp_path: Path) -> None:
    """They are renewed when half of their time is over; botocore itself would do it at every look."""
    runs = tmp_path / "runs"
    end = (datetime.now(UTC) + timedelta(minutes=8)).isoformat()
    key = {"Version": 1, "AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": SECRET, "Expiration": end}
    (tmp_path / "key.json").write_text(json.dumps(key))
    script = tmp_path / "give-key.sh"
    script.write_text(f"echo run >> '{runs}'\ncat '{tmp_path / 'key.json'}'\n")
    (tmp_path / "config").write_text(f"[default]\ncredential_process = /bin/sh '{script}'\n")
    now = time.time()
    source = default_chain(clock=lambda: now)
    await source.current()
    runs_of_one_fetch = len(runs.read_text().splitlines())
    for _ in range(235):
        now += 1
        await source.current()
    await source.aclose()
    assert len(runs.read_text().splitlines()) == runs_of_one_fetch <= 2


async def test_a_provider_that_fails_blocks(tmp_path: Path) -> None:
    """With the provider's own words."""
    program = f"{sys.executable} -c \"raise SystemExit('the vault is sealed')\""
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {program}\n")
    with pytest.raises(BlockedError) as caught:
        await default_chain().current()
    assert caught.value.code == "no_credentials"
    assert "the vault is sealed" in caught.value.message


async def test_a_renewal_goes_through_the_chain_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the last ones still seem to be valid."""
    async with ScriptedServer(provided(1), provided(2)) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
        source = default_chain()
        assert (await source.current()).access_key_id == "AKIDEXAMPLE1"
        assert (await source.renew(await source.current())).access_key_id == "AKIDEXAMPLE2"
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


async def test_a_session_that_every_answer_calls_expired_is_renewed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever issues the keys is not asked again at every send."""
    keys = tuple(AccessKey(f"AKIDEXAMPLE{number}", SECRET, f"token-{number}") for number in (1, 2))
    async with (
        ScriptedServer(provided(1), provided(2)) as server,
        AwsEmulator(AwsBusOptions(access_keys=keys)) as bus,
    ):
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
        sender = AwsSender(AwsConfig(region="us-east-1", endpoint=bus.url))
        bus.faults = Faults(standing=(ExpireToken(),))
        for _ in range(20):
            with pytest.raises(BlockedError):
                await sender.send(batch())
        await sender.aclose()
    assert len(server.received) == 2


async def test_a_key_that_no_request_can_carry_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one from a file with a line break at its end."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"{SECRET}\n")
    with pytest.raises(BlockedError) as caught:
        await default_chain().current()
    assert caught.value.code == "bad_credentials"
    assert caught.value.message == "AWS default chain: secret_access_key holds a line break"


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
