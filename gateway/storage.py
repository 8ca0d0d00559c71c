"""What of the events is on disk beside dead letters: the journals and the spill.

Taken back at the start, kept up while the gateway works, completed at the end.
"""

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from gateway.cloudevents.json import read_event
from gateway.config import Config
from gateway.entry import Entry
from gateway.errors import ConfigError, ConfigFault
from gateway.event import Event
from gateway.leftovers import Leftovers
from gateway.membership import ALONE, Membership
from gateway.pipeline import disk
from gateway.pipeline.journal import Journal
from gateway.pipeline.keeping import Keeping
from gateway.pipeline.spill import RestoredEvent, Spill
from gateway.snapshots import StorageStatistics

log = logging.getLogger(__name__)

JOURNAL_CLOSE_SECONDS = 5.0
"""How long the disk may take for the last settlements of a journal."""

LOOK_SECONDS = 2.0
"""How long it may take to say whether a journal is still there, before anything is left to it."""


class Storage:
    """The journals and the spill of one gateway: `open` takes them, `aclose` gives them back, safe twice."""

    def __init__(self, config: Config, member: Membership = ALONE) -> None:
        journaled = {name: _place(each.buffer.journal) for name, each in config.destinations.items()}
        self._journals = {
            directory: Journal(member.own(Path(directory)), _read_back)
            for directory in dict.fromkeys(journaled.values())
            if directory
        }
        self.stores: Mapping[str, Journal] = {
            name: self._journals[directory] for name, directory in journaled.items() if directory
        }
        """By destination: the journal of each that has one."""
        self._spill_directory = member.own(Path(config.shutdown.spill)) if config.shutdown.spill else None
        self._spill = Spill(self._spill_directory, _read_back) if self._spill_directory else None
        self._spill_lock = disk.DirectoryLock(self._spill_directory) if self._spill_directory else None
        self._keeping = Keeping(self._spill)
        self._directories = _directories(config)
        self._find_leftovers = partial(_leftovers, config, member)
        self._leftovers = Leftovers(_read_back, journals=(), spills=())

    def open(self) -> None:
        """Take the directories, and read the journals. Blocking. Raises ConfigError: some cannot be used."""
        if faults := unwritable(self._directories):
            raise ConfigError(faults)
        self._leftovers = self._find_leftovers()
        if self._spill_directory is not None:
            disk.make_directory(self._spill_directory)
        if self._spill_lock is not None and not self._spill_lock.acquire():
            raise ConfigError([ConfigFault("shutdown.spill", "another process uses this directory")])
        for journal in self._journals.values():
            try:
                journal.open()
            except OSError as error:
                name = next(name for name, store in self.stores.items() if store is journal)
                key, reason = f"destinations.{name}.buffer.journal", error.strerror or error
                fault = ConfigFault(key, f"the journal cannot be used: {reason}")
                raise ConfigError([fault]) from error
        self._leftovers.open()

    def take_back(self, destination: str) -> list[RestoredEvent]:
        """What earlier lives of the process accepted for it and did not settle. Blocking."""
        spilled = [] if self._spill is None else self._spill.read(destination)
        journaled = self.stores[destination].fetch(destination) if destination in self.stores else []
        if spilled or journaled:
            counts = {"spilled": len(spilled), "journaled": len(journaled)}
            log.info("took back what was on disk", extra={"destination": destination, **counts})
        return [*spilled, *journaled, *self._leftovers.take_back(destination)]

    def report_strangers(self, destinations: Sequence[str]) -> None:
        """Say what is kept for destinations that are not configured, or look for it elsewhere.

        All have taken theirs back by now: nothing of the rest stays in memory.
        """
        for path in [] if self._spill is None else self._spill.strangers(destinations):
            log.warning("a spill file belongs to no destination", extra={"file": str(path)})
        for directory, journal in self._journals.items():
            users = [name for name in destinations if self.stores.get(name) is journal]
            for name, records in journal.strangers(users).items():
                log.warning("a journal has events for a destination that does not use it", extra={
                    "directory": directory, "destination": name, "events": records})  # fmt: skip
        self._leftovers.report_strangers(destinations)

    def obstacles(self) -> list[str]:
        """Why events cannot be journaled now, one for each journal that is in trouble."""
        return [f"journal: {journal.obstacle}" for journal in self._journals.values() if journal.obstacle]

    def statistics(self) -> StorageStatistics:
        """What all of it has done, added up."""
        total = StorageStatistics(set_aside=0 if self._spill is None else self._spill.set_aside)
        for journal in self._journals.values():
            total.add(journal.statistics())
        total.add(self._leftovers.statistics())
        return total

    def secure(self, destination: str, entries: Sequence[Entry]) -> None:
        """Begin to put on disk what is not, while it is delivered on; `keep` must follow."""
        self._keeping.secure(destination, entries)

    async def keep(self, destination: str, entries: Sequence[Entry]) -> bool:
        """Put on disk what the destination could not deliver, for the next start; False: some are lost.

        Its journal is looked at first: what does not stand there any more is spilled.
        """
        if entries and (journal := self.stores.get(destination)) is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await journal.flush()
        return await self._keeping.keep(destination, entries)

    @property
    def hangs(self) -> bool:
        """Whether a thread is stuck in the file system, which the process must not wait for."""
        is_writing = any(journal.is_writing for journal in self._journals.values())
        return self._keeping.hangs or is_writing or self._leftovers.hangs

    async def aclose(self) -> None:
        """Write the last settlements, and let other processes in."""
        await asyncio.gather(*[_close(journal) for journal in self._journals.values()])
        await self._leftovers.aclose()
        if self._spill_lock is not None:
            self._spill_lock.release()


async def _close(journal: Journal) -> None:
    """As far as the disk lets it in good time."""
    try:
        async with asyncio.timeout(JOURNAL_CLOSE_SECONDS):
            await journal.aclose()
    except TimeoutError:
        log.warning("a journal cannot be closed: what was settled last may be sent again")


def unwritable(directories: Mapping[str, str]) -> list[ConfigFault]:
    """What stands in the way of writing to them, by the keys that name them; an empty path names none."""
    return [
        ConfigFault(key, f"the directory cannot be written: {obstacle}")
        for key, path in directories.items()
        if path and (obstacle := disk.obstacle(Path(path))) is not None
    ]


def _place(directory: str) -> str:
    """The one name of a directory, however it is written; none of none."""
    return os.path.abspath(directory) if directory else ""  # noqa: PTH100 - Path.absolute keeps `..`


def _read_back(json: bytes, received_at: float) -> Event:
    return read_event(json, received_at=received_at)


def _leftovers(config: Config, member: Membership) -> Leftovers:
    """What other numbers of workers have left below the configured directories."""
    journals = dict.fromkeys(_place(each.buffer.journal) for each in config.destinations.values())
    return Leftovers(
        _read_back,
        journals=[path for each in journals if each for path in member.orphans(Path(each))],
        spills=member.orphans(Path(config.shutdown.spill)) if config.shutdown.spill else (),
    )


def _directories(config: Config) -> dict[str, str]:
    """Every directory that is written to, by the key that names it."""
    wanted = {"shutdown.spill": config.shutdown.spill}
    for name, destination in config.destinations.items():
        wanted[f"destinations.{name}.dead_letters.path"] = destination.dead_letters.path
        wanted[f"destinations.{name}.buffer.journal"] = destination.buffer.journal
    return {key: path for key, path in wanted.items() if path}
