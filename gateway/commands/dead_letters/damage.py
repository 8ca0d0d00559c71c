"""Lines that are no letters: each is named once, and all are counted."""

from pathlib import Path
from typing import TextIO

from gateway.commands.dead_letters.letter import Damaged
from gateway.commands.dead_letters.summary import plural


class DamageReport:
    """Names damaged lines as they are met."""

    def __init__(self, err: TextIO) -> None:
        self._err = err
        self.lines = 0

    def name(self, path: Path, damaged: Damaged) -> None:
        """Say where it is and why, quoting nothing."""
        self.lines += 1
        self._err.write(f"{path}:{damaged.number}: damaged: {damaged.why}\n")

    def finish(self) -> None:
        """Say how many there were, if any."""
        if self.lines:
            self._err.write(f"{plural(self.lines, 'damaged line')}\n")
