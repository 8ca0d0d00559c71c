"""What could not be delivered before the end is there at the next start, once and unchanged."""

import json
import logging
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cloudevents.json import read_event
from gateway.entry import Entry
from gateway.event import Event
from gateway.pipeline import disk
from gateway.pipeline.spill import RestoredEvent, Spill
from gateway.pipeline.spill_file import WRITE_BYTES
from tests.support.build import WALL_AT_START, entry, event
from tests.support.disk import files_may_grow_to
from tests.support.receipt import FakeReceipt


def spill(directory: Path) -> Spill:
    """On that directory, as a process that starts."""
    return Spill(directory, lambda text, received_at: read_event(text, received_at=received_at))


def keep(directory: Path, *entries: Entry, destination: str = "orders") -> Path:
    """Spill these, in a process of their own; the file."""
    file = spill(directory).begin(destination, entries)
    file.write()
    file.confirm()
    return file.path


def restore(directory: Path) -> list[Entry]:
    """The entries that a start would have."""
    return [as_entry(each) for each in spill(directory).read("orders")]


def as_entry(restored: RestoredEvent) -> Entry:
    """As a destination takes it back."""
    return entry(of=restored.event, attempt=restored.attempts, receipt=restored.receipt)


def deliver(*entries: Entry) -> None:
    """The bus has them."""
    for each in entries:
        assert each.receipt is not None
        each.receipt.delivered(each, f"bus-{each.event.id}")


def in_turn(*names: str, attempt: int = 0) -> list[Entry]:
    """Entries that were accepted a second after one another."""
    return [
        entry(of=event(name, received_at=WALL_AT_START + second), attempt=attempt)
        for second, name in enumerate(names)
    ]


def ids(entries: list[Entry]) -> list[str]:
    """Of their events."""
    return [each.event.id for each in entries]


def half_written(directory: Path, *entries: Entry) -> Path:
    """The draft that a process left which was killed before it could rename it."""
    path = keep(directory, *entries)
    return path.rename(disk.draft_of(path))


def link_to_itself(path: Path) -> None:
    """Nobody can open it."""
    path.symlink_to(path)


# Written and read.


def test_what_was_written_is_read_back_equal(tmp_path: Path) -> None:
    """The event to the byte, the time of its acceptance, its attempts; in order, for us alone to read."""
    first = entry(of=event("1", received_at=WALL_AT_START + 0.123456), attempt=7)
    second = entry(of=event("2", json_bytes=5000, received_at=WALL_AT_START + 1))
    path = keep(tmp_path, first, second)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    restored = spill(tmp_path).read("orders")
    assert [(each.event, each.attempts) for each in restored] == [(first.event, 7), (second.event, 0)]


def test_a_file_of_many_pieces_is_whole(tmp_path: Path) -> None:
    """It is encoded a piece at a time, not to have all of it in memory twice."""
    spilled = [entry(of=event(str(number), json_bytes=300_000)) for number in range(9)]
    keep(tmp_path, *spilled)
    assert [each.event for each in restore(tmp_path)] == [each.event for each in spilled]


def test_line_breaks_between_tokens_do_not_break_the_line(tmp_path: Path) -> None:
    """Raw data may hold them; the event that comes back means the same."""
    text = b'{"specversion":"1.0","id":"1","source":"/t","type":"t","data":{\n"a":\r\n1}}'
    broken = Event(id="1", source="/t", type="t", time=None, traceparent=None, json=text, received_at=0.0)
    keep(tmp_path, entry(of=broken))
    (restored,) = restore(tmp_path)
    assert json.loads(restored.event.json) == json.loads(text)


def test_what_was_accepted_first_comes_first_whichever_file_it_stands_in(tmp_path: Path) -> None:
    """An old event may be spilled again beside new ones; those of one moment keep their order."""
    keep(tmp_path, entry(of=event("b", received_at=2.0)), entry(of=event("a", received_at=2.0)))
    keep(tmp_path, entry(of=event("c", received_at=3.0)), entry(of=event("old", received_at=1.0)))
    assert ids(restore(tmp_path)) == ["old", "b", "a", "c"]


