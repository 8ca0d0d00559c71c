"""Writing to disk so that a crash leaves a whole line or none. Blocking: call it on a thread."""

import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import BinaryIO


def append(path: Path, data: bytes) -> None:
    """Add `data` to the file and force it to the disk; raises OSError, and then nothing was added."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        end = os.lseek(descriptor, 0, os.SEEK_END)
        try:
            _write_all(descriptor, data)
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, end)  # half a line would spoil the next one
            raise
    finally:
        os.close(descriptor)
    if not end:
        sync_directory(path.parent)  # the file may be new: its name must last as well


def draft_of(path: Path) -> Path:
    """Where a spill file is written first; a process that is killed meanwhile leaves it there."""
    return path.with_name(f".{path.name}.draft")


def open_file(path: Path) -> BinaryIO:
    """Open a regular file to read. Raises OSError for anything else: a pipe would hold us for ever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def make_directory(directory: Path) -> None:
    """Make the directory, for us alone to read, and those above it if needed. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def obstacle(directory: Path) -> str | None:
    """Make the directory if needed, and say what stands in the way of writing to it, or None."""
    try:
        make_directory(directory)
        probe = directory / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return error.strerror or type(error).__name__
    return None


def sync_directory(directory: Path) -> None:
    """Make names that are new or gone in it last as well. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class DirectoryLock:
    """Keeps other processes out of a directory, as far as they ask; the kernel lifts it when we end."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / ".lock"
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """False: another process holds it. Raises OSError if the directory cannot be written."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let others in; safe twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
