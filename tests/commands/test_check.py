"""`gateway check`."""

import io
import tomllib
from pathlib import Path

import pytest

from gateway.commands.check import check
from tests.support.configuration import PLUGINS

KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
GOOD = """
[destinations.orders]
type = "bus"
region = "${REGION}"
secret_key = "${KEY}"
"""


def run(directory: Path, text: str) -> tuple[int, str, str]:
    """The exit code, and what went to standard output and to standard error."""
    path = directory / "gateway.toml"
    path.write_text(text)
    out, err = io.StringIO(), io.StringIO()
    code = check(path, {"REGION": "eu-west-1", "KEY": KEY}, PLUGINS, out, err)
    return code, out.getvalue(), err.getvalue()


def test_a_right_file_is_printed_in_full_and_the_code_is_0(tmp_path: Path) -> None:
    """As TOML, with the defaults and what came from the environment."""
    code, out, err = run(tmp_path, GOOD)
    printed = tomllib.loads(out)
    assert (code, err) == (0, "")
    assert printed["admin"]["listen"] == "127.0.0.1:8081"
    assert printed["destinations"]["orders"]["region"] == "eu-west-1"
    assert out.startswith("[receiver]\n")
    assert out.endswith('max_bytes = "256MiB"\n')


def test_no_secret_is_printed(tmp_path: Path) -> None:
    """The output may be pasted into a report."""
    _, out, _ = run(tmp_path, GOOD)
    assert KEY not in out
    assert 'secret_key = "••••••"' in out


def test_the_faults_of_a_wrong_file_are_listed_and_the_code_is_2(tmp_path: Path) -> None:
    """One a line on standard error, each with its key; nothing on standard output."""
    text = '[log]\nlevel = "${KEY}"\n[buffer]\nmax_events = 0\n' + GOOD
    assert run(tmp_path, text) == (
        2,
        "",
        (
            'log.level: expected "debug", "info", "warning" or "error"\n'
            "buffer.max_events: expected an integer >= 1\n"
        ),
    )


@pytest.mark.parametrize("text", ["[", "a = 1", ""])
def test_a_file_that_says_nothing_of_use_is_a_wrong_one(tmp_path: Path, text: str) -> None:
    """A fault in the syntax, an unknown key, no destination."""
    code, out, err = run(tmp_path, text)
    assert (code, out) == (2, "")
    assert ": " in err


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The first thing to look at is the path."""
    out, err = io.StringIO(), io.StringIO()
    assert check(tmp_path / "none.toml", {}, PLUGINS, out, err) == 2
    assert err.getvalue() == f"{tmp_path / 'none.toml'}: cannot be read: No such file or directory\n"
