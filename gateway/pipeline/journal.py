"""Events on disk before they are acknowledged, and off it when nobody owes them any more.

One thread writes. What arrives while it writes goes together into the next group, so that one sync of
the disk serves all of it; settlements gather for a moment longer, since a crash between costs no event
but a second delivery. A disk that refuses is asked again once a second until it takes something.
"""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from errno import EAGAIN
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct

from gateway.entry import Entry, Receipt
from gateway.errors import InvalidEventError
from gateway.event import Event
from gateway.pipeline import disk
from gateway.pipeline.journal_file import Appended, Found, JournalFile
from gateway.pipeline.journal_record import Record, State, owing
from gateway.pipeline.journal_table import STATEMENT_ROWS
from gateway.pipeline.spill import RestoredEvent
from gateway.snapshots import StorageStatistics

log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.1
"""A settlement is on disk within that time, where the disk takes half of it or less."""

GROUP_EVENTS = STATEMENT_ROWS
GROUP_BYTES = 1 << 20
"""About what one write takes at most, but for a single request that is larger."""

AGAIN_SECONDS = 1.0
"""How long after a failed write the next is tried."""


class _Request(Appended, frozen=True):
    """The events of one request, and who waits for them to be on disk."""

    told: Callable[[bool], None]
    size: int


class _Shared(Struct):
    """A record that several destinations owe: what its row does not say in one word."""

    destinations: tuple[str, ...]
    settled: int
    attempts: int


