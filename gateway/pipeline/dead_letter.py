"""Where entries go that will never be delivered: bounded, rotated files of JSON lines.

Writing blocks, so it happens on a thread; an entry is settled only after its line is on disk.
"""

import asyncio
import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Raw, Struct

from gateway.pipeline import disk
from gateway.pipeline.replayed import notes_of, read_notes
from gateway.pipeline.settlement import GivenUp

FILES = 8
"""A directory's bound is kept in so many files, so that dropping the oldest loses an eighth of it."""

MAX_NAMESAKES = 64
"""Files that may have been begun in the same microsecond, or been left there by a clock that went back."""

_encoder = msgspec.json.Encoder()


class DeadLetter(Struct, frozen=True):
    """One line of a dead-letter file; times are RFC 3339 in UTC."""

    time: str
    destination: str
    reason: str
    code: str
    message: str
    request_id: str | None
    attempts: int
    accepted_at: str
    event: Raw
    """In the CloudEvents JSON format."""


def dead_letter(given_up: GivenUp, *, destination: str, wall_now: float) -> DeadLetter:
    """The line for an entry given up at that wall-clock time."""
    entry = given_up.entry
    return DeadLetter(
        time=timestamp(wall_now),
        destination=destination,
        reason=given_up.reason,
        code=given_up.code,
        message=given_up.message,
        request_id=given_up.request_id,
        attempts=entry.attempt,
        accepted_at=timestamp(entry.event.received_at),
        event=Raw(entry.event.json),
    )


class DeadLetters(Protocol):
    """Keeps dead letters. `write` returns once they are kept, and raises OSError if they cannot be."""

    async def write(self, letters: Sequence[DeadLetter]) -> int:
        """Keep `letters`; how many letters, these or older ones, are dropped and kept nowhere."""

    async def aclose(self) -> None:
        """Nothing more will be written; safe twice."""


class NoDeadLetters:
    """`dead_letters.path = ""`: nothing is kept, everything is counted."""

    async def write(self, letters: Sequence[DeadLetter]) -> int:
        """Drop them all."""
        return len(letters)

    async def aclose(self) -> None:
        """Nothing is open."""


class DeadLetterFiles:
    """JSON lines in `directory`, at most `max_bytes` of them: beyond that the oldest file goes.

    The file being written is locked (flock) until another one is begun or the process ends, so that
    whoever replays or removes letters can tell which file is still growing. Several workers may have one
    directory: the bound is that of all their files, and they write in turns, so that what one drops for
    room holds nothing that another is just writing, and each letter dropped is counted by one of them.
    """

    def __init__(
        self, directory: Path, *, max_bytes: int, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._directory = directory
        self._wall_clock = wall_clock
        self._max_bytes = max_bytes
        self._file_bytes = max(1, max_bytes // FILES)
        self._current: Path | None = None
        self._descriptor: int | None = None
        """Holds the current file's lock."""
        self._dropped = 0
        """Letters dropped and not yet told."""
        self._lock = asyncio.Lock()

    async def write(self, letters: Sequence[DeadLetter]) -> int:
        """Append `letters` and force them to the disk; the number of old ones dropped for room."""
        text = b"".join([one_line(_encoder.encode(letter)) for letter in letters])
        async with self._lock:
            return await asyncio.to_thread(self._append, text)

    async def aclose(self) -> None:
        """Let go of the current file: it grows no more."""
        async with self._lock:
            self._current = None
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _append(self, text: bytes) -> int:
        disk.make_directory(self._directory)
        with _turn(self._directory):
            path = self._file_for(len(text))
            self._make_room(len(text), path)
            disk.append(path, text)
        dropped, self._dropped = self._dropped, 0
        return dropped

    def _file_for(self, size: int) -> Path:
        if self._current is not None and self._current.exists():
            held = self._current.stat().st_size
            if not held or held + size <= self._file_bytes:
                return self._current
        return self._begin()

    def _begin(self) -> Path:
        """A new current file, of a name that no other has: several workers may begin one at once."""
        now = datetime.fromtimestamp(self._wall_clock(), UTC)
        moments = (now + timedelta(microseconds=later) for later in range(MAX_NAMESAKES))
        for moment in moments:
            path = self._directory / f"{moment:%Y%m%dT%H%M%S.%fZ}.jsonl"
            with suppress(FileExistsError):
                descriptor = _begin_locked(path)
                break
        else:
            raise FileExistsError(errno.EEXIST, "No name is left for dead letters", str(self._directory))
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._current, self._descriptor = path, descriptor
        return path

    def _make_room(self, size: int, current: Path) -> None:
        """Remove the oldest files until `size` more bytes keep within the bound."""
        files = {file: held for file in sorted(self._directory.glob("*.jsonl")) if (held := _size(file))}
        excess = sum(files.values()) + size - self._max_bytes
        for file, held in files.items():
            if excess <= 0:
                break
            if file == current:
                continue
            self._dropped += _drop(file)
            excess -= held


@contextmanager
def _turn(directory: Path) -> Iterator[None]:
    """Wait until no other worker writes in the directory; none begins meanwhile. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _begin_locked(path: Path) -> int:
    """Make the file, locked before anybody can see it under its name. Raises FileExistsError, OSError.

    The draft keeps the name for us: it exists until, in one step, the file does.
    """
    draft = path.with_name(f".{path.stem}.draft")
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        draft.rename(path)
    except OSError:
        os.close(descriptor)
        draft.unlink(missing_ok=True)
        raise
    return descriptor


def _size(path: Path) -> int:
    """In bytes; none of a file that was replayed or purged meanwhile, and is no more."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _drop(path: Path) -> int:
    """Remove the file; how many letters nobody keeps then: not those replayed or purged.

    None if a replay or a purge, which wait for no turn, has removed it first: that has told its letters.
    """
    try:
        lines = path.read_bytes().split(b"\n")
        path.unlink()
    except FileNotFoundError:
        return 0
    replayed: set[int] = set()
    with suppress(OSError):  # somebody else's, say: the file is gone, so all of its letters are told
        replayed = read_notes(path)
        notes_of(path).unlink(missing_ok=True)
    return sum([1 for number, line in enumerate(lines, 1) if line and number not in replayed])


def one_line(text: bytes) -> bytes:
    """JSON text as a line: raw line breaks stand between tokens only, and may be spaces as well."""
    return text.translate(_BREAKS_TO_SPACES) + b"\n"


_BREAKS_TO_SPACES = bytes.maketrans(b"\r\n", b"  ")


def timestamp(seconds: float) -> str:
    """Wall-clock seconds since the epoch as RFC 3339 in UTC, with microseconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
