"""Rows for people: aligned page by page, so that a table has no end it must wait for."""

from collections.abc import Sequence
from typing import TextIO

from gateway.commands.dead_letters.letter import Letter

COLUMNS = ("TIME", "DESTINATION", "REASON", "CODE", "ATTEMPTS", "ID", "TYPE", "SOURCE", "MESSAGE")
PAGE_ROWS = 200
MESSAGE_CHARACTERS = 60


class Table:
    """Writes rows under a head; `finish` writes the last of them."""

    def __init__(self, columns: Sequence[str], out: TextIO) -> None:
        self._out = out
        self._widths = [0] * len(columns)
        self._page: list[Sequence[str]] = [columns]

    def add(self, *cells: str) -> None:
        """One row; a cell's control characters are shown, not obeyed."""
        self._page.append([printable(cell) for cell in cells])
        if len(self._page) > PAGE_ROWS:
            self.finish()

    def finish(self) -> None:
        """Write what is left; columns only grow wider from page to page."""
        for row in self._page:
            self._widths = [max(width, len(cell)) for width, cell in zip(self._widths, row, strict=True)]
        for row in self._page:
            cells = [cell.ljust(width) for cell, width in zip(row, self._widths, strict=True)]
            self._out.write("  ".join(cells).rstrip() + "\n")
        self._page = []


def row(letter: Letter) -> Sequence[str]:
    """The letter under COLUMNS; nothing of its data."""
    content = letter.content
    message = content.message
    if len(message) > MESSAGE_CHARACTERS:
        message = f"{message[: MESSAGE_CHARACTERS - 1]}…"
    return (
        content.time,
        content.destination,
        content.reason,
        content.code,
        str(content.attempts),
        letter.id,
        letter.type,
        letter.source,
        message,
    )


def printable(text: str) -> str:
    """`text` with what a terminal could take for a command made visible."""
    if text.isprintable():
        return text
    return "".join([each if each.isprintable() else ascii(each)[1:-1] for each in text])
