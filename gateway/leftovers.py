"""What processes that there are no more have left in directories of theirs: there were other workers once.

It is delivered by this process, and settled where it stands: nothing is copied, so that nothing is twice.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from errno import EAGAIN
from pathlib import Path

from gateway.event import Event
from gateway.pipeline import disk
from gateway.pipeline.journal import Journal
from gateway.pipeline.spill import RestoredEvent, Spill
from gateway.snapshots import StorageStatistics

log = logging.getLogger(__name__)

CLOSE_SECONDS = 5.0
"""How long the disk may take for the last settlements of all of them."""

ReadEvent = Callable[[bytes, float], Event]


class Leftovers:
    """Journals and spills to be emptied: nothing is added to them. `open` takes them, `aclose` is safe twice.

    What another process holds, or the disk does not give, is left alone, and the log says so.
    """

    def __init__(self, read_event: ReadEvent, *, journals: Iterable[Path], spills: Iterable[Path]) -> None:
        self._read_event = read_event
        self._directories = (tuple(journals), tuple(spills))
        self._journals: dict[Path, Journal] = {}
        self._spills: dict[Path, Spill] = {}
        self._locks: list[disk.DirectoryLock] = []

    def open(self) -> None:
        """Take every directory that has anything in it. Blocking."""
        journals, spills = self._directories
        for directory in filter(_has_files, journals):
            journal = Journal(directory, self._read_event)
            with _left_alone_if_unusable(directory):
                journal.open()
                self._journals[directory] = journal
        for directory in filter(_has_files, spills):
            lock = disk.DirectoryLock(directory)
            with _left_alone_if_unusable(directory):
                if not lock.acquire():
                    raise BlockingIOError(EAGAIN, "another process uses it")
                self._locks.append(lock)
                self._spills[directory] = Spill(directory, self._read_event)

    def take_back(self, destination: str) -> list[RestoredEvent]:
        """What all of them have for that destination, each event once. Blocking."""
        found = {directory: journal.fetch(destination) for directory, journal in self._journals.items()}
        found |= {directory: spill.read(destination) for directory, spill in self._spills.items()}
        for directory, events in found.items():
            if events:
                where = {"destination": destination, "directory": str(directory)}
                log.info("took over what an earlier worker left", extra=where | {"events": len(events)})
        return [event for events in found.values() for event in events]

    def report_strangers(self, destinations: Sequence[str]) -> None:
        """Say what is kept for destinations that are not configured."""
        for spill in self._spills.values():
            for path in spill.strangers(destinations):
                log.warning("a spill file belongs to no destination", extra={"file": str(path)})
        for directory, journal in self._journals.items():
            if records := journal.strangers(destinations):
                log.warning("a journal has events for no destination", extra={
                    "directory": str(directory), "events": records})  # fmt: skip

    def statistics(self) -> StorageStatistics:
        """What all of it has done, added up."""
        total = StorageStatistics(set_aside=sum(spill.set_aside for spill in self._spills.values()))
        for journal in self._journals.values():
            total.add(journal.statistics())
        return total

    @property
    def hangs(self) -> bool:
        """Whether a thread is stuck in the file system, which the process must not wait for."""
        return any(journal.is_writing for journal in self._journals.values())

    async def aclose(self) -> None:
        """Write the last settlements, and let other processes in."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(*[journal.aclose() for journal in self._journals.values()])
        for lock in self._locks:
            lock.release()


def _has_files(directory: Path) -> bool:
    """Whether there is anything but the lock and the directories of workers."""
    if not directory.is_dir():
        return False
    return any(path.is_file() and path.name != ".lock" for path in directory.iterdir())


@contextmanager
def _left_alone_if_unusable(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.error("what an earlier worker left cannot be taken over now; it stays there", extra={  # noqa: TRY400 - the reason says it all
            "directory": str(directory), "error": error.strerror or type(error).__name__})  # fmt: skip
