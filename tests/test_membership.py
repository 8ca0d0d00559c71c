"""Whose directory is whose, between starts with different numbers of workers."""

from pathlib import Path

import pytest

from gateway.membership import ALONE, Membership


def made(directory: Path, *names: str) -> Path:
    for name in names:
        (directory / name).mkdir()
    return directory


def test_one_process_keeps_to_the_directory_itself(tmp_path: Path) -> None:
    """As if there were no workers."""
    assert ALONE.own(tmp_path) == tmp_path


def test_every_worker_has_a_directory_of_its_own(tmp_path: Path) -> None:
    """None is the directory itself, which a single process may have."""
    own = {Membership(index, 3).own(tmp_path) for index in range(3)}
    assert own == {tmp_path / "worker-0", tmp_path / "worker-1", tmp_path / "worker-2"}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_every_directory_is_somebodys_and_nobodys_twice(tmp_path: Path, count: int) -> None:
    """Whatever number of workers there was before: nothing on disk is out of sight."""
    made(tmp_path, "worker-0", "worker-1", "worker-2", "worker-10")
    members = [Membership(index, count) for index in range(count)]
    looked_after = [path for each in members for path in (each.own(tmp_path), *each.orphans(tmp_path))]
    assert len(looked_after) == len(set(looked_after))
    assert {tmp_path, *tmp_path.iterdir()} <= set(looked_after)


def test_what_is_named_otherwise_is_left_alone(tmp_path: Path) -> None:
    """An operator's directories, and files."""
    made(tmp_path, "worker-x", "worker-01", "worker", "lost+found")
    (tmp_path / "worker-7").touch()
    assert ALONE.orphans(tmp_path) == []


def test_a_directory_that_is_not_there_has_no_orphans(tmp_path: Path) -> None:
    """It is the first start."""
    assert ALONE.orphans(tmp_path / "journal") == []
