"""What no bus took by the end is on disk, secured early if need be, and every receipt knows it."""

import asyncio
import logging
import shutil
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from threading import Semaphore
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.cloudevents.json import read_event
from gateway.entry import Entry
from gateway.event import Event
from gateway.pipeline.keeping import LOOK_SECONDS, SPILL_SECONDS, Keeping
from gateway.pipeline.spill import Spill
from gateway.pipeline.spill_file import SYNC_BYTES, WRITE_BYTES
from tests.support.build import entry, events
from tests.support.clock import THREAD_SECONDS, now, on_virtual_clock, settle, until
from tests.support.disk import files_may_grow_to
from tests.support.receipt import FakeReceipt


class Journaled(FakeReceipt):
    """A receipt of what stands in a journal, as long as that does."""

    def __init__(self) -> None:
        super().__init__()
        self.is_in_place = True

    def keeps(self, entry: Entry) -> bool:  # noqa: ARG002 - the receipt's signature
        return self.is_in_place


class Slow(Executor):
    """Threads that do nothing until told to."""

    def __init__(self) -> None:
        self._work: list[Callable[[], None]] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Remember it."""
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(function(*args, **kwargs))
            except OSError as error:
                future.set_exception(error)

        self._work.append(run)
        return future

    async def run(self) -> None:
        """Do what there is, and let the loop hear of it."""
        work, self._work = self._work, []
        for each in work:
            each()
        await settle()


PART = SYNC_BYTES // WRITE_BYTES
"""Events of the largest size, which are synced together."""


class SlowDisk:
    """Threads that write as much as is synced at once, one after the other, each when the test lets them."""

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(1)
        self._let = Semaphore(0)
        self._begun = Semaphore(0)
        self._is_free = False

    def entries(self, parts: int, receipt: FakeReceipt | None = None) -> list[Entry]:
        """For so many of these; their ids count up."""
        return [
            entry(of=self._slow(each) if number % PART == 0 else each, receipt=receipt)
            for number, each in enumerate(events(parts * PART, json_bytes=WRITE_BYTES))
        ]

    def _slow(self, first: Event) -> Event:
        return replace(first, json=_SlowBytes.of(first.json, self))

    def wait(self) -> None:
        """On the thread: everything before this is on disk."""
        if not self._is_free:
            self._begun.release()
            assert self._let.acquire(timeout=THREAD_SECONDS)

    def begin(self) -> None:
        """Until the thread has come to the first part."""
        assert self._begun.acquire(timeout=THREAD_SECONDS)

    def take_one(self) -> None:
        """Let it write the part, until it has come to the next."""
        self._let.release()
        self.begin()

    async def take_all(self) -> None:
        """Let it write the rest, to its end."""
        self._is_free = True
        self._let.release()
        self.threads.shutdown(wait=True)
        await settle()


class _SlowBytes(bytes):
    """JSON that is made a line when the disk is ready for it."""

    disk: SlowDisk

    @classmethod
    def of(cls, text: bytes, disk: SlowDisk) -> "_SlowBytes":
        slow = cls(text)
        slow.disk = disk
        return slow

    def translate(self, *arguments: Any, **options: Any) -> bytes:
        self.disk.wait()
        return super().translate(*arguments, **options)


def spill(directory: Path) -> Spill:
    return Spill(directory, lambda text, received_at: read_event(text, received_at=received_at))


def keeping(directory: Path, threads: Executor | None = None) -> Keeping:
    return Keeping(spill(directory), threads)


def restored(directory: Path) -> dict[str, int]:
    """The attempts of each event that the next start would have, by its id."""
    found = spill(directory).read("orders")
    assert len({each.event.id for each in found}) == len(found)
    return {each.event.id: each.attempts for each in found}


def files(directory: Path) -> list[Path]:
    """What is there, oldest first."""
    return sorted(directory.iterdir())


def deliver(*entries: Entry) -> None:
    for each in entries:
        assert each.receipt is not None
        each.receipt.delivered(each, None)


def messages(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str, int | None]]:
    """Level, text and number of events of what was logged."""
    return [(each.levelno, each.getMessage(), vars(each).get("events")) for each in caplog.records]


SPILLED = "events were spilled for the next start"


async def test_what_is_kept_is_on_disk_and_its_receipts_know(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says how much and where; who has no receipt is kept all the same."""
    receipt = FakeReceipt()
    assert await keeping(tmp_path).keep("orders", [entry("1", receipt=receipt), entry("2", attempt=3)])
    assert restored(tmp_path) == {"1": 0, "2": 3}
    assert receipt.told == [("kept", "1")]
    assert messages(caplog) == [(logging.WARNING, SPILLED, 2)]
    assert vars(caplog.records[0])["files"] == list(map(str, files(tmp_path)))


