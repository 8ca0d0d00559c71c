"""Events on disk before they are acknowledged, and off it when nobody owes them any more.

A record is one event and the destinations that owe it. What a start finds is handed out to them once.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct

from gateway.entry import Entry, Receipt
from gateway.errors import InvalidEventError
from gateway.event import Event
from gateway.pipeline.journal_file import Found
from gateway.pipeline.journal_record import Record, State, owing
from gateway.pipeline.journal_salvage import Row
from gateway.pipeline.journal_writer import JournalWriter, Request
from gateway.pipeline.spill import RestoredEvent
from gateway.snapshots import StorageStatistics

log = logging.getLogger(__name__)


class _Shared(Struct):
    """A record that several destinations owe: what its row does not say in one word."""

    destinations: tuple[str, ...]
    settled: int
    attempts: int


class Journal:
    """Events on disk before they are acknowledged; one for each directory, shared by who names it.

    `read_event` makes an event of its JSON and its arrival time; the thread is its own unless one is given.
    """

    def __init__(
        self, directory: Path, read_event: Callable[[bytes, float], Event], thread: Executor | None = None
    ) -> None:
        self._directory = directory
        self._read_event = read_event
        self._writer = JournalWriter(directory, thread)
        self._restored: dict[str, list[RestoredEvent]] = {}
        self._owed: Counter[str] = Counter()
        """How many records each destination owed at the start."""
        self._next_number = 0
        self._shared: dict[int, _Shared] = {}

    def open(self) -> None:
        """Take the directory and read everything back; what is damaged is set aside. Blocking: for the start.

        Raises OSError, whose strerror says what is wrong, if events cannot be kept here.
        """
        found = self._writer.open()
        self._tell(found)
        self._restore(found.rows)

    def fetch(self, destination: str) -> list[RestoredEvent]:
        """Everything that the destination owed at the start, oldest first; handed out once."""
        return self._restored.pop(destination, [])

    def strangers(self, destinations: Sequence[str]) -> Mapping[str, int]:
        """How many records were owed, at the start, to each that is none of these destinations.

        These have fetched theirs by now: what is left in memory is let go of, and stays in the file.
        """
        self._restored.clear()
        return {name: self._owed[name] for name in sorted(self._owed.keys() - set(destinations))}

    def append(
        self, events: Sequence[Event], destinations: Sequence[str], told: Callable[[bool], None]
    ) -> Sequence[int]:
        """Put the events into the next group, all or none; the number of each record.

        `told`, in a later turn of the loop, whether they are on disk. If not, none of them is, and they
        have no number.
        """
        numbers = range(self._next_number, self._next_number + len(events))
        self._next_number = numbers.stop
        if len(destinations) > 1:
            for number in numbers:
                self._shared[number] = _Shared(tuple(destinations), 0, 0)
            told = partial(self._shared_written, numbers, told)
        size = sum([len(event.json) for event in events])
        self._writer.append(Request(numbers, events, ",".join(destinations), told, size))
        return numbers

    def record(self, number: int, destination: str, caller: Receipt | None) -> Receipt:
        """The receipt of one journaled entry: passes every word on to `caller`, and settles the record."""
        return _RecordReceipt(self, number, destination, caller)

    def settle(self, number: int, destination: str) -> None:
        """That destination owes it no more; on disk in a moment together with the others."""
        if self._shared and (shared := self._shared.get(number)) is not None:
            shared.settled |= 1 << shared.destinations.index(destination)
            if shared.settled + 1 < 1 << len(shared.destinations):
                self._writer.change(number, State(shared.attempts, shared.settled))
                return
            del self._shared[number]
        self._writer.remove(number)

    def note_attempts(self, number: int, attempts: int) -> None:
        """The next start counts that many attempts for a record that is still owed then."""
        shared = self._shared.get(number)
        if shared is not None:
            shared.attempts = max(shared.attempts, attempts)
            self._writer.change(number, State(shared.attempts, shared.settled))
        else:
            self._writer.change(number, State(attempts))

    @property
    def obstacle(self) -> str | None:
        """Why it cannot be written, or None when the last write went well."""
        return self._writer.obstacle

    @property
    def is_in_place(self) -> bool:
        """Whether a next start would find it, as far as was seen at the last write or flush.

        False as well for one that was moved away and may be brought back: what is kept elsewhere because
        of that comes twice then, rather than never.
        """
        return self._writer.is_in_place

    @property
    def is_writing(self) -> bool:
        """Whether a thread is in the file system now, where it may hang."""
        return self._writer.is_writing

    def statistics(self) -> StorageStatistics:
        """What it has done."""
        return self._writer.statistics

    async def flush(self) -> None:
        """What is settled so far is on disk, or has been refused once more; `is_in_place` is up to date."""
        await self._writer.flush()

    async def aclose(self) -> None:
        """Write what there is, close the file and let others in; safe twice, and without `open`.

        It takes as long as the disk does: who calls it bounds it.
        """
        await self._writer.aclose()

    def _shared_written(
        self,
        numbers: Sequence[int],
        told: Callable[[bool], None],
        is_written: bool,  # noqa: FBT001 - a callback's one word
    ) -> None:
        if not is_written:
            for number in numbers:
                self._shared.pop(number, None)
        told(is_written)

    def _restore(self, rows: list[Row]) -> None:
        """Remember what everybody owes, and go on counting where nobody has counted before.

        Each row is let go of when its event is made, so that not everything is in memory twice.
        """
        largest = rows[-1][0].number if rows else 0
        self._next_number = max(largest + 1, time.time_ns() // 1000)
        rows.reverse()
        while rows:
            record, state = rows.pop()
            names = owing(record, state)
            self._owed.update(names)
            if len(record.destinations) > 1:
                self._shared[record.number] = _Shared(record.destinations, state.settled, state.attempts)
            if (event := self._event(record)) is None:
                continue
            for name in names:
                receipt = self.record(record.number, name, None)
                self._restored.setdefault(name, []).append(RestoredEvent(event, state.attempts, receipt))

    def _event(self, record: Record) -> Event | None:
        """The record's event; of one that is no event to us the record stays where it is."""
        try:
            return self._read_event(record.json, record.received_at)
        except (msgspec.MsgspecError, InvalidEventError, ValueError):
            self.statistics().set_aside += 1
            log.error("the journal has an event that cannot be read; it stays there", extra={  # noqa: TRY400 - no event data
                "directory": str(self._directory), "record": record.number})  # fmt: skip
            return None

    def _tell(self, found: Found) -> None:
        """What the start has found that an operator should know."""
        where, statistics = {"directory": str(self._directory)}, self.statistics()
        if found.set_aside is not None:
            statistics.set_aside += max(1, found.unreadable)
            log.error("the journal was damaged; it is set aside, and what can be read of it is kept", extra={
                **where, "events": len(found.rows), "unreadable": found.unreadable,
                "set_aside_in": str(found.set_aside)})  # fmt: skip
        if found.lacks_wal:
            statistics.set_aside += 1
            log.error("the journal lacks its -wal file; events that stood only there are lost", extra=where)
        if found.torn is not None:
            statistics.set_aside += 1  # who cuts the file short leaves the same traces as a kill
            log.warning("the journal ended in the middle of a write; what can be read of it is kept", extra={
                **where, "events": found.torn})  # fmt: skip
        new = "" if found.set_aside is None else str(found.set_aside)
        if older := [path for path in map(str, self._writer.set_aside) if not (new and path.startswith(new))]:
            log.warning("damaged journals of earlier starts are still there", extra={
                **where, "files": older})  # fmt: skip


