"""Secrets: written down, taken from the environment, or read from files; never shown."""

from pathlib import Path
from typing import Any

import pytest

from gateway.secret import Secret
from tests.support.configuration import VaultConfig, bus, destination, faults, sender

KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def file_of(directory: Path, content: str | bytes) -> str:
    path = directory / "secret"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize("content", [KEY, f"{KEY}\n", f"{KEY}\r\n"])
def test_a_secret_is_read_from_the_file_of_its_twin_key(tmp_path: Path, content: str) -> None:
    """The end of the line, which editors and `echo` leave, is no part of it."""
    assert sender(secret_key_file=file_of(tmp_path, content)).secret_key == Secret(KEY)


def test_only_the_last_line_s_end_is_taken_off(tmp_path: Path) -> None:
    """Blanks and lines may belong to a secret."""
    assert sender(secret_key_file=file_of(tmp_path, " a\nb \n\n")).secret_key == Secret(" a\nb \n")


def test_an_optional_secret_and_one_in_a_table_have_a_twin_too(tmp_path: Path) -> None:
    """The field's type says what is secret, wherever it stands."""
    path = file_of(tmp_path, KEY)
    found = sender(session_token_file=path, proxy={"password_file": path})
    assert (found.session_token, found.proxy.password) == (Secret(KEY), Secret(KEY))


def test_a_list_of_secrets_is_read_one_from_each_line(tmp_path: Path) -> None:
    """Empty lines between them count for nothing."""
    assert sender(keys_file=file_of(tmp_path, "a\r\n\nb\n")).keys == (Secret("a"), Secret("b"))


def test_a_required_secret_may_come_from_a_file(tmp_path: Path) -> None:
    """Its twin stands for it; and if the file cannot be read that is the one fault."""
    found = destination(orders={"type": "vault", "key_file": file_of(tmp_path, KEY)}).sender
    assert found == VaultConfig(key=Secret(KEY))
    assert list(faults(orders={"type": "vault", "key_file": "/dev/null"})) == ["destinations.orders.key_file"]
    assert faults(orders={"type": "vault"}) == {"destinations.orders.key": "missing"}


def test_a_file_is_read_again_at_each_reading_of_the_configuration(tmp_path: Path) -> None:
    """A mounted secret that was rotated takes effect with the next reload."""
    first = sender(secret_key_file=file_of(tmp_path, "old")).secret_key
    assert sender(secret_key_file=file_of(tmp_path, "new")).secret_key != first


def test_a_file_s_path_may_come_from_the_environment_and_its_content_does_not(tmp_path: Path) -> None:
    """A secret with a dollar sign in it is that secret."""
    found = sender({"PATH_OF_KEY": file_of(tmp_path, "${HOME}$$")}, secret_key_file="${PATH_OF_KEY}")
    assert found.secret_key == Secret("${HOME}$$")


def test_a_secret_and_its_file_cannot_both_be_set(tmp_path: Path) -> None:
    """Nobody could say which one counts."""
    found = faults(orders=bus(secret_key="a", secret_key_file=file_of(tmp_path, KEY)))
    assert found == {"destinations.orders.secret_key_file": "secret_key is set too: keep one of them"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("\n", "the file is empty"),
        (b"\xff", "cannot be read: not UTF-8"),
        ("x" * ((1 << 20) + 1), "cannot be read: more than 1048576 bytes"),
    ],
)
@pytest.mark.parametrize("key", ["secret_key_file", "keys_file"])
def test_a_file_without_a_secret_in_it_is_refused(
    tmp_path: Path, key: str, content: str | bytes, message: str
) -> None:
    """Better at the start than with the first request."""
    assert faults(orders=bus(**{key: file_of(tmp_path, content)})) == {f"destinations.orders.{key}": message}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "cannot be read: Is a directory"),
        ("/nonexistent/secret", "cannot be read: No such file or directory"),
        ("a\0b", "cannot be read: not a path"),
        (5, "expected a string, got an integer"),
        ("${NONE}", "the environment variable NONE is not set"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(path: Any, message: str) -> None:
    """With the system's reason, and the key by which it was named."""
    assert faults(orders=bus(secret_key_file=path)) == {"destinations.orders.secret_key_file": message}


def test_what_is_no_secret_has_no_twin() -> None:
    """Only what must not stand in a file that many read may stand elsewhere."""
    assert list(faults(orders=bus(event_bus_file="x"))) == ["destinations.orders.event_bus_file"]


@pytest.mark.parametrize("value", [[""], ["a", ""], ["${EMPTY}"]])
def test_a_list_of_secrets_holds_no_empty_one(value: list[str]) -> None:
    """An empty token would be matched by every request without one."""
    assert list(faults({"EMPTY": ""}, orders=bus(keys=value))) == ["destinations.orders.keys"]


@pytest.mark.parametrize(
    "keys",
    [
        {"secret_key": [KEY]},
        {"secret_key": {"value": KEY}},
        {"keys": KEY},
        {"keys": [[KEY]]},
        {"secret_key": KEY, "secret_key_file": KEY},
        {"secret_key_file": KEY},
        {"secret_key": KEY + "${"},
        {"secret_key": KEY + "${NONE}"},
        {"detail": KEY},
        {"scheme": KEY},
        {"linger": KEY},
        {"max_event_bytes": KEY},
        {"max_request_events": KEY},
        {"proxy": KEY},
        {"flush": KEY},
        {"flush": {"when_idle": KEY}},
        {"type": KEY},
    ],
)
def test_no_fault_shows_the_value_that_it_is_about(keys: dict[str, Any]) -> None:
    """A secret may stand in the wrong place or form, and faults go to logs and terminals."""
    assert KEY not in str(faults(orders=bus(**keys)))
