"""One spill file, and the receipts that stand for its lines: written, noted, removed with the last.

Its entries may be delivered while it is being written, and after. Which of its lines are settled is noted
in a file beside it: by the thread that writes as long as it does, so that a disk that hangs does not hold
the loop up; then at once, in the system's memory, so that a process that is killed has noted all.
"""

import logging
import os
import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from pathlib import Path
from threading import Lock
from typing import Annotated, BinaryIO
from zlib import crc32

import msgspec
from msgspec import Meta, Raw, Struct

from gateway.entry import Entry, Receipt
from gateway.event import Event
from gateway.pipeline import disk
from gateway.pipeline.dead_letter import one_line, timestamp

log = logging.getLogger(__name__)

WRITE_BYTES = 1 << 20
"""About as much is encoded before it is written: not everything twice in memory, when memory may be short."""

SYNC_BYTES = 8 << 20
"""So much is forced to the disk at once: one call for all of it would take as long as the disk needs, and
nobody could tell a large file from a disk that hangs."""


class SpilledEntry(Struct, frozen=True):
    """One line of a spill file."""

    key: str
    """The entry's own among all of its destination; it keeps it when it is spilled again."""
    accepted_at: str
    """RFC 3339 in UTC."""
    attempts: Annotated[int, Meta(ge=0)]
    event: Raw
    """In the CloudEvents JSON format."""
    checksum: int
    """CRC-32 of all the others."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(SpilledEntry)


def write_line(event: Event, key: str, attempts: int) -> bytes:
    """The line for an entry."""
    accepted_at, json = timestamp(event.received_at), one_line(event.json)[:-1]
    checksum = _checksum(key, accepted_at, attempts, json)
    return _encoder.encode(SpilledEntry(key, accepted_at, attempts, Raw(json), checksum)) + b"\n"


def read_line(line: bytes) -> SpilledEntry:
    """The entry of a line. Raises msgspec.MsgspecError, ValueError or RecursionError if it is damaged."""
    spilled = _decoder.decode(line)
    if spilled.checksum != _checksum(
        spilled.key, spilled.accepted_at, spilled.attempts, bytes(spilled.event)
    ):
        raise ValueError("the line is not as it was written")
    return spilled


def _checksum(key: str, accepted_at: str, attempts: int, json: bytes) -> int:
    return crc32(json, crc32(f"{key} {accepted_at} {attempts}".encode()))


class Stage(Enum):
    """Where a file is in its life: from draft to kept, by way of left if it takes too long; at last gone."""

    DRAFT = "draft"
    """It is being written."""
    KEPT = "kept"
    """It is on disk, whole."""
    LEFT = "left"
    """It is still being written, and nobody waits: what stands in the draft is the next start's."""
    GONE = "gone"


_UNFINISHED = frozenset({Stage.DRAFT, Stage.LEFT})


class SpilledLine(Struct, gc=False, eq=False):
    """The receipt of an entry that stands in a file: settles its line, and passes every word on.

    `inner` is the receipt that the entry had before: a producer that waits, an older line, or None.
    A million are made in one step of the loop: the garbage collector would look at them again and again.
    """

    file: "SpillFile"
    number: int
    key: str
    attempts: int
    """At the moment it was wrapped."""
    inner: Receipt | None
    is_settled: bool = False

    def delivered(self, entry: Entry, event_id: str | None) -> None:
        """The bus has it."""
        self.settle()
        if self.inner is not None:
            self.inner.delivered(entry, event_id)

    def given_up(self, entry: Entry, code: str, message: str) -> None:
        """It is in the dead letters."""
        self.settle()
        if self.inner is not None:
            self.inner.given_up(entry, code, message)

    def kept(self, entry: Entry) -> None:
        """It stays in its file."""
        if self.inner is not None:
            self.inner.kept(entry)

    def lost(self, entry: Entry) -> None:
        """It stands in no file; while one is being written it may yet, and nobody is to send it again."""
        if self.file.stage not in _UNFINISHED and self.inner is not None:
            self.inner.lost(entry)

    def keeps(self, entry: Entry) -> bool:
        """Whether it stands in its file with as many attempts as it has had."""
        if self._is_on_disk and self.attempts == entry.attempt:
            return True
        return self.inner is not None and self.inner.keeps(entry)

    @property
    def path(self) -> Path | None:
        """The newest file in which it stands, be it with fewer attempts; None if it stands in none."""
        if self._is_on_disk:
            return self.file.place
        return self.inner.path if isinstance(self.inner, SpilledLine) else None

    @property
    def _is_on_disk(self) -> bool:
        return self.file.has(self.number) and not self.is_settled

    def settle(self) -> None:
        """Nobody needs the line any more; safe twice."""
        if not self.is_settled:
            self.is_settled = True
            self.file.settle(self.number)

    def take_over(self) -> None:
        """It is on disk, and so no older line of the same entry is needed."""
        while isinstance(self.inner, SpilledLine):
            older, self.inner = self.inner, self.inner.inner
            older.settle()


