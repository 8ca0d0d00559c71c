"""Files that somebody else rotates: every way of changing one is seen, and nothing else is."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config.watch import FileWatch


def written(path: Path) -> None:
    path.write_text("other text")


def touched(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def replaced(path: Path) -> None:
    new = path.with_name("new")
    new.write_text(path.read_text())
    os.utime(new, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    new.rename(path)


def removed(path: Path) -> None:
    path.unlink()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """A file with a secret in it."""
    path = tmp_path / "token"
    path.write_text("text")
    return path


def watching(*paths: Path) -> FileWatch:
    watch = FileWatch()
    for path in paths:
        watch.add(path)
    return watch


@pytest.mark.parametrize("change", [written, touched, replaced, removed])
def test_a_file_that_was_changed_is_seen(token: Path, tmp_path: Path, change: Callable[[Path], None]) -> None:
    """Among others, and each time that it is looked at."""
    watch = watching(tmp_path / "none", token)
    assert not watch.changed()
    change(token)
    assert [watch.changed(), watch.changed()] == [True, True]


def test_a_file_that_comes_to_be_is_seen(tmp_path: Path) -> None:
    """A secret may be mounted late."""
    path = tmp_path / "token"
    watch = watching(path)
    assert not watch.changed()
    path.write_text("text")
    assert watch.changed()


def test_a_link_that_is_turned_is_seen(tmp_path: Path) -> None:
    """So Kubernetes changes all files of a mounted secret at once."""
    for name in ("former", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text("text")
    (tmp_path / "data").symlink_to("former")
    watch = watching(tmp_path / "data" / "token")
    (tmp_path / "turned").symlink_to("new")
    (tmp_path / "turned").rename(tmp_path / "data")
    assert watch.changed()


def test_a_change_that_was_read_is_none_any_more(token: Path) -> None:
    """Added again right before it is read again."""
    watch = watching(token)
    written(token)
    watch.add(token)
    assert not watch.changed()


def test_nothing_to_watch_never_changes() -> None:
    """No file is named, none is looked at; and what is no path is none that changes."""
    assert not watching().changed()
    assert not watching(Path("a\0b")).changed()
