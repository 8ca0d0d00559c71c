"""`gateway dead-letters purge`: remove letters for good."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TextIO

from msgspec import Struct

from gateway.commands.dead_letters.letter import Damaged
from gateway.commands.dead_letters.letter_file import LetterFile, Line, claimed, lines, read, remove, rewrite
from gateway.commands.dead_letters.selection import Picker, Selection
from gateway.commands.dead_letters.summary import plural
from gateway.exit_code import ExitCode
from gateway.pipeline.replayed import read_notes


class Removal(Struct, frozen=True):
    """What is to go from one file: these lines, and the whole file if nothing else is left in it."""

    file: LetterFile
    numbers: frozenset[int]
    letters: int
    """Those of the lines that are letters; the others are damaged."""
    is_whole: bool


def purge(
    files: Sequence[LetterFile],
    selection: Selection,
    *,
    confirm: Callable[[str], bool],
    out: TextIO,
    err: TextIO,
) -> ExitCode:
    """Remove the matching letters once that is confirmed; what a running gateway is writing stays.

    Damaged lines match only where nothing is asked for. Raises OSError; a file is then as it was or done.
    """
    picker = Picker(selection)
    removals = [_removal(file, picker, selection) for file in files]
    now = [each for each in removals if (each.numbers or each.is_whole) and not each.file.in_use]
    letters = sum(each.letters for each in now)
    if any(each.numbers for each in now) and not confirm(_question(now)):
        out.write("nothing was removed\n")
        return ExitCode.OK
    for each in now:
        with suppress(FileNotFoundError):  # a running gateway removes its oldest file for room
            _remove(each)
    whole = sum(each.is_whole for each in now)
    out.write(f"removed {plural(letters, 'letter')}{_damaged(now)}, and {plural(whole, 'whole file')}\n")
    left = [each for each in removals if each.numbers and each.file.in_use]
    for each in left:
        err.write(f"{each.file.path}: left as it is, {plural(each.letters, 'letter')} of it matching:"
                  " a running gateway is writing it\n")  # fmt: skip
    return ExitCode.FAILED if left else ExitCode.OK


def _removal(file: LetterFile, picker: Picker, selection: Selection) -> Removal:
    replayed = read_notes(file.path)
    numbers: set[int] = set()
    letters, is_whole = 0, True
    for line in lines(file):
        if line.is_empty or line.number in replayed:
            continue
        found = read(line)
        is_letter = not isinstance(found, Damaged)
        if selection.is_everything if isinstance(found, Damaged) else picker.picks(found):
            numbers.add(line.number)
            letters += is_letter
        else:
            is_whole = False
    return Removal(file, frozenset(numbers), letters, is_whole)


def _question(removals: Sequence[Removal]) -> str:
    letters = sum(each.letters for each in removals)
    where = plural(len(removals), "file")
    return f"Remove {plural(letters, 'letter')}{_damaged(removals)} from {where} for good?"


def _damaged(removals: Sequence[Removal]) -> str:
    damaged = sum(len(each.numbers) - each.letters for each in removals)
    return f" and {plural(damaged, 'damaged line')}" if damaged else ""


def _remove(removal: Removal) -> None:
    file = removal.file
    with claimed(file.path) as is_ours:
        assert is_ours, "a gateway writes only files that it has begun itself"
        if removal.is_whole:
            remove(file.path)
            return
        replayed = read_notes(file.path)

        def keep(line: Line) -> bool:
            return line.number not in removal.numbers and line.number not in replayed

        rewrite(file, keep=keep)
