"""What could not be delivered before the end, kept on disk for the next start.

A file per destination and shutdown, written in one step. A file is removed when the last entry that was
read from it is settled or spilled again: a crash in between sends entries twice, and loses none.
"""

import logging
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
    """Counts down the entries of one file, and removes it after the last. A receipt for each of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.unsettled = 0

    def delivered(self, entry: Entry, event_id: str | None) -> None:  # noqa: ARG002 - the receipt's signature
        """One less."""
        self._settle_one()

    def given_up(self, entry: Entry, code: str, message: str) -> None:  # noqa: ARG002 - likewise
        """One less."""
        self._settle_one()

    def spilled(self, entry: Entry) -> None:  # noqa: ARG002 - likewise
        """It stands in a newer file."""
        self._settle_one()

    def _settle_one(self) -> None:
        self.unsettled -= 1
        if self.unsettled:
            return
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("a spill file cannot be removed; the next start will send its events again", extra={
                "file": str(self._path), "error": error.strerror})  # fmt: skip


class Spill:
    """The directory of spill files. `read_event` makes an event of its JSON and its arrival time."""

    def __init__(self, directory: Path, read_event: Callable[[bytes, float], Event]) -> None:
        self._directory = directory
        self._read_event = read_event

    def write(self, destination: str, entries: Sequence[Entry]) -> Path:
        """Keep `entries` for the next start. Raises OSError: nothing is kept."""
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
        file = SpillFile(path)
        restored: list[RestoredEvent] = []
        damaged: list[bytes] = []
        for line in path.read_bytes().splitlines(keepends=True):
            try:
                restored.append(self._read_line(line, file))
            except (msgspec.MsgspecError, InvalidEventError, ValueError):
                damaged.append(line)
        if damaged:
            aside = path.with_suffix(".damaged")
            disk.replace(aside, b"".join(damaged))
            log.error("a spill file has lines that cannot be read", extra={
                "file": str(path), "lines": len(damaged), "set_aside_in": str(aside)})  # fmt: skip
        file.unsettled = len(restored)
        if not restored:
            path.unlink()
        return restored

    def _read_line(self, line: bytes, file: SpillFile) -> RestoredEvent:
        spilled = _decoder.decode(line)
        received_at = datetime.fromisoformat(spilled.accepted_at).timestamp()
        return RestoredEvent(self._read_event(bytes(spilled.event), received_at), spilled.attempts, file)


def _spilled(entry: Entry) -> SpilledEntry:
    return SpilledEntry(timestamp(entry.event.received_at), entry.attempt, Raw(entry.event.json))
