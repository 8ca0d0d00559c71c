"""Writing so that a crash, or a full disk, leaves whole lines alone."""

import os
import stat
from pathlib import Path

import pytest

from gateway.pipeline import disk
from tests.support.disk import files_may_grow_to


def test_appended_data_stands_at_the_end(tmp_path: Path) -> None:
    """In a file that is made where it is missing, for us alone."""
    path = tmp_path / "letters"
    disk.append(path, b"one\n")
    disk.append(path, b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failed_append_leaves_no_half_line(tmp_path: Path) -> None:
    """The disk fills up in the middle: what stood there stands there, and no more."""
    path = tmp_path / "letters"
    disk.append(path, b"one\n")
    with files_may_grow_to(100), pytest.raises(OSError, match="File too large"):
        disk.append(path, b"x" * 200 + b"\n")
    assert path.read_bytes() == b"one\n"
    disk.append(path, b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"


def test_only_a_regular_file_is_opened(tmp_path: Path) -> None:
    """A pipe would hold us for ever, and a directory has no lines; what is refused is not left open."""
    file, pipe = tmp_path / "file", tmp_path / "pipe"
    file.write_bytes(b"text")
    os.mkfifo(pipe)
    with disk.open_file(file) as stream:
        lowest_free = stream.fileno()
        assert stream.read() == b"text"
    for path in (pipe, tmp_path):
        with pytest.raises(OSError, match="Not a regular file"):
            disk.open_file(path)
    with disk.open_file(file) as stream:
        assert stream.fileno() == lowest_free


def test_a_directory_that_can_be_written_has_no_obstacle(tmp_path: Path) -> None:
    """It is made where it is missing, with those above it, and nothing is left in it."""
    directory = tmp_path / "a" / "b"
    assert disk.obstacle(directory) is None
    assert disk.obstacle(directory) is None
    assert list(directory.iterdir()) == []
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_an_obstacle_is_named_in_the_systems_words(tmp_path: Path) -> None:
    """For the operator, who has to remove it."""
    (tmp_path / "file").write_bytes(b"")
    assert disk.obstacle(tmp_path / "file") == "File exists"
    assert disk.obstacle(tmp_path / "file" / "below") == "Not a directory"


def test_a_locked_directory_keeps_another_out_until_it_is_released(tmp_path: Path) -> None:
    """Two processes must not read the same spill."""
    first, second = disk.DirectoryLock(tmp_path), disk.DirectoryLock(tmp_path)
    assert first.acquire()
    assert not second.acquire()
    first.release()
    first.release()
    assert second.acquire()
    second.release()
