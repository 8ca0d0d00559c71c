"""The journal's file gives back what is owed, whatever order things happen in and wherever they stop."""

import errno
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.pipeline.journal_file import NAME, WAL_BYTES, Found, JournalFile
from gateway.pipeline.journal_record import State, owing
from gateway.pipeline.journal_table import STATEMENT_ROWS
from tests.pipeline.journals import (
    WAL_NAME,
    copy_of,
    cut,
    held,
    marked,
    opened,
    request,
)
from tests.support.disk import files_may_grow_to


class FileOfRecords(RuleBasedStateMachine):
    """Any sequence of calls; a copy of the files is at every moment what a killed process would leave."""

    def __init__(self) -> None:
        super().__init__()
        self.scratch = TemporaryDirectory()
        self.directory = Path(self.scratch.name) / "journal"
        self.directory.mkdir()
        self.owed: dict[int, bytes] = {}
        self.states: dict[int, State] = {}
        self.next = 1

    @initialize()
    def begin(self) -> None:
        self.file, found = opened(self.directory)
        assert found == Found([])

    @rule(
        counts=st.lists(st.integers(1, 300), min_size=1, max_size=3), size=st.sampled_from((100, 440, 9000))
    )
    def append(self, counts: list[int], size: int) -> None:
        requests = []
        for count in counts:
            requests.append(request(range(self.next, self.next + count), json_bytes=size))
            self.next += count
        self.file.append(requests)
        self.owed |= {int(event.id): event.json for each in requests for event in each.events}

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        numbers = sorted(self.owed)
        done = data.draw(st.lists(st.sampled_from(numbers), unique=True) if numbers else st.just([]))
        changed = data.draw(st.lists(st.sampled_from(numbers), max_size=3) if numbers else st.just([]))
        states = {number: State(attempts=number % 7 + 1) for number in changed if number not in done}
        self.file.settle(done, states)
        self.states |= states
        for number in done:
            del self.owed[number]
            self.states.pop(number, None)

    @rule()
    def settle_all(self) -> None:
        self.file.settle(list(self.owed), {})
        self.owed.clear()
        self.states.clear()

    @rule()
    def reopen(self) -> None:
        self.file.close()
        self.file, found = opened(self.directory)
        self.check(found)

    @rule()
    def reconnect(self) -> None:
        self.file.reopen()

    @rule()
    def crash(self) -> None:
        copy, found = opened(copy_of(self.directory, Path(self.scratch.name) / "copy"))
        copy.close()
        self.check(found)

    @rule(less=st.integers(1, 9000))
    def crash_within_an_append(self, less: int) -> None:
        """The last write's end is missing: its events come or do not, and all others are there."""
        before = (self.directory / WAL_NAME).stat().st_size
        self.file.append([request(range(self.next, self.next + 5))])
        killed = copy_of(self.directory, Path(self.scratch.name) / "copy")
        after = (killed / WAL_NAME).stat().st_size
        cut(killed / WAL_NAME, max(before, after - less))
        copy, found = opened(killed)
        copy.close()
        assert self.owed.items() <= held(found).items()
        assert held(found).keys() - self.owed.keys() <= set(range(self.next, self.next + 5))
        self.file.settle(range(self.next, self.next + 5), {})
        self.next += 5

    @invariant()
    def is_bounded(self) -> None:
        assert self.file.size < 2 * WAL_BYTES + 4 * sum(map(len, self.owed.values())) + (16 << 20)

    def check(self, found: Found) -> None:
        assert found.set_aside is None
        assert not found.lacks_wal
        assert list(held(found)) == sorted(self.owed)
        assert held(found) == self.owed
        assert {record.number: state for record, state in found.rows if state.attempts} == self.states

    def teardown(self) -> None:
        self.file.close()
        self.scratch.cleanup()


FileOfRecords.TestCase.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
TestFileOfRecords = FileOfRecords.TestCase


