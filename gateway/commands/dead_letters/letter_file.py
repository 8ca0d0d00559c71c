"""Dead-letter files on disk: found, read line by line, claimed, rewritten, removed. Blocking.

A file in use is one that a running gateway is writing: it holds the file's lock (flock), and only it appends.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from gateway.commands.dead_letters.letter import Damaged, Letter, read_letter
from gateway.pipeline import disk
from gateway.pipeline.replayed import notes_of, read_notes

MAX_LINE_BYTES = 8 << 20
"""An event has at most 1 MiB, so what is longer is no letter; it is not read into memory."""


COPY_BYTES = 1 << 20
"""How much of a line too long to be read is copied at once."""


class LetterFile(Struct, frozen=True):
    """A file as it stood when it was found; what is appended later is not looked at."""

    path: Path
    size: int
    """In bytes."""
    in_use: bool


class Line(Struct, frozen=True):
    """A line by its place. `text` is cut off at MAX_LINE_BYTES."""

    number: int
    """Counted from 1."""
    text: bytes
    offset: int
    size: int
    """With its line break, in bytes."""

    @property
    def is_empty(self) -> bool:
        """Whether a letter was removed here."""
        return self.text == b"\n"


def find(path: Path) -> list[LetterFile]:
    """The file, or those of a destination's or of all destinations' directory, oldest first in each.

    Raises OSError if there is no such path or it cannot be read.
    """
    if not path.is_dir():
        return [_found(path)]
    found = []
    for each in [*sorted(path.glob("*.jsonl")), *sorted(path.glob("*/*.jsonl"))]:
        with suppress(FileNotFoundError):  # a running gateway removes its oldest file for room
            found.append(_found(each))
    return found


def _found(path: Path) -> LetterFile:
    with claimed(path) as is_ours:
        return LetterFile(path, path.stat().st_size, in_use=not is_ours)


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Whether the file is nobody's; it is ours meanwhile. Raises OSError if it cannot be opened."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def lines(file: LetterFile) -> Iterator[Line]:
    """Every line, the empty ones too; of a file in use not one that is just being written."""
    with file.path.open("rb") as stream:
        number = offset = 0
        while offset < file.size:
            text = stream.readline(min(MAX_LINE_BYTES, file.size - offset))
            end, size = text, len(text)
            while end and not end.endswith(b"\n") and offset + size < file.size:
                end = stream.readline(min(MAX_LINE_BYTES, file.size - offset - size))
                size += len(end)
            if not end or (file.in_use and not end.endswith(b"\n")):
                return
            number += 1
            yield Line(number, text, offset, size)
            offset += size


def read(line: Line) -> Letter | Damaged:
    """What stands in a line that is not empty."""
    if line.size > len(line.text):
        return Damaged(line.number, "too long")
    return read_letter(line.number, line.text)


def letters(file: LetterFile) -> Iterator[Letter | Damaged]:
    """What is left in the file: neither removed nor replayed."""
    replayed = read_notes(file.path)
    for line in lines(file):
        if not line.is_empty and line.number not in replayed:
            yield read(line)


def has_left(file: LetterFile) -> bool:
    """Whether anything is left in it, be it damaged."""
    replayed = read_notes(file.path)
    return any(not line.is_empty and line.number not in replayed for line in lines(file))


def remove(path: Path) -> None:
    """Remove the file, and then its notes: in the other order a crash would send its letters again."""
    path.unlink(missing_ok=True)
    disk.sync_directory(path.parent)
    notes_of(path).unlink(missing_ok=True)


def rewrite(file: LetterFile, *, keep: Callable[[Line], bool]) -> None:
    """Leave an empty line for each that is not kept, in one step, so that the others keep their numbers."""
    draft = file.path.with_name(f".{file.path.name}.draft")
    try:
        with file.path.open("rb") as source, draft.open("wb") as target:
            os.fchmod(target.fileno(), 0o600)
            for line in lines(file):
                _write(source, target, line) if keep(line) else target.write(b"\n")
            target.flush()
            os.fsync(target.fileno())
        draft.rename(file.path)
    except OSError:
        draft.unlink(missing_ok=True)  # a disk that is full needs the room
        raise
    disk.sync_directory(file.path.parent)


def _write(source: BinaryIO, target: BinaryIO, line: Line) -> None:
    if line.size == len(line.text):
        target.write(line.text)
        return
    source.seek(line.offset)
    left = line.size
    while left:
        piece = source.read(min(left, COPY_BYTES))
        if not piece:
            return
        left -= target.write(piece)