def test_each_destination_reads_its_own_files(tmp_path: Path) -> None:
    """Names that begin alike are not confused."""
    keep(tmp_path, entry("1"))
    keep(tmp_path, entry("2"), destination="orders-eu")
    assert ids(restore(tmp_path)) == ["1"]


def test_files_of_no_destination_are_named_and_left(tmp_path: Path) -> None:
    """A destination may come back into the configuration."""
    known = keep(tmp_path, entry("1"))
    gone = keep(tmp_path, entry("2"), destination="gone")
    draft = tmp_path / ".gone.1.jsonl.draft"
    odd = tmp_path / "Notes.jsonl"
    for path in (draft, odd):
        path.write_bytes(b"{}\n")
    assert set(spill(tmp_path).strangers(["orders"])) == {gone, draft, odd}
    spill(tmp_path).read("orders")
    assert all(path.exists() for path in (known, gone, draft, odd))


def test_a_directory_that_has_gone_is_made_again(tmp_path: Path) -> None:
    """Somebody tidied up while the gateway ran; its events are kept all the same."""
    assert keep(tmp_path / "spill", entry("1")).exists()


def test_what_cannot_be_written_raises_and_leaves_nothing(tmp_path: Path) -> None:
    """The caller must know that the events are not safe; the disk fills up in the middle."""
    file = spill(tmp_path).begin("orders", [entry("1", of=event("1", json_bytes=500))])
    with files_may_grow_to(100), pytest.raises(OSError, match="File too large"):
        file.write()
    assert list(tmp_path.iterdir()) == []


def test_a_later_file_is_the_newer_one_though_the_clock_was_set_back(tmp_path: Path) -> None:
    """Else it could take an older one's name, or its word would not count."""
    ahead = tmp_path / "orders.8000000000000000000.jsonl"
    keep(tmp_path, entry("1")).rename(ahead)
    started = spill(tmp_path)
    (again,) = [as_entry(each) for each in started.read("orders")]
    again.attempt = 5
    file = started.begin("orders", [again])
    file.write()
    assert [each.attempt for each in restore(tmp_path)] == [5]


# Settled, before and after a crash.


def test_a_file_goes_with_its_last_entry_and_not_before(tmp_path: Path) -> None:
    """A crash in between loses none; what is only kept stays where it is."""
    path = keep(tmp_path, entry("1"), entry("2"), entry("3"))
    delivered, given_up, kept = restore(tmp_path)
    deliver(delivered)
    assert given_up.receipt is not None
    given_up.receipt.given_up(given_up, "bad", "")
    assert kept.receipt is not None
    kept.receipt.kept(kept)
    assert ids(restore(tmp_path)) == ["3"]
    assert path.exists()
    deliver(kept)
    assert list(tmp_path.iterdir()) == []


def test_each_file_goes_with_its_own_entries(tmp_path: Path) -> None:
    """Two shutdowns, two files; both are read, the older first."""
    older = keep(tmp_path, entry("1"))
    newer = keep(tmp_path, entry("2"))
    first, second = restore(tmp_path)
    assert ids([first, second]) == ["1", "2"]
    deliver(second)
    assert (older.exists(), newer.exists()) == (True, False)


def test_what_was_settled_before_a_crash_is_not_restored_again(tmp_path: Path) -> None:
    """A note beside the file says which lines are done, so the next start sends only the others."""
    keep(tmp_path, entry("1"), entry("2"), entry("3"))
    first, _, third = restore(tmp_path)
    deliver(third, first)
    (left,) = restore(tmp_path)
    assert left.event.id == "2"
    deliver(left)
    assert list(tmp_path.iterdir()) == []


def test_a_torn_note_never_reads_as_another_lines(tmp_path: Path) -> None:
    """At whatever byte a crash cut the notes, and though more are added: what is unsettled comes back."""
    path = keep(tmp_path, *[entry(str(number)) for number in range(12)])
    deliver(restore(tmp_path)[11])
    notes = path.with_suffix(".settled").read_bytes()
    for cut in range(len(notes)):
        path.with_suffix(".settled").write_bytes(notes[:cut])
        started = restore(tmp_path)
        assert len(started) == 12
        deliver(started[10])
        assert set(ids(restore(tmp_path))) - {"11"} == set(map(str, range(10)))


