"""The gateway as a careful operator runs it: any user, a read-only file system, no shell, no home.

Only the directories of its configuration can be written; so whatever it would leave elsewhere fails, and what
fails shows. The sandbox is bubblewrap's; where the machine forbids namespaces there is nothing to see.
"""

import ast
import asyncio
import pwd
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from msgspec import Struct

from gateway.emulators.aws import AwsEmulator
from gateway.emulators.faults import FailEntries, Faults
from tests.support.confinement import (
    USER_ID,
    ConfinedGateway,
    children,
    files_written,
    interpreter,
    programs,
    refusal,
    rights_of,
    user_of,
    variables_of,
    writable_mounts,
)
from tests.support.load import STRUCTURED, document, post
from tests.support.process import EXIT_SECONDS, aws_destination, scrape, until_held_is
from tests.test_architecture import ROOT, module_name, read

REFUSAL = refusal()
confined = pytest.mark.skipif(bool(REFUSAL), reason=REFUSAL)

BATCHED = {"Content-Type": "application/cloudevents-batch+json"}
TYPED = {"Content-Type": "application/json"}
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}
"""AWS's documented example, for the default chain."""

MANY = 400
EVENT_BYTES = 4000
"""So many events of that size, and SQLite would write what undoes a statement to a file in /tmp."""


