"""Notes of replayed letters: what was noted is read back, whatever a crash has left of the last one."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gateway.pipeline.replayed import note, noted_lines, notes_of, read_notes, whole_notes

numbers = st.lists(st.integers(min_value=1, max_value=10**12))


@given(numbers)
def test_what_is_noted_is_read_back(lines: list[int]) -> None:
    """In whatever order and however often."""
    assert noted_lines(note(lines)) == set(lines)


@given(numbers, st.data())
def test_a_torn_note_notes_nothing(lines: list[int], data: st.DataObject) -> None:
    """Cut anywhere, only lines that were noted are read, and what is added after mending is read whole."""
    text = note(lines)
    torn = text[: data.draw(st.integers(0, len(text)))]
    assert noted_lines(torn) <= set(lines)
    assert noted_lines(whole_notes(torn) + note([7])) == noted_lines(torn) | {7}


@given(st.binary())
def test_no_text_is_too_spoilt_to_read(text: bytes) -> None:
    """What is no number notes no line."""
    assert all(number >= 0 for number in noted_lines(text))


def test_a_file_without_notes_has_nothing_replayed(tmp_path: Path) -> None:
    """The notes stand beside the file, under its name."""
    path = tmp_path / "a.jsonl"
    assert read_notes(path) == set()
    notes_of(path).write_bytes(b"3\n1\n")
    assert read_notes(path) == {1, 3}
    assert notes_of(path) == tmp_path / "a.jsonl.replayed"