class SpillFile:
    """A file at `path` and its notes. All but `write` belongs to the loop, and blocks it for moments only."""

    def __init__(self, path: Path, stage: Stage) -> None:
        self.path = path
        self.stage = stage
        self.steps = 0
        """Writes and syncs that the disk has done for it so far: it hangs when there are no more."""
        self._lines_on_disk = 0
        """Of the draft: so many lines are written and synced."""
        self._fate = Lock()
        """Held for a moment to decide whether a draft that cannot be finished goes or stays."""
        self._is_discarded = False
        self._notes = Notes(notes_of(path))
        self._lacks_notes = False
        self._unsettled = 0
        self._drafted: list[Entry] = []
        """What is to be written."""
        self._lines: list[SpilledLine] = []
        """Of what is drafted, in the same order."""

    def wrap(self, entry: Entry, key: str) -> None:
        """Make the entry's receipt a line of the file, which is a draft."""
        older = entry.receipt
        key = older.key if isinstance(older, SpilledLine) else key
        line = self.line(len(self._drafted), key, entry.attempt, older)
        self._drafted.append(entry)
        self._lines.append(line)
        entry.receipt = line

    def line(self, number: int, key: str, attempts: int, inner: Receipt | None = None) -> SpilledLine:
        """A line that is to be settled before the file may go."""
        self._unsettled += 1
        return SpilledLine(self, number, key, attempts, inner)

    def hold(self) -> None:
        """Keep the file for good: something in it can neither be read nor set aside."""
        self._unsettled += 1

    @property
    def place(self) -> Path:
        """Where its lines stand."""
        return disk.draft_of(self.path) if self.stage in _UNFINISHED else self.path

    def has(self, number: int) -> bool:
        """Whether that line is on disk and stays there, whatever becomes of the others."""
        if self.stage is Stage.LEFT:
            return number < self._lines_on_disk
        return self.stage is Stage.KEPT

    def write(self) -> None:
        """Put what was wrapped on disk. Raises OSError: nothing is kept, unless it was left. On a thread."""
        disk.make_directory(self.path.parent)
        draft = disk.draft_of(self.path)
        try:
            self._write_draft(draft)
            draft.rename(self.path)
            disk.sync_directory(self.path.parent)
            self._note_on_thread()
        except BaseException:
            if self._discard():
                draft.unlink(missing_ok=True)  # a disk that is full needs the room
                self.path.unlink(missing_ok=True)  # it is there, if only its name could not be made to last
            raise

    def leave(self) -> None:
        """Wait for its end no longer: what is on disk of it by now stays there for the next start."""
        with self._fate:
            if self.stage is Stage.DRAFT and not self._is_discarded:
                self.stage = Stage.LEFT

    def confirm(self) -> None:
        """It is written: older lines of its entries are settled."""
        self.stage = Stage.KEPT
        lines = self._lines
        self._drafted, self._lines = [], []
        for line in lines:
            line.take_over()
        self._write_notes()
        self.remove_if_settled()

    def abandon(self) -> None:
        """It could not be written: every entry has the receipt that it had, unless the file was left."""
        drafted, lines = self._drafted, self._lines
        self._drafted, self._lines = [], []
        if self.stage is Stage.LEFT:
            return
        self.stage = Stage.GONE
        for entry, line in zip(drafted, lines, strict=True):
            if entry.receipt is line:
                entry.receipt = line.inner
        with suppress(OSError):  # notes without a file are removed at the next start
            self._notes.remove()

    def settle(self, number: int) -> None:
        """That line needs no keeping any more."""
        self._unsettled -= 1
        if self._unsettled or self.stage in _UNFINISHED:
            self.note(number)
        else:
            self.remove_if_settled()

    def note(self, number: int) -> None:
        """Write down that the next start need not read that line."""
        if self.stage is not Stage.GONE:
            self._notes.add(number)
        if self.stage is Stage.KEPT:
            self._write_notes()

    def _write_notes(self) -> None:
        try:
            self._notes.write()
        except OSError as error:
            self._complain(error)
        else:
            self._lacks_notes = False

    def remove_if_settled(self) -> None:
        """Remove the file and its notes once no line is left to settle."""
        if self._unsettled or self.stage is not Stage.KEPT:
            return
        self.stage = Stage.GONE
        try:
            self.path.unlink(missing_ok=True)
            self._notes.remove()  # last: without them, a crash in between would bring the lines back
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        if self._lacks_notes:
            return
        self._lacks_notes = True
        log.warning("a spill file cannot be kept up; the next start may send its events again", extra={
            "file": str(self.path), "error": error.strerror or type(error).__name__})  # fmt: skip

    def _discard(self) -> bool:
        """Decide that the draft goes; False: it was left, and its lines are the next start's."""
        with self._fate:
            self._is_discarded = self.stage is not Stage.LEFT
            return self._is_discarded

    def _write_draft(self, draft: Path) -> None:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            disk.sync_directory(draft.parent)  # the name must last as well: the file may never be finished
            lines = unsynced_bytes = 0
            for piece in self._pieces():
                unsynced_bytes += stream.write(b"".join(piece))
                lines += len(piece)
                self.steps += 1
                if unsynced_bytes >= SYNC_BYTES:
                    self._sync(stream, lines)
                    unsynced_bytes = 0
            self._sync(stream, lines)

    def _sync(self, stream: BinaryIO, lines: int) -> None:
        """Force the draft's first `lines` to the disk."""
        stream.flush()
        os.fsync(stream.fileno())
        self._lines_on_disk = lines
        self.steps += 1

    def _pieces(self) -> Iterator[list[bytes]]:
        lines: list[bytes] = []
        size = 0
        for entry, line in zip(self._drafted, self._lines, strict=True):
            lines.append(write_line(entry.event, line.key, line.attempts))
            size += len(lines[-1])
            if size >= WRITE_BYTES:
                yield lines
                lines, size = [], 0
                self._note_on_thread()
        yield lines

    def _note_on_thread(self) -> None:
        with suppress(OSError):  # the loop tries again, and complains
            self._notes.write()


