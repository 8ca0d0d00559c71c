"""Journal files with something in them, and what can happen to a disk."""

import hashlib
import resource
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateway.event import Event
from gateway.pipeline.journal_file import NAME, Appended, Found, JournalFile
from tests.support.build import WALL_AT_START

WAL_NAME = f"{NAME}-wal"


@contextmanager
def files_may_grow_to(size: int) -> Iterator[None]:
    """No file of this process gets larger: as on a disk that fills up in the middle of a write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


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
