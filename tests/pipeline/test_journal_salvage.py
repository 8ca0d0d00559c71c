"""Whatever has happened to the journal's files, a start goes on with every record that can be read.

What can be read is judged without our reader: each event is filled with a token of its own, so a record
may be missing only if its token stands in the bytes that were overwritten or cut off.
"""

import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from gateway.pipeline.journal_file import NAME
from gateway.pipeline.journal_record import State
from gateway.pipeline.journal_salvage import PAGE_BYTES
from tests.pipeline.journals import WAL_NAME, cut, held, marked, noise, opened, overwrite, request, token

FRAME_BYTES = PAGE_BYTES + 24
SALVAGING = f"{NAME}.salvaging"


class Files(Struct, frozen=True):
    """The bytes of a journal's two files, and what stands in them."""

    database: bytes
    wal: bytes
    owed: dict[int, bytes]
    ever: dict[int, bytes]

    def put(self, directory: Path) -> Path:
        """Write them there."""
        directory.mkdir()
        (directory / NAME).write_bytes(self.database)
        if self.wal:
            (directory / WAL_NAME).write_bytes(self.wal)
        return directory


@functools.cache
def closed() -> Files:
    """A journal with small and large records, many of them settled; all of it in one file."""
    return _filled(is_closed=True)


@functools.cache
def killed() -> Files:
    """Such a journal as a killed process leaves it: the newest of it in the WAL."""
    return _filled(is_closed=False)


def _filled(*, is_closed: bool) -> Files:
    with TemporaryDirectory() as name:
        directory = Path(name)
        file, _ = opened(directory)
        owed: dict[int, bytes] = {}
        ever: dict[int, bytes] = {}
        for turn in range(15):
            numbers = range(len(ever) + 1, len(ever) + 1 + (1, 5, 30)[turn % 3])
            group = request(numbers, json_bytes=(100, 440, 440, 9000)[turn % 4])
            file.append([group])
            added = {int(event.id): event.json for event in group.events}
            owed |= added
            ever |= added
            done = [number for number in owed if number * 7 % 10 < turn % 5]
            file.settle(done, {})
            for number in done:
                del owed[number]
        if is_closed:
            file.close()
        wal = b"" if is_closed else (directory / WAL_NAME).read_bytes()
        files = Files((directory / NAME).read_bytes(), wal, owed, ever)
        file.close()
    return files


def start(directory: Path) -> tuple[dict[int, bytes], Path | None, int]:
    """What a start finds; the next one finds the same, and nothing wrong."""
    file, found = opened(directory)
    file.append([request([1 << 40])])
    file.close()
    file, again = opened(directory)
    file.close()
    assert again.set_aside is None
    assert held(again) == held(found) | {1 << 40: marked(1 << 40).json}
    return held(found), found.set_aside, found.unreadable


def damaged_numbers(files: Files, lost: bytes) -> set[int]:
    """The records of which something stands in the bytes that were lost."""
    return {number for number in files.owed if token(number) in lost}


def check(files: Files, directory: Path, lost: bytes) -> tuple[dict[int, bytes], Path | None]:
    """Only what was damaged is missing, and nothing is there that never was. What is; the file set aside."""
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    found, set_aside, _ = start(directory)
    assert files.owed.keys() - found.keys() <= damaged_numbers(files, lost)
    assert found.items() <= files.ever.items()
    if set_aside is not None:
        assert set_aside.read_bytes() == before.get(NAME, b"")
        aside_wal = set_aside.with_name(f"{set_aside.name}-wal")
        assert (aside_wal.read_bytes() if aside_wal.exists() else b"") == before.get(WAL_NAME, b"")
    return found, set_aside


def test_files_that_are_whole_are_not_touched(tmp_path: Path) -> None:
    """Nothing is set aside, and everything owed is there, no more and no less."""
    for name, files in (("closed", closed()), ("killed", killed())):
        found, set_aside, _ = start(files.put(tmp_path / name))
        assert set_aside is None
        assert found == files.owed


@pytest.mark.parametrize(
    ("start_at", "size"),
    [(0, 16), (16, 8), (18, 2), (0, 100), (52, 48), (100, 8), (0, PAGE_BYTES)],
)
def test_a_head_of_noise_costs_nothing(tmp_path: Path, start_at: int, size: int) -> None:
    """No record stands on the first page; SQLite refuses such a file, or takes it for another kind."""
    directory = closed().put(tmp_path / "journal")
    overwrite(directory / NAME, start_at, noise(1, size))
    check(closed(), directory, closed().database[PAGE_BYTES : start_at + size])


