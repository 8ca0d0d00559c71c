"""What a destination no longer uses: closed beside the work, and waited for at the end."""

import asyncio
import logging
from collections.abc import Collection, Coroutine

from gateway.sender import Sender

log = logging.getLogger(__name__)


class Retirement:
    """Closes former senders and dead letters, each when its last use is over."""

    def __init__(self) -> None:
        self._closing: set[asyncio.Task[None]] = set()

    def begin(self, closing: Coroutine[None, None, None]) -> None:
        """Do it beside the work."""
        task = asyncio.get_running_loop().create_task(closing)
        self._closing.add(task)
        task.add_done_callback(self._ended)

    async def finish(self) -> None:
        """Wait for all of it."""
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._closing.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            log.error("what is no longer used could not be closed", exc_info=failure)


async def close_after(tasks: Collection[asyncio.Task[None]], sender: Sender) -> None:
    """Close a sender that nothing goes by any more, once these have ended."""
    if tasks:
        await asyncio.wait(tasks)
    await sender.aclose()
