"""`gateway dead-letters list` and `purge`."""

import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from gateway.cli import main
from gateway.commands.dead_letters.letter_file import find
from gateway.commands.dead_letters.purge import purge
from gateway.commands.dead_letters.selection import EVERYTHING, Selection
from gateway.commands.dead_letters.table import PAGE_ROWS, printable
from gateway.pipeline.dead_letter import DeadLetter, DeadLetterFiles
from gateway.pipeline.replayed import notes_of
from tests.commands.dead_letter_files import ids, letter, line, write

Capture = pytest.CaptureFixture[str]


def run(*arguments: object) -> int:
    """The exit code of `gateway dead-letters` with these arguments."""
    with pytest.raises(SystemExit) as ended:
        main(["dead-letters", *map(str, arguments)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_table_shows_each_letter_and_ends_with_a_summary(tmp_path: Path, capsys: Capture) -> None:
    """Aligned, oldest first; then how many there are of each kind."""
    short = {"type": "t", "source": "/s", "time": "2026-01-01T00:00:00Z", "code": "C"}
    long = letter("bcd", message="m" * 80, attempts=12, **short)
    write(tmp_path / "orders", letter("a", **short), long, letter("e", reason="expired", **short))
    assert run("list", tmp_path) == 0
    assert capsys.readouterr().out == (
        "TIME                  DESTINATION  REASON    CODE  ATTEMPTS  ID   TYPE  SOURCE  MESSAGE\n"
        "2026-01-01T00:00:00Z  orders       rejected  C     3         a    t     /s      Source is wrong.\n"
        f"2026-01-01T00:00:00Z  orders       rejected  C     12        bcd  t     /s      {'m' * 59}…\n"
        "2026-01-01T00:00:00Z  orders       expired   C     3         e    t     /s      Source is wrong.\n"
        "\n"
        "LETTERS  DESTINATION  REASON    CODE\n"
        "2        orders       rejected  C\n"
        "1        orders       expired   C\n"
        "3 letters\n"
    )


def test_a_table_never_shows_data(tmp_path: Path, capsys: Capture) -> None:
    """It may be pasted into a report."""
    write(tmp_path, letter("a", data="secret"))
    assert run("list", tmp_path) == 0
    assert "secret" not in capsys.readouterr().out


def test_a_long_table_is_written_page_by_page(tmp_path: Path, capsys: Capture) -> None:
    """One head, and each letter once."""
    wanted = [str(number) for number in range(2 * PAGE_ROWS + 1)]
    write(tmp_path, *map(letter, wanted))
    assert run("list", tmp_path) == 0
    head, *rows = capsys.readouterr().out.partition("\n\n")[0].splitlines()
    assert head.startswith("TIME")
    assert [row.split()[5] for row in rows] == wanted


def test_json_gives_the_lines_themselves(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Byte for byte, and nothing else on standard output."""
    write(tmp_path, letter("a", data={"n": 1.0}), b"broken\n", letter("b"), letter("c"))
    assert run("list", tmp_path, "--json", "--id", "a", "--id", "c") == 0
    out, err = capfdbinary.readouterr()
    assert out == line(letter("a", data={"n": 1.0})) + line(letter("c"))
    assert err.endswith(b":2: damaged: not JSON\n1 damaged line\n")


def test_summary_alone(tmp_path: Path, capsys: Capture) -> None:
    """Of those that match."""
    write(tmp_path, letter("a"), letter("b", code="Other"))
    assert run("list", tmp_path, "--summary", "--code", "Other") == 0
    assert (
        capsys.readouterr().out
        == "LETTERS  DESTINATION  REASON    CODE\n1        orders       rejected  Other\n1 letter\n"
    )


def test_damaged_lines_are_named_and_fail_nothing(tmp_path: Path, capsys: Capture) -> None:
    """With file and line, on standard error; exit 0."""
    path = write(tmp_path, b"secret\n", letter("a"), b"{}\n")
    assert run("list", tmp_path) == 0
    out, err = capsys.readouterr()
    assert err.splitlines() == [
        f"{path}:1: damaged: not JSON",
        f"{path}:3: damaged: a member is missing or has another type",
        "2 damaged lines",
    ]
    assert "1 letter\n" in out
    assert "secret" not in out + err


def test_what_was_replayed_is_not_listed(tmp_path: Path, capsys: Capture) -> None:
    """It waits only for the gateway to let go of its file."""
    path = write(tmp_path, letter("a"), letter("b"))
    notes_of(path).write_bytes(b"1\n")
    assert run("list", tmp_path, "--summary") == 0
    assert "1 letter\n" in capsys.readouterr().out


def test_nothing_is_a_list_as_well(tmp_path: Path, capsys: Capture) -> None:
    """An empty directory: no letters, exit 0."""
    assert run("list", tmp_path) == 0
    assert capsys.readouterr().out == "0 letters\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "/nowhere/at/all"],
        ["list", ".", "--json", "--summary"],
        ["list", ".", "--since", "yesterday"],
        ["list", ".", "--limit", "0"],
        ["replay", "."],
        ["replay", ".", "--url", "http://127.0.0.1:1", "--config", "x.toml"],
        ["replay", ".", "--url", "127.0.0.1:8080"],
        ["replay", ".", "--url", "ftp://127.0.0.1"],
        ["replay", ".", "--url", "http://127.0.0.1:1", "--connections", "65"],
        ["replay", ".", "--config", "/nowhere/at/all.toml"],
        ["purge"],
        [],
    ],
)
def test_bad_usage_is_exit_code_2(arguments: list[str], capsys: Capture) -> None:
    """With the reason on standard error, and nothing done."""
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err


@pytest.mark.parametrize("action", ["list", "replay", "purge"])
def test_every_action_has_help_with_an_example(action: str, capsys: Capture) -> None:
    """`--help` explains and shows one call."""
    assert run(action, "--help") == 0
    assert f"example:\n  gateway dead-letters {action}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Größe 1", "Größe 1"), ("\x1b[2J", "\\x1b[2J"), ("a\nb", "a\\nb"), ("\u202e", "\\u202e")],
)
def test_what_a_terminal_could_obey_is_shown_instead(text: str, shown: str) -> None:
    """Ids and messages come from elsewhere."""
    assert printable(text) == shown


# Purge.


def agree(question: str) -> bool:  # noqa: ARG001 - asked by the same signature
    return True


def refuse(question: str) -> bool:
    raise AssertionError(question)


def purged(
    path: Path, selection: Selection = EVERYTHING, confirm: Callable[[str], bool] = agree
) -> tuple[int, str, str]:
    """The exit code, and what is said."""
    out, err = io.StringIO(), io.StringIO()
    code = purge(find(path), selection, confirm=confirm, out=out, err=err)
    return code, out.getvalue(), err.getvalue()


def test_files_of_which_everything_matches_go_whole(tmp_path: Path) -> None:
    """With their notes."""
    write(tmp_path / "grid", letter("a", destination="grid"))
    done = write(tmp_path / "orders", letter("b"), letter("c"))
    notes_of(done).write_bytes(b"1\n")
    assert purged(tmp_path) == (0, "removed 2 letters, and 2 whole files\n", "")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_of_others_the_matching_letters_go_and_the_rest_keeps_its_place(tmp_path: Path) -> None:
    """So that notes stay true; the file is readable by its owner only."""
    path = write(tmp_path, letter("a"), letter("b"), letter("c"), letter("d"))
    notes_of(path).write_bytes(b"4\n")
    assert purged(tmp_path, Selection(ids=frozenset({"b"})))[:2] == (
        0,
        "removed 1 letter, and 0 whole files\n",
    )
    assert path.read_bytes() == line(letter("a")) + b"\n" + line(letter("c")) + b"\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob(".*"))
    assert purged(tmp_path, Selection(ids=frozenset({"a", "c"})))[:2] == (
        0,
        "removed 2 letters, and 1 whole file\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_damaged_lines_stay_unless_everything_goes(tmp_path: Path) -> None:
    """Nobody knows what they were."""
    path = write(tmp_path, letter("a"), b"broken\n")
    purged(tmp_path, Selection(ids=frozenset({"a"})))
    assert path.read_bytes() == b"\nbroken\n"
    assert purged(tmp_path)[1] == "removed 0 letters and 1 damaged line, and 1 whole file\n"
    assert not path.exists()


def test_a_limit_holds_over_all_files(tmp_path: Path) -> None:
    """The oldest go."""
    write(tmp_path, letter("a"), letter("b"), name="1")
    rest = write(tmp_path, letter("c"), letter("d"), name="2")
    assert purged(tmp_path, Selection(limit=3))[0] == 0
    assert list(tmp_path.iterdir()) == [rest]
    assert ids(rest) == ["d"]


def test_without_consent_nothing_goes(tmp_path: Path) -> None:
    """The question says how much it would be."""
    path = write(tmp_path, letter("a"), letter("b"), b"broken\n")
    content, questions = path.read_bytes(), list[str]()

    def decline(question: str) -> bool:
        questions.append(question)
        return False

    assert purged(tmp_path, confirm=decline)[:2] == (0, "nothing was removed\n")
    assert questions == ["Remove 2 letters and 1 damaged line from 1 file for good?"]
    assert path.read_bytes() == content


def test_nothing_to_remove_is_not_asked_about(tmp_path: Path) -> None:
    """Exit 0."""
    write(tmp_path, letter("a"))
    assert purged(tmp_path, Selection(ids=frozenset({"x"})), refuse)[:2] == (
        0,
        "removed 0 letters, and 0 whole files\n",
    )


def test_what_a_gateway_is_writing_stays_and_that_is_said(tmp_path: Path) -> None:
    """Exit 1: not everything asked for was done; the other files are."""
    old = write(tmp_path, letter("a"), name="1")
    gateway = DeadLetterFiles(tmp_path, max_bytes=1 << 20)
    asyncio.run(gateway.write([msgspec.json.decode(line(letter("b")), type=DeadLetter)]))
    code, out, err = purged(tmp_path)
    (current,) = tmp_path.iterdir()
    assert (code, out) == (1, "removed 1 letter, and 1 whole file\n")
    assert err == f"{current}: left as it is, 1 letter of it matching: a running gateway is writing it\n"
    assert not old.exists()
    assert json.loads(current.read_bytes())["event"]["id"] == "b"


def test_without_a_terminal_nothing_is_removed_unasked(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 2 without --yes; with it, done."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    path = write(tmp_path, letter("a"))
    assert run("purge", tmp_path) == 2
    assert "--yes" in capsys.readouterr().err
    assert path.exists()
    assert run("purge", tmp_path, "--yes") == 0
    assert not path.exists()