async def test_with_nothing_left_nothing_is_written_or_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The usual end."""
    kept = keeping(tmp_path)
    assert await kept.keep("orders", [])
    assert not kept.hangs
    assert files(tmp_path) == []
    assert caplog.records == []


async def test_what_is_journaled_stays_in_the_journal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not written twice, and its receipt is told as well."""
    journal, receipt = Journaled(), FakeReceipt()
    assert await keeping(tmp_path).keep(
        "orders", [entry("1", receipt=journal), entry("2", receipt=receipt), entry("3", receipt=journal)]
    )
    assert restored(tmp_path) == {"2": 0}
    assert journal.told == [("kept", "1"), ("kept", "3")]
    assert receipt.told == [("kept", "2")]
    assert messages(caplog) == [
        (logging.WARNING, SPILLED, 1),
        (logging.WARNING, "events stay in the journal for the next start", 2),
    ]


async def test_what_a_journal_keeps_no_more_is_spilled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever removed it, the event is on disk; its receipt is told, so that it counts the attempts."""
    gone, there = Journaled(), Journaled()
    gone.is_in_place = False
    assert await keeping(tmp_path).keep("orders", [entry("1", receipt=gone), entry("2", receipt=there)])
    assert restored(tmp_path) == {"1": 0}
    assert (gone.told, there.told) == ([("kept", "1")], [("kept", "2")])
    assert [events for _, _, events in messages(caplog)] == [1, 1]


@on_virtual_clock
async def test_a_journal_that_comes_back_while_its_events_are_spilled_costs_a_second_copy(
    tmp_path: Path,
) -> None:
    """Rather twice than never: both are told, and the file stays."""
    threads, journal = Slow(), Journaled()
    kept, entries = keeping(tmp_path, threads), [entry("1", receipt=journal)]
    kept.secure("orders", entries)
    assert entries[0].receipt is journal
    journal.is_in_place = False
    kept.secure("orders", entries)
    journal.is_in_place = True
    await threads.run()
    assert await kept.keep("orders", entries)
    assert restored(tmp_path) == {"1": 0}
    assert journal.told == [("kept", "1")]


async def test_without_a_spill_what_a_journal_keeps_no_more_is_lost_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No word of a journal that is not there; who waits behind it can send the event again."""
    journal = Journaled()
    journal.is_in_place = False
    assert not await Keeping(None).keep("orders", [entry("1", receipt=journal)])
    assert journal.told == [("lost", "1")]
    assert [(level, events) for level, _, events in messages(caplog)] == [(logging.ERROR, 1)]


