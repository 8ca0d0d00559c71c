"""`gateway dead-letters list`: what was given up, and why."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO, TextIO

from gateway.commands.dead_letters.damage import DamageReport
from gateway.commands.dead_letters.letter import Damaged, Letter
from gateway.commands.dead_letters.letter_file import LetterFile, letters
from gateway.commands.dead_letters.selection import Picker, Selection
from gateway.commands.dead_letters.summary import Summary
from gateway.commands.dead_letters.table import COLUMNS, Table, row


def show_table(files: Sequence[LetterFile], selection: Selection, out: TextIO, err: TextIO) -> None:
    """A row for each letter, and the summary."""
    table, summary = Table(COLUMNS, out), Summary()
    for letter in picked(files, selection, err):
        table.add(*row(letter))
        summary.count(letter)
    if summary.letters:
        table.finish()
        out.write("\n")
    summary.write(out)


def show_summary(files: Sequence[LetterFile], selection: Selection, out: TextIO, err: TextIO) -> None:
    """How many there are of each kind."""
    summary = Summary()
    for letter in picked(files, selection, err):
        summary.count(letter)
    summary.write(out)


def show_lines(files: Sequence[LetterFile], selection: Selection, out: BinaryIO, err: TextIO) -> None:
    """The letters themselves, as they stand in the files."""
    out.writelines(letter.text.rstrip(b"\n") + b"\n" for letter in picked(files, selection, err))


def picked(files: Sequence[LetterFile], selection: Selection, err: TextIO) -> Iterator[Letter]:
    """The letters asked for, one at a time; damaged lines on the way are named on `err`."""
    picker, damage = Picker(selection), DamageReport(err)
    for file in files:
        for letter in letters(file):
            if picker.is_done:
                break
            if isinstance(letter, Damaged):
                damage.name(file.path, letter)
            elif picker.picks(letter):
                yield letter
    damage.finish()
