"""Dead-letter files: the line's form, rotation, and the bound."""

import asyncio
import fcntl
import json
import os
import stat
from pathlib import Path

import msgspec
import pytest

from gateway.event import Event
from gateway.pipeline.dead_letter import FILES, DeadLetter, DeadLetterFiles, dead_letter, one_line, timestamp
from gateway.pipeline.replayed import notes_of
from gateway.pipeline.retry import GiveUpReason
from gateway.pipeline.settlement import GivenUp
from tests.support.build import WALL_AT_START, entry, event


def letter(of: Event, *, attempts: int = 3) -> DeadLetter:
    """The dead letter of an event that was accepted at the start and given up a second and a half later."""
    given_up = GivenUp(
        entry(of=of, attempt=attempts), GiveUpReason.REJECTED, "InvalidArgument", "Source is wrong.", "req-1"
    )
    return dead_letter(given_up, destination="orders", wall_now=WALL_AT_START + 1.5)


def lines(directory: Path) -> list[bytes]:
    """Every line of every file, oldest file first."""
    return [line for path in sorted(directory.iterdir()) for line in path.read_bytes().splitlines()]


def write(files: DeadLetterFiles, *letters: DeadLetter) -> int:
    """Write them in one go."""
    return asyncio.run(files.write(letters))


def test_a_line_has_the_documented_keys_in_their_order(tmp_path: Path) -> None:
    """Byte for byte; the event is its own JSON."""
    write(DeadLetterFiles(tmp_path, max_bytes=1 << 20), letter(event("7")))
    (line,) = lines(tmp_path)
    assert line == (
        b'{"time":"2026-01-01T00:00:01.500000Z","destination":"orders","reason":"rejected",'
        b'"code":"InvalidArgument","message":"Source is wrong.","request_id":"req-1","attempts":3,'
        b'"accepted_at":"2026-01-01T00:00:00.000000Z",'
        b'"event":{"specversion":"1.0","id":"7","source":"/tests","type":"test","data":""}}'
    )


def test_an_event_with_line_breaks_between_its_tokens_stays_one_line(tmp_path: Path) -> None:
    """Data keep their white space but for the breaks; escaped ones in strings are untouched."""
    json_text = b'{"specversion":"1.0","id":"1","source":"/t","type":"t","data":{\r\n "a": "x\\ny"\n}}'
    broken = Event(
        id="1", source="/t", type="t", time=None, traceparent=None, json=json_text, received_at=0.0
    )
    write(DeadLetterFiles(tmp_path, max_bytes=1 << 20), letter(broken))
    (line,) = lines(tmp_path)
    assert json.loads(line)["event"] == json.loads(json_text)


def test_a_letter_without_a_request_id_says_null() -> None:
    """The key is always there."""
    given_up = GivenUp(entry(), GiveUpReason.EXPIRED, "expired")
    text = msgspec.json.encode(dead_letter(given_up, destination="d", wall_now=0.0))
    assert b'"request_id":null' in text


def test_letters_are_appended_in_order_to_a_file_for_us_alone(tmp_path: Path) -> None:
    """In a directory that is made where it is missing; each of mode 0600 and 0700."""
    directory = tmp_path / "dead" / "orders"
    files = DeadLetterFiles(directory, max_bytes=1 << 20)
    for group in (["1", "2"], ["3"]):
        assert write(files, *[letter(event(name)) for name in group]) == 0
    (path,) = directory.iterdir()
    assert path.suffix == ".jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [json.loads(line)["event"]["id"] for line in lines(directory)] == ["1", "2", "3"]


def test_files_rotate_and_the_oldest_goes_when_the_bound_is_reached(tmp_path: Path) -> None:
    """The bound is kept after every write, nothing but whole files goes, and each lost letter is counted."""
    size = len(one_line(msgspec.json.encode(letter(event("100")))))
    bound = 4 * FILES * size
    files, dropped = DeadLetterFiles(tmp_path, max_bytes=bound), 0
    for number in range(100, 200):
        dropped += write(files, letter(event(str(number))))
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= bound
    kept = [json.loads(line)["event"]["id"] for line in lines(tmp_path)]
    assert kept == [str(number) for number in range(100 + dropped, 200)]
    assert len(kept) >= 4 * (FILES - 1)
    assert len(list(tmp_path.iterdir())) <= FILES + 1


def test_files_of_an_earlier_life_count_against_the_bound(tmp_path: Path) -> None:
    """They are the oldest, and go first; what is not ours stays."""
    (tmp_path / "20200101T000000.000000Z.jsonl").write_bytes(b"{}\n" * 500)
    (tmp_path / "notes.txt").write_bytes(b"x" * 5000)
    assert write(DeadLetterFiles(tmp_path, max_bytes=1600), letter(event("1"))) == 500
    assert len(lines(tmp_path)) == 2
    assert (tmp_path / "notes.txt").exists()


def test_a_file_that_somebody_took_away_is_begun_anew(tmp_path: Path) -> None:
    """An operator may move the files while the gateway runs."""
    files = DeadLetterFiles(tmp_path, max_bytes=1 << 20)
    write(files, letter(event("1")))
    for path in tmp_path.iterdir():
        path.unlink()
    write(files, letter(event("2")))
    assert len(lines(tmp_path)) == 1


