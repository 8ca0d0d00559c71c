"""Events are on disk before anybody is told so, many with one write, and go when nobody owes them."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from gateway.cloudevents.json import read_event
from gateway.errors import InvalidEventError
from gateway.event import Event
from gateway.pipeline.journal import Journal
from gateway.pipeline.journal_file import NAME
from gateway.pipeline.journal_writer import AGAIN_SECONDS, GROUP_BYTES, HANG_SECONDS, SETTLE_SECONDS
from gateway.pipeline.spill import RestoredEvent
from tests.pipeline.journals import WAL_NAME, Disk, copy_of, overwrite
from tests.support.build import entry, event, events
from tests.support.clock import now, on_virtual_clock, settle, until
from tests.support.disk import files_may_grow_to
from tests.support.receipt import FakeReceipt

LITTLE = 50_000
"""No room for what a write takes to be proven, but for a small one."""


def journal(directory: Path, on: Disk | None = None) -> Journal:
    """Not yet open."""
    return Journal(
        directory, lambda json, received_at: read_event(json, received_at=received_at), on or Disk()
    )


@asynccontextmanager
async def running(directory: Path, on: Disk | None = None) -> AsyncIterator[Journal]:
    """From its start to its end."""
    started = journal(directory, on)
    started.open()
    try:
        yield started
    finally:
        await started.aclose()


async def append(to: Journal, appended: Sequence[Event], *destinations: str) -> tuple[Sequence[int], bool]:
    """As one request: the numbers, and what was told."""
    told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    numbers = to.append(appended, destinations or ("orders",), told.set_result)
    assert not told.done(), "told in a later turn of the loop"
    return numbers, await told


async def restored(directory: Path, destination: str = "orders") -> list[RestoredEvent]:
    """What another start hands out."""
    async with running(directory) as started:
        return started.fetch(destination)


async def ids_in(directory: Path, destination: str = "orders") -> list[str]:
    """Of the events that another start hands out."""
    return [each.event.id for each in await restored(directory, destination)]


def damaged(directory: Path) -> list[Path]:
    """Files that were set aside."""
    return list(directory.glob(f"{NAME}.damaged-*"))


def bytes_in(directory: Path) -> int:
    """Of all files."""
    return sum([path.stat().st_size for path in directory.iterdir()])


def commits(of: Journal) -> int:
    """Groups written so far."""
    return sum(of.statistics().journal_commit_seconds.counts)


@on_virtual_clock
async def test_an_event_is_on_disk_when_it_is_said_to_be(tmp_path: Path) -> None:
    """A process killed at that moment leaves it to the next, to the byte and with the time of its arrival."""
    async with running(tmp_path / "a") as first:
        sent = event("1", received_at=1_767_225_600.123456)
        assert (await append(first, [sent]))[1]
        (left,) = await restored(copy_of(tmp_path / "a", tmp_path / "b"))
        assert left.event == sent
        assert left.attempts == 0


@on_virtual_clock
async def test_nothing_is_told_before_it_is_written(tmp_path: Path) -> None:
    """While the thread is in the file system it can be seen, and nobody has an answer."""
    told: list[bool] = []
    disk = Disk()
    async with running(tmp_path, on=disk) as started:
        assert not started.is_writing
        disk.hang()
        started.append(events(1), ("orders",), told.append)
        await settle()
        assert started.is_writing
        assert told == []
        disk.answer()
        await settle()
        assert not started.is_writing
        assert told == [True]


@on_virtual_clock
async def test_requests_that_come_during_a_write_share_the_next(tmp_path: Path) -> None:
    """One sync of the disk for all of them; each is told, in the order of their coming."""
    told: list[str] = []

    async def post(to: Journal, name: str) -> None:
        await append(to, [event(name)])
        told.append(name)

    names = ["first", *map(str, range(100))]
    disk = Disk()
    async with running(tmp_path, on=disk) as started:
        disk.hang()
        first = asyncio.create_task(post(started, "first"))
        await settle()
        others = [asyncio.create_task(post(started, name)) for name in names[1:]]
        await settle()
        disk.answer()
        await asyncio.gather(first, *others)
        assert told == names
        assert commits(started) == 2
    assert await ids_in(tmp_path) == names


@on_virtual_clock
async def test_a_write_is_bounded_and_a_request_is_never_split(tmp_path: Path) -> None:
    """What is beyond a group's bytes or events goes into the next."""
    large = [event(str(index), json_bytes=GROUP_BYTES // 2 - 1000) for index in range(6)]
    async with running(tmp_path) as started:
        assert all(
            is_on_disk for _, is_on_disk in await asyncio.gather(*[append(started, [one]) for one in large])
        )
        assert commits(started) == 3
        many = await asyncio.gather(
            *[append(started, events(100)) for _ in range(5)], append(started, events(999))
        )
        assert all(is_on_disk for _, is_on_disk in many)
        assert commits(started) == 3 + 4


@on_virtual_clock
async def test_numbers_ascend_over_starts(tmp_path: Path) -> None:
    """No record has the number of another, even of one that is gone."""
    numbers: list[int] = []
    for _ in range(3):
        async with running(tmp_path) as started:
            added, _ = await append(started, events(3))
            numbers += added
            started.settle(numbers[-1], "orders")
    assert numbers == sorted(set(numbers))


@on_virtual_clock
async def test_a_settlement_is_on_disk_in_time(tmp_path: Path) -> None:
    """What is delivered and lost again by a crash is sent twice: so it is not left waiting for long."""
    async with running(tmp_path / "a") as started:
        numbers, _ = await append(started, events(3))
        started.settle(numbers[1], "orders")
        assert await ids_in(copy_of(tmp_path / "a", tmp_path / "b")) == ["0", "1", "2"]
        await until(now() + SETTLE_SECONDS)
        assert await ids_in(copy_of(tmp_path / "a", tmp_path / "c")) == ["0", "2"]


@on_virtual_clock
async def test_settlements_do_not_wait_for_the_end_of_the_appends(tmp_path: Path) -> None:
    """However many requests follow one another without a pause."""
    async with running(tmp_path / "a") as started:
        numbers, _ = await append(started, [event("old")])
        started.settle(numbers[0], "orders")
        end = now() + SETTLE_SECONDS
        while now() < end:
            await append(started, [event("new")])
            await asyncio.sleep(0.01)
        assert "old" not in await ids_in(copy_of(tmp_path / "a", tmp_path / "b"))


@on_virtual_clock
async def test_what_is_flushed_is_on_disk(tmp_path: Path) -> None:
    """At once, whenever it was settled; a flush with nothing to do ends as well."""
    async with running(tmp_path / "a") as started:
        await started.flush()
        numbers, _ = await append(started, events(2))
        started.settle(numbers[0], "orders")
        begun = now()
        await started.flush()
        assert now() == begun
        assert await ids_in(copy_of(tmp_path / "a", tmp_path / "b")) == ["1"]


@on_virtual_clock
async def test_a_record_goes_when_the_last_destination_has_settled_it(tmp_path: Path) -> None:
    """Until then a start hands it to those that owe it; in any order, over several starts."""
    async with running(tmp_path) as started:
        numbers, _ = await append(started, events(1), "a", "b", "c")
        started.settle(numbers[0], "b")
    assert [await ids_in(tmp_path, name) for name in "abc"] == [["0"], [], ["0"]]
    for name in "ca":
        (left,) = await restored_and_settled(tmp_path, name)
        assert left.event.id == "0"
    assert [await ids_in(tmp_path, name) for name in "abc"] == [[], [], []]


async def restored_and_settled(directory: Path, destination: str) -> list[RestoredEvent]:
    """A start that delivers everything."""
    async with running(directory) as started:
        left = started.fetch(destination)
        for each in left:
            each.receipt.delivered(entry(of=each.event), None)
        return left


@on_virtual_clock
async def test_what_is_handed_out_is_handed_out_once(tmp_path: Path) -> None:
    """Oldest first, and to the destination that owes it."""
    async with running(tmp_path) as started:
        await append(started, events(3), "a")
        await append(started, [event("both")], "a", "b")
    async with running(tmp_path) as started:
        assert [each.event.id for each in started.fetch("a")] == ["0", "1", "2", "both"]
        assert started.fetch("a") == []
        assert [each.event.id for each in started.fetch("b")] == ["both"]


@on_virtual_clock
async def test_records_of_destinations_that_do_not_use_it_are_counted_and_stay(tmp_path: Path) -> None:
    """One may come back into the configuration, or name this journal again; each is counted for itself."""
    async with running(tmp_path) as started:
        await append(started, events(3), "gone")
        await append(started, events(2), "gone", "here")
    async with running(tmp_path) as started:
        assert len(started.fetch("here")) == 2
        assert started.strangers(["here"]) == {"gone": 5}
        assert started.strangers([]) == {"gone": 5, "here": 2}
        assert started.strangers(["here", "gone"]) == {}
    assert await ids_in(tmp_path, "gone") == ["0", "1", "2", "0", "1"]


@on_virtual_clock
async def test_what_nobody_has_fetched_does_not_stay_in_memory(tmp_path: Path) -> None:
    """It is bounded by nothing; once the strangers are counted, the file alone has it."""
    async with running(tmp_path) as started:
        await append(started, events(3), "gone")
    async with running(tmp_path) as started:
        started.strangers(["here"])
        assert started.fetch("gone") == []
    assert await ids_in(tmp_path, "gone") == ["0", "1", "2"]


@on_virtual_clock
async def test_a_receipt_passes_every_word_on_and_settles(tmp_path: Path) -> None:
    """Delivered or given up, the record goes; it says of itself that it is on disk."""
    async with running(tmp_path) as started:
        numbers, _ = await append(started, events(3))
        caller = FakeReceipt()
        first, second, third = [started.record(number, "orders", caller) for number in numbers]
        first.delivered(entry("0"), "bus-0")
        second.given_up(entry("1"), "bad", "it is bad")
        third.kept(entry("2", attempt=4))
        assert third.keeps(entry("2"))
        assert caller.told == [
            ("delivered", "0", "bus-0"),
            ("given_up", "1", "bad", "it is bad"),
            ("kept", "2"),
        ]
    (left,) = await restored(tmp_path)
    assert (left.event.id, left.attempts) == ("2", 4)


@on_virtual_clock
async def test_attempts_of_a_shared_record_do_not_undo_its_settlements(tmp_path: Path) -> None:
    """And a settlement does not undo the attempts."""
    async with running(tmp_path) as started:
        (number,), _ = await append(started, events(1), "a", "b", "c")
        started.settle(number, "a")
        started.record(number, "b", None).kept(entry("0", attempt=5))
        started.settle(number, "c")
    assert await ids_in(tmp_path, "a") == []
    assert [each.attempts for each in await restored(tmp_path, "b")] == [5]


@on_virtual_clock
async def test_a_disk_that_refuses_is_told_and_noticed_when_mended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """None of the group is accepted; once a second it is tried again, and said once each way."""
    caplog.set_level(logging.INFO)
    async with running(tmp_path) as started:
        await append(started, [event("before")])
        with files_may_grow_to(LITTLE):
            refused = await asyncio.gather(
                *[append(started, [event(str(index), json_bytes=90_000)]) for index in range(3)]
            )
            assert [is_on_disk for _, is_on_disk in refused] == [False] * 3
            assert started.obstacle is not None
            assert "disk" in started.obstacle
            assert not (await append(started, [event("refused at once")]))[1]
            await until(now() + 3.5 * AGAIN_SECONDS)
            assert started.obstacle is not None
            assert started.statistics().journal_failures == 4
        await until(now() + AGAIN_SECONDS)
        assert started.obstacle is None
        assert (await append(started, [event("after")]))[1]
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.INFO]
    assert await ids_in(tmp_path) == ["before", "after"]


@on_virtual_clock
async def test_what_is_settled_while_the_disk_refuses_is_written_when_it_is_mended(tmp_path: Path) -> None:
    """It costs memory until then, and no second delivery after."""
    async with running(tmp_path / "a") as started:
        numbers, _ = await append(started, events(4), "orders")
        shared, _ = await append(started, [event("shared")], "orders", "other")
        with files_may_grow_to(1000):
            started.settle(numbers[0], "orders")
            await until(now() + SETTLE_SECONDS)
            assert started.obstacle is not None
            started.settle(numbers[1], "orders")
            started.settle(shared[0], "orders")
            await started.flush()
        await until(now() + 2 * AGAIN_SECONDS)
        assert started.obstacle is None
        assert await ids_in(copy_of(tmp_path / "a", tmp_path / "b")) == ["2", "3"]


@on_virtual_clock
async def test_a_directory_that_has_gone_is_an_obstacle_and_no_crash(tmp_path: Path) -> None:
    """Writing into a file without a name would be no promise."""
    async with running(tmp_path / "journal") as started:
        shutil.rmtree(tmp_path / "journal")
        assert not (await append(started, events(1)))[1]
        assert started.obstacle == "No such file or directory"
        await until(now() + 2 * AGAIN_SECONDS)
        assert started.obstacle is not None
    assert started.obstacle is not None, "to close it is not to write it"


@on_virtual_clock
async def test_a_receipt_keeps_only_what_a_start_would_find(tmp_path: Path) -> None:
    """Known at the next write or flush; once the files are back, so is what stands in them."""
    async with running(tmp_path / "journal") as started:
        (number,), _ = await append(started, events(1))
        receipt = started.record(number, "orders", None)
        await started.flush()
        assert receipt.keeps(entry())
        (tmp_path / "journal").rename(tmp_path / "elsewhere")
        await started.flush()
        assert not receipt.keeps(entry())
        (tmp_path / "elsewhere").rename(tmp_path / "journal")
        await until(now() + 2 * AGAIN_SECONDS)
        assert receipt.keeps(entry())
        assert started.obstacle is None


@on_virtual_clock
async def test_a_loss_is_passed_on_and_the_record_stays_owed(tmp_path: Path) -> None:
    """Who waits can send the event again; and the file that has gone may be brought back."""
    caller = FakeReceipt()
    async with running(tmp_path / "journal") as started:
        (number,), _ = await append(started, events(1))
        (tmp_path / "journal").rename(tmp_path / "elsewhere")
        await started.flush()
        lost = entry("0")
        started.record(number, "orders", caller).lost(lost)
        started.record(number, "orders", None).lost(lost)
    assert caller.told == [("lost", "0")]
    assert await ids_in(tmp_path / "elsewhere") == ["0"]


@on_virtual_clock
async def test_a_refused_write_says_as_well_whether_the_journal_is_still_there(tmp_path: Path) -> None:
    """So that what is held can be spilled before the end; a disk that is only full keeps what it has."""
    async with running(tmp_path / "journal") as started:
        (number,), _ = await append(started, events(1))
        receipt = started.record(number, "orders", None)
        with files_may_grow_to(1000):
            assert not (await append(started, events(1)))[1]
            assert receipt.keeps(entry())
        await until(now() + 2 * AGAIN_SECONDS)
        shutil.rmtree(tmp_path / "journal")
        assert not (await append(started, events(1)))[1]
        assert not receipt.keeps(entry())


@on_virtual_clock
async def test_another_file_in_its_place_is_not_written_and_keeps_nothing(tmp_path: Path) -> None:
    """A copy brought back, for instance: what is written to the old file is not there."""
    async with running(tmp_path / "journal") as started:
        (number,), _ = await append(started, [event("1")])
        copy_of(tmp_path / "journal", tmp_path / "copy")
        shutil.rmtree(tmp_path / "journal")
        (tmp_path / "copy").rename(tmp_path / "journal")
        assert not (await append(started, [event("2")]))[1]
        assert started.obstacle == "another file has taken the journal's place"
        await until(now() + 3 * AGAIN_SECONDS)
        assert started.obstacle is not None
        assert not started.record(number, "orders", None).keeps(entry())
    assert await ids_in(tmp_path / "journal") == ["1"]


@on_virtual_clock
async def test_what_was_refused_does_not_stay_on_the_disk(tmp_path: Path) -> None:
    """The disk may have kept a group and failed after that: it goes without anything else to be settled."""
    async with running(tmp_path / "a", on=(disk := Disk())) as started:
        disk.fail_after_next()
        assert not (await append(started, events(3)))[1]
        assert await ids_in(copy_of(tmp_path / "a", tmp_path / "b")) == ["0", "1", "2"]
        await until(now() + 2 * AGAIN_SECONDS)
        assert started.obstacle is None
        assert await ids_in(copy_of(tmp_path / "a", tmp_path / "c")) == []


@on_virtual_clock
async def test_a_disk_that_does_not_answer_is_an_obstacle_while_it_lasts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What comes is refused at once, what waits is too; what is being written hears how that ends."""
    caplog.set_level(logging.INFO)
    told: list[tuple[str, bool]] = []
    async with running(tmp_path, on=(disk := Disk())) as started:
        disk.hang()
        started.append([event("writing")], ("orders",), lambda said: told.append(("writing", said)))
        await settle()
        started.append([event("waiting")], ("orders",), lambda said: told.append(("waiting", said)))
        await until(now() + HANG_SECONDS - 0.1)
        assert (started.obstacle, told) == (None, [])
        await until(now() + 0.1)
        assert started.obstacle == "the disk does not answer"
        assert not (await append(started, [event("new")]))[1]
        await until(now() + 100.0)
        assert told == [("waiting", False)]
        assert started.statistics().journal_failures == 1
        disk.answer()
        await settle()
        assert started.obstacle is None
        assert told == [("waiting", False), ("writing", True)]
        assert (await append(started, [event("after")]))[1]
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.INFO]
    assert await ids_in(tmp_path) == ["writing", "after"]


@on_virtual_clock
async def test_a_write_that_hangs_and_then_fails_is_one_failure(tmp_path: Path) -> None:
    """It is tried again like any other."""
    async with running(tmp_path, on=(disk := Disk())) as started:
        disk.hang()
        disk.fail_after_next()
        refused = asyncio.create_task(append(started, events(1)))
        await until(now() + HANG_SECONDS)
        disk.answer()
        assert not (await refused)[1]
        assert started.obstacle == "Input/output error"
        assert started.statistics().journal_failures == 1
        await until(now() + AGAIN_SECONDS)
        assert started.obstacle is None


@on_virtual_clock
async def test_a_close_that_nobody_waits_for_any_more_is_still_seen(tmp_path: Path) -> None:
    """The thread is in the file system: the process must not wait for it at its end."""
    started = journal(tmp_path, disk := Disk())
    started.open()
    disk.hang(after=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5.0):
            await started.aclose()
    assert started.is_writing
    disk.answer()
    assert not started.is_writing


@on_virtual_clock
async def test_a_closed_journal_lets_others_in(tmp_path: Path) -> None:
    """Closing twice, or without a start, harms nothing; what comes later is refused."""
    await journal(tmp_path).aclose()
    started = journal(tmp_path)
    started.open()
    with pytest.raises(OSError, match="another process uses it"):
        journal(tmp_path).open()
    await started.aclose()
    await started.aclose()
    await started.flush()
    started.settle(1, "orders")
    assert not (await append(started, events(1)))[1]
    assert await ids_in(tmp_path) == []


@on_virtual_clock
async def test_a_close_waits_for_what_is_being_written(tmp_path: Path) -> None:
    """Requests under way get their answers, and settlements reach the disk."""
    told: list[bool] = []
    started = journal(tmp_path)
    started.open()
    numbers, _ = await append(started, events(2))
    started.append([event("last")], ("orders",), told.append)
    started.settle(numbers[0], "orders")
    await started.aclose()
    await settle()
    assert told == [True]
    assert await ids_in(tmp_path) == ["1", "last"]


@on_virtual_clock
async def test_a_journal_that_cannot_be_written_is_closed_all_the_same(tmp_path: Path) -> None:
    """It is tried once more and no longer: then the next start sends again what was settled."""
    started = journal(tmp_path)
    started.open()
    numbers, _ = await append(started, events(1))
    with files_may_grow_to(1000):
        started.settle(numbers[0], "orders")
        await started.aclose()
    assert started.statistics().journal_failures
    assert await ids_in(tmp_path) == ["0"]


def test_a_directory_that_cannot_be_used_is_refused_with_its_reason(tmp_path: Path) -> None:
    """At the start, when an operator looks."""
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(OSError, match="File exists"):
        journal(tmp_path / "taken").open()
    with files_may_grow_to(8192), pytest.raises(OSError, match="disk") as full:
        journal(tmp_path / "full").open()
    assert full.value.strerror


@on_virtual_clock
async def test_a_start_that_failed_can_be_made_again(tmp_path: Path) -> None:
    """It has let go of the directory."""
    started = journal(tmp_path)
    with files_may_grow_to(8192), pytest.raises(OSError, match="disk"):
        started.open()
    started.open()
    assert (await append(started, events(1)))[1]
    await started.aclose()


@on_virtual_clock
async def test_damage_is_said_counted_and_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Once as an error with the numbers; later starts name the file that still waits for somebody."""
    async with running(tmp_path) as started:
        await append(started, [event(str(index), json_bytes=440) for index in range(50)])
    overwrite(tmp_path / NAME, 0, bytes(100))
    async with running(tmp_path) as started:
        assert len(started.fetch("orders")) == 50
        assert started.statistics().set_aside == 1
    (error,) = caplog.records
    (aside,) = damaged(tmp_path)
    assert (error.levelno, vars(error)["events"], vars(error)["set_aside_in"]) == (
        logging.ERROR,
        50,
        str(aside),
    )
    caplog.clear()
    async with running(tmp_path) as started:
        assert started.statistics().set_aside == 0
    (warning,) = caplog.records
    assert (warning.levelno, vars(warning)["files"]) == (logging.WARNING, [str(aside)])


@on_virtual_clock
async def test_a_lost_wal_is_said_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of it can be known but that it was there."""
    async with running(tmp_path / "a") as started:
        await append(started, events(1))
        killed = copy_of(tmp_path / "a", tmp_path / "b")
    (killed / WAL_NAME).unlink()
    async with running(killed) as started:
        assert started.statistics().set_aside == 1
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@on_virtual_clock
async def test_an_event_that_is_none_any_more_stays_and_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The next version may read it; the others are handed out."""
    async with running(tmp_path) as started:
        await append(started, events(3))
    picky = Journal(tmp_path, partial(_read_all_but, "1"), Disk())
    picky.open()
    assert [each.event.id for each in picky.fetch("orders")] == ["0", "2"]
    assert picky.statistics().set_aside == 1
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    await picky.aclose()
    assert await ids_in(tmp_path) == ["0", "1", "2"]


def _read_all_but(unread: str, json: bytes, received_at: float) -> Event:
    if (read := read_event(json, received_at=received_at)).id == unread:
        raise InvalidEventError("not to my taste")
    return read


@on_virtual_clock
async def test_its_size_is_told(tmp_path: Path) -> None:
    """What its files take on disk, since the last write."""
    async with running(tmp_path) as started:
        await append(started, [event(json_bytes=100_000)])
        assert started.statistics().journal_bytes == bytes_in(tmp_path)