def test_it_is_one_file_that_only_we_may_read(tmp_path: Path) -> None:
    """The events in it are somebody's data; the WAL beside it lasts while it is open."""
    file, _ = opened(tmp_path)
    file.append([request([1])])
    assert {path.name for path in tmp_path.iterdir()} == {NAME, WAL_NAME}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in tmp_path.iterdir())
    file.close()
    file.close()
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_file_never_opened_can_be_closed(tmp_path: Path) -> None:
    """And leaves nothing."""
    JournalFile(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


def test_what_some_destinations_have_settled_is_remembered(tmp_path: Path) -> None:
    """A record that two of three still owe says so at the next start."""
    file, _ = opened(tmp_path)
    file.append([request([1], "a,b,c")])
    file.settle([], {1: State(attempts=3, settled=0b010)})
    file.close()
    file, found = opened(tmp_path)
    file.close()
    ((record, state),) = found.rows
    assert record.json == marked(1).json
    assert (state.attempts, owing(record, state)) == (3, ["a", "c"])


@pytest.mark.parametrize("count", [5, STATEMENT_ROWS + 5])
def test_a_group_that_finds_no_room_is_not_there_at_all(tmp_path: Path, count: int) -> None:
    """However many statements it takes; what was there before stays, and later there is room again."""
    file, _ = opened(tmp_path)
    file.append([request([1])])
    with files_may_grow_to(50_000), pytest.raises(OSError, match="disk"):
        file.append([request(range(2, 2 + count), json_bytes=20_000)])
    file.reopen()
    file.append([request([1000])])
    file.close()
    file, found = opened(tmp_path)
    file.close()
    assert list(held(found)) == [1, 1000]


def test_a_disk_without_room_refuses_a_connection_too(tmp_path: Path) -> None:
    """It is asked for as much as a group takes, so that a few bytes are not taken for a disk mended."""
    file, _ = opened(tmp_path)
    with files_may_grow_to(100_000), pytest.raises(OSError, match="disk"):
        file.reopen()
    file.reopen()
    file.close()


def test_a_full_disk_is_said_at_the_opening(tmp_path: Path) -> None:
    """In words for an operator; and it opens when there is room."""
    with files_may_grow_to(8192), pytest.raises(OSError, match="disk") as caught:
        JournalFile(tmp_path).open()
    assert caught.value.errno in {errno.EIO, errno.ENOSPC}
    assert caught.value.strerror
    file, found = opened(tmp_path)
    file.close()
    assert found == Found([])


def test_a_full_disk_at_the_opening_harms_nothing_that_is_there(tmp_path: Path) -> None:
    """Neither what is in the file nor what is in the WAL of a killed process."""
    (tmp_path / "a").mkdir()
    file, _ = opened(tmp_path / "a")
    file.append([request(range(1, 50))])
    killed = copy_of(tmp_path / "a", tmp_path / "b")
    file.close()
    with files_may_grow_to(8192), pytest.raises(OSError, match="disk"):
        JournalFile(killed).open()
    file, found = opened(killed)
    file.close()
    assert list(held(found)) == list(range(1, 50))


def test_a_file_that_has_gone_is_an_error_and_is_not_made_anew(tmp_path: Path) -> None:
    """What is written into a file without a name does not outlast the process."""
    file, _ = opened(tmp_path)
    (tmp_path / NAME).unlink()
    with pytest.raises(FileNotFoundError):
        file.append([request([1])])
    with pytest.raises(FileNotFoundError):
        file.reopen()
    assert not (tmp_path / NAME).exists()


def test_another_file_in_its_place_is_neither_written_nor_opened(tmp_path: Path) -> None:
    """Be it the database or the WAL; what one has written would not be found in the other."""
    (tmp_path / "a").mkdir()
    file, _ = opened(tmp_path / "a")
    file.append([request([1])])
    assert file.is_in_place
    for name in (NAME, WAL_NAME):
        path = tmp_path / "a" / name
        path.rename(tmp_path / "moved")
        path.write_bytes((tmp_path / "moved").read_bytes())
        assert not file.is_in_place
        with pytest.raises(OSError, match="another file"):
            file.settle([1], {})
        (tmp_path / "moved").rename(path)
        assert file.is_in_place
    copy_of(tmp_path / "a", tmp_path / "b")
    (tmp_path / "a").rename(tmp_path / "c")
    (tmp_path / "b").rename(tmp_path / "a")
    with pytest.raises(OSError, match="another file"):
        file.reopen()
    assert not file.is_in_place


def test_a_file_that_is_closed_or_was_never_opened_is_in_no_place(tmp_path: Path) -> None:
    """There is nothing that it stands for."""
    file = JournalFile(tmp_path)
    assert not file.is_in_place
    file.open()
    assert file.is_in_place
    file.close()
    assert not file.is_in_place


@pytest.mark.parametrize("done", [[], [5], [3, 4, 5], [5, 3, 4], [1, 9], [2, 4, 6], [4, 4, 5], [1, 3, 3]])
def test_only_what_is_settled_goes(tmp_path: Path, done: list[int]) -> None:
    """One record, a run of them, several apart; in any order, and named twice."""
    file, _ = opened(tmp_path)
    file.append([request(range(1, 10))])
    file.settle(done, {})
    file.close()
    file, found = opened(tmp_path)
    file.close()
    assert held(found).keys() == set(range(1, 10)) - set(done)


def test_a_kill_while_a_file_is_made_leaves_nothing_behind_that_lasts(tmp_path: Path) -> None:
    """What SQLite keeps beside the draft goes with it."""
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f".{NAME}.draft{suffix}").write_bytes(b"half")
    file, found = opened(tmp_path)
    file.close()
    assert found == Found([])
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_file_that_another_uses_is_refused(tmp_path: Path) -> None:
    """Somebody's database tool, for instance, that does not ask for the directory's lock."""
    file, _ = opened(tmp_path)
    with pytest.raises(OSError, match="locked"):
        JournalFile(tmp_path).open()
    file.append([request([1])])
    file.close()
    file, found = opened(tmp_path)
    file.close()
    assert list(held(found)) == [1]


def test_the_wal_is_cut_again_and_again(tmp_path: Path) -> None:
    """What is delivered soon leaves a small file, however much goes through it."""
    file, _ = opened(tmp_path)
    for number in range(60):
        file.append([request([number], json_bytes=200_000)])
        file.settle([number], {})
    assert file.size < WAL_BYTES + (2 << 20)
    file.close()


def test_a_file_that_was_large_gives_its_room_back_at_a_start(tmp_path: Path) -> None:
    """An outage fills it; it is not to stay so for ever."""
    file, _ = opened(tmp_path)
    for number in range(20):
        file.append([request([number], json_bytes=1 << 20)])
    file.settle(range(1, 20), {})
    file.close()
    large = file.size
    file, found = opened(tmp_path)
    file.close()
    assert large > 20 << 20
    assert file.size < 2 << 20
    assert list(held(found)) == [0]


def test_a_missing_wal_is_noticed(tmp_path: Path) -> None:
    """SQLite takes no notice of it; what stood only there is gone."""
    (tmp_path / "a").mkdir()
    file, _ = opened(tmp_path / "a")
    file.append([request([1])])
    killed = copy_of(tmp_path / "a", tmp_path / "b")
    file.close()
    (killed / WAL_NAME).unlink()
    file, found = opened(killed)
    file.close()
    assert found == Found([], lacks_wal=True)
    file, found = opened(killed)
    file.close()
    assert not found.lacks_wal
