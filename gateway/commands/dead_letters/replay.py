"""`gateway dead-letters replay`: send letters again, each once however often the command is interrupted.

What was sent is noted on disk before anything else is sent. Between the sending and the note only a kill can
come, so that at most one group, the requests that were in flight, is sent again by the next replay.
"""

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TextIO

from msgspec import Struct

from gateway.commands.dead_letters.damage import DamageReport
from gateway.commands.dead_letters.letter import Damaged, Letter
from gateway.commands.dead_letters.letter_file import LetterFile, claimed, has_left, letters, remove
from gateway.commands.dead_letters.route import Patience, Refused, Route, Sent, Stuck, Verdicts
from gateway.commands.dead_letters.selection import Picker
from gateway.commands.dead_letters.summary import plural
from gateway.commands.dead_letters.table import printable
from gateway.exit_code import ExitCode
from gateway.pipeline import disk
from gateway.pipeline.replayed import note, notes_of, whole_notes

WINDOW_LETTERS = 512
WINDOW_BYTES = 16 << 20
"""What is read and packed together: at most so many letters, and about so many bytes of them."""


class Replayed(Struct):
    """How far a replay came."""

    sent: int = 0
    refused: int = 0
    files_removed: int = 0
    is_stuck: bool = False


class Replay:
    """Sends the picked letters of files by one route, and keeps their notes."""

    def __init__(
        self, route: Route, picker: Picker, patience: Patience, err: TextIO, *, keep_going: bool
    ) -> None:
        self._route = route
        self._picker = picker
        self._patience = patience
        self._err = err
        self._keep_going = keep_going
        self._damage = DamageReport(err)
        self._replayed = Replayed()

    async def run(self, files: Sequence[LetterFile], out: TextIO) -> ExitCode:
        """Replay every file, oldest first, and say what came of it. Raises OSError."""
        for file in files:
            if self._is_over:
                break
            with suppress(FileNotFoundError):  # a running gateway removes its oldest file for room
                await self._replay(file)
        self._damage.finish()
        done = self._replayed
        out.write(f"replayed {plural(done.sent, 'letter')}, {done.refused} not taken, "
                  f"removed {plural(done.files_removed, 'file')}\n")  # fmt: skip
        if self._patience.is_over:
            self._err.write("interrupted: run it again to go on\n")
        is_whole = not (done.refused or self._is_over or self._damage.lines)
        return ExitCode.OK if is_whole else ExitCode.FAILED

    @property
    def _is_over(self) -> bool:
        done = self._replayed
        return done.is_stuck or self._patience.is_over or bool(done.refused and not self._keep_going)

    async def _replay(self, file: LetterFile) -> None:
        mend_notes(file.path)
        picked = self._picked(file)
        while not self._is_over and (window := next_window(picked)):
            async with aclosing(self._route.deliver(window)) as groups:
                async for verdicts in groups:
                    await self._note(file.path, verdicts)
                    if self._is_over:
                        break
        self._replayed.files_removed += remove_if_replayed(file.path)

    def _picked(self, file: LetterFile) -> Iterator[Letter]:
        for letter in letters(file):
            if self._picker.is_done:
                return
            if isinstance(letter, Damaged):
                self._damage.name(file.path, letter)
            elif self._picker.picks(letter):
                yield letter

    async def _note(self, path: Path, verdicts: Verdicts) -> None:
        """Force to the disk what was sent, and say what was not."""
        sent = [letter.number for letter, verdict in verdicts if isinstance(verdict, Sent)]
        if sent:
            await asyncio.to_thread(disk.append, notes_of(path), note(sent))
            self._replayed.sent += len(sent)
        for letter, verdict in verdicts:
            if isinstance(verdict, Refused | Stuck):
                self._replayed.refused += 1
                self._replayed.is_stuck |= isinstance(verdict, Stuck)
                why = printable(f"{verdict.code} {verdict.message}".rstrip())
                self._err.write(f"{path}:{letter.number}: {printable(letter.id)} not taken: {why}\n")


def next_window(letters: Iterator[Letter]) -> list[Letter]:
    """The next letters that are sent together; none: that was all."""
    window: list[Letter] = []
    size = 0
    while len(window) < WINDOW_LETTERS and size < WINDOW_BYTES:
        if (letter := next(letters, None)) is None:
            break
        window.append(letter)
        size += len(letter.text)
    return window


def mend_notes(path: Path) -> None:
    """Cut off what a crash has torn, lest the next note make another number of it."""
    notes = notes_of(path)
    try:
        text = notes.read_bytes()
    except FileNotFoundError:
        return
    if (whole := len(whole_notes(text))) < len(text):
        os.truncate(notes, whole)


def remove_if_replayed(path: Path) -> bool:
    """Remove the file if nothing is left to replay in it and no gateway is writing it; whether it was."""
    with claimed(path) as is_ours:
        if not is_ours or has_left(LetterFile(path, path.stat().st_size, in_use=False)):
            return False
        remove(path)
        return True
