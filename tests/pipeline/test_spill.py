"""What could not be delivered before the end is there at the next start, once and unchanged."""

import json
import logging
import stat
from pathlib import Path

import pytest

from gateway.entry import Entry
from gateway.errors import InvalidEventError
from gateway.event import Event
from gateway.pipeline.spill import RestoredEvent, Spill
from tests.support.build import WALL_AT_START, entry, event


def read_event(text: bytes, received_at: float) -> Event:
    """Enough of a reader for the events of these tests."""
    attributes = json.loads(text)
    if "id" not in attributes:
        raise InvalidEventError("the id is missing")
    return Event(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        time=None,
        traceparent=None,
        json=text,
        received_at=received_at,
    )


def spill(directory: Path) -> Spill:
    """On that directory."""
    return Spill(directory, read_event)


def settle(restored: RestoredEvent) -> None:
    """It is delivered."""
    restored.receipt.delivered(as_entry(restored), None)


def as_entry(restored: RestoredEvent) -> Entry:
    """An entry of it."""
    return entry(of=restored.event)


def test_what_was_written_is_read_back_equal(tmp_path: Path) -> None:
    """The event to the byte, the time of its acceptance, its attempts; in order, for us alone to read."""
    first = entry(of=event("1", received_at=WALL_AT_START + 0.123456), attempt=7)
    second = entry(of=event("2", json_bytes=5000))
    path = spill(tmp_path).write("orders", [first, second])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    restored = spill(tmp_path).read("orders")
    assert [(each.event, each.attempts) for each in restored] == [(first.event, 7), (second.event, 0)]


def test_line_breaks_between_tokens_do_not_break_the_line(tmp_path: Path) -> None:
    """Raw data may hold them; the event that comes back means the same."""
    text = b'{"specversion":"1.0","id":"1","source":"/t","type":"t","data":{\n"a":\r\n1}}'
    broken = Event(id="1", source="/t", type="t", time=None, traceparent=None, json=text, received_at=0.0)
    spill(tmp_path).write("orders", [entry(of=broken)])
    (restored,) = spill(tmp_path).read("orders")
    assert json.loads(restored.event.json) == json.loads(text)


def test_a_file_goes_with_its_last_entry_and_not_before(tmp_path: Path) -> None:
    """A crash in between sends some twice, and loses none."""
    path = spill(tmp_path).write("orders", [entry("1"), entry("2"), entry("3")])
    delivered, given_up, spilled = spill(tmp_path).read("orders")
    settle(delivered)
    given_up.receipt.given_up(as_entry(given_up), "bad", "")
    assert path.exists()
    spilled.receipt.kept(as_entry(spilled))
    assert not path.exists()


def test_each_file_goes_with_its_own_entries(tmp_path: Path) -> None:
    """Two shutdowns, two files; both are read, the older first."""
    older = spill(tmp_path).write("orders", [entry("1")])
    newer = spill(tmp_path).write("orders", [entry("2")])
    first, second = spill(tmp_path).read("orders")
    assert [first.event.id, second.event.id] == ["1", "2"]
    settle(second)
    assert (older.exists(), newer.exists()) == (True, False)


def test_each_destination_reads_its_own_files(tmp_path: Path) -> None:
    """Names that begin alike are not confused."""
    spill(tmp_path).write("orders", [entry("1")])
    spill(tmp_path).write("orders-eu", [entry("2")])
    assert [each.event.id for each in spill(tmp_path).read("orders")] == ["1"]


def test_files_of_no_destination_are_named_and_left(tmp_path: Path) -> None:
    """A destination may come back into the configuration."""
    known = spill(tmp_path).write("orders", [entry("1")])
    gone = spill(tmp_path).write("gone", [entry("2")])
    odd = tmp_path / "Notes.jsonl"
    odd.write_bytes(b"{}\n")
    assert set(spill(tmp_path).strangers(["orders"])) == {gone, odd}
    spill(tmp_path).read("orders")
    assert all(path.exists() for path in (known, gone, odd))


def test_damaged_lines_are_set_aside_and_the_others_restored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is wrong with them; the log says how many and where they are."""
    path = spill(tmp_path).write("orders", [entry("1")])
    damaged = [
        b"no json\n",
        b'{"accepted_at":"not a time","attempts":0,"event":{"id":"x","source":"/","type":"t"}}\n',
        b'{"accepted_at":"2026-01-01T00:00:00Z","attempts":"many","event":{}}\n',
        b'{"accepted_at":"2026-01-01T00:00:00Z","attempts":0,"event":{}}\n',
        b'{"accepted_at":"2026-01-01T00:00:00Z","attempts":0,"event":{"id":"cut of',
    ]
    path.write_bytes(path.read_bytes() + b"".join(damaged))
    (restored,) = spill(tmp_path).read("orders")
    assert restored.event.id == "1"
    assert path.with_suffix(".damaged").read_bytes() == b"".join(damaged)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert vars(record)["lines"] == 5
    settle(restored)
    assert not path.exists()


def test_a_file_of_nothing_but_damage_is_set_aside_whole(tmp_path: Path) -> None:
    """It is not read again at every start."""
    path = tmp_path / "orders.1.jsonl"
    path.write_bytes(b"junk\n")
    assert spill(tmp_path).read("orders") == []
    assert not path.exists()
    assert (tmp_path / "orders.1.damaged").read_bytes() == b"junk\n"


def test_what_cannot_be_written_raises_and_leaves_nothing(tmp_path: Path) -> None:
    """The caller must know that the events are not safe; here a file stands where the directory should."""
    taken = tmp_path / "taken"
    taken.write_text("")
    with pytest.raises(OSError, match="exists"):
        spill(taken).write("orders", [entry("1")])
    assert list(tmp_path.iterdir()) == [taken]


def test_a_directory_that_has_gone_is_made_again(tmp_path: Path) -> None:
    """Somebody tidied up while the gateway ran; its events are kept all the same."""
    path = spill(tmp_path / "spill").write("orders", [entry("1")])
    assert path.exists()


def test_what_was_settled_before_a_crash_is_not_restored_again(tmp_path: Path) -> None:
    """A note beside the file says which lines are done, so the next start sends only the others."""
    spill(tmp_path).write("orders", [entry("1"), entry("2"), entry("3")])
    first, _, third = spill(tmp_path).read("orders")
    settle(third)
    settle(first)
    (left,) = spill(tmp_path).read("orders")
    assert left.event.id == "2"
    settle(left)
    assert list(tmp_path.iterdir()) == []


def test_a_note_cut_short_by_a_crash_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    """Sending once more is repairable; losing is not."""
    path = spill(tmp_path).write("orders", [entry("1"), entry("2")])
    path.with_suffix(".settled").write_bytes(b"1\n0")
    assert [each.event.id for each in spill(tmp_path).read("orders")] == ["1"]


def test_a_file_that_cannot_be_removed_is_logged_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its events are settled all the same; here a directory has taken its place."""
    path = spill(tmp_path).write("orders", [entry("1")])
    (restored,) = spill(tmp_path).read("orders")
    path.unlink()
    path.mkdir()
    settle(restored)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
