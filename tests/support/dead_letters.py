"""Dead letters in memory, on a disk that can be taken away."""

import errno
import os
from collections.abc import Sequence

from gateway.pipeline.dead_letter import DeadLetter


class FakeDeadLetters:
    """Keeps every letter; fails as a full disk does while `is_full`."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []
        self.is_full = False
        self.writes = 0
        self.is_closed = False
        self.failure: BaseException | None = None
        """Raised by the next writes, whatever it is."""

    @property
    def reasons(self) -> list[str]:
        """Why each letter was written."""
        return [letter.reason for letter in self.letters]

    async def write(self, letters: Sequence[DeadLetter]) -> int:
        """Keep `letters`, and drop none."""
        self.writes += 1
        if self.failure is not None:
            raise self.failure
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.letters += letters
        return 0

    async def aclose(self) -> None:
        """Nothing more comes."""
        self.is_closed = True