def test_every_page_can_be_lost_and_costs_only_what_stands_on_it(tmp_path: Path) -> None:
    """The root, a page of the tree, a leaf, a part of a long record: whichever. None settled returns."""
    files = closed()
    for page in range(1, len(files.database) // PAGE_BYTES):
        directory = files.put(tmp_path / str(page))
        overwrite(directory / NAME, page * PAGE_BYTES, noise(page, PAGE_BYTES))
        lost = files.database[page * PAGE_BYTES : (page + 1) * PAGE_BYTES]
        found, set_aside = check(files, directory, lost)
        assert set_aside is not None or not damaged_numbers(files, lost)
        assert found.keys() <= files.owed.keys()


@pytest.mark.parametrize("kept", [1, 50, 100, PAGE_BYTES, PAGE_BYTES + 1, 5 * PAGE_BYTES, 0.5, 0.9])
def test_a_file_cut_short_keeps_what_is_left(tmp_path: Path, kept: float) -> None:
    """Cut in the head, between pages, within one, or in the middle of it all."""
    files = closed()
    size = int(kept * len(files.database)) if kept < 1 else int(kept)
    directory = files.put(tmp_path / "journal")
    cut(directory / NAME, size)
    _, set_aside = check(files, directory, files.database[size:])
    assert set_aside is not None


def test_a_file_cut_short_tells_how_many_pages_are_gone(tmp_path: Path) -> None:
    """Its head says how many there were: "nothing unreadable" would be a lie."""
    files = closed()
    directory = files.put(tmp_path / "journal")
    cut(directory / NAME, len(files.database) - 3 * PAGE_BYTES)
    _, _, unreadable = start(directory)
    assert unreadable >= 3


@pytest.mark.parametrize("content", [b"", noise(1, 50_000), b"SQLite format 3\0", bytes(8192)])
def test_a_file_of_nothing_that_is_ours_is_set_aside_whole(tmp_path: Path, content: bytes) -> None:
    """Empty, noise, a beginning, zeros."""
    directory = closed().put(tmp_path / "journal")
    (directory / NAME).write_bytes(content)
    found, set_aside, _ = start(directory)
    assert not found
    assert set_aside is not None
    assert set_aside.read_bytes() == content


def test_somebody_elses_database_is_set_aside_whole(tmp_path: Path) -> None:
    """One of a version to come as well."""
    with sqlite3.connect(tmp_path / NAME) as connection:
        connection.execute("CREATE TABLE records (number INTEGER PRIMARY KEY, future BLOB)")
        connection.execute("INSERT INTO records VALUES (1, x'00')")
    connection.close()
    content = (tmp_path / NAME).read_bytes()
    found, set_aside, _ = start(tmp_path)
    assert not found
    assert set_aside is not None
    assert set_aside.read_bytes() == content


def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    """As far as it can be known: here the checksum of each of four records is spoilt."""
    file, _ = opened(tmp_path)
    file.append([request(range(1, 10))])
    file.close()
    for number in (2, 3, 5, 7):
        start_at = (tmp_path / NAME).read_bytes().index(token(number) * 3)
        overwrite(tmp_path / NAME, start_at, b"noise")
    found, _, unreadable = start(tmp_path)
    assert sorted(found) == [1, 4, 6, 8, 9]
    assert unreadable == 4


def test_what_was_noted_of_a_record_is_saved_with_it(tmp_path: Path) -> None:
    """Its attempts, and who has it already."""
    file, _ = opened(tmp_path)
    file.append([request([1, 2], "a,b")])
    file.settle([], {1: State(attempts=7, settled=0b10)})
    file.close()
    overwrite(tmp_path / NAME, 0, bytes(100))
    file, found = opened(tmp_path)
    file.close()
    assert [state for _, state in found.rows] == [State(attempts=7, settled=0b10), State()]


def test_a_note_that_is_damaged_settles_nothing(tmp_path: Path) -> None:
    """Rather send an event twice than never."""
    file, _ = opened(tmp_path)
    file.append([request([1], "a,b")])
    file.settle([], {1: State(attempts=7, settled=0b10)})
    file.close()
    content = (tmp_path / NAME).read_bytes()
    overwrite(tmp_path / NAME, content.index(b"7.2."), b"7.3.")
    file, found = opened(tmp_path)
    file.close()
    assert [state for _, state in found.rows] == [State()]


@pytest.mark.parametrize("damage", [(0, 32), (8, 4), (24, 8), (0, 100)])
def test_a_wal_whose_head_is_noise_costs_nothing_but_its_first_frame(
    tmp_path: Path, damage: tuple[int, int]
) -> None:
    """SQLite takes no notice of such a WAL at all; every commit in it would be forgotten."""
    files = killed()
    start_at, size = damage
    directory = files.put(tmp_path / "journal")
    overwrite(directory / WAL_NAME, start_at, noise(1, size))
    _, set_aside = check(files, directory, files.wal[32 : start_at + size])
    assert set_aside is not None


def test_a_wal_without_its_database_is_read(tmp_path: Path) -> None:
    """Whoever removed the one file has left what was accepted last."""
    files = killed()
    directory = files.put(tmp_path / "journal")
    (directory / NAME).unlink()
    check(files, directory, files.database)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_noise_in_the_wal_costs_only_what_it_covers(data: st.DataObject) -> None:
    """Frames beyond it are taken, though SQLite stops there."""
    files = killed()
    start_at = data.draw(st.integers(0, len(files.wal) - 1))
    size = data.draw(st.integers(1, 3 * FRAME_BYTES))
    size = min(size, len(files.wal) - start_at)
    damage = noise(data.draw(st.integers(0, 99)), size)
    with TemporaryDirectory() as name:
        directory = files.put(Path(name) / "journal")
        overwrite(directory / WAL_NAME, start_at, damage)
        first = (start_at - 32) // FRAME_BYTES * FRAME_BYTES + 32
        last = start_at + size + FRAME_BYTES  # a frame whose predecessor is noise is not sound either
        check(files, directory, files.wal[max(0, first) : last])


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_wal_cut_short_costs_only_what_is_cut_off(data: st.DataObject) -> None:
    """Wherever it is cut: the frames of a transaction that has lost its end are read as well."""
    files = killed()
    frames = (len(files.wal) - 32) // FRAME_BYTES
    border = 32 + FRAME_BYTES * data.draw(st.integers(0, frames - 1))
    size = border + data.draw(st.sampled_from((0, 10, 24, 25, 24 + PAGE_BYTES // 2, FRAME_BYTES - 1)))
    with TemporaryDirectory() as name:
        directory = files.put(Path(name) / "journal")
        cut(directory / WAL_NAME, size)
        _, set_aside = check(files, directory, files.wal[border:])
        assert set_aside is None, "a process that is killed leaves it so"


@pytest.mark.parametrize("json_bytes", [440, 9000])
def test_what_stands_whole_in_a_write_without_an_end_is_taken(tmp_path: Path, json_bytes: int) -> None:
    """Wherever the write was cut off, on whichever pages it stands, and whatever stood there before."""
    (tmp_path / "whole").mkdir()
    file, _ = opened(tmp_path / "whole")
    file.append([request(range(1, 40))])
    file.settle(range(2, 40, 3), {})
    wal = tmp_path / "whole" / WAL_NAME
    before = wal.stat().st_size
    file.append([request(range(100, 130), json_bytes=json_bytes)])
    content = wal.read_bytes()
    files = Files((tmp_path / "whole" / NAME).read_bytes(), content, {}, {})
    file.close()
    most = 0
    for size in range(before + FRAME_BYTES, len(content), FRAME_BYTES // 2):
        directory = files.put(tmp_path / str(size))
        cut(directory / WAL_NAME, size)
        written = content[before:size]
        missing = {number for number in range(100, 130) if marked(number, json_bytes).json not in written}
        found, set_aside, _ = start(directory)
        assert set_aside is None
        assert found.keys() >= set(range(1, 40)) - set(range(2, 40, 3))
        if json_bytes < PAGE_BYTES // 2:  # on one page each
            assert found.keys() >= set(range(100, 130)) - missing
        most = max(most, len(found) - 26)
    assert most > 20


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_noise_in_a_file_costs_only_the_pages_it_covers(data: st.DataObject) -> None:
    """Of a few bytes or many, over some of a page or several; no record that was settled returns."""
    files = closed()
    start_at = data.draw(st.integers(0, len(files.database) - 1))
    size = data.draw(st.sampled_from((1, 4, 100, 3000, 20_000)))
    size = min(size, len(files.database) - start_at)
    damage = noise(data.draw(st.integers(0, 99)), size)
    with TemporaryDirectory() as name:
        directory = files.put(Path(name) / "journal")
        overwrite(directory / NAME, start_at, damage)
        first = start_at // PAGE_BYTES * PAGE_BYTES
        last = -(-(start_at + size) // PAGE_BYTES) * PAGE_BYTES
        found, _ = check(files, directory, files.database[first:last])
        assert found.keys() <= files.owed.keys()


def _rename_both(directory: Path) -> None:
    (directory / NAME).rename(directory / SALVAGING)
    (directory / WAL_NAME).rename(directory / f"{SALVAGING}-wal")


def _rename_database(directory: Path) -> None:
    (directory / NAME).rename(directory / SALVAGING)


def _begin_draft(directory: Path) -> None:
    _rename_both(directory)
    (directory / f".{NAME}.draft").write_bytes(b"half a file")


@pytest.mark.parametrize("crash", [_rename_database, _rename_both, _begin_draft])
def test_a_salvage_that_a_crash_ended_is_taken_up(tmp_path: Path, crash: Callable[[Path], None]) -> None:
    """After each of its steps, the damaged files are still where the next start looks for them."""
    files = killed()
    directory = files.put(tmp_path / "journal")
    crash(directory)
    check_taken_up(files, directory)


def check_taken_up(files: Files, directory: Path) -> None:
    """Everything is there once, and only the set-aside files lie beside it."""
    found, set_aside, _ = start(directory)
    assert found == files.owed
    assert set_aside is not None
    assert {path.name for path in directory.iterdir()} == {NAME, set_aside.name, f"{set_aside.name}-wal"}


def test_a_salvage_that_a_crash_ended_before_its_last_step_is_not_done_twice(tmp_path: Path) -> None:
    """The new file was in place; only the name of the damaged one is still to be made."""
    files = closed()
    directory = files.put(tmp_path / "journal")
    (directory / SALVAGING).write_bytes(b"damaged")
    found, _, _ = start(directory)
    assert found == files.owed
    (aside,) = directory.glob(f"{NAME}.damaged-*")
    assert aside.read_bytes() == b"damaged"
