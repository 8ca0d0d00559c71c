"""How many letters there are of each kind."""

from collections import Counter
from typing import TextIO

from gateway.commands.dead_letters.letter import Letter
from gateway.commands.dead_letters.table import Table


class Summary:
    """Counts by destination, reason and code."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()

    @property
    def letters(self) -> int:
        """All of them."""
        return self._counts.total()

    def count(self, letter: Letter) -> None:
        """One more."""
        content = letter.content
        self._counts[content.destination, content.reason, content.code] += 1

    def write(self, out: TextIO) -> None:
        """The most frequent first, and the sum."""
        if self._counts:
            table = Table(("LETTERS", "DESTINATION", "REASON", "CODE"), out)
            for (destination, reason, code), count in sorted(
                self._counts.items(), key=lambda item: (-item[1], item[0])
            ):
                table.add(str(count), destination, reason, code)
            table.finish()
        out.write(f"{plural(self.letters, 'letter')}\n")


def plural(count: int, noun: str) -> str:
    """So many of them."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