@pytest.mark.parametrize("notes", [b"1\n2\n", b"\xff\xfe\n\n-000000001\n", b"0000000099\n", b"0" * 5000])
def test_notes_that_are_noise_note_nothing(tmp_path: Path, notes: bytes) -> None:
    """Sending once more can be mended; losing cannot."""
    path = keep(tmp_path, entry("0"), entry("1"), entry("2"))
    path.with_suffix(".settled").write_bytes(notes)
    assert ids(restore(tmp_path)) == ["0", "1", "2"]


def test_notes_of_no_file_are_removed(tmp_path: Path) -> None:
    """A crash came between the removal of the file and that of its notes; others' are let be."""
    orphan, others = tmp_path / "orders.5.settled", tmp_path / "other.5.settled"
    for notes in (orphan, others):
        notes.write_bytes(b"\n0000000000\n")
    assert restore(tmp_path) == []
    assert list(tmp_path.iterdir()) == [others]


def test_notes_that_could_not_be_written_go_with_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk that is full is said once for as long as it is, and has room again later."""
    keep(tmp_path, *[entry(str(number)) for number in range(5)])
    first, second, third, fourth, _ = restore(tmp_path)
    with files_may_grow_to(7):
        deliver(first, second)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("a spill file cannot be kept up")
    deliver(third)
    assert ids(restore(tmp_path)) == ["3", "4"]
    with files_may_grow_to(7):
        deliver(fourth)
    assert len(caplog.records) == 2


def test_a_file_that_cannot_be_removed_is_logged_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its events are settled all the same; here a directory has taken its place."""
    path = keep(tmp_path, entry("1"))
    (restored,) = restore(tmp_path)
    path.unlink()
    path.mkdir()
    deliver(restored)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING


# Spilled while it is still being delivered.


def test_to_begin_a_file_touches_no_disk(tmp_path: Path) -> None:
    """The loop does it."""
    spill(tmp_path / "missing").begin("orders", [entry("1")])
    assert list(tmp_path.iterdir()) == []


def test_every_word_reaches_the_producer_that_waits_once(tmp_path: Path) -> None:
    """Through all lines that its entry has had, whatever is written meanwhile."""
    receipt, process = FakeReceipt(), spill(tmp_path)
    entries = [entry(name, receipt=receipt) for name in ("a", "b", "c")]
    for _ in range(3):
        for each in entries:
            each.attempt += 1
        file = process.begin("orders", entries)
        file.write()
        file.confirm()
    delivered, given_up, kept = entries
    deliver(delivered)
    assert given_up.receipt is not None
    given_up.receipt.given_up(given_up, "bad", "words")
    assert kept.receipt is not None
    kept.receipt.kept(kept)
    assert receipt.told == [("delivered", "a", "bus-a"), ("given_up", "b", "bad", "words"), ("kept", "c")]
    assert ids(restore(tmp_path)) == ["c"]
    assert len(list(tmp_path.glob("*.jsonl"))) == 1


def test_what_is_settled_before_its_file_is_written_does_not_come_back(tmp_path: Path) -> None:
    """Nor what is settled before the loop hears of it; and from then on it is noted at once."""
    entries = [entry(str(number)) for number in range(4)]
    file = spill(tmp_path).begin("orders", entries)
    deliver(entries[0])
    file.write()
    deliver(entries[1])
    assert ids(restore(tmp_path)) == ["1", "2", "3"]
    file.confirm()
    assert ids(restore(tmp_path)) == ["2", "3"]
    deliver(entries[2])
    assert ids(restore(tmp_path)) == ["3"]


