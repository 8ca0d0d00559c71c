"""Entries that are given up, until their dead letters are on disk: only then are they settled."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from gateway.entry import Entry
from gateway.pipeline.account import Account
from gateway.pipeline.dead_letter import DeadLetters, dead_letter
from gateway.pipeline.settlement import GivenUp

log = logging.getLogger(__name__)

WRITE_BYTES = 1 << 20
"""About as much JSON goes into one write: thousands may expire together, and are not encoded all at once."""

AGAIN_SECONDS = 1.0
"""How long after a failed write the next is tried."""


class Burial:
    """Writes dead letters one group at a time, and goes on until the disk takes them.

    `write_all` is the work, one task at a time, owned by who starts it. `release` is called with entries
    that are settled. Not cancelled but closed: a thread that writes cannot be stopped.
    """

    def __init__(
        self,
        destination: str,
        dead_letters: DeadLetters,
        account: Account,
        *,
        wall: Callable[[], float],
        release: Callable[[Sequence[Entry]], None],
    ) -> None:
        self._destination = destination
        self._dead_letters = dead_letters
        self._account = account
        self._wall = wall
        self._release = release
        self._waiting: deque[GivenUp] = deque()
        self._writing: list[GivenUp] = []
        self._is_failing = False
        self._closed = asyncio.Event()

    @property
    def waiting(self) -> Sequence[Entry]:
        """Entries whose dead letters are still to be written."""
        return [each.entry for each in self._waiting]

    @property
    def writing(self) -> Sequence[Entry]:
        """Entries whose dead letters are being written."""
        return [each.entry for each in self._writing]

    def bury_in(self, dead_letters: DeadLetters) -> DeadLetters:
        """Write to these from now on; the former ones, to which a group may still be being written."""
        former, self._dead_letters = self._dead_letters, dead_letters
        return former

    def add(self, given_up: Sequence[GivenUp]) -> None:
        """Take entries that will never be delivered; `write_all` writes them."""
        self._waiting += given_up

    async def write_all(self) -> None:
        """Write until nothing waits, or until closed. Raises only what is a bug of ours."""
        while self._waiting and not self._closed.is_set():
            self._writing = self._next_group()
            wall = self._wall()
            letters = [
                dead_letter(each, destination=self._destination, wall_now=wall) for each in self._writing
            ]
            try:
                dropped = await self._dead_letters.write(letters)
            except OSError as error:
                self._keep(error)
                await self._pause()
            else:
                self._buried(dropped)

    def close(self) -> None:
        """Begin no further write."""
        self._closed.set()

    def give_back(self) -> list[Entry]:
        """Every entry that is not settled, no longer held here."""
        entries = [*self.writing, *self.waiting]
        self._writing = []
        self._waiting.clear()
        return entries

    def _next_group(self) -> list[GivenUp]:
        group: list[GivenUp] = []
        size = 0
        while self._waiting and size < WRITE_BYTES:
            group.append(self._waiting.popleft())
            size += len(group[-1].entry.event.json)
        return group

    def _buried(self, dropped: int) -> None:
        given_up, self._writing = self._writing, []
        if self._is_failing:
            self._is_failing = False
            log.info("dead letters can be written again", extra={"destination": self._destination})
        if not given_up:
            return  # given back meanwhile
        self._account.buried(given_up, dropped)
        self._release([each.entry for each in given_up])
        for each in given_up:
            if each.entry.receipt is not None:
                each.entry.receipt.given_up(each.entry, each.code, each.message)

    def _keep(self, error: OSError) -> None:
        self._account.unburied(len(self._writing))
        self._waiting.extendleft(reversed(self._writing))
        self._writing = []
        if not self._is_failing:
            self._is_failing = True
            log.error("dead letters cannot be written; their events stay held", extra={
                "destination": self._destination, "events": len(self._waiting),
                "error": error.strerror or type(error).__name__})  # fmt: skip

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(AGAIN_SECONDS):
                await self._closed.wait()
