"""The ways by which a letter's event is sent again, and what may come of it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Protocol

from msgspec import Struct

from gateway.commands.dead_letters.letter import Letter

MAX_WAIT_SECONDS = 60.0
"""The longest wait before asking again, whatever the other side says."""

MAX_TRIES = 10
"""How often one letter is sent by one command."""


class Sent(Struct, frozen=True):
    """It was taken."""


class Refused(Struct, frozen=True):
    """This letter was not taken; another one may be."""

    code: str
    message: str = ""


class Stuck(Struct, frozen=True):
    """Nothing can be sent now, this letter or another."""

    code: str
    message: str = ""


Verdict = Sent | Refused | Stuck
Verdicts = Sequence[tuple[Letter, Verdict]]


class Route(Protocol):
    """Sends letters, a group at a time."""

    def deliver(self, letters: Sequence[Letter]) -> AsyncGenerator[Verdicts, None]:
        """Verdicts as they come, each letter's once.

        Every request whose answer has come is in what is yielded, and none is in flight then: whoever
        notes it before asking for more can at most send one group twice.
        """

    async def aclose(self) -> None:
        """Give connections back."""


class Patience:
    """Waits that an operator can end."""

    def __init__(self) -> None:
        self._stop = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether the command is to stop."""
        return self._stop.is_set()

    def end(self) -> None:
        """Stop at the next opportunity."""
        self._stop.set()

    async def wait(self, seconds: float) -> bool:
        """Whether to go on, so many seconds later, or MAX_WAIT_SECONDS if that is sooner."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, MAX_WAIT_SECONDS)):
                await self._stop.wait()
        return not self.is_over