def test_to_settle_while_the_file_is_written_touches_no_disk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk that hangs must not hold up the loop, which could deliver all of it."""
    entries = [entry("1"), entry("2")]
    file = spill(tmp_path / "missing").begin("orders", entries)
    deliver(*entries)
    assert list(tmp_path.iterdir()) == []
    assert caplog.records == []
    file.write()
    file.confirm()
    assert list((tmp_path / "missing").iterdir()) == []


def test_what_is_settled_while_a_large_file_is_written_is_noted_with_its_next_piece(tmp_path: Path) -> None:
    """It may take seconds, and a crash should not send again all that was delivered in them."""
    entries = [entry(of=event(str(number), json_bytes=WRITE_BYTES)) for number in range(2)]
    file = spill(tmp_path).begin("orders", entries)
    draft = disk.draft_of(file.path)
    os.mkfifo(draft)  # a disk that takes what we take from it, and no more
    with ThreadPoolExecutor() as threads:
        written = threads.submit(file.write)
        with draft.open("rb") as stream:
            deliver(entries[1])
            stream.readline()
            stream.read(1)
            notes = file.path.with_suffix(".settled").read_bytes()
            stream.read()
        assert isinstance(written.exception(), OSError)  # a pipe cannot be forced to the disk
    assert notes == b"\n0000000001\n"


def test_a_file_all_of_which_was_settled_meanwhile_goes_when_it_is_confirmed(tmp_path: Path) -> None:
    """Nothing is left for the next start."""
    entries = [entry("1"), entry("2")]
    file = spill(tmp_path).begin("orders", entries)
    file.write()
    deliver(*entries)
    file.confirm()
    assert list(tmp_path.iterdir()) == []


def test_a_file_all_of_which_was_settled_before_a_crash_brings_nothing_back(tmp_path: Path) -> None:
    """Though the process did not come to remove it."""
    entries = [entry("1"), entry("2")]
    file = spill(tmp_path).begin("orders", entries)
    deliver(*entries)
    file.write()
    assert file.path.exists()
    assert restore(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_an_entry_settled_while_it_is_spilled_again_takes_no_other_with_it(tmp_path: Path) -> None:
    """Its older line is settled once, and the older file waits for the others in it."""
    older = keep(tmp_path, *in_turn("1", "2", attempt=1))
    process = spill(tmp_path)
    again = [as_entry(each) for each in process.read("orders")]
    again[0].attempt = 4
    newer = process.begin("orders", again[:1])
    newer.write()
    deliver(again[0])
    newer.confirm()
    assert older.exists()
    assert ids(restore(tmp_path)) == ["2"]


def test_an_abandoned_file_leaves_every_receipt_as_it_was(tmp_path: Path) -> None:
    """Settled before or after, all are told, and no note stays behind."""
    receipt = FakeReceipt()
    before, after, silent = entry("1", receipt=receipt), entry("2", receipt=receipt), entry("3")
    file = spill(tmp_path).begin("orders", [before, after, silent])
    deliver(before)
    file.abandon()
    assert after.receipt is receipt
    assert silent.receipt is None
    deliver(after)
    assert [word for word, *_ in receipt.told] == ["delivered", "delivered"]
    assert list(tmp_path.iterdir()) == []


def test_an_entry_is_kept_while_its_line_is_on_disk_and_says_its_attempts(tmp_path: Path) -> None:
    """Else it would be tried more often than it may be."""
    spilled = entry("1", attempt=2)
    file = spill(tmp_path).begin("orders", [spilled])
    assert spilled.receipt is not None
    assert not spilled.receipt.keeps(spilled)
    file.write()
    file.confirm()
    assert spilled.receipt.keeps(spilled)
    spilled.attempt += 1
    assert not spilled.receipt.keeps(spilled)
    spilled.attempt -= 1
    deliver(spilled)
    assert not spilled.receipt.keeps(spilled)


def test_an_entry_that_is_kept_elsewhere_stays_kept_when_it_is_spilled(tmp_path: Path) -> None:
    """A journal has it."""

    class Journaled(FakeReceipt):
        def keeps(self, entry: Entry) -> bool:
            return entry.event.id == "1"

    journaled, other = entry("1", receipt=Journaled()), entry("2", receipt=Journaled())
    spill(tmp_path).begin("orders", [journaled, other])
    assert journaled.receipt is not None
    assert journaled.receipt.keeps(journaled)
    assert other.receipt is not None
    assert not other.receipt.keeps(other)


def test_a_loss_is_passed_on_to_who_waits_behind_a_line_that_is_nowhere(tmp_path: Path) -> None:
    """Not before it is known: the file that is being written may be there at the next start."""
    caller = FakeReceipt()
    spilled = entry("1", receipt=caller)
    file = spill(tmp_path).begin("orders", [spilled])
    line = spilled.receipt
    assert line is not None
    line.lost(spilled)
    assert caller.told == []
    file.abandon()
    line.lost(spilled)
    assert caller.told == [("lost", "1")]


# Spilled again.


def test_an_older_line_stays_until_the_newer_is_confirmed(tmp_path: Path) -> None:
    """At every moment the entry is on disk, once."""
    older = keep(tmp_path, entry("1", attempt=1))
    process = spill(tmp_path)
    (again,) = [as_entry(each) for each in process.read("orders")]
    again.attempt = 4
    file = process.begin("orders", [again])
    assert [each.attempt for each in restore(tmp_path)] == [1]
    file.write()
    assert older.exists()
    file.confirm()
    assert list(tmp_path.iterdir()) == [file.path]
    assert [each.attempt for each in restore(tmp_path)] == [4]
    deliver(again)
    assert list(tmp_path.iterdir()) == []


def test_an_older_line_stays_where_the_newer_cannot_be_written(tmp_path: Path) -> None:
    """It has spent fewer attempts than in truth: better than none to spend."""
    older = keep(tmp_path, entry("1", attempt=1))
    process = spill(tmp_path)
    (again,) = [as_entry(each) for each in process.read("orders")]
    again.attempt = 4
    process.begin("orders", [again]).abandon()
    assert again.receipt is not None
    assert not again.receipt.keeps(again)
    assert [each.attempt for each in restore(tmp_path)] == [1]
    deliver(again)
    assert not older.exists()


def test_a_crash_before_the_older_line_is_settled_brings_the_entry_back_once(tmp_path: Path) -> None:
    """As the newer file says; and the older is done for even if the newer goes first."""
    older = keep(tmp_path, *in_turn("1", "2", attempt=1))
    process = spill(tmp_path)
    again = [as_entry(each) for each in process.read("orders")]
    again[0].attempt = 4
    newer = process.begin("orders", again[:1])
    newer.write()

    first, second = restore(tmp_path)
    assert [(each.event.id, each.attempt) for each in (first, second)] == [("1", 4), ("2", 1)]
    deliver(first)
    assert not newer.path.exists()
    assert older.exists()
    assert ids(restore(tmp_path)) == ["2"]


def test_a_file_that_newer_ones_replace_altogether_is_removed(tmp_path: Path) -> None:
    """Its entries all stand elsewhere."""
    older = keep(tmp_path, entry("1"))
    process = spill(tmp_path)
    newer = process.begin("orders", [as_entry(each) for each in process.read("orders")])
    newer.write()
    assert ids(restore(tmp_path)) == ["1"]
    assert list(tmp_path.iterdir()) == [newer.path]
    assert not older.exists()


def test_a_copy_of_a_file_brings_nothing_back_twice(tmp_path: Path) -> None:
    """Somebody restored a backup beside it; nor does it bring back what is settled."""
    path = keep(tmp_path, entry("1"), entry("2"))
    deliver(restore(tmp_path)[0])
    (tmp_path / "orders.7.jsonl").write_bytes(path.read_bytes())
    (left,) = restore(tmp_path)
    assert left.event.id == "2"
    deliver(left)
    assert list(tmp_path.iterdir()) == []


def test_equal_events_that_were_accepted_twice_come_back_twice(tmp_path: Path) -> None:
    """A producer may send the same event twice in one request: both were answered for."""
    keep(tmp_path, entry("1"), entry("1"))
    keep(tmp_path, entry("1"))
    assert ids(restore(tmp_path)) == ["1", "1", "1"]


# Half written.


def test_a_half_written_file_gives_back_its_whole_lines(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The process was killed while it wrote; the torn line is set aside and counted."""
    draft = half_written(tmp_path, entry("1"), entry("2"), entry("3"))
    os.truncate(draft, draft.stat().st_size - 10)
    started = spill(tmp_path)
    restored = [as_entry(each) for each in started.read("orders")]
    assert ids(restored) == ["1", "2"]
    assert started.set_aside == 1
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert ids(restore(tmp_path)) == ["1", "2"]
    deliver(*restored)
    assert [path.suffix for path in tmp_path.iterdir()] == [".damaged"]


