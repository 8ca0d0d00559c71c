"""What of the events is on disk beside dead letters: the journals and the spill.

Taken back at the start, kept up while the gateway works, completed at the end.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gateway.cloudevents.json import read_event
from gateway.config import Config
from gateway.entry import Entry
from gateway.errors import ConfigError, ConfigFault
from gateway.event import Event
from gateway.pipeline import disk
from gateway.pipeline.journal import Journal
from gateway.pipeline.keeping import Keeping
from gateway.pipeline.spill import RestoredEvent, Spill
from gateway.snapshots import StorageStatistics

log = logging.getLogger(__name__)

JOURNAL_CLOSE_SECONDS = 5.0
"""How long the disk may take for the last settlements of a journal."""


class Storage:
    """The journals and the spill of one gateway: `open` takes them, `aclose` gives them back, safe twice."""

    def __init__(self, config: Config) -> None:
        journaled = {name: each.buffer.journal for name, each in config.destinations.items()}
        self._journals = {
            directory: Journal(Path(directory), _read_back)
            for directory in dict.fromkeys(journaled.values())
            if directory
        }
        self.stores: Mapping[str, Journal] = {
            name: self._journals[directory] for name, directory in journaled.items() if directory
        }
        """By destination: the journal of each that has one."""
        spill = config.shutdown.spill
        self._spill = Spill(Path(spill), _read_back) if spill else None
        self._spill_lock = disk.DirectoryLock(Path(spill)) if spill else None
        self._keeping = Keeping(self._spill)
        self._directories = _directories(config)

    def open(self) -> None:
        """Take the directories, and read the journals. Blocking. Raises ConfigError: some cannot be used."""
        if faults := unwritable(self._directories):
            raise ConfigError(faults)
        if self._spill_lock is not None and not self._spill_lock.acquire():
            raise ConfigError([ConfigFault("shutdown.spill", "another process uses this directory")])
        for directory, journal in self._journals.items():
            try:
                journal.open()
            except OSError as error:
                key = next(key for key, path in self._directories.items() if path == directory)
                fault = ConfigFault(key, f"the journal cannot be used: {error.strerror or error}")
                raise ConfigError([fault]) from error

    def take_back(self, destination: str) -> list[RestoredEvent]:
        """What earlier lives of the process accepted for it and did not settle. Blocking."""
        spilled = [] if self._spill is None else self._spill.read(destination)
        journaled = self.stores[destination].fetch(destination) if destination in self.stores else []
        if spilled or journaled:
            counts = {"spilled": len(spilled), "journaled": len(journaled)}
            log.info("took back what was on disk", extra={"destination": destination, **counts})
        return [*spilled, *journaled]

    def report_strangers(self, destinations: Sequence[str]) -> None:
        """Say what is kept for destinations that are not configured."""
        for path in [] if self._spill is None else self._spill.strangers(destinations):
            log.warning("a spill file belongs to no destination", extra={"file": str(path)})
        for directory, journal in self._journals.items():
            if records := journal.strangers(destinations):
                log.warning("a journal has events for no destination", extra={
                    "directory": directory, "events": records})  # fmt: skip

    def obstacles(self) -> list[str]:
        """Why events cannot be journaled now, one for each journal that is in trouble."""
        return [f"journal: {journal.obstacle}" for journal in self._journals.values() if journal.obstacle]

    def statistics(self) -> StorageStatistics:
        """What all of it has done, added up."""
        total = StorageStatistics(set_aside=0 if self._spill is None else self._spill.set_aside)
        for journal in self._journals.values():
            total.add(journal.statistics())
        return total

    def secure(self, destination: str, entries: Sequence[Entry]) -> None:
        """Begin to put on disk what is not, while it is delivered on; `keep` must follow."""
        self._keeping.secure(destination, entries)

    async def keep(self, destination: str, entries: Sequence[Entry]) -> bool:
        """Put on disk what the destination could not deliver, for the next start; False: some are lost."""
        return await self._keeping.keep(destination, entries)

    @property
    def hangs(self) -> bool:
        """Whether a thread is stuck in the file system, which the process must not wait for."""
        return self._keeping.hangs or any(journal.is_writing for journal in self._journals.values())

    async def aclose(self) -> None:
        """Write the last settlements, and let other processes in."""
        for journal in self._journals.values():
            with suppress(TimeoutError):
                async with asyncio.timeout(JOURNAL_CLOSE_SECONDS):
                    await journal.aclose()
        if self._spill_lock is not None:
            self._spill_lock.release()


def unwritable(directories: Mapping[str, str]) -> list[ConfigFault]:
    """What stands in the way of writing to them, by the keys that name them; an empty path names none."""
    return [
        ConfigFault(key, f"the directory cannot be written: {obstacle}")
        for key, path in directories.items()
        if path and (obstacle := disk.obstacle(Path(path))) is not None
    ]


def _read_back(json: bytes, received_at: float) -> Event:
    return read_event(json, received_at=received_at)


def _directories(config: Config) -> dict[str, str]:
    """Every directory that is written to, by the key that names it."""
    wanted = {"shutdown.spill": config.shutdown.spill}
    for name, destination in config.destinations.items():
        wanted[f"destinations.{name}.dead_letters.path"] = destination.dead_letters.path
        wanted[f"destinations.{name}.buffer.journal"] = destination.buffer.journal
    return {key: path for key, path in wanted.items() if path}
