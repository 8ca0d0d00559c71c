"""What a gateway has on disk: taken at the start, said when it cannot be, and given back at the end."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Config, parse
from gateway.entry import Entry
from gateway.errors import ConfigError
from gateway.event import Event
from gateway.pipeline.journal_file import NAME
from gateway.storage import Storage
from tests.pipeline.journals import WAL_NAME, copy_of, overwrite
from tests.support.build import entry, event
from tests.support.configuration import PLUGINS, bus


def configured(directory: Path, destinations: Mapping[str, str], **tables: Any) -> Config:
    """Destinations, each with that journal or none; every directory is below that one."""
    return parse(
        {
            "destinations": {
                name: bus(buffer={"journal": str(directory / journal) if journal else ""})
                for name, journal in destinations.items()
            },
            "dead_letters": {"path": str(directory / "dead-letters")},
            "shutdown": {"spill": str(directory / "spill")},
            **tables,
        },
        environment={},
        plugins=PLUGINS,
    )


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[Storage]:
    """From its start to its end."""
    storage = Storage(config)
    try:
        storage.open()
        yield storage
    finally:
        await storage.aclose()


async def journaled(storage: Storage, events: Sequence[Event], *destinations: str) -> list[Entry]:
    """On disk for all of these, which share a journal; the entries of the first."""
    told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    store = storage.stores[destinations[0]]
    numbers = store.append(events, destinations, told.set_result)
    assert await told
    return [
        entry(of=each, receipt=store.record(number, destinations[0], None))
        for each, number in zip(events, numbers, strict=True)
    ]


def ids(storage: Storage, destination: str) -> list[str]:
    """Of what it takes back for that destination."""
    return [each.event.id for each in storage.take_back(destination)]


async def faults_of(config: Config) -> list[tuple[str, str]]:
    """What is said of a start that fails."""
    with pytest.raises(ConfigError) as caught:
        async with running(config):
            pass
    return [(fault.key, fault.message) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("directory", "key"),
    [
        ("spill", "shutdown.spill"),
        ("dead-letters", "destinations.orders.dead_letters.path"),
        ("journal", "destinations.orders.buffer.journal"),
    ],
)
async def test_a_directory_that_cannot_be_written_is_named_by_its_key(
    tmp_path: Path, directory: str, key: str
) -> None:
    """A file stands in its place; once that is gone, the same configuration starts."""
    config = configured(tmp_path, {"orders": "journal"})
    (tmp_path / directory).touch()
    (fault,) = await faults_of(config)
    assert fault == (key, "the directory cannot be written: File exists")
    (tmp_path / directory).unlink()
    async with running(config) as storage:
        assert storage.obstacles() == []


async def test_a_directory_of_another_process_is_refused_and_let_go_of_at_its_end(tmp_path: Path) -> None:
    """Each by its own key: the journal's is that of the first destination that uses it."""
    spill_only = configured(tmp_path, {"orders": ""})
    journal_only = configured(tmp_path, {"grid": "", "orders": "j"}, shutdown={"spill": ""})
    both = configured(tmp_path, {"first": "", "second": "j", "third": "j"})
    async with running(spill_only):
        ((key, message),) = await faults_of(both)
        assert (key, message) == ("shutdown.spill", "another process uses this directory")
    async with running(journal_only):
        ((key, message),) = await faults_of(both)
        assert key == "destinations.second.buffer.journal"
        assert message == "the journal cannot be used: another process uses it"
    async with running(both):
        pass


async def test_destinations_may_share_a_journal_however_they_write_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event for both stands there once, and is handed to both."""
    monkeypatch.chdir(tmp_path)
    config = configured(Path(), {"a": "journal", "b": "other/../journal/"})
    async with running(config) as storage:
        assert storage.stores["a"] is storage.stores["b"]
        await journaled(storage, [event("both")], "a", "b")
        assert storage.statistics().journal_commit_seconds.total > 0
    async with running(config) as storage:
        assert ids(storage, "a") == ids(storage, "b") == ["both"]


async def test_what_was_spilled_is_taken_back_before_what_was_journaled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The spill holds what was accepted first, before there was a journal; each is handed out as its own."""
    caplog.set_level(logging.INFO)
    async with running(configured(tmp_path, {"orders": ""})) as storage:
        assert await storage.keep("orders", [entry("spilled")])
    config = configured(tmp_path, {"orders": "j"})
    async with running(config) as storage:
        await journaled(storage, [event("journaled")], "orders")
    caplog.clear()
    async with running(config) as storage:
        assert ids(storage, "grid") == []
        assert ids(storage, "orders") == ["spilled", "journaled"]
    (record,) = caplog.records
    assert (vars(record)["spilled"], vars(record)["journaled"]) == (1, 1)