def test_what_was_settled_while_a_file_was_half_written_does_not_come_back(tmp_path: Path) -> None:
    """Its notes are on disk before it is."""
    entries = [entry("1"), entry("2")]
    file = spill(tmp_path).begin("orders", entries)
    deliver(entries[0])
    file.write()
    file.path.rename(disk.draft_of(file.path))
    assert ids(restore(tmp_path)) == ["2"]


def test_a_half_written_file_is_newer_than_what_it_was_to_replace(tmp_path: Path) -> None:
    """What it does not have yet is still in the older one."""
    keep(tmp_path, *in_turn("1", "2", attempt=1))
    process = spill(tmp_path)
    again = [as_entry(each) for each in process.read("orders")]
    for each in again:
        each.attempt = 4
    file = process.begin("orders", again)
    file.write()
    os.truncate(file.path, file.path.stat().st_size - 10)
    file.path.rename(disk.draft_of(file.path))
    assert [(each.event.id, each.attempt) for each in restore(tmp_path)] == [("1", 4), ("2", 1)]


def test_a_draft_beside_its_complete_file_brings_nothing_back_twice(tmp_path: Path) -> None:
    """Nor anything that is settled; but what only the draft has, it gives back."""
    draft = half_written(tmp_path, *in_turn("1", "2", "3"))
    path = tmp_path / draft.name.removeprefix(".").removesuffix(".draft")
    path.write_bytes(b"".join(draft.read_bytes().splitlines(keepends=True)[:2]))
    path.with_suffix(".settled").write_bytes(b"\n0000000000\n")
    restored = restore(tmp_path)
    assert ids(restored) == ["2", "3"]
    deliver(*restored)
    assert list(tmp_path.iterdir()) == []


