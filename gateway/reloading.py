"""The configuration taken up again while the gateway works: when somebody asks, or a secret changes."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from msgspec import Struct

from gateway.config import Config
from gateway.config.change import Change
from gateway.config.source import ConfigSource
from gateway.config.watch import POLL_SECONDS
from gateway.errors import ConfigError
from gateway.snapshots import ReloadStatistics

log = logging.getLogger(__name__)

Apply = Callable[[Config], Awaitable[Change]]
"""Takes a configuration up as far as it goes. Raises ConfigError, and then nothing has changed."""

UNFINISHED = "the configuration could not be read again: the log says why"
"""The fault of a reload that ended in no way that was foreseen."""


class Reads(Enum):
    """What is read again."""

    FILE = "file"
    SECRETS = "secrets"
    """And certificates, with the file as it was taken up last."""


class Refusal(Struct, frozen=True):
    """What was wrong with what was read, at that wall-clock second since the epoch."""

    at: float
    faults: Sequence[str]


class Reloading:
    """Reads the configuration again and has it applied, one at a time; says in the log what came of it.

    Made when the configuration has been read for the first time, which counts as a reload that did well.
    """

    def __init__(
        self, source: ConfigSource, apply: Apply, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._source = source
        self._apply = apply
        self._wall_clock = wall_clock
        self._succeeded_at = wall_clock()
        self._refusals: dict[Reads, Refusal] = {}
        """The last of each kind of reading, until what was wrong is read again."""
        self._one_at_a_time = asyncio.Lock()
        self._asked: set[asyncio.Task[None]] = set()

    async def reload(self) -> Change:
        """Take up the file as it is now. Raises ConfigError with every fault: nothing has changed."""
        return await self._take_up(Reads.FILE)

    def ask(self) -> None:
        """The same, for who does not wait: the log has the faults."""
        task = asyncio.get_running_loop().create_task(self._answer_nobody(self._take_up(Reads.FILE)))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def watch(self) -> None:
        """Take secrets and certificates up whenever their files change, until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if self._source.has_changed_files():
                await self._answer_nobody(self._take_up(Reads.SECRETS))

    async def _answer_nobody(self, taking_up: Awaitable[Change]) -> None:
        try:
            await taking_up
        except ConfigError:
            pass  # the log has it
        except Exception:  # the top of a task: the next file that changes must be seen all the same
            log.exception("the configuration could not be read again")

    def statistics(self) -> ReloadStatistics:
        """What came of the last reload; one that was refused stands until what was wrong is read again."""
        refusals = self._refusals.values()
        faults = dict.fromkeys(fault for refusal in refusals for fault in refusal.faults)  # each once
        return ReloadStatistics(
            at=max((refusal.at for refusal in refusals), default=self._succeeded_at),
            succeeded_at=self._succeeded_at,
            faults=tuple(faults),
        )

    def status(self) -> Mapping[str, Any]:
        """The same for `/status`."""
        last = self.statistics()
        at = datetime.fromtimestamp(last.at, UTC).isoformat(timespec="seconds")
        return {"at": at, "successful": last.was_successful, "faults": last.faults}

    async def _take_up(self, what: Reads) -> Change:
        async with self._one_at_a_time:
            faults: Sequence[str] = (UNFINISHED,)
            try:
                change = await self._apply(self._read(what))
                self._source.keep()
                faults = ()
            except ConfigError as error:
                faults = [str(fault) for fault in error.faults]
                log.error("the configuration is not taken up; the former one stays", extra={"faults": faults})  # noqa: TRY400 - the faults say it all
                raise
            finally:
                self._note(what, faults)
            _tell(change)
            return change

    def _read(self, what: Reads) -> Config:
        return self._source.load() if what is Reads.FILE else self._source.refresh()

    def _note(self, what: Reads, faults: Sequence[str]) -> None:
        now = self._wall_clock()
        if faults:
            self._refusals[what] = Refusal(now, faults)
            return
        if what is Reads.FILE:
            self._refusals.clear()  # the secrets are read with it
        self._refusals.pop(Reads.SECRETS, None)
        if not self._refusals:  # a new secret makes no bad file good
            self._succeeded_at = now


def _tell(change: Change) -> None:
    extra: dict[str, Any] = {"changed": change.changed}
    if change.needs_restart:
        log.warning("a part of the configuration takes effect at the next start",
                    extra={"keys": change.needs_restart})  # fmt: skip
    log.info("the configuration is taken up", extra=extra)
