"""The configuration written down again."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from gateway.config import Config, parse
from gateway.config.toml import render
from gateway.sender import SenderPlugin
from gateway.units import Duration, Size
from tests.support.configuration import PLUGINS, bus, config, create_nothing, document, no_faults

MASK = "••••••"


def again(text: str) -> Config:
    """The configuration in `text`, which needs no environment."""
    return parse(tomllib.loads(text), environment={}, plugins=PLUGINS)


def optional(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Tables that set any of the keys."""
    return st.fixed_dictionaries({}, optional=strategies)


TEXTS = st.text().map(lambda text: text.replace("$", "$$"))
COUNTS = st.integers(1, 10**30)
DURATIONS = st.builds("{}ms".format, st.integers(1000, 20_000))
SIZES = st.builds("{}KiB".format, st.integers(256, 10**6))
SECTIONS: dict[str, st.SearchStrategy[Any]] = {
    "buffer": optional(max_events=COUNTS, max_bytes=SIZES),
    "flush": optional(interval=DURATIONS, when_idle=st.sampled_from(["wait", "send"])),
    "delivery": optional(
        max_in_flight=COUNTS,
        request_timeout=DURATIONS,
        max_requests_per_second=st.floats(0, allow_infinity=False) | st.integers(0, 1000),
        max_attempts=COUNTS,
        backoff_initial=DURATIONS,
    ),
    "dead_letters": optional(path=TEXTS.filter(lambda text: text != "spill"), max_bytes=SIZES),
}
SENDERS = optional(
    event_bus=TEXTS,
    detail=st.sampled_from(["event", "data"]),
    endpoint=TEXTS,
    resources=st.lists(TEXTS),
    labels=st.dictionaries(st.text(), TEXTS),
    weight=st.floats(allow_nan=False, allow_infinity=False),
    is_strict=st.booleans(),
    linger=DURATIONS,
    max_request_events=st.integers(1, 10),
    proxy=optional(url=TEXTS),
)


@st.composite
def destinations(draw: st.DrawFn) -> dict[str, Any]:
    sections = draw(st.fixed_dictionaries({}, optional=SECTIONS))
    return bus(region=draw(TEXTS), **draw(SENDERS), **sections)


DOCUMENTS = st.fixed_dictionaries(
    {
        "destinations": st.dictionaries(
            st.from_regex(r"[a-z0-9][a-z0-9_-]{0,9}", fullmatch=True), destinations(), min_size=1
        )
    },
    optional={
        "receiver": optional(max_connections=COUNTS, idle_timeout=DURATIONS),
        "shutdown": optional(deadline=DURATIONS),
        "log": optional(level=st.sampled_from(["debug", "info", "warning", "error"])),
        **SECTIONS,
    },
)


@given(DOCUMENTS)
def test_what_is_written_reads_as_the_same_configuration(tables: dict[str, Any]) -> None:
    """Every default filled in and every section resolved, nothing is changed by it."""
    found = parse(tables, environment={}, plugins=PLUGINS)
    assert again(render(found)) == found


def test_a_written_configuration_says_everything() -> None:
    """Each destination's sections are complete, whoever set their keys."""
    found = tomllib.loads(render(config(flush={"interval": "1s"}, orders=bus(flush={"when_idle": "send"}))))
    assert found["destinations"]["orders"]["flush"] == {"interval": "1s", "when_idle": "send"}
    assert found["receiver"]["max_body_bytes"] == "4MiB"
    assert "flush" not in found


@pytest.mark.parametrize(
    "character", [*map(chr, range(32)), "\x7f", "\x80", '"', "\\", "$", "é", "\u2028", "😀"]
)
def test_no_character_breaks_a_string(character: str) -> None:
    """TOML wants control characters escaped, DEL among them, which JSON does not."""
    text = f"a{character}b".replace("$", "$$")
    found = config(orders=bus(event_bus=text, labels={character: text}))
    assert again(render(found)) == found


def test_secrets_are_masked_wherever_they_stand() -> None:
    """In a list, in a table of the sender's, set or optional; one that is not set is shown to be so."""
    secrets = {"secret_key": "s3cret", "session_token": "s3cret", "keys": ["s3cret", "s3cret"]}
    text = render(config(orders=bus(**secrets, proxy={"password": "s3cret"})))
    assert "s3cret" not in text
    found = tomllib.loads(text)["destinations"]["orders"]
    assert [found["secret_key"], found["session_token"], found["keys"]] == [MASK, MASK, [MASK, MASK]]
    assert found["proxy"]["password"] == MASK
    assert tomllib.loads(render(config()))["destinations"]["orders"]["secret_key"] == ""


def test_but_for_its_secrets_a_masked_configuration_reads_as_the_same() -> None:
    """The dots are a secret too, of six characters."""
    text = render(config(orders=bus(secret_key="s3cret", keys=["a"])))
    assert render(again(text)) == text


def test_a_key_that_is_not_set_stands_in_a_comment() -> None:
    """TOML has no word for nothing."""
    lines = render(config()).splitlines()
    assert "# endpoint is not set" in lines
    assert not any(line.startswith("endpoint") for line in lines)


def test_a_value_of_a_plugin_s_that_toml_has_no_form_for_is_an_error() -> None:
    """A plugin's mistake is found with the first `gateway check`, not written as nonsense."""

    class Odd(Struct, frozen=True, kw_only=True):
        key: bytes = b""

    plugins = {"bus": SenderPlugin(Odd, no_faults, create_nothing)}
    found = parse(document(orders={"type": "bus"}), environment={}, plugins=plugins)
    with pytest.raises(TypeError, match="a bytes has no form in TOML"):
        render(found)


def test_durations_and_sizes_are_written_as_an_operator_would() -> None:
    """Not as the numbers that they are inside."""
    table = tomllib.loads(render(config(orders=bus(linger="90s", max_event_bytes="131072B"))))[
        "destinations"
    ]["orders"]
    assert (table["linger"], table["max_event_bytes"]) == (str(Duration(90)), str(Size(128 << 10)))
    assert (table["linger"], table["max_event_bytes"]) == ("90s", "128KiB")
