"""`${NAME}` in the strings of the file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.configuration import bus, config, faults, sender


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${BUS}", "orders"),
        ("a-${BUS}-${REGION}", "a-orders-eu-west-1"),
        ("${BUS:-other}", "orders"),
        ("${NONE:-other}", "other"),
        ("${NONE:-}", ""),
        ("${NONE:-a:-b c}", "a:-b c"),
        ("${EMPTY}", ""),
        ("${EMPTY:-other}", "other"),
        ("$${BUS}", "${BUS}"),
        ("$$${BUS}", "$orders"),
        ("$$$$", "$$"),
        ("$BUS 5$", "$BUS 5$"),
        ("${DOLLARS}", "${BUS}$$"),
    ],
)
def test_a_reference_is_replaced(text: str, value: str) -> None:
    """As a shell does it, but for a dollar sign alone, which stays; what came in is not looked at again."""
    environment = {"BUS": "orders", "REGION": "eu-west-1", "EMPTY": "", "DOLLARS": "${BUS}$$"}
    assert sender(environment, event_bus=text).event_bus == value


@pytest.mark.parametrize(
    "text", ["${", "${A", "${}", "${1A}", "${A-b}", "${A B}", "${A:b}", "${ A }", "${A:-${B}}"]
)
def test_a_reference_that_cannot_be_read_is_refused(text: str) -> None:
    """It would otherwise be sent to a bus as it stands."""
    message = 'expected "${NAME}" or "${NAME:-default}"; a dollar sign before "{" is written "$$"'
    found = faults({"A": "a", "B": "b"}, orders=bus(event_bus=text))
    assert found == {"destinations.orders.event_bus": message}


def test_variables_that_are_not_set_are_named_with_the_key() -> None:
    """All those of one string at once, each once."""
    assert faults(orders=bus(region="${A}", event_bus="${B}${C}${B}")) == {
        "destinations.orders.region": "the environment variable A is not set",
        "destinations.orders.event_bus": "the environment variables B, C are not set",
    }


def test_any_string_may_refer_to_the_environment() -> None:
    """Choices, durations, sizes, addresses and elements of arrays and tables as well as texts."""
    environment = {"A": "send", "B": "5", "C": "[::1]"}
    found = config(
        environment,
        flush={"when_idle": "${A}", "interval": "${B}s"},
        receiver={"listen": ["${C}:8080"]},
        orders=bus(resources=["${A}"], labels={"a": "${B}"}, proxy={"url": "${A}$$"}),
    )
    plain = config(
        flush={"when_idle": "send", "interval": "5s"},
        receiver={"listen": ["[::1]:8080"]},
        orders=bus(resources=["send"], labels={"a": "5"}, proxy={"url": "send$"}),
    )
    assert found == plain


def test_a_variable_s_value_is_checked_as_if_it_were_written() -> None:
    """And it is not shown: a secret may have got into the wrong variable."""
    found = faults({"KEY": "wJalrXUtnFEMI"}, flush={"interval": "${KEY}", "when_idle": "${KEY}"})
    assert set(found) == {"flush.interval", "flush.when_idle"}
    assert "wJalrXUtnFEMI" not in str(found)


def test_a_missing_variable_inside_an_array_or_a_table_is_named_by_its_place() -> None:
    """A key alone would leave the operator to search."""
    found = faults(orders=bus(resources=["a", "${NONE}"], labels={"a b": "${NONE}"}))
    assert set(found) == {"destinations.orders.resources[1]", 'destinations.orders.labels."a b"'}


def test_a_variable_that_is_no_text_is_refused() -> None:
    """Bytes that are not UTF-8 can stand in an environment, and in no event, header or file of ours."""
    found = faults({"RAW": b"\xff".decode(errors="surrogateescape")}, orders=bus(event_bus="${RAW}"))
    assert found == {"destinations.orders.event_bus": "the environment variable RAW is not UTF-8"}


@given(st.text())
def test_a_text_with_its_dollar_signs_doubled_means_itself(text: str) -> None:
    """There is a way to write every text."""
    assert sender(event_bus=text.replace("$", "$$")).event_bus == text