async def test_without_a_spill_only_what_is_journaled_outlives_the_process(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The rest is lost, which the log, the answer and its receipts say."""
    kept, journal, receipt = Keeping(None), Journaled(), FakeReceipt()
    assert await kept.keep("orders", [entry("1", receipt=journal)])
    caplog.clear()
    entries = [entry("1", receipt=journal), entry("2", receipt=receipt), entry("3")]
    kept.secure("orders", entries)
    assert not await kept.keep("orders", entries)
    assert receipt.told == [("lost", "2")]
    assert messages(caplog) == [
        (logging.ERROR, "events are lost: they were not delivered, and shutdown.spill is empty", 2),
        (logging.WARNING, "events stay in the journal for the next start", 1),
    ]


async def test_who_waits_for_what_is_lost_is_told_so() -> None:
    """And who waits for what a journal has is told nothing of the kind."""
    lost, kept = FakeReceipt(), Journaled()
    assert not await Keeping(None).keep("orders", [entry("1", receipt=lost), entry("2", receipt=kept)])
    assert (lost.told, kept.told) == ([("lost", "1")], [("kept", "2")])


async def test_who_waits_for_what_cannot_be_written_is_told_so(tmp_path: Path) -> None:
    """Once the disk has said no; while it may still say yes nobody is."""
    (tmp_path / "spill").touch()
    receipt = FakeReceipt()
    assert not await keeping(tmp_path / "spill").keep("orders", [entry("1", receipt=receipt)])
    assert receipt.told == [("lost", "1")]


@on_virtual_clock
async def test_a_disk_that_hangs_loses_nothing_yet(tmp_path: Path) -> None:
    """The events may be there at the next start: who sent them again would have them twice."""
    receipt = FakeReceipt()
    assert not await keeping(tmp_path, Slow()).keep("orders", [entry("1", receipt=receipt)])
    assert receipt.told == []


@on_virtual_clock
async def test_what_is_secured_is_delivered_on(tmp_path: Path) -> None:
    """Before it is on disk and after; each producer gets its 200, and the file goes with the last."""
    threads, receipt = Slow(), FakeReceipt()
    kept = keeping(tmp_path, threads)
    entries = [entry(str(number), receipt=receipt) for number in range(3)]
    kept.secure("orders", entries)
    deliver(entries[0])
    await threads.run()
    deliver(entries[1])
    assert restored(tmp_path) == {"2": 0}
    deliver(entries[2])
    assert await kept.keep("orders", [])
    assert receipt.told == [("delivered", str(number), "None") for number in range(3)]
    assert files(tmp_path) == []


@on_virtual_clock
async def test_to_secure_tells_no_receipt_anything(tmp_path: Path) -> None:
    """A producer that waits may still get its answer."""
    threads, receipt = Slow(), FakeReceipt()
    kept = keeping(tmp_path, threads)
    entries = [entry("1", receipt=receipt)]
    kept.secure("orders", entries)
    await threads.run()
    assert receipt.told == []
    assert await kept.keep("orders", entries)
    assert receipt.told == [("kept", "1")]


@on_virtual_clock
async def test_only_what_is_new_or_was_tried_again_is_written_at_the_end(tmp_path: Path) -> None:
    """The rest stands as it is; the log counts all of it."""
    threads = Slow()
    kept = keeping(tmp_path, threads)
    secured = [entry(str(number)) for number in range(3)]
    kept.secure("orders", secured)
    await threads.run()
    (first,) = files(tmp_path)
    secured[1].attempt += 1
    end = asyncio.create_task(kept.keep("orders", [*secured, entry("new")]))
    await settle()
    await threads.run()
    assert await end
    second = files(tmp_path)[-1]
    assert second != first
    assert second.read_bytes().count(b"\n") == 2
    assert restored(tmp_path) == {"0": 0, "1": 1, "2": 0, "new": 0}


@on_virtual_clock
async def test_what_came_while_the_rest_was_secured_is_kept_after_it(tmp_path: Path) -> None:
    """The end comes before the first file is whole: it waits for it, and then writes another."""
    threads = Slow()
    kept = keeping(tmp_path, threads)
    secured = entry("1")
    kept.secure("orders", [secured])
    secured.attempt += 1
    end = asyncio.create_task(kept.keep("orders", [secured, entry("new")]))
    for _ in range(2):
        await settle()
        await threads.run()
    assert await end
    assert restored(tmp_path) == {"1": 1, "new": 0}
    assert len(files(tmp_path)) == 1


@on_virtual_clock
async def test_entries_are_not_secured_twice_at_the_same_time(tmp_path: Path) -> None:
    """One file is under way, and nothing is to stand in two."""
    threads = Slow()
    kept = keeping(tmp_path, threads)
    entries = [entry("1")]
    kept.secure("orders", entries)
    kept.secure("orders", entries)
    await threads.run()
    kept.secure("orders", entries)
    await threads.run()
    assert len(files(tmp_path)) == 1


async def test_what_cannot_be_written_is_lost_and_said_and_others_are_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file stands where the directory should; once it is gone, all is well again."""
    directory, receipt = tmp_path / "spill", FakeReceipt()
    directory.touch()
    kept = keeping(directory)
    assert not await kept.keep("orders", [entry("1", receipt=receipt), entry("2", receipt=Journaled())])
    assert receipt.told == [("lost", "1")]
    (lost, journaled) = messages(caplog)
    assert lost[0] == logging.CRITICAL
    assert lost[1].startswith("events could not be spilled: they are lost")
    assert (lost[2], journaled[2]) == (1, 1)
    assert "FileExistsError" in vars(caplog.records[0])["error"]
    assert not kept.hangs

    directory.unlink()
    assert await kept.keep("grid", [entry("1")])


async def test_what_could_not_be_secured_is_tried_again_at_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The disk may have room by then; until then every receipt is as it was."""
    directory, receipt = tmp_path / "spill", FakeReceipt()
    directory.touch()
    threads = Slow()
    kept = keeping(directory, threads)
    entries = [entry("1", receipt=receipt)]
    kept.secure("orders", entries)
    await threads.run()
    assert entries[0].receipt is receipt
    directory.unlink()
    end = asyncio.create_task(kept.keep("orders", entries))
    await settle()
    await threads.run()
    assert await end
    assert restored(directory) == {"1": 0}
    assert messages(caplog) == [(logging.WARNING, SPILLED, 1)]


async def test_what_stands_with_fewer_attempts_is_not_lost_when_it_cannot_be_written_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It stays in its older file, and the log says that the disk is in trouble."""
    process = spill(tmp_path)
    older = process.begin("orders", [entry("1", attempt=1)])
    older.write()
    (again,) = spill(tmp_path).read("orders")
    entries = [entry(of=again.event, attempt=2, receipt=again.receipt)]
    broken = tmp_path / "file"
    broken.touch()
    assert await keeping(broken).keep("orders", entries)
    assert restored(tmp_path) == {"1": 1}
    trouble, spilled = messages(caplog)
    assert trouble[:2] == (logging.WARNING, "the spill could not be written; no event is lost")
    assert spilled == (logging.WARNING, SPILLED, 1)


@on_virtual_clock
async def test_a_disk_that_hangs_holds_the_end_up_for_so_long_and_no_longer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Counted from the first attempt; then what is not on disk is lost, and the thread is not waited for."""
    kept, receipt = keeping(tmp_path, Slow()), FakeReceipt()
    entries = [entry("1", receipt=receipt)]
    kept.secure("orders", entries)
    await asyncio.sleep(4.0)
    assert not await kept.keep("orders", entries)
    assert now() == SPILL_SECONDS
    assert kept.hangs
    assert receipt.told == []
    assert [level for level, *_ in messages(caplog)] == [logging.CRITICAL]
    assert "TimeoutError" in vars(caplog.records[0])["error"]


@on_virtual_clock
async def test_a_large_spill_is_waited_for_as_long_as_it_grows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk that takes a piece every nine seconds is slow, and loses nothing."""
    disk = SlowDisk()
    end = asyncio.create_task(keeping(tmp_path, disk.threads).keep("orders", disk.entries(4)))
    await settle()
    disk.begin()
    for taken in (1, 2, 3):
        await until(taken * (SPILL_SECONDS - 1.0))
        disk.take_one()
    await until(4 * (SPILL_SECONDS - 1.0))
    await disk.take_all()
    assert await end
    assert len(restored(tmp_path)) == 4 * PART
    assert messages(caplog) == [(logging.WARNING, SPILLED, 4 * PART)]


@on_virtual_clock
async def test_what_stands_on_a_disk_that_hangs_later_is_told_from_what_may_be_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """So many seconds after its last piece; the next start has those that the log says it has."""
    disk, receipt = SlowDisk(), FakeReceipt()
    kept = keeping(tmp_path, disk.threads)
    end = asyncio.create_task(kept.keep("orders", disk.entries(3, receipt)))
    await settle()
    disk.begin()
    await until(7.0)
    disk.take_one()
    disk.take_one()
    assert not await end
    assert 7.0 + SPILL_SECONDS <= now() <= 7.0 + SPILL_SECONDS + LOOK_SECONDS
    assert kept.hangs
    assert receipt.told == [("kept", str(number)) for number in range(2 * PART)]
    (lost, spilled) = messages(caplog)
    assert (lost[0], lost[2]) == (logging.CRITICAL, PART)
    assert spilled == (logging.WARNING, SPILLED, 2 * PART)
    assert vars(caplog.records[1])["files"] == list(map(str, files(tmp_path)))
    copy = shutil.copytree(tmp_path, tmp_path / "at the next start")
    assert restored(copy) == {str(number): 0 for number in range(2 * PART)}
    await disk.take_all()


@on_virtual_clock
async def test_what_was_said_to_be_on_disk_stays_there_when_the_write_fails_after_all(
    tmp_path: Path,
) -> None:
    """A network's disk may hang, and then refuse: what it has taken is not removed to make room."""
    disk = SlowDisk()
    kept = keeping(tmp_path, disk.threads)
    end = asyncio.create_task(kept.keep("orders", disk.entries(3)))
    await settle()
    disk.begin()
    disk.take_one()
    assert not await end
    with files_may_grow_to(files(tmp_path)[0].stat().st_size):
        await disk.take_all()
    assert not kept.hangs
    assert restored(tmp_path) == {str(number): 0 for number in range(PART)}


@on_virtual_clock
async def test_a_destination_is_not_given_up_while_the_disk_is_busy_with_another(tmp_path: Path) -> None:
    """It waits for a thread; the seconds count from the last that the disk took of any of them."""
    disk = SlowDisk()
    kept = keeping(tmp_path, disk.threads)
    ends = [
        asyncio.create_task(kept.keep(name, entries))
        for name, entries in (("grid", disk.entries(3)), ("orders", [entry("3")]))
    ]
    await settle()
    disk.begin()
    for taken in (1, 2):
        await until(taken * (SPILL_SECONDS - 1.0))
        disk.take_one()
    await until(3 * (SPILL_SECONDS - 1.0))
    await disk.take_all()
    assert await asyncio.gather(*ends) == [True, True]
    assert restored(tmp_path) == {"3": 0}


@on_virtual_clock
async def test_a_write_that_ends_late_counts(tmp_path: Path) -> None:
    """Nobody waits for it any more; what it kept is kept."""
    threads = Slow()
    kept, entries = keeping(tmp_path, threads), [entry("1")]
    kept.secure("orders", entries)
    waiting = asyncio.create_task(kept.keep("orders", entries))
    await settle()
    waiting.cancel()
    await settle()
    await threads.run()
    assert not kept.hangs
    assert entries[0].receipt is not None
    assert entries[0].receipt.keeps(entries[0])
    assert await kept.keep("orders", entries)


async def test_destinations_are_kept_at_the_same_time(tmp_path: Path) -> None:
    """One that waits for its disk does not keep the others waiting."""
    kept = keeping(tmp_path)
    names = [f"bus-{number}" for number in range(5)]
    answers = await asyncio.gather(*[kept.keep(name, [entry(name)]) for name in names])
    assert answers == [True] * 5
    for name in names:
        assert [each.event.id for each in spill(tmp_path).read(name)] == [name]
