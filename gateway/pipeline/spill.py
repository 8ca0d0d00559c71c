"""What could not be delivered before the end, kept on disk for the next start.

A file per destination and shutdown, written in one step. A file is removed when the last entry that was
read from it is settled or spilled again, and until then a note beside it says which are: a crash in
between loses none, and sends again only what was in flight.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Raw, Struct

from gateway.entry import Entry, Receipt
from gateway.errors import InvalidEventError
from gateway.event import Event
from gateway.pipeline import disk
from gateway.pipeline.dead_letter import one_line, timestamp

log = logging.getLogger(__name__)

_NAME = re.compile(r"(?P<destination>[a-z0-9][a-z0-9_-]*)\.[0-9]+\.jsonl")


class SpilledEntry(Struct, frozen=True):
    """One line of a spill file."""

    accepted_at: str
    attempts: int
    event: Raw
    """In the CloudEvents JSON format."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(SpilledEntry)


class RestoredEvent(Struct, frozen=True):
    """An event read back, the attempts it has had, and the receipt that lets go of its file."""

    event: Event
    attempts: int
    receipt: Receipt


class SpillFile:
    """One file that was read: notes which of its lines are settled, and removes it after the last.

    The notes stand in a file beside it, one line number each: a process that is killed has them read back,
    so that the next start does not send again what the bus is known to have.
    """

    def __init__(self, path: Path, unsettled: int) -> None:
        self._path = path
        self._notes = notes_of(path)
        self._descriptor: int | None = None
        self._unsettled = unsettled

    def settle(self, line: int) -> None:
        """That line needs no keeping any more."""
        self._unsettled -= 1
        try:
            if self._unsettled:
                self._note(line)
            else:
                self._remove()
        except OSError as error:
            log.warning("a spill file cannot be kept up; the next start may send its events again", extra={
                "file": str(self._path), "error": error.strerror})  # fmt: skip

    def _note(self, line: int) -> None:
        if self._descriptor is None:
            self._descriptor = os.open(self._notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(self._descriptor, b"%d\n" % line)

    def _remove(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._path.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)


class SpilledLine:
    """The receipt of a restored entry: settles its line, whatever became of it."""

    def __init__(self, file: SpillFile, number: int) -> None:
        self._file = file
        self._number = number

    def delivered(self, entry: Entry, event_id: str | None) -> None:  # noqa: ARG002 - the receipt's signature
        """The bus has it."""
        self._file.settle(self._number)

    def given_up(self, entry: Entry, code: str, message: str) -> None:  # noqa: ARG002 - likewise
        """It is in the dead letters."""
        self._file.settle(self._number)

    def kept(self, entry: Entry) -> None:  # noqa: ARG002 - likewise
        """It stands in a newer file."""
        self._file.settle(self._number)

    def keeps(self, entry: Entry) -> bool:  # noqa: ARG002 - likewise
        """It is in its file."""
        return True


def notes_of(path: Path) -> Path:
    """The file that says which lines of a spill file are settled."""
    return path.with_suffix(".settled")


def _settled_lines(path: Path) -> set[int]:
    try:
        noted = notes_of(path).read_bytes()
    except FileNotFoundError:
        return set()
    *whole, _torn = noted.split(b"\n")
    return {int(number) for number in whole if number.isdigit()}


class Spill:
    """The directory of spill files. `read_event` makes an event of its JSON and its arrival time."""

    def __init__(self, directory: Path, read_event: Callable[[bytes, float], Event]) -> None:
        self._directory = directory
        self._read_event = read_event

    def write(self, destination: str, entries: Sequence[Entry]) -> Path:
        """Keep `entries` for the next start. Raises OSError: nothing is kept."""
        disk.make_directory(self._directory)
        path = self._directory / f"{destination}.{time.time_ns()}.jsonl"
        disk.replace(path, b"".join([one_line(_encoder.encode(_spilled(entry))) for entry in entries]))
        return path

    def read(self, destination: str) -> list[RestoredEvent]:
        """Everything kept for that destination; lines that cannot be read are set aside and logged."""
        restored: list[RestoredEvent] = []
        for path in sorted(self._directory.glob("*.jsonl")):
            if (match := _NAME.fullmatch(path.name)) and match["destination"] == destination:
                restored += self._read_file(path)
        return restored

    def strangers(self, destinations: Sequence[str]) -> list[Path]:
        """Files of destinations that are not configured: they stay where they are."""
        return [
            path
            for path in sorted(self._directory.glob("*.jsonl"))
            if not (match := _NAME.fullmatch(path.name)) or match["destination"] not in destinations
        ]

    def _read_file(self, path: Path) -> list[RestoredEvent]:
        settled = _settled_lines(path)
        events: dict[int, tuple[Event, int]] = {}
        damaged: list[bytes] = []
        for number, line in enumerate(path.read_bytes().splitlines(keepends=True)):
            if number in settled:
                continue
            try:
                events[number] = self._read_line(line)
            except (msgspec.MsgspecError, InvalidEventError, ValueError):
                damaged.append(line)
        if damaged:
            _set_aside(path, damaged)
        if not events:
            path.unlink()
            notes_of(path).unlink(missing_ok=True)
        file = SpillFile(path, len(events))
        return [RestoredEvent(*read, SpilledLine(file, number)) for number, read in events.items()]

    def _read_line(self, line: bytes) -> tuple[Event, int]:
        spilled = _decoder.decode(line)
        received_at = datetime.fromisoformat(spilled.accepted_at).timestamp()
        return self._read_event(bytes(spilled.event), received_at), spilled.attempts


def _set_aside(path: Path, lines: Sequence[bytes]) -> None:
    aside = path.with_suffix(".damaged")
    disk.replace(aside, b"".join(lines))
    log.error("a spill file has lines that cannot be read", extra={
        "file": str(path), "lines": len(lines), "set_aside_in": str(aside)})  # fmt: skip


def _spilled(entry: Entry) -> SpilledEntry:
    return SpilledEntry(timestamp(entry.event.received_at), entry.attempt, Raw(entry.event.json))