def test_files_begun_at_the_same_moment_do_not_take_each_others_names(tmp_path: Path) -> None:
    """Several workers have one directory: neither writes into the other's file, nor puts its own over it."""
    (tmp_path / ".20260101T000000.000000Z.draft").touch()  # a third has just begun, or was killed
    workers = [DeadLetterFiles(tmp_path, max_bytes=1 << 20, wall_clock=lambda: WALL_AT_START) for _ in "ab"]
    for number, files in enumerate(workers):
        write(files, letter(event(str(number))))
    found = {path.name: json.loads(path.read_bytes())["event"]["id"] for path in tmp_path.glob("*.jsonl")}
    assert found == {"20260101T000000.000001Z.jsonl": "0", "20260101T000000.000002Z.jsonl": "1"}


def test_workers_that_share_a_directory_count_each_letter_once(tmp_path: Path) -> None:
    """However they make room at once: what was written is kept, or one of them says that it is dropped."""
    size = len(one_line(msgspec.json.encode(letter(event("1")))))
    bound, each = 2 * FILES * size, 60

    async def work(files: DeadLetterFiles) -> int:
        return sum([await files.write([letter(event(str(number)))]) for number in range(each)])

    async def scenario() -> list[int]:
        return await asyncio.gather(*[work(DeadLetterFiles(tmp_path, max_bytes=bound)) for _ in range(4)])

    dropped = sum(asyncio.run(scenario()))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= bound
    assert len(lines(tmp_path)) + dropped == 4 * each
    assert lines(tmp_path)


async def test_a_letter_waits_for_its_turn_in_the_directory(tmp_path: Path) -> None:
    """Nothing is written while another worker makes room and writes."""
    files = DeadLetterFiles(tmp_path, max_bytes=10_000)
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    writing = asyncio.create_task(files.write([letter(event("1"))]))
    await asyncio.wait([writing], timeout=0.05)  # the thread that waits has no clock but the system's
    assert not writing.done()
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - pathlib's is not for a coroutine
    os.close(other)
    assert await writing == 0
    assert len(lines(tmp_path)) == 1


def test_letters_whose_notes_cannot_be_read_are_dropped_and_told(tmp_path: Path) -> None:
    """Whoever replayed may be another user: then each letter counts as nobody's."""
    size = len(one_line(msgspec.json.encode(letter(event("1")))))
    files = DeadLetterFiles(tmp_path, max_bytes=FILES * size)
    write(files, letter(event("1")))
    (oldest,) = tmp_path.glob("*.jsonl")
    notes_of(oldest).mkdir()
    dropped = sum(write(files, letter(event(str(number)))) for number in range(3 * FILES))
    assert not oldest.exists()
    notes_of(oldest).rmdir()
    assert len(lines(tmp_path)) + dropped == 3 * FILES + 1


def test_a_letter_larger_than_the_bound_is_kept_all_the_same(tmp_path: Path) -> None:
    """It is the newest; the older ones go."""
    files = DeadLetterFiles(tmp_path, max_bytes=1000)
    write(files, letter(event("1")))
    assert write(files, letter(event("2", json_bytes=5000))) == 1
    assert [json.loads(line)["event"]["id"] for line in lines(tmp_path)] == ["2"]


def test_what_cannot_be_written_raises_and_is_not_there(tmp_path: Path) -> None:
    """A file stands where the directory should be."""
    (tmp_path / "dead").write_bytes(b"")
    with pytest.raises(OSError, match="File exists"):
        write(DeadLetterFiles(tmp_path / "dead", max_bytes=1000), letter(event("1")))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "1970-01-01T00:00:00.000000Z"), (WALL_AT_START + 0.25, "2026-01-01T00:00:00.250000Z")],
)
def test_times_are_rfc_3339_in_utc_with_microseconds(seconds: float, text: str) -> None:
    """Whatever the machine's zone is."""
    assert timestamp(seconds) == text


def is_locked(path: Path) -> bool:
    """Whether somebody holds the file's lock."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_only_the_file_that_is_being_written_is_locked(tmp_path: Path) -> None:
    """So that others can tell which one still grows; a file that was rotated away is free."""
    size = len(one_line(msgspec.json.encode(letter(event("1")))))
    files = DeadLetterFiles(tmp_path, max_bytes=2 * FILES * size)
    for number in range(5):
        write(files, letter(event(str(number))))
    paths = sorted(tmp_path.iterdir())
    assert [is_locked(path) for path in paths] == [False, False, True]


def test_letters_that_were_replayed_or_purged_are_not_lost_with_their_file(tmp_path: Path) -> None:
    """Only the letters that nobody has any more are counted; the notes go with their file."""
    old = tmp_path / "20200101T000000.000000Z.jsonl"
    old.write_bytes(b"{}\n" * 300 + b"\n" + b"{}\n" * 200)
    notes_of(old).write_bytes(b"1\n2\n500\n50")
    assert write(DeadLetterFiles(tmp_path, max_bytes=1000), letter(event("1"))) == 497
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_vanishes_meanwhile_stops_nothing(tmp_path: Path) -> None:
    """It was listed, and then a replay removed it: as a link that leads nowhere."""
    (tmp_path / "20200101T000000.000000Z.jsonl").symlink_to(tmp_path / "gone")
    assert write(DeadLetterFiles(tmp_path, max_bytes=10), letter(event("1"))) == 0


def test_closed_files_let_go_of_the_one_that_grew(tmp_path: Path) -> None:
    """Whoever replays or removes letters may have it; twice does no harm."""

    async def scenario() -> None:
        files = DeadLetterFiles(tmp_path, max_bytes=1 << 20)
        await files.write([letter(event("1"))])
        await files.aclose()
        await files.aclose()

    asyncio.run(scenario())
    (path,) = tmp_path.glob("*.jsonl")
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