# Damaged.


def test_damaged_lines_are_set_aside_and_counted_once_and_the_others_restored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is wrong with them; the log says how many and where they are."""
    path = keep(tmp_path, entry("1"))
    whole = path.read_bytes()
    damaged = [
        b"no json\n",
        b"\n",
        b"\x00" * 4096 + b"\n",
        b"[" * 100_000 + b"\n",
        b'"' + b"x" * (8 << 20) + b'"\n',
        whole.replace(b'"attempts":0', b'"attempts":1'),
        whole.replace(b'"attempts":0', b'"attempts":-1'),
        whole.replace(b'"attempts":0', b'"attempts":"many"'),
        whole.replace(b"2026-", b"2027-"),
        whole.replace(b'"id":"1"', b'"id":"2"'),
        whole.replace(b"/tests", b"/t\xffsts"),
        whole[:-20],
    ]
    path.write_bytes(whole + b"".join(damaged))
    started = spill(tmp_path)
    (restored,) = started.read("orders")
    assert restored.event.id == "1"
    assert started.set_aside == len(damaged)
    assert path.with_suffix(".damaged").read_bytes() == b"".join(damaged)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert vars(record)["lines"] == len(damaged)

    again = spill(tmp_path)
    (restored,) = again.read("orders")
    assert again.set_aside == 0
    deliver(as_entry(restored))
    assert not path.exists()


@pytest.mark.parametrize(
    "odd",
    [
        event("1", received_at=-1.0),
        event("1", received_at=WALL_AT_START * 100),
        event("", received_at=WALL_AT_START),
    ],
)
def test_a_line_is_damaged_that_no_gateway_can_have_accepted(tmp_path: Path, odd: Event) -> None:
    """Before there were any, after all of them, or no CloudEvent, though it is as it was written."""
    keep(tmp_path, entry(of=odd), entry("2"))
    started = spill(tmp_path)
    assert [each.event.id for each in started.read("orders")] == ["2"]
    assert started.set_aside == 1


def test_a_file_of_nothing_but_damage_is_set_aside_whole(tmp_path: Path) -> None:
    """It is not read again at every start; what was set aside before stays."""
    path, aside = tmp_path / "orders.1.jsonl", tmp_path / "orders.1.damaged"
    path.write_bytes(b"junk\n")
    aside.write_bytes(b"older junk\n")
    assert restore(tmp_path) == []
    assert list(tmp_path.iterdir()) == [aside]
    assert aside.read_bytes() == b"older junk\njunk\n"


def test_lines_that_cannot_be_set_aside_stay_where_they_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The start goes on, and so does the delivery of the others; the file is not removed."""
    path = keep(tmp_path, entry("1"))
    path.write_bytes(path.read_bytes() + b"junk\n")
    path.with_suffix(".damaged").mkdir()
    (restored,) = restore(tmp_path)
    deliver(restored)
    assert path.read_bytes().endswith(b"junk\n")
    assert restore(tmp_path) == []
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


