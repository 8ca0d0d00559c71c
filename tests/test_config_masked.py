"""The configuration as plain values, for pages and files that people see."""

import json

from gateway.config.masked import masked
from tests.support.configuration import bus, config


def test_each_section_holds_what_an_operator_would_write() -> None:
    """Durations and sizes with their units, choices as words, lists as lists."""
    found = masked(config(flush={"interval": "1s"}))
    assert found["destinations"]["orders"]["flush"] == {"interval": "1s", "when_idle": "wait"}
    assert found["admin"] == {"listen": "127.0.0.1:8081", "tokens": [], "allow_anonymous": False}
    assert found["log"] == {"level": "info", "format": "json"}


def test_a_destination_s_type_and_own_keys_stand_beside_its_sections() -> None:
    """As in the file: what is not set is None."""
    found = masked(config(orders=bus(linger="90s")))["destinations"]["orders"]
    assert (found["type"], found["region"], found["linger"], found["endpoint"]) == (
        "bus",
        "eu-west-1",
        "90s",
        None,
    )


def test_everything_can_be_encoded_and_no_secret_is_in_it() -> None:
    """So that a page needs to know nothing of secrets."""
    secrets = {"secret_key": "s3cret", "session_token": "s3cret", "keys": ["s3cret"]}
    text = json.dumps(masked(config(orders=bus(**secrets, proxy={"password": "s3cret"}))), ensure_ascii=False)
    assert "s3cret" not in text
    assert text.count("••••••") == 4


def test_a_secret_that_is_not_set_is_an_empty_text() -> None:
    """An operator can see that it is missing."""
    assert masked(config())["destinations"]["orders"]["secret_key"] == ""