class Notes:
    """The numbers of settled lines, appended as they come: one small write each, a microsecond.

    Every number has as many digits, so that one torn by a crash reads as none: the part of a number
    would be another line's. What could not be written goes with the next.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._numbers: deque[int] = deque()
        self._unwritten = bytearray()

    def add(self, number: int) -> None:
        """For the next `write`; from any thread."""
        self._numbers.append(number)

    def write(self) -> None:
        """Append what was added; from one thread at a time. Raises OSError: some is not written yet."""
        while self._numbers:
            self._unwritten += b"%010d\n" % self._numbers.popleft()
        if self._unwritten and self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK
            self._descriptor = os.open(self._path, flags, 0o600)
            self._unwritten[:0] = b"\n"  # ends what an earlier process may have torn
        while self._unwritten:
            assert self._descriptor is not None, "opened above"
            written = os.write(self._descriptor, self._unwritten)
            del self._unwritten[:written]

    def remove(self) -> None:
        """Close and remove the file, if there is one. Raises OSError."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._path.unlink(missing_ok=True)


_NOTE = re.compile(rb"[0-9]{10}")


def notes_of(path: Path) -> Path:
    """The file that says which lines of a spill file are settled."""
    return path.with_suffix(".settled")


def noted_lines(path: Path) -> set[int]:
    """The lines of the spill file at `path` that are settled; what is torn or spoilt notes nothing.

    Notes that cannot be read note nothing either: sending once more can be mended, losing cannot.
    """
    try:
        with disk.open_file(notes_of(path)) as stream:
            *whole, _torn = stream.read().split(b"\n")
    except FileNotFoundError:
        return set()
    except OSError as error:
        log.warning("the notes of a spill file cannot be read; its events may be sent again", extra={
            "file": str(notes_of(path)), "error": error.strerror})  # fmt: skip
        return set()
    return {int(note) for note in whole if _NOTE.fullmatch(note)}
