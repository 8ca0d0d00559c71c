"""Reading dead letters: what a line is, which letters are asked for, and what is left of a file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.dead_letters.letter import Damaged, Letter, read_letter
from gateway.commands.dead_letters.letter_file import (
    MAX_LINE_BYTES,
    LetterFile,
    claimed,
    find,
    has_left,
    letters,
    lines,
    rewrite,
)
from gateway.commands.dead_letters.moment import moment
from gateway.commands.dead_letters.selection import Picker, Selection
from gateway.pipeline.dead_letter import DeadLetterFiles, dead_letter
from gateway.pipeline.replayed import note, notes_of
from gateway.pipeline.retry import GiveUpReason
from gateway.pipeline.settlement import GivenUp
from tests.commands.dead_letter_files import letter, line, write
from tests.support.build import WALL_AT_START, entry, event

NOW = WALL_AT_START


def read(content: dict[str, Any], number: int = 1) -> Letter:
    """A letter that is one."""
    found = read_letter(number, line(content))
    assert isinstance(found, Letter)
    return found


def only(path: Path) -> LetterFile:
    """The one file there."""
    (file,) = find(path)
    return file


async def test_what_a_gateway_writes_is_read(tmp_path: Path) -> None:
    """The line and its reader agree, and the file that it still writes is known to be in use."""
    given_up = GivenUp(entry(of=event("7")), GiveUpReason.REJECTED, "InvalidArgument", "Source is wrong.")
    files = DeadLetterFiles(tmp_path / "orders", max_bytes=1 << 20)
    await files.write([dead_letter(given_up, destination="orders", wall_now=NOW + 1.5)])
    file = only(tmp_path)
    (found,) = letters(file)
    assert isinstance(found, Letter)
    assert (found.id, found.source, found.type, found.given_up_at) == ("7", "/tests", "test", NOW + 1.5)
    assert found.content.reason == "rejected"
    assert file.in_use


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b'{"event":' + b"[" * 100_000, "not JSON"),
        (b"{}", "a member is missing or has another type"),
        (line(letter(attempts="3")), "a member is missing or has another type"),
        (line(letter(id=7)), "a member is missing or has another type"),  # type: ignore[arg-type]
        (line(letter(time="yesterday")), "a time that is none"),
        (line(letter(time="2026-13-01T00:00:00Z")), "a time that is none"),
        (line(letter(accepted_at="")), "a time that is none"),
        (line(letter(destination="../drain")), "a destination that is none"),
        (line(letter(destination="")), "a destination that is none"),
    ],
)
def test_a_line_that_is_no_letter_is_damaged(text: bytes, why: str) -> None:
    """Its number and the reason are told, and nothing of what stands there."""
    found = read_letter(9, text)
    assert isinstance(found, Damaged)
    assert found.number == 9
    assert found.why == why


@given(st.binary(max_size=200))
def test_no_line_is_too_damaged_to_be_read(text: bytes) -> None:
    """Every line is a letter or damage."""
    assert isinstance(read_letter(1, text), Damaged)


@given(st.data())
def test_a_spoilt_letter_is_a_letter_or_damage(data: st.DataObject) -> None:
    """One byte of it is another one."""
    text = bytearray(line(letter()))
    text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(read_letter(1, bytes(text)), Letter | Damaged)


contents = st.lists(st.one_of(st.just(b""), st.just(b"damaged"), st.integers(0, 99)), max_size=20)


@given(contents, st.sets(st.integers(1, 25)), st.sets(st.integers(1, 25)))
def test_lines_keep_their_numbers_whatever_is_removed(
    tmp_path_factory: pytest.TempPathFactory, content: list[Any], removed: set[int], replayed: set[int]
) -> None:
    """What is left is what was there, less what was removed or replayed, under the same numbers."""
    texts = [each + b"\n" if isinstance(each, bytes) else line(letter(str(each))) for each in content]
    path = write(tmp_path_factory.mktemp("letters"), *texts)
    rewrite(only(path), keep=lambda each: each.number not in removed)
    notes_of(path).write_bytes(note(sorted(replayed)))
    left = [found.number for found in letters(only(path))]
    gone = removed | replayed
    assert left == [number for number, text in enumerate(texts, 1) if text != b"\n" and number not in gone]
    assert has_left(only(path)) == bool(left)


def test_a_line_that_is_no_end_of_is_not_read_into_memory(tmp_path: Path) -> None:
    """It is damaged; the next one is read, and a rewriting keeps it byte for byte."""
    path = write(tmp_path, b"x" * (MAX_LINE_BYTES * 2 + 5) + b"\n", letter("2"), letter("3"))
    content = path.read_bytes()
    first, second, _ = letters(only(path))
    assert first == Damaged(1, "too long")
    assert isinstance(second, Letter)
    assert max(len(each.text) for each in lines(only(path))) == MAX_LINE_BYTES
    rewrite(only(path), keep=lambda each: each.number != 2)
    assert path.read_bytes() == content.replace(line(letter("2")), b"\n")


def test_a_torn_last_line_is_damaged_unless_it_is_just_being_written(tmp_path: Path) -> None:
    """A gateway that runs will complete it; one that is gone will not."""
    path = write(tmp_path, letter("1"), line(letter("2"))[:-9])
    assert [type(found) for found in letters(only(path))] == [Letter, Damaged]
    growing = LetterFile(path, path.stat().st_size, in_use=True)
    assert [type(found) for found in letters(growing)] == [Letter]


def test_letters_that_come_meanwhile_are_not_looked_at(tmp_path: Path) -> None:
    """Else a replay whose letters come back would never end."""
    path = write(tmp_path, letter("1"))
    file = only(path)
    path.write_bytes(path.read_bytes() + line(letter("2")))
    assert len(list(letters(file))) == 1


def test_files_are_found_at_every_level(tmp_path: Path) -> None:
    """All destinations, one destination, one file of any name; nothing else that lies about."""
    write(tmp_path / "orders", letter(), name="2")
    first = write(tmp_path / "orders", letter(), name="1")
    write(tmp_path / "grid", letter(), name="3")
    notes_of(first).write_bytes(b"")
    assert [file.path.stem for file in find(tmp_path)] == ["3", "1", "2"]
    assert [file.path.stem for file in find(tmp_path / "orders")] == ["1", "2"]
    moved = first.rename(tmp_path / "kept.txt")
    assert only(moved) == LetterFile(moved, len(line(letter())), in_use=False)


def test_a_file_may_be_claimed_by_several_readers(tmp_path: Path) -> None:
    """A listing does not hinder a purge."""
    path = write(tmp_path, letter())
    with claimed(path) as first, claimed(path) as second:
        assert (first, second) == (True, True)


# Which letters.


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Selection(), "abcd"),
        (Selection(destinations=frozenset({"grid"})), "b"),
        (Selection(reasons=frozenset({"expired", "attempts"})), "bc"),
        (Selection(codes=frozenset({"timeout"})), "c"),
        (Selection(ids=frozenset({"a", "d", "x"})), "ad"),
        (Selection(sources=frozenset({"/other"})), "d"),
        (Selection(since=NOW + 60), "cd"),
        (Selection(until=NOW + 60), "ab"),
        (Selection(since=NOW + 60, until=NOW + 61), "c"),
        (Selection(limit=2), "ab"),
        (Selection(since=NOW + 60, limit=1), "c"),
        (Selection(ids=frozenset({"a"}), reasons=frozenset({"expired"})), ""),
    ],
)
def test_a_letter_must_match_everything_that_is_asked_for(wanted: Selection, found: str) -> None:
    """Several values of one filter: any of them. From `since` on, and before `until`."""
    given_letters = [
        read(letter("a")),
        read(letter("b", destination="grid", reason="expired")),
        read(letter("c", reason="attempts", code="timeout", time="2026-01-01T01:01:00+01:00")),
        read(letter("d", source="/other", time="2026-01-01T00:02:00Z")),
    ]
    picker = Picker(wanted)
    assert "".join(each.id for each in given_letters if picker.picks(each)) == found


@given(st.lists(st.booleans()), st.integers(1, 5))
def test_a_limit_counts_only_what_matches(matching: list[bool], limit: int) -> None:
    """The first so many of them, and then it is done."""
    picker = Picker(Selection(ids=frozenset({"yes"}), limit=limit))
    picked = [picker.picks(read(letter("yes" if each else "no"))) for each in matching]
    assert sum(picked) == min(limit, sum(matching))
    assert picker.is_done == (sum(matching) >= limit)
    assert all(match for match, pick in zip(matching, picked, strict=True) if pick)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-01T00:00:00Z", NOW),
        ("2026-01-01t01:00:00.5+01:00", NOW + 0.5),
        ("2h", NOW - 7200),
        ("30d", NOW - 30 * 86400),
    ],
)
def test_a_moment_is_a_time_or_so_long_ago(text: str, seconds: float) -> None:
    """RFC 3339, with its zone, or a duration as the configuration writes it."""
    assert moment(text, now=NOW) == seconds


@pytest.mark.parametrize(
    "text", ["", "2026-01-01", "2026-01-01T00:00:00", "yesterday", "-2h", "2", "0000-01-01T00:00:00Z"]
)
def test_anything_else_is_no_moment(text: str) -> None:
    """A time without its zone means different moments to different readers."""
    with pytest.raises(ValueError, match="expected a time like"):
        moment(text, now=NOW)


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1980, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001 - hypothesis adds the zone
def test_every_time_of_a_letter_can_be_asked_for(at: datetime) -> None:
    """As it is printed, so it is understood."""
    text = at.isoformat().replace("+00:00", "Z")
    assert moment(text, now=0.0) == read(letter(time=text)).given_up_at
