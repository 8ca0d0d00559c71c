"""The journal's one thread: what is to be written gathers here, and goes to the disk in groups.

What arrives while it writes goes together into the next group, so that one sync of the disk serves all
of it; settlements gather for a moment longer, since a crash between costs no event but a second
delivery. A disk that refuses is asked again once a second until it takes something; one that does not
answer refuses what comes until it does.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from errno import EAGAIN
from functools import partial
from pathlib import Path

from gateway.pipeline import disk
from gateway.pipeline.journal_file import Appended, Found, JournalFile
from gateway.pipeline.journal_record import State
from gateway.pipeline.journal_table import STATEMENT_ROWS
from gateway.snapshots import StorageStatistics

log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.1
"""A settlement is on disk within that time, where the disk takes half of it or less."""

GROUP_EVENTS = STATEMENT_ROWS
GROUP_BYTES = 1 << 20
"""About what one write takes at most, but for a single request that is larger."""

AGAIN_SECONDS = 1.0
"""How long after a failed write the next is tried."""

HANG_SECONDS = 5.0
"""A write that takes longer is a failure, as long as it lasts."""


class Request(Appended, frozen=True):
    """The events of one request, and who waits for them to be on disk."""

    told: Callable[[bool], None]
    size: int


class JournalWriter:
    """Writes a journal's file from `open` to `aclose`, on a thread of its own."""

    def __init__(self, directory: Path, thread: Executor | None = None) -> None:
        self._directory = directory
        self._file = JournalFile(directory)
        self._lock = disk.DirectoryLock(directory)
        self._thread = thread or ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._is_open = False
        self._waiting: deque[Request] = deque()
        self._done: list[int] = []
        """Records that are to go."""
        self._changed: dict[int, State] = {}
        """Records that stay, and what is new of them."""
        self._flushes: list[asyncio.Future[None]] = []
        self._due: float | None = None
        """When what is settled has to be written; None where nothing is."""
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._work: Future[int] | None = None
        """What the thread was given last."""
        self._is_hanging = False
        self.obstacle: str | None = None
        """Why nothing can be written, or None when the last write went well."""
        self.is_in_place = False
        """Whether the files were under their names, and still those that were opened, when last looked at."""
        self.statistics = StorageStatistics()

    def open(self) -> Found:
        """Take the directory and read everything back. Blocking. Raises OSError."""
        disk.make_directory(self._directory)
        if not self._lock.acquire():
            raise OSError(EAGAIN, "another process uses it", str(self._directory))
        try:
            found = self._file.open()
        except BaseException:
            self._lock.release()
            raise
        self._is_open = self.is_in_place = True
        self.statistics.journal_bytes = self._file.size
        return found

    def append(self, request: Request) -> None:
        """Put the events into the next group; told, in a later turn of the loop, whether they are on disk."""
        if self.obstacle is not None or not self._is_open:
            _refuse(request)
            return
        self._waiting.append(request)
        if self._task is None:
            self._begin()

    def remove(self, number: int) -> None:
        """Nobody owes that record any more; off the disk within SETTLE_SECONDS together with the others."""
        if self._changed:
            self._changed.pop(number, None)
        self._done.append(number)
        if self._due is None:
            self._expect_write()

    def change(self, number: int, state: State) -> None:
        """Something is new of a record that stays; on disk as soon."""
        self._changed[number] = state
        self._expect_write()

    @property
    def is_writing(self) -> bool:
        """Whether the thread is in the file system now, where it may hang, be there anybody who waits."""
        return self._work is not None and not self._work.done()

    @property
    def set_aside(self) -> Sequence[Path]:
        """Damaged files that wait for an operator."""
        return self._file.set_aside

    async def flush(self) -> None:
        """What is settled so far is on disk, or has been refused once more; `is_in_place` is up to date."""
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
        await self._attempt(self._file.close)
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
        if self.obstacle is not None:
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
        if self.obstacle is not None:
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
        if await self._write(partial(self._file.append, group)):
            self.statistics.journal_commit_seconds.observe(loop.time() - began)
            loop.call_soon(_tell_written, group)
            return True
        for request in group:
            self._done += request.numbers  # the disk may have kept what it did not confirm
            _refuse(request)
        self._expect_write()
        return False

    def _next_group(self) -> list[Request]:
        group: list[Request] = []
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
        is_written = await self._write(partial(self._file.settle, done, changed))
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
        """Do it on the thread; what has gone well shows that the disk can be written."""
        is_written = await self._attempt(work)
        if is_written and self.obstacle is not None:
            self.obstacle = None
            log.info("the journal can be written again", extra={"directory": str(self._directory)})
        return is_written

    async def _attempt(self, work: Callable[[], None]) -> bool:
        """Do it on the thread; False if it failed, which is told and remembered."""
        self._work = self._thread.submit(self._work_and_look, work)
        hanging = asyncio.get_running_loop().call_later(HANG_SECONDS, self._hangs)
        try:
            self.statistics.journal_bytes = await asyncio.wrap_future(self._work)
        except Exception as error:  # noqa: BLE001 - the top of a loop: whatever it is, nothing was written
            self._failed((error.strerror if isinstance(error, OSError) else None) or type(error).__name__)
            return False
        finally:
            hanging.cancel()
            self._is_hanging = False
        return True

    def _work_and_look(self, work: Callable[[], None]) -> int:
        try:
            work()
        finally:
            self.is_in_place = self._file.is_in_place
        return self._file.size

    def _hangs(self) -> None:
        """The disk has not answered for long: the write may still come to an end, and then it counts."""
        self._failed("the disk does not answer")
        self._is_hanging = True

    def _failed(self, text: str) -> None:
        if not self._is_hanging:  # or else it is counted
            self.statistics.journal_failures += 1
        if self.obstacle is None:
            log.error("the journal cannot be written; events for it are refused", extra={
                "directory": str(self._directory), "error": text})  # fmt: skip
        self.obstacle = text
        while self._waiting:
            _refuse(self._waiting.popleft())


def _refuse(request: Request) -> None:
    asyncio.get_running_loop().call_soon(request.told, False)  # noqa: FBT003 - a callback's one word


def _tell_written(group: Sequence[Request]) -> None:
    """One call for all of a group: what one of them makes of it does not keep the word from the others."""
    for request in group:
        try:
            request.told(True)  # noqa: FBT003 - a callback's one word
        except Exception:  # the top of a request
            log.exception("a request failed after its events were journaled")