async def test_what_a_destination_has_in_a_journal_that_it_uses_no_more_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another keeps that journal, so it is read; whom its events are for is named, and how many they are."""
    async with running(configured(tmp_path, {"a": "j", "b": "j", "c": "j"})) as storage:
        await journaled(storage, [event("1"), event("2")], "b")
        await journaled(storage, [event("3")], "a", "b", "c")
        await storage.keep("gone", [entry("4")])
    caplog.clear()
    async with running(configured(tmp_path, {"a": "j", "b": "", "d": "other"})) as storage:
        assert [ids(storage, name) for name in "abd"] == [["3"], [], []]
        storage.report_strangers(["a", "b", "d"])
    spill, *journal = caplog.records
    assert spill.getMessage() == "a spill file belongs to no destination"
    assert [(vars(each)["destination"], vars(each)["events"]) for each in journal] == [("b", 3), ("c", 1)]
    async with running(configured(tmp_path, {"b": "j"})) as storage:
        assert ids(storage, "b") == ["1", "2", "3"]


async def test_what_a_journal_kept_is_spilled_when_it_has_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is looked at once more at the end, be there anything to be written to it or not."""
    config = configured(tmp_path, {"a": "j", "b": "k"})
    async with running(config) as storage:
        gone = await journaled(storage, [event("1"), event("2")], "a")
        there = await journaled(storage, [event("3")], "b")
        shutil.rmtree(tmp_path / "j")
        assert storage.obstacles() == []
        assert await storage.keep("a", gone)
        assert await storage.keep("b", there)
        assert storage.obstacles() == ["journal: No such file or directory"]
    assert "the journal can be written again" not in caplog.text
    async with running(config) as storage:
        assert ids(storage, "a") == ["1", "2"]
        assert ids(storage, "b") == ["3"]
    assert storage.statistics().set_aside == 0


async def test_without_a_spill_what_a_journal_kept_that_has_gone_is_lost_and_said(tmp_path: Path) -> None:
    """The process must not end as if all were well."""
    async with running(configured(tmp_path, {"a": "j"}, shutdown={"spill": ""})) as storage:
        gone = await journaled(storage, [event("1")], "a")
        assert await storage.keep("a", gone)
        shutil.rmtree(tmp_path / "j")
        assert not await storage.keep("a", gone)


async def test_the_figures_of_all_journals_and_the_spill_add_up(tmp_path: Path) -> None:
    """Bytes, writes and what was set aside."""
    config = configured(tmp_path, {"a": "j", "b": "k"})
    async with running(config) as storage:
        await journaled(storage, [event("1"), event("2")], "a")
        await journaled(storage, [event("3")], "b")
        await storage.keep("a", [entry("4")])
        written = [
            (tmp_path / journal / name).stat().st_size for journal in "jk" for name in (NAME, WAL_NAME)
        ]
        statistics = storage.statistics()
        assert statistics.journal_bytes == sum(written)
        assert sum(statistics.journal_commit_seconds.counts) == 2
        killed = copy_of(tmp_path, tmp_path.parent / f"{tmp_path.name}-killed")
    for journal in "jk":
        overwrite(killed / journal / NAME, 0, bytes(100))
    (spilled,) = (killed / "spill").glob("*.jsonl")
    spilled.write_bytes(b"no entry\n")
    async with running(configured(killed, {"a": "j", "b": "k"})) as storage:
        assert ids(storage, "a") == ["1", "2"]
        assert ids(storage, "b") == ["3"]
        assert storage.statistics().set_aside == 3


async def test_it_is_closed_twice_and_without_a_start_without_harm(tmp_path: Path) -> None:
    """And is no hindrance to the next; nothing hangs."""
    config = configured(tmp_path, {"a": "j", "b": "k"})
    await Storage(config).aclose()
    storage = Storage(config)
    storage.open()
    await storage.aclose()
    await storage.aclose()
    assert not storage.hangs
    assert not list((tmp_path / "j").glob(f"{NAME}-*")), "it was closed, not left as by a kill"
    async with running(config):
        pass