class _RecordReceipt:
    """Settles its record when the entry is, and passes every word on."""

    __slots__ = ("_caller", "_destination", "_journal", "_number")

    def __init__(self, journal: Journal, number: int, destination: str, caller: Receipt | None) -> None:
        self._journal = journal
        self._number = number
        self._destination = destination
        self._caller = caller

    def delivered(self, entry: Entry, event_id: str | None) -> None:
        """The bus has it."""
        self._journal.settle(self._number, self._destination)
        if self._caller is not None:
            self._caller.delivered(entry, event_id)

    def given_up(self, entry: Entry, code: str, message: str) -> None:
        """It is in the dead letters."""
        self._journal.settle(self._number, self._destination)
        if self._caller is not None:
            self._caller.given_up(entry, code, message)

    def kept(self, entry: Entry) -> None:
        """It stays for the next start, which counts its attempts on."""
        if entry.attempt:
            self._journal.note_attempts(self._number, entry.attempt)
        if self._caller is not None:
            self._caller.kept(entry)

    def lost(self, entry: Entry) -> None:
        """Its file has gone, and with it the record; it is not settled: the file may be brought back."""
        if self._caller is not None:
            self._caller.lost(entry)

    def keeps(self, entry: Entry) -> bool:  # noqa: ARG002 - the receipt's signature
        """It is on disk, where the next start will look for it."""
        return self._journal.is_in_place
