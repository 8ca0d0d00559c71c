"""Which lines of a dead-letter file need no replay any more: notes in a file beside it, a line number each.

Lines are counted from 1 and keep their numbers for the file's life: what is taken out of the middle of a
file leaves an empty line behind.
"""

from pathlib import Path


def notes_of(path: Path) -> Path:
    """The file that says which lines of a dead-letter file were replayed."""
    return path.with_name(f"{path.name}.replayed")


def note(numbers: list[int]) -> bytes:
    """What is appended to the notes for these lines."""
    return b"".join([b"%d\n" % number for number in numbers])


def whole_notes(text: bytes) -> bytes:
    """The notes without a last one that a crash has torn: a part of a number is another number."""
    return text[: text.rfind(b"\n") + 1]


def noted_lines(text: bytes) -> set[int]:
    """The numbers in the notes' text; what is torn or spoilt notes nothing."""
    return {
        int(number)
        for number in whole_notes(text).split(b"\n")
        if 0 < len(number) < _DIGITS and number.isdigit()
    }


_DIGITS = 19


def read_notes(path: Path) -> set[int]:
    """The lines of the dead-letter file at `path` that were replayed. Raises OSError."""
    try:
        return noted_lines(notes_of(path).read_bytes())
    except FileNotFoundError:
        return set()
