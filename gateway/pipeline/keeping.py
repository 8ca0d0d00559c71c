"""The end of a destination's entries that no bus took: on disk for the next start, or known to be lost.

With little grace left they are secured first and delivered on; at the deadline the rest is kept.
"""

import asyncio
import logging
import math
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from gateway.entry import Entry
from gateway.pipeline.spill import Spill
from gateway.pipeline.spill_file import SpilledLine, SpillFile

log = logging.getLogger(__name__)

SPILL_SECONDS = 10.0
"""How long the disk may take nothing at all before it is taken for hung. While it takes something it is
waited for, and that ends: a file has so many pieces and no more, and so many syncs."""

LOOK_SECONDS = 1.0
"""How often to look whether the disk has taken anything."""


class _Write(Struct, frozen=True):
    """A file on its way to the disk."""

    future: asyncio.Future[None]
    file: SpillFile
    begun_at: float


class _Kept(Struct):
    """How many entries are on disk, and where."""

    spilled: int = 0
    journaled: int = 0
    files: set[Path] = field(default_factory=set)


class Keeping:
    """Spills what destinations hold, unless it is on disk already. Without a `spill` nothing else is.

    Not the loop's own threads do it: those may be stuck elsewhere by now, each in a dead letter or a name.
    """

    def __init__(self, spill: Spill | None, threads: Executor | None = None) -> None:
        self._spill = spill
        self._threads = threads or ThreadPoolExecutor(thread_name_prefix="spill")
        self._writes: dict[str, _Write] = {}
        """Begun and not finished, by destination."""
        self._failures: dict[str, BaseException] = {}
        """Of a destination's last write."""
        self._finished_steps = 0
        """Of files that are not under way any more."""
        self._steps = 0
        """Of all files, at the last look: one may have to wait for the thread of another."""
        self._advanced_at = -math.inf
        """When a look last found more of them."""

    @property
    def hangs(self) -> bool:
        """Whether a thread is stuck in the file system, which the process must not wait for."""
        return bool(self._writes)

    def secure(self, name: str, entries: Sequence[Entry]) -> None:
        """Begin to put on disk those that are not, and return; all may be delivered or given up meanwhile.

        Nothing happens while an earlier write of that destination is under way. `keep` must follow.
        """
        rest = [entry for entry in entries if not _is_up_to_date(entry)]
        if not rest or self._spill is None or name in self._writes:
            return
        loop = asyncio.get_running_loop()
        file = self._spill.begin(name, rest)
        future = asyncio.wrap_future(self._threads.submit(file.write))
        future.add_done_callback(partial(self._written, name, file))
        self._writes[name] = _Write(future, file, loop.time())

    async def keep(self, name: str, entries: Sequence[Entry]) -> bool:
        """Finish: what the destination still holds, and nothing changes any more, is on disk and told so.

        To be called for every destination, be there nothing left of it. False: some are lost, or may be.
        """
        await self._finish_write(name)
        self.secure(name, entries)
        await self._finish_write(name)
        if (write := self._writes.get(name)) is not None:
            write.file.leave()
        kept = _tell(entries)
        self._report(name, kept, len(entries) - kept.spilled - kept.journaled)
        return kept.spilled + kept.journaled == len(entries)

    async def _finish_write(self, name: str) -> None:
        """Wait for the destination's write, if there is one, as long as the disk does not hang."""
        while (write := self._writes.get(name)) is not None:
            seconds_left = self._hangs_at(write) - asyncio.get_running_loop().time()
            if seconds_left <= 0:
                return
            await asyncio.wait([write.future], timeout=min(seconds_left, LOOK_SECONDS))

    def _hangs_at(self, write: _Write) -> float:
        """When the write is to be given up, if the disk takes nothing more."""
        steps = self._finished_steps + sum(each.file.steps for each in self._writes.values())
        if steps != self._steps:
            self._steps, self._advanced_at = steps, asyncio.get_running_loop().time()
        return max(write.begun_at, self._advanced_at) + SPILL_SECONDS

    def _written(self, name: str, file: SpillFile, future: asyncio.Future[None]) -> None:
        """Also called when nobody waits for it any more: it may have come late."""
        del self._writes[name]
        self._finished_steps += file.steps + 1
        if (error := future.exception()) is None:
            self._failures.pop(name, None)
            file.confirm()
        else:
            self._failures[name] = error
            file.abandon()

    def _report(self, name: str, kept: _Kept, lost: int) -> None:
        error = TimeoutError() if name in self._writes else self._failures.pop(name, None)
        where: dict[str, Any] = {"destination": name}
        if lost and self._spill is None:
            log.error("events are lost: they were not delivered, and shutdown.spill is empty",
                      extra=where | {"events": lost})  # fmt: skip
        elif lost and name in self._writes:
            log.critical("the disk takes nothing more of the spill: what is not on it by now may be lost",
                         extra=where | {"events": lost, "error": repr(error)})  # fmt: skip
        elif lost:
            log.critical("events could not be spilled: they are lost, but for those that an earlier start "
                         "spilled", extra=where | {"events": lost, "error": repr(error)})  # fmt: skip
        elif error is not None:
            log.warning("the spill could not be written; no event is lost",
                        extra=where | {"error": repr(error)})  # fmt: skip
        if kept.spilled:
            files = sorted(map(str, kept.files))
            log.warning("events were spilled for the next start",
                        extra=where | {"events": kept.spilled, "files": files})  # fmt: skip
        if kept.journaled:
            log.warning("events stay in the journal for the next start",
                        extra=where | {"events": kept.journaled})  # fmt: skip


def _tell(entries: Sequence[Entry]) -> _Kept:
    """Tell the receipt of every entry whether it is on disk, be it with fewer attempts than it has had."""
    kept = _Kept()
    for entry in entries:
        if (receipt := entry.receipt) is None:
            continue  # no disk has it, and nobody waits
        if isinstance(receipt, SpilledLine) and (path := receipt.path) is not None:
            kept.spilled += 1
            kept.files.add(path)
        elif receipt.keeps(entry):
            kept.journaled += 1
        else:
            receipt.lost(entry)
            continue
        receipt.kept(entry)
    return kept


def _is_up_to_date(entry: Entry) -> bool:
    """Whether it is on disk as it is."""
    return entry.receipt is not None and entry.receipt.keeps(entry)