class Place(Struct, frozen=True):
    """The configured directories below a test's own, which itself cannot be written."""

    root: Path

    @property
    def directories(self) -> list[Path]:
        """Where the gateway may write."""
        return [self.root / name for name in ("journal", "dead", "spill", "run")]

    @property
    def socket(self) -> Path:
        """The receiver's second listener."""
        return self.root / "run" / "events.sock"

    def gateway(self, bus: AwsEmulator, **destinations: dict[str, Any]) -> ConfinedGateway:
        """Two destinations: one has a journal, the other spills and has its keys from the environment."""
        for directory in self.directories:
            directory.mkdir(exist_ok=True)
        journal, dead, spill, _ = map(str, self.directories)
        keyless = {k: v for k, v in aws_destination(bus.url).items() if not k.endswith(("_id", "_key"))}
        configuration: dict[str, Any] = {
            "receiver": {"listen": ["127.0.0.1:0", f"unix:{self.socket}"]},
            "flush": {"interval": "20ms"},
            "dead_letters": {"path": dead},
            "shutdown": {"spill": spill, "deadline": "300ms"},
            "destinations": {
                "kept": {**aws_destination(bus.url), "buffer": {"journal": journal}},
                "spilt": keyless,
                **destinations,
            },
        }
        return ConfinedGateway(self.root, configuration, writable=self.directories, environment=KEYS)

    def is_allowed(self, path: Path) -> bool:
        """Whether it is in a configured directory."""
        return any(path.is_relative_to(directory) for directory in self.directories)

    def strays(self) -> list[Path]:
        """What has appeared outside of them."""
        found = [path for path in self.root.rglob("*") if path.is_file() and not self.is_allowed(path)]
        return [path for path in found if path.name != "gateway.toml"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Directories of this test."""
    return Place(tmp_path)


def assert_keeps_to(place: Place, gateway: ConfinedGateway) -> None:
    """At this moment: no process beside it, no file open for writing but in the configured directories."""
    assert children(gateway.pid) == []
    assert [path for path in files_written(gateway.pid) if not place.is_allowed(path)] == []
    assert writable_mounts(gateway.pid) == set(place.directories)


def assert_met_no_wall(place: Place, gateway: ConfinedGateway) -> None:
    """Nothing in the log of a write that was refused, of a fault inside, or of a missing user."""
    for sign in ("Read-only file system", "Permission denied", "No such file", "disk I/O error", "Traceback"):
        assert sign not in gateway.text
    assert place.strays() == []


async def post_everyhow(client: aiohttp.ClientSession, url: str, first: int) -> list[int]:
    """One event in binary mode, one structured, a batch of two, all to both destinations; the statuses."""
    binary = {
        "ce-specversion": "1.0", "ce-id": f"event-{first}", "ce-source": "/tests", "ce-type": "tested",
        **TYPED,
    }  # fmt: skip
    structured = orjson.dumps(document(first + 1))
    batch = orjson.dumps([document(first + 2), document(first + 3)])
    answers = [
        await client.post(url, data=b"{}", headers=binary),
        await client.post(url, data=structured, headers=STRUCTURED),
        await client.post(url, data=batch, headers=BATCHED),
    ]
    return [answer.status for answer in answers]


async def post_and_wait(client: aiohttp.ClientSession, url: str, number: int) -> int:
    headers = {**STRUCTURED, "Prefer": "wait=5"}
    async with client.post(url, data=orjson.dumps(document(number)), headers=headers) as answer:
        return answer.status


async def until_retried(client: aiohttp.ClientSession, gateway: ConfinedGateway, times: int) -> None:
    """Wait until so many attempts have failed."""
    async with asyncio.timeout(EXIT_SECONDS):
        while (await scrape(client, gateway.admin_url)).total("gateway_events_retried_total") < times:
            pass


async def status_of(client: aiohttp.ClientSession, gateway: ConfinedGateway) -> str:
    """The text of `/status`."""
    async with client.get(f"{gateway.admin_url}/status") as answer:
        return await answer.text()


def arrived(bus: AwsEmulator) -> Counter[str]:
    return Counter(orjson.loads(event.detail)["id"] for event in bus.received)


def ids(*numbers: int, times: int) -> Counter[str]:
    return Counter({f"event-{number}": times for number in numbers})


@confined
async def test_it_works_as_any_user_on_a_read_only_file_system(
    bus: AwsEmulator, client: aiohttp.ClientSession, place: Place
) -> None:
    """Each mode, both kinds of listener, waiting, dead letters, a journal, a spill and the start after it."""
    async with (
        place.gateway(bus) as gateway,
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(place.socket))) as neighbour,
    ):
        assert_keeps_to(place, gateway)
        assert await post_everyhow(client, gateway.url, 0) == [202, 202, 202]
        assert await post_everyhow(neighbour, "http://gateway/", 10) == [202, 202, 202]
        assert_keeps_to(place, gateway)
        assert await post_and_wait(client, gateway.url, 20) == 200
        await until_held_is(client, gateway.admin_url, 0)
        bus.faults = Faults(script=(FailEntries(indexes=(0,), code="NotAuthorizedForSourceException"),))
        assert await post_and_wait(client, f"{gateway.url}/events/spilt", 21) == 502
        assert_keeps_to(place, gateway)
        bus.faults = Faults(down=True)
        assert await post_everyhow(client, gateway.url, 30) == [202, 202, 202]
        assert_keeps_to(place, gateway)
        assert await gateway.terminate() == 0
    assert "events were spilled for the next start" in gateway.messages()
    assert_met_no_wall(place, gateway)
    assert len([path for name in ("dead", "spill") for path in (place.root / name).rglob("spilt*")]) >= 2

    bus.faults = Faults()
    async with place.gateway(bus) as gateway:
        accounts = await until_held_is(client, gateway.admin_url, 0)
        assert_keeps_to(place, gateway)
        assert accounts.total("gateway_events_restored_total") == 8
        assert await gateway.terminate() == 0
    assert_met_no_wall(place, gateway)
    assert arrived(bus) == ids(*range(4), *range(10, 14), 20, *range(30, 34), times=2)


@confined
async def test_the_journal_needs_no_temporary_file(
    bus: AwsEmulator, client: aiohttp.ClientSession, place: Place
) -> None:
    """Neither to take many events nor to note what becomes of them: SQLite can undo both in memory."""
    batch = orjson.dumps([document(number, text="x" * EVENT_BYTES) for number in range(MANY)])
    bus.faults = Faults(standing=(FailEntries(),))
    async with place.gateway(bus) as gateway:
        async with client.post(f"{gateway.url}/events/kept", data=BytesIO(batch), headers=BATCHED) as answer:
            assert answer.status == 202
        await until_retried(client, gateway, 3 * MANY)
        bus.faults = Faults()
        accounts = await until_held_is(client, gateway.admin_url, 0)
        assert accounts.total("gateway_journal_failures_total") == 0
        assert await gateway.terminate() == 0
    assert_met_no_wall(place, gateway)
    assert arrived(bus) == ids(*range(MANY), times=1)


@confined
async def test_a_user_without_a_home_has_no_profile_there_and_the_next_place_is_asked(
    bus: AwsEmulator, client: aiohttp.ClientSession, place: Place
) -> None:
    """Alibaba's chain looks into two files below `~`; what a cluster hands out comes after them."""
    homeless = {"type": "alibaba", "endpoint": bus.url, "event_bus": "orders"}
    async with place.gateway(bus, homeless=homeless) as gateway:
        assert await post(client, f"{gateway.url}/events/homeless", document(0)) == 202
        async with asyncio.timeout(EXIT_SECONDS):
            while "no_credentials" not in (status := await status_of(client, gateway)):
                pass
    assert "none in the configuration, and none in: " in status
    assert "credentials URI" in status


@confined
async def test_the_sandbox_is_one(bus: AwsEmulator, place: Place) -> None:
    """A user without a name, rights or a home, and no program but the interpreter."""
    with pytest.raises(KeyError):
        pwd.getpwuid(USER_ID)
    async with place.gateway(bus) as gateway:
        rights = rights_of(gateway.pid)
        assert (rights["CapEff"], rights["CapBnd"], rights["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")
        assert user_of(gateway.pid) == USER_ID
        assert programs(gateway.pid) <= {link.name for link in interpreter()}
        assert not {"HOME", "XDG_CACHE_HOME"} & variables_of(gateway.pid)


# What the source says to the same.

STARTERS = {"subprocess", "multiprocessing", "concurrent.futures.process", "pty", "tempfile", "shutil"}
"""Modules that start processes or make files of their own choosing."""

CALLS = {"system", "popen", "fork", "forkpty", "startfile", "mkdtemp", "mkstemp", "mktemp"}
CALLS |= {"create_subprocess_exec", "create_subprocess_shell", "subprocess_exec", "subprocess_shell"}
CALLS |= {"ProcessPoolExecutor"}
PREFIXES = ("spawn", "posix_spawn", "exec")
"""Functions that do the same, whatever they are reached through; `execute`, `executable` are none."""


def starts_something(name: str) -> bool:
    """Whether a function of that name starts a process or makes a temporary file."""
    return name in CALLS or (name.startswith(PREFIXES) and not name.startswith("execut"))


def outside_doings(name: str, source: str) -> list[str]:
    """Everything in a module that starts a process or makes a temporary file."""
    imported = read(name, source, frozenset()).imports & STARTERS
    nodes = list(ast.walk(ast.parse(source)))
    named = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    named |= {node.id for node in nodes if isinstance(node, ast.Name)}
    return sorted(imported | {each for each in named if starts_something(each)})


def test_only_the_trial_command_makes_temporary_files_and_only_workers_are_started() -> None:
    """`gateway dev` has a temporary directory, that is its purpose; a worker is our interpreter again."""
    doings = {
        module_name(path): outside_doings(module_name(path), path.read_text(encoding="utf-8"))
        for path in (ROOT / "gateway").rglob("*.py")
    }
    assert {name: found for name, found in doings.items() if found} == {
        "gateway.commands.dev": ["tempfile"],
        "gateway.workers.process": ["create_subprocess_exec"],
    }


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess",
        "def late():\n    from tempfile import TemporaryFile",
        "import os\nos.system('true')",
        "from os import posix_spawn\nposix_spawn('/bin/true', [], {})",
        "import asyncio\nasyncio.create_subprocess_exec('true')",
        "loop.subprocess_shell(None, 'true')",
        "import os\nos.execv('/bin/sh', [])",
    ],
)
def test_whatever_starts_a_process_or_makes_a_temporary_file_is_caught(source: str) -> None:
    """By any of its names."""
    assert outside_doings("gateway.x", source)


def test_a_query_is_not_taken_for_a_process() -> None:
    """SQLite's methods begin with the same letters."""
    assert outside_doings("gateway.x", "connection.execute('x'); connection.executemany('x', [])") == []


@pytest.mark.parametrize(
    "setting",
    [
        "readOnlyRootFilesystem: true",
        "runAsNonRoot: true",
        "allowPrivilegeEscalation: false",
        "capabilities: { drop: [ALL] }",
        "seccompProfile: { type: RuntimeDefault }",
    ],
)
def test_the_sidecar_asks_its_cluster_for_the_same(setting: str) -> None:
    """What is proven here is what the example deployment runs with."""
    manifest = (ROOT / "deploy" / "kubernetes" / "sidecar" / "application.yaml").read_text(encoding="utf-8")
    assert setting in [line.strip() for line in manifest.splitlines()]


def test_the_image_runs_as_a_user_with_a_number_other_than_0() -> None:
    """A cluster that checks `runAsNonRoot` can judge a number, not a name."""
    lines = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    (user,) = [line.removeprefix("USER ") for line in lines if line.startswith("USER ")]
    assert int(user) > 0
