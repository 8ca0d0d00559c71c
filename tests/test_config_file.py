"""The file on disk."""

from pathlib import Path

import pytest

from gateway.config import Config, load
from gateway.errors import ConfigError, ConfigFault
from tests.support.configuration import PLUGINS, config

FILE = """
[destinations.orders]
type = "bus"
region = "eu-west-1"
event_bus = "${BUS}"
"""


def load_text(directory: Path, text: str | bytes, *, name: str = "gateway.toml") -> Config:
    path = directory / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path, environment={"BUS": "default"}, plugins=PLUGINS)


def the_fault(directory: Path, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        load_text(directory, text)
    (fault,) = caught.value.faults
    assert fault.key == str(directory / "gateway.toml")
    return fault.message


def test_a_file_is_read_as_toml(tmp_path: Path) -> None:
    """And its strings take the environment."""
    assert load_text(tmp_path, FILE) == config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[receiver]\nlisten = [\n", "(at end of document)"),
        ('[log]\nlevel = "info\n', "(at line 2, column 14)"),
        ("[log]\nlevel\n", "(at line 2, column 6)"),
        ("[log]\n[log]\n", "(at line 2, column 5)"),
        ("a = 1\na = 2\n", "(at line 2, column 6)"),
    ],
)
def test_a_fault_in_the_syntax_is_named_with_line_and_column(tmp_path: Path, text: str, message: str) -> None:
    """Under the file's path, since no key is known."""
    assert the_fault(tmp_path, text).endswith(message)


@pytest.mark.parametrize(
    "line", ['secret_key = "{}', "secret_key = {}", 'secret_key = "{}\\q"', 'secret_key "{}"']
)
def test_a_fault_in_the_syntax_shows_nothing_of_the_line(tmp_path: Path, line: str) -> None:
    """The mistyped line may hold a secret."""
    assert "wJalrXUtnFEMI" not in the_fault(tmp_path, line.format("wJalrXUtnFEMI/K7MDENG"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\xff", "cannot be read: not UTF-8"),
        (b"#" * ((1 << 20) + 1), "cannot be read: more than 1048576 bytes"),
        ("a = " + "[" * 20_000, "is nested too deeply"),
    ],
)
def test_what_is_no_text_of_a_reasonable_size_is_refused(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    """A wrong path may lead to anything."""
    assert the_fault(tmp_path, text) == message


@pytest.mark.parametrize(("name", "reason"), [("none", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_refused_under_its_path(tmp_path: Path, name: str, reason: str) -> None:
    """With the system's reason."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / name, environment={}, plugins=PLUGINS)
    assert caught.value.faults == (ConfigFault(str(tmp_path / name), f"cannot be read: {reason}"),)


def test_an_error_reads_as_one_fault_a_line() -> None:
    """As `gateway check` prints it and a log shows it."""
    faults = [ConfigFault("log.level", "is wrong"), ConfigFault("flush", "is too")]
    assert str(ConfigError(faults)) == "log.level: is wrong\nflush: is too"
