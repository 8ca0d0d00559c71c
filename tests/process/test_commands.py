"""The commands as a user runs them: exit codes, what they print, and that it works as it stands."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.support.process import EXIT_SECONDS, Accounts, clean_environment

README = Path(__file__).parents[2] / "README.md"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

BAD_CONFIGURATION = f"""
[receiver]
listen = ["127.0.0.1:99999"]
max_body_bytes = 4194304
colour = "blue"

[flush]
interval = "soon"

[destinations.orders]
type = "aws"
region = "eu-west-1"
event_bus = "orders"
access_key_id = "AKIDEXAMPLE"
secret_access_key = ["{SECRET}"]
max_request_bytes = "2MiB"

[destinations.orders.buffer]
max_events = 0

[destinations.hangzhou]
type = "alibabar"
"""

FAULTY_KEYS = {
    "receiver.listen[0]",
    "receiver.max_body_bytes",
    "receiver.colour",
    "flush.interval",
    "destinations.orders.secret_access_key",
    "destinations.orders.max_request_bytes",
    "destinations.orders.buffer.max_events",
    "destinations.hangzhou.type",
}


async def gateway(*arguments: str) -> tuple[int, str, str]:
    """Run a command to its end: exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=clean_environment(),
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), EXIT_SECONDS)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def started(*arguments: str, until: str) -> AsyncIterator[str]:
    """A command that serves, once it has printed a line with `until`; yields what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *arguments,
        stdout=asyncio.subprocess.PIPE, env=clean_environment(),
    )  # fmt: skip
    assert process.stdout is not None
    printed = (await asyncio.wait_for(process.stdout.readuntil(until.encode()), EXIT_SECONDS)).decode()
    yield printed
    process.terminate()
    assert await asyncio.wait_for(process.wait(), EXIT_SECONDS) == 0


async def shell(line: str) -> str:
    """What a command line prints."""
    process = await asyncio.create_subprocess_shell(line, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return out.decode()


@pytest.mark.parametrize("command", ["run", "check"])
async def test_every_fault_of_a_bad_configuration_is_named_in_one_run(command: str, tmp_path: Path) -> None:
    """Exit 2, each fault with its key on a line of standard error, and no secret in any of them."""
    path = tmp_path / "gateway.toml"
    path.write_text(BAD_CONFIGURATION)
    code, out, err = await gateway(command, "--config", str(path))
    assert (code, out) == (2, "")
    assert {line.partition(": ")[0] for line in err.splitlines()} == FAULTY_KEYS
    assert SECRET not in err


async def test_check_prints_the_whole_configuration_and_no_secret(tmp_path: Path) -> None:
    """Exit 0, defaults filled in, secrets masked."""
    path = tmp_path / "gateway.toml"
    path.write_text(
        f'[destinations.orders]\ntype = "aws"\nregion = "eu-west-1"\nevent_bus = "orders"\n'
        f'access_key_id = "AKIDEXAMPLE"\nsecret_access_key = "{SECRET}"\n'
    )
    code, out, err = await gateway("check", "--config", str(path))
    assert (code, err) == (0, "")
    assert 'interval = "200ms"' in out
    assert "secret_access_key" in out
    assert SECRET not in out


@pytest.mark.parametrize("command", ["run", "check", "dev", "emulate", "dead-letters", "plan", "schema"])
async def test_every_command_has_help_with_an_example(command: str) -> None:
    """`--help` explains and shows one call that works."""
    code, out, _ = await gateway(command, "--help")
    assert code == 0
    assert f"example:\n  gateway {command}" in out


async def test_a_directory_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    """Spill and dead letters are checked before the first event is accepted: exit 2, naming the key."""
    (tmp_path / "taken").write_text("a file stands where the directory should be")
    path = tmp_path / "gateway.toml"
    path.write_text(
        f'[shutdown]\nspill = "{tmp_path}/taken"\n[dead_letters]\npath = ""\n'
        f'[destinations.local]\ntype = "file"\npath = "{tmp_path}/events"\n'
    )
    code, _, err = await gateway("run", "--config", str(path))
    assert code == 2
    assert err.startswith("shutdown.spill: ")


async def test_the_lines_that_dev_prints_work_as_they_stand(client: aiohttp.ClientSession) -> None:
    """The printed `curl` posts an event, the other one shows it at the emulated bus."""
    arguments = ("dev", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    async with started(*arguments, until="Ctrl-C") as printed:
        post, show, fail, mend = re.findall(r"^  (curl .*)$", printed, re.MULTILINE)
        assert "202 Accepted" in await shell(post)
        async with asyncio.timeout(EXIT_SECONDS):
            while "com.example.hello" not in await shell(show):
                pass
        admin = re.search(r"administration\s+(\S+)", printed)
        assert admin is not None
        async with client.get(f"{admin[1]}/metrics") as answer:
            accounts = Accounts(await answer.text())
        accounts.check_sum("dev")
        assert accounts.delivered == 1
        assert "/ is a page" in printed
        assert "fail_entries" in await shell(fail)
        assert "fail_entries" not in await shell(mend)


async def test_the_readme_s_curl_lines_post_an_event_in_each_content_mode() -> None:
    """Run against `gateway dev`: each line is answered 202 and its event is seen at the emulated bus."""
    lines = re.findall(
        r"^(curl -i http://127\.0\.0\.1:8080/(?:.*\\\n)*.*)$", README.read_text(), re.MULTILINE
    )
    assert len(lines) == 3
    arguments = ("dev", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    async with started(*arguments, until="Ctrl-C") as printed:
        receiver = re.search(r"receiver\s+(\S+)", printed)
        show = re.findall(r"^  (curl -s .*)$", printed, re.MULTILINE)
        assert receiver is not None
        for line in lines:
            assert "202 Accepted" in await shell(line.replace("http://127.0.0.1:8080", receiver[1]))
        async with asyncio.timeout(EXIT_SECONDS):
            for mode in ("binary", "structured", "batched"):
                while f'"{mode}-1"' not in await shell(show[0]):
                    pass


async def test_the_emulated_bus_runs_alone(client: aiohttp.ClientSession) -> None:
    """`gateway emulate aws` says where it listens and shows what it received."""
    async with started("emulate", "aws", "--listen", "127.0.0.1:0", until="faults (PUT") as printed:
        (url,) = re.findall(r"Amazon EventBridge: (\S+)", printed)
        async with client.get(f"{url}/_emulator/events") as answer:
            assert await answer.json() == []
