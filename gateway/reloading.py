"""The configuration taken up again while the gateway works: when somebody asks, or a secret changes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.config import Config
from gateway.config.change import Change
from gateway.config.source import ConfigSource
from gateway.config.watch import POLL_SECONDS
from gateway.errors import ConfigError

log = logging.getLogger(__name__)

Apply = Callable[[Config], Awaitable[Change]]
"""Takes a configuration up as far as it goes. Raises ConfigError, and then nothing has changed."""


class Reloading:
    """Reads the configuration again and has it applied, one at a time; says in the log what came of it."""

    def __init__(self, source: ConfigSource, apply: Apply) -> None:
        self._source = source
        self._apply = apply
        self._one_at_a_time = asyncio.Lock()
        self._asked: set[asyncio.Task[None]] = set()

    async def reload(self) -> Change:
        """Take up the file as it is now. Raises ConfigError with every fault: nothing has changed."""
        return await self._take_up(self._source.load)

    def ask(self) -> None:
        """The same, for who does not wait: the log has the faults."""
        task = asyncio.get_running_loop().create_task(self._answer_nobody(self._take_up(self._source.load)))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def watch(self) -> None:
        """Take secrets and certificates up whenever their files change, until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if self._source.has_changed_files():
                await self._answer_nobody(self._take_up(self._source.refresh))

    async def _answer_nobody(self, taking_up: Awaitable[Change]) -> None:
        try:
            await taking_up
        except ConfigError:
            pass  # the log has it
        except Exception:  # the top of a task: the next file that changes must be seen all the same
            log.exception("the configuration could not be read again")

    async def _take_up(self, read: Callable[[], Config]) -> Change:
        async with self._one_at_a_time:
            try:
                change = await self._apply(read())
                self._source.keep()
            except ConfigError as error:
                faults = [str(fault) for fault in error.faults]
                log.error("the configuration is not taken up; the former one stays", extra={"faults": faults})  # noqa: TRY400 - the faults say it all
                raise
            _tell(change)
            return change


def _tell(change: Change) -> None:
    extra: dict[str, Any] = {"changed": change.changed}
    if change.needs_restart:
        log.warning("a part of the configuration takes effect at the next start",
                    extra={"keys": change.needs_restart})  # fmt: skip
    log.info("the configuration is taken up", extra=extra)
