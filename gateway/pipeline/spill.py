"""What could not be delivered before the end, kept on disk for the next start.

A file per destination and shutdown. Whatever a crash or a bad disk has made of the directory, a start goes
on with all that can be read: an entry that stands in several files comes back once, as the newest says.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from gateway.entry import Entry, Receipt
from gateway.errors import InvalidEventError
from gateway.event import Event
from gateway.pipeline import disk
from gateway.pipeline.spill_file import SpilledEntry, SpillFile, Stage, noted_lines, read_line

log = logging.getLogger(__name__)

_FILE = re.compile(r"(?P<destination>[a-z0-9][a-z0-9_-]*)\.(?P<stamp>[0-9]{1,20})\.jsonl")
_DRAFT = re.compile(r"\.(?P<destination>[a-z0-9][a-z0-9_-]*)\.(?P<stamp>[0-9]{1,20})\.jsonl\.draft")
_NOTES = re.compile(r"(?P<destination>[a-z0-9][a-z0-9_-]*)\.(?P<stamp>[0-9]{1,20})\.settled")

_YEAR_3000 = 32_503_680_000.0


class RestoredEvent(Struct, frozen=True):
    """An event read back, the attempts it has had, and the receipt that lets go of its line on disk."""

    event: Event
    attempts: int
    receipt: Receipt


class Spill:
    """The directory of spill files, which one process has to itself.

    `read_event` makes an event of its JSON and its arrival time; raises InvalidEventError.
    """

    def __init__(self, directory: Path, read_event: Callable[[bytes, float], Event]) -> None:
        self._directory = directory
        self._read_event = read_event
        self._stamp = 0
        """The greatest in a file's name so far: a later file has a greater one, whatever the clock says."""
        self.set_aside = 0
        """Lines that could not be read, since the process started."""

    def begin(self, destination: str, entries: Sequence[Entry]) -> SpillFile:
        """A file that is to keep `entries`, whose receipts are lines of it from now on; touches no disk.

        Then `write` it on a thread, and `confirm` or `abandon` it, while the entries go on as they like.
        """
        self._stamp = max(self._stamp + 1, time.time_ns())
        file = SpillFile(self._path(destination, self._stamp), Stage.DRAFT)
        for number, entry in enumerate(entries):
            file.wrap(entry, f"{self._stamp}.{number}")
        return file

    def read(self, destination: str) -> list[RestoredEvent]:
        """All that is kept for that destination and can be read, in order of acceptance. Blocking.

        Called before anything is spilled. What cannot be read is set aside or left, counted and logged.
        """
        self._remove_orphans(destination)
        self._promote_drafts(destination)
        restored: list[list[RestoredEvent]] = []
        known: set[str] = set()
        files = sorted(self._found(_FILE, destination), reverse=True)
        for stamp, path in files:  # the newest first: it knows best
            self._stamp = max(self._stamp, stamp)
            restored.append(self._read_file(path, known))
        oldest_first = [each for file in reversed(restored) for each in file]
        return sorted(oldest_first, key=lambda each: each.event.received_at)

    def strangers(self, destinations: Sequence[str]) -> list[Path]:
        """Files of destinations that are not configured: they stay where they are."""
        return [
            path
            for path in sorted([*self._directory.glob("*.jsonl"), *self._directory.glob("*.jsonl.draft")])
            if not (match := _FILE.fullmatch(path.name) or _DRAFT.fullmatch(path.name))
            or match["destination"] not in destinations
        ]

    def _path(self, destination: str, stamp: int) -> Path:
        return self._directory / f"{destination}.{stamp}.jsonl"

    def _found(self, name: re.Pattern[str], destination: str) -> Iterator[tuple[int, Path]]:
        for path in list(self._directory.glob("*")):
            if (match := name.fullmatch(path.name)) and match["destination"] == destination:
                yield int(match["stamp"]), path

    def _remove_orphans(self, destination: str) -> None:
        """Remove notes whose file is gone: a crash came between."""
        for _, notes in self._found(_NOTES, destination):
            path = notes.with_suffix(".jsonl")
            if path.exists() or disk.draft_of(path).exists():
                continue
            try:
                notes.unlink()
            except OSError as error:
                _report(notes, error)

    def _promote_drafts(self, destination: str) -> None:
        """Make files of what a process was writing when it was killed: whole lines count.

        Where the complete file is there as well, its draft becomes the older of the two.
        """
        for stamp, draft in sorted(self._found(_DRAFT, destination)):
            while (path := self._path(destination, stamp)).exists():
                stamp -= 1  # noqa: PLW2901 - the next that is free
            try:
                draft.rename(path)
            except OSError as error:
                _report(draft, error)

    def _read_file(self, path: Path, known: set[str]) -> list[RestoredEvent]:
        """What the file has that newer files have not; `known` are the keys of all their entries."""
        file, settled = SpillFile(path, Stage.KEPT), noted_lines(path)
        restored: list[RestoredEvent] = []
        damaged: dict[int, bytes] = {}
        for number, text in _lines(file):
            try:
                spilled = read_line(text)
                is_wanted = number not in settled and spilled.key not in known
                event = self._event(spilled) if is_wanted else None
            except (msgspec.MsgspecError, InvalidEventError, ValueError, RecursionError):
                if number not in settled:
                    damaged[number] = text
                continue
            known.add(spilled.key)
            if event is not None:
                line = file.line(number, spilled.key, spilled.attempts)
                restored.append(RestoredEvent(event, spilled.attempts, line))
            elif number not in settled:
                file.note(number)  # the newer file may be gone before this one is
        if damaged:
            self._set_aside(file, damaged)
        file.remove_if_settled()
        return restored

    def _event(self, spilled: SpilledEntry) -> Event:
        received_at = datetime.fromisoformat(spilled.accepted_at).timestamp()
        if not 0 <= received_at < _YEAR_3000:
            raise ValueError("no time at which we accepted anything")
        return self._read_event(bytes(spilled.event), received_at)

    def _set_aside(self, file: SpillFile, damaged: Mapping[int, bytes]) -> None:
        """Move lines to a file of their own; where that fails they stay where they are."""
        self.set_aside += len(damaged)
        aside = file.path.with_suffix(".damaged")
        log.error("a spill file has lines that cannot be read", extra={
            "file": str(file.path), "lines": len(damaged), "set_aside_in": str(aside)})  # fmt: skip
        try:
            disk.append(aside, b"".join(damaged.values()))
        except OSError as error:
            file.hold()
            _report(aside, error)
        else:
            for number in damaged:
                file.note(number)  # or else they would be set aside again


def _lines(file: SpillFile) -> Iterator[tuple[int, bytes]]:
    """Its lines with their numbers; where they cannot be read any further, it is left there for good."""
    try:
        with disk.open_file(file.path) as stream:
            yield from enumerate(stream)
    except OSError as error:
        file.hold()
        _report(file.path, error)


def _report(path: Path, error: OSError) -> None:
    log.error("a file of the spill cannot be read or moved; it stays where it is", extra={
        "file": str(path), "error": error.strerror or type(error).__name__})  # fmt: skip