def test_an_empty_file_and_an_empty_draft_are_removed(tmp_path: Path) -> None:
    """There is nothing in them."""
    (tmp_path / "orders.1.jsonl").touch()
    (tmp_path / ".orders.2.jsonl.draft").touch()
    assert restore(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["orders.1.jsonl", ".orders.1.jsonl.draft"])
def test_what_cannot_be_read_is_left_and_logged_and_the_start_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """A directory, a pipe, a link to itself; it does not even hold it up."""
    keep(tmp_path, entry("1"))
    obstacle = tmp_path / name
    for make in (Path.mkdir, os.mkfifo, link_to_itself):
        make(obstacle)
        (restored,) = restore(tmp_path)
        assert restored.event.id == "1"
        (left,) = set(tmp_path.glob("*orders.1.*"))
        assert caplog.records[-1].levelno == logging.ERROR
        assert vars(caplog.records[-1])["file"] == str(left)
        left.rmdir() if left.is_dir() else left.unlink()
        caplog.clear()


def test_notes_that_cannot_be_read_or_removed_stop_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A directory in their place: events are sent again rather than lost."""
    path = keep(tmp_path, entry("1"))
    path.with_suffix(".settled").mkdir()
    (tmp_path / "orders.1.settled").mkdir()
    (restored,) = restore(tmp_path)
    deliver(restored)
    assert not path.exists()
    assert len(caplog.records) >= 2


def test_a_directory_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    """Somebody removed it."""
    assert spill(tmp_path / "missing").read("orders") == []
    assert spill(tmp_path / "missing").strangers([]) == []


@pytest.mark.parametrize("is_draft", [False, True])
def test_cut_at_any_byte_a_file_gives_back_its_whole_lines(tmp_path: Path, *, is_draft: bool) -> None:
    """Only the torn one is set aside; one that lacks nothing but its end of line is whole."""
    text = keep(tmp_path / "whole", entry("1"), entry("2"), entry("3")).read_bytes()
    for cut in range(len(text)):
        directory = tmp_path / str(cut)
        directory.mkdir()
        path = directory / "orders.1.jsonl"
        (disk.draft_of(path) if is_draft else path).write_bytes(text[:cut])
        started = spill(directory)
        whole, torn = text[:cut].count(b"\n"), text[:cut].rpartition(b"\n")[2]
        if text[cut : cut + 1] == b"\n":
            whole, torn = whole + 1, b""
        assert len(started.read("orders")) == whole
        assert started.set_aside == bool(torn)
        assert restore(directory) == [] or len(restore(directory)) == whole


def test_a_changed_byte_spoils_its_own_line_only(tmp_path: Path) -> None:
    """What comes back is as it was written, or does not come back: no event is delivered changed."""
    spilled = {name: event(name) for name in ("1", "2", "3")}
    text = keep(tmp_path / "whole", *[entry(of=each) for each in spilled.values()]).read_bytes()
    for position in range(len(text)):
        directory = tmp_path / str(position)
        directory.mkdir()
        changed = bytearray(text)
        changed[position] ^= 1 << position % 8
        (directory / "orders.1.jsonl").write_bytes(changed)
        restored = restore(directory)
        assert len(restored) == 2 - (text[position : position + 2] == b"\n{")
        for each in restored:
            assert each.event == spilled[each.event.id]


NOISE = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from([b"{}", b"\n", b"\x00", b'{"key":', b"0" * 10])).map(b"".join),
)


@given(file=NOISE, draft=NOISE, notes=NOISE)
@settings(max_examples=200, deadline=None)
def test_noise_in_any_file_stops_no_start(
    tmp_path_factory: pytest.TempPathFactory, file: bytes, draft: bytes, notes: bytes
) -> None:
    """And the lines beside it come back."""
    directory = tmp_path_factory.mktemp("noise")
    path = keep(directory, entry("1"))
    path.write_bytes(path.read_bytes() + file)
    disk.draft_of(directory / "orders.5.jsonl").write_bytes(draft)
    (directory / "orders.5.settled").write_bytes(notes)
    assert ids(restore(directory)) == ["1"]
    assert ids(restore(directory)) == ["1"]