class Journal:
    """Events on disk before they are acknowledged; one for each directory, shared by who names it.

    `read_event` makes an event of its JSON and its arrival time.
    """

    def __init__(self, directory: Path, read_event: Callable[[bytes, float], Event]) -> None:
        self._directory = directory
        self._read_event = read_event
        self._file = JournalFile(directory)
        self._lock = disk.DirectoryLock(directory)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._is_open = False
        self._restored: dict[str, list[RestoredEvent]] = {}
        self._owing: Counter[tuple[str, ...]] = Counter()
        self._next_number = 0
        self._shared: dict[int, _Shared] = {}
        self._waiting: deque[_Request] = deque()
        self._done: list[int] = []
        """Records that are to go."""
        self._changed: dict[int, State] = {}
        """Records that stay, and what is new of them."""
        self._flushes: list[asyncio.Future[None]] = []
        self._due: float | None = None
        """When what is settled has to be written; None where nothing is."""
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_writing = False
        self._obstacle: str | None = None
        self._statistics = StorageStatistics()

    def open(self) -> None:
        """Take the directory and read everything back; what is damaged is set aside. Blocking: for the start.

        Raises OSError, whose strerror says what is wrong, if events cannot be kept here.
        """
        disk.make_directory(self._directory)
        if not self._lock.acquire():
            raise OSError(EAGAIN, "another process uses it", str(self._directory))
        try:
            found = self._file.open()
        except BaseException:
            self._lock.release()
            raise
        self._is_open = True
        self._statistics.journal_bytes = self._file.size
        self._restore(found)
        self._tell(found)

    def fetch(self, destination: str) -> list[RestoredEvent]:
        """Everything that the destination owed at the start, oldest first; handed out once."""
        return self._restored.pop(destination, [])

    def strangers(self, destinations: Sequence[str]) -> int:
        """How many records were owed, at the start, to none of these destinations: they stay in the file."""
        known = set(destinations)
        return sum([count for names, count in self._owing.items() if known.isdisjoint(names)])

    def append(
        self, events: Sequence[Event], destinations: Sequence[str], told: Callable[[bool], None]
    ) -> Sequence[int]:
        """Put the events into the next group, all or none; the number of each record.

        `told`, in a later turn of the loop, whether they are on disk. If not, none of them is, and they
        have no number.
        """
        numbers = range(self._next_number, self._next_number + len(events))
        self._next_number = numbers.stop
        if self._obstacle is not None or not self._is_open:
            asyncio.get_running_loop().call_soon(told, False)  # noqa: FBT003 - a callback's one word
            return numbers
        if len(destinations) > 1:
            for number in numbers:
                self._shared[number] = _Shared(tuple(destinations), 0, 0)
        size = sum([len(event.json) for event in events])
        self._waiting.append(_Request(numbers, events, ",".join(destinations), told, size))
        if self._task is None:
            self._begin()
        return numbers

    def record(self, number: int, destination: str, caller: Receipt | None) -> Receipt:
        """The receipt of one journaled entry: passes every word on to `caller`, and settles the record."""
        return _RecordReceipt(self, number, destination, caller)

    def settle(self, number: int, destination: str) -> None:
        """That destination owes it no more; on disk within SETTLE_SECONDS together with the others."""
        shared = self._shared.get(number)
        if shared is not None:
            shared.settled |= 1 << shared.destinations.index(destination)
            if shared.settled + 1 < 1 << len(shared.destinations):
                self._changed[number] = State(shared.attempts, shared.settled)
                self._expect_write()
                return
            del self._shared[number]
        self._changed.pop(number, None)
        self._done.append(number)
        self._expect_write()

    def note_attempts(self, number: int, attempts: int) -> None:
        """The next start counts that many attempts for a record that is still owed then."""
        shared = self._shared.get(number)
        if shared is not None:
            shared.attempts = max(shared.attempts, attempts)
            self._changed[number] = State(shared.attempts, shared.settled)
        else:
            self._changed[number] = State(attempts)
        self._expect_write()

    @property
    def obstacle(self) -> str | None:
        """Why it cannot be written, or None when the last write went well."""
        return self._obstacle

    @property
    def is_writing(self) -> bool:
        """Whether a thread is in the file system now, where it may hang."""
        return self._is_writing

    def statistics(self) -> StorageStatistics:
        """What it has done."""
        return self._statistics

    async def flush(self) -> None:
        """Everything settled so far is on disk, or has been refused once more."""
        if not self._is_open:
            return
        loop = asyncio.get_running_loop()
        flushed = loop.create_future()
        self._flushes.append(flushed)
        self._due = loop.time()
        self._begin()
        await flushed

    async def aclose(self) -> None:
        """Write what there is, close the file and let others in; safe twice, and without `open`.

        It takes as long as the disk does: who calls it bounds it.
        """
        await self.flush()
        while self._task is not None:
            await asyncio.wait([self._task])
        if not self._is_open:
            return
        self._is_open = False
        self._stop_timer()
        await self._write(self._file.close)
        self._thread.shutdown(wait=False)
        self._lock.release()

    def _expect_write(self) -> None:
        """Something is settled: more will follow soon, so that one write serves all of it."""
        if self._due is None:
            self._due = asyncio.get_running_loop().time() + SETTLE_SECONDS / 2
            self._rest()

    def _rest(self) -> None:
        """Wait for the next moment at which something is to be written, unless something is now."""
        if self._task is not None or self._timer is not None or not self._is_open:
            return
        loop = asyncio.get_running_loop()
        if self._obstacle is not None:
            self._timer = loop.call_later(AGAIN_SECONDS, self._begin)
        elif self._due is not None:
            self._timer = loop.call_at(self._due, self._begin)

    def _begin(self) -> None:
        """Start writing, unless it goes on already: then the same task comes to what is new."""
        self._stop_timer()
        if self._task is None and self._is_open:
            self._task = asyncio.get_running_loop().create_task(self._write_all())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _write_all(self) -> None:
        """One write after the other, until there is nothing to be written or the disk refuses."""
        try:
            while await self._write_next():
                pass
        finally:
            self._task = None
            self._rest()

    async def _write_next(self) -> bool:
        """Write what is most due; False if nothing is, or the disk refuses."""
        if self._obstacle is not None:
            return await self._try_again()
        if self._due is not None and self._due <= asyncio.get_running_loop().time():
            return await self._write_settled()
        if self._waiting:
            return await self._write_group()
        return False

    async def _try_again(self) -> bool:
        """See whether the disk takes something again; a connection that has failed is not trusted."""
        is_mended = await self._write(self._file.reopen)
        if not is_mended:
            self._answer_flushes()
        return is_mended

    async def _write_group(self) -> bool:
        group = self._next_group()
        loop = asyncio.get_running_loop()
        began = loop.time()
        is_written = await self._write(partial(self._file.append, group))
        if is_written:
            self._statistics.journal_commit_seconds.observe(loop.time() - began)
            loop.call_soon(_tell_written, group)
            return True
        for request in group:
            self._done += request.numbers  # the disk may have kept what it did not confirm
            self._refuse(request)
        return False

    def _next_group(self) -> list[_Request]:
        group: list[_Request] = []
        events = size = 0
        while self._waiting and events < GROUP_EVENTS and size < GROUP_BYTES:
            request = self._waiting[0]
            events += len(request.numbers)
            size += request.size
            if group and (events > GROUP_EVENTS or size > GROUP_BYTES):
                break
            group.append(self._waiting.popleft())
        return group

    async def _write_settled(self) -> bool:
        self._due = None
        done, self._done = self._done, []
        changed, self._changed = self._changed, {}
        flushes, self._flushes = self._flushes, []
        is_written = not (done or changed) or await self._write(partial(self._file.settle, done, changed))
        if not is_written:
            self._done = done + self._done
            self._changed = changed | self._changed
            self._due = asyncio.get_running_loop().time()
        self._flushes = flushes + self._flushes
        self._answer_flushes(len(flushes))
        return is_written

    def _answer_flushes(self, count: int | None = None) -> None:
        answered, self._flushes = self._flushes[:count], self._flushes[count:] if count is not None else []
        for flushed in answered:
            if not flushed.done():
                flushed.set_result(None)

    async def _write(self, work: Callable[[], None]) -> bool:
        """Do it on the thread; False if it failed, which is told and remembered."""
        self._is_writing = True
        try:
            self._statistics.journal_bytes = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._work_and_measure, work
            )
        except Exception as error:  # noqa: BLE001 - the top of a loop: whatever it is, nothing was written
            self._failed(error)
            return False
        finally:
            self._is_writing = False
        if self._obstacle is not None:
            self._obstacle = None
            log.info("the journal can be written again", extra={"directory": str(self._directory)})
        return True

    def _work_and_measure(self, work: Callable[[], None]) -> int:
        work()
        return self._file.size

    def _failed(self, error: Exception) -> None:
        self._statistics.journal_failures += 1
        text = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        if self._obstacle is None:
            log.error("the journal cannot be written; events for it are refused", extra={
                "directory": str(self._directory), "error": text})  # fmt: skip
        self._obstacle = text
        while self._waiting:
            self._refuse(self._waiting.popleft())

    def _refuse(self, request: _Request) -> None:
        for number in request.numbers:
            self._shared.pop(number, None)
        asyncio.get_running_loop().call_soon(request.told, False)  # noqa: FBT003 - a callback's one word

    def _restore(self, found: Found) -> None:
        """Remember what everybody owes, and go on counting where nobody has counted before."""
        largest = max([record.number for record, _ in found.rows], default=0)
        self._next_number = max(largest + 1, time.time_ns() // 1000)
        for record, state in found.rows:
            names = owing(record, state)
            self._owing[tuple(names)] += 1
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
            self._statistics.set_aside += 1
            log.error("the journal has an event that cannot be read; it stays there", extra={  # noqa: TRY400 - no event data
                "directory": str(self._directory), "record": record.number})  # fmt: skip
            return None

    def _tell(self, found: Found) -> None:
        """What the start has found that an operator should know."""
        where = {"directory": str(self._directory)}
        if found.set_aside is not None:
            self._statistics.set_aside += max(1, found.unreadable)
            log.error("the journal was damaged; it is set aside, and what can be read of it is kept", extra={
                **where, "events": len(found.rows), "unreadable": found.unreadable,
                "set_aside_in": str(found.set_aside)})  # fmt: skip
        if found.lacks_wal:
            self._statistics.set_aside += 1
            log.error("the journal lacks its -wal file; events that stood only there are lost", extra=where)
        if found.torn is not None:
            self._statistics.set_aside += 1  # who cuts the file short leaves the same traces as a kill
            log.warning("the journal ended in the middle of a write; what can be read of it is kept", extra={
                **where, "events": found.torn})  # fmt: skip
        if older := [str(path) for path in self._file.set_aside if path != found.set_aside]:
            log.warning("damaged journals of earlier starts are still there", extra={
                **where, "files": older})  # fmt: skip


def _tell_written(group: Sequence[_Request]) -> None:
    """One call for all of a group: what one of them makes of it does not keep the word from the others."""
    for request in group:
        try:
            request.told(True)  # noqa: FBT003 - a callback's one word
        except Exception:  # the top of a request
            log.exception("a request failed after its events were journaled")


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
        """It stands in the journal for the next start, which counts its attempts on."""
        if entry.attempt:
            self._journal.note_attempts(self._number, entry.attempt)
        if self._caller is not None:
            self._caller.kept(entry)

    def keeps(self, entry: Entry) -> bool:  # noqa: ARG002 - the receipt's signature
        """It is on disk."""
        return True
