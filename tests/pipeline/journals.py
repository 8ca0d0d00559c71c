"""Journal files with something in them, and what can happen to a disk."""

import errno
import hashlib
import math
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from gateway.event import Event
from gateway.pipeline.journal_file import NAME, Appended, Found, JournalFile
from tests.support.build import WALL_AT_START

WAL_NAME = f"{NAME}-wal"


class Disk(Executor):
    """A thread that does its work at once, and none of it while the disk hangs."""

    def __init__(self) -> None:
        self._answers: float = math.inf
        """So many more before it hangs."""
        self._is_failing = False
        self._work: list[Callable[[], None]] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Do it, now or when the disk answers again."""
        future: Future[Any] = Future()

        def run() -> None:
            is_failing, self._is_failing = self._is_failing, False
            try:
                done = function(*args, **kwargs)
            except OSError as error:
                future.set_exception(error)
            else:
                if is_failing:
                    future.set_exception(OSError(errno.EIO, os.strerror(errno.EIO)))
                else:
                    future.set_result(done)

        future.set_running_or_notify_cancel()
        self._answers -= 1
        if self._answers < 0:
            self._work.append(run)
        else:
            run()
        return future

    def hang(self, *, after: int = 0) -> None:
        """From now on, or once it has done some more."""
        self._answers = after

    def fail_after_next(self) -> None:
        """It does what it is given next, and says that it has failed."""
        self._is_failing = True

    def answer(self) -> None:
        """Do what was left, and all that comes."""
        self._answers = math.inf
        work, self._work = self._work, []
        for run in work:
            run()


def token(number: int) -> bytes:
    """What stands over and over in that record's event, and in no other's."""
    return b"<%08d>" % number


def marked(number: int, json_bytes: int = 440) -> Event:
    """An event of about that size, filled with its token."""
    text = b'{"specversion":"1.0","id":"%d","source":"/t","type":"t","data":"' % number
    text += token(number) * max(1, (json_bytes - len(text)) // len(token(number))) + b'"}'
    return Event(
        id=str(number),
        source="/t",
        type="t",
        time=None,
        traceparent=None,
        json=text,
        received_at=WALL_AT_START,
    )


def request(numbers: Sequence[int], destinations: str = "orders", json_bytes: int = 440) -> Appended:
    """So many marked events."""
    return Appended(numbers, [marked(number, json_bytes) for number in numbers], destinations)


def opened(directory: Path) -> tuple[JournalFile, Found]:
    """A file there, and what it held."""
    file = JournalFile(directory)
    return file, file.open()


def held(found: Found) -> dict[int, bytes]:
    """The events found, by their numbers."""
    return {record.number: record.json for record, _ in found.rows}


def copy_of(directory: Path, copy: Path) -> Path:
    """The files as a process leaves them that is killed now."""
    shutil.rmtree(copy, ignore_errors=True)
    return shutil.copytree(directory, copy)


def overwrite(path: Path, start: int, data: bytes) -> None:
    """Put other bytes into a file."""
    content = path.read_bytes()
    path.write_bytes(content[:start] + data + content[start + len(data) :])


def cut(path: Path, size: int) -> None:
    """Keep the first bytes of a file."""
    path.write_bytes(path.read_bytes()[:size])


def noise(seed: int, size: int) -> bytes:
    """Bytes without a meaning, always the same for a seed."""
    return hashlib.shake_128(b"%d" % seed).digest(size)
