"""Sections, defaults and inheritance: what a file says, and what it leaves to the gateway."""

import re
from typing import Any

import pytest
from msgspec import Struct

from gateway.config import Config, FlushConfig, ReceiverConfig, WhenIdle, parse
from gateway.errors import ConfigError
from gateway.sender import SenderPlugin
from gateway.units import Duration
from tests.support.configuration import (
    PLUGINS,
    BusConfig,
    bus,
    config,
    create_nothing,
    destination,
    document,
    faults,
    no_faults,
)


def test_a_destination_is_all_that_a_file_needs() -> None:
    """Everything else has a default."""
    assert config().receiver == ReceiverConfig()
    assert config().destinations["orders"].sender == BusConfig(region="eu-west-1")


def test_a_key_that_is_set_leaves_its_section_s_other_defaults_alone() -> None:
    """Sections are merged key by key."""
    assert config(receiver={"max_connections": 5}).receiver == ReceiverConfig(max_connections=5)


def test_a_section_of_the_file_counts_for_every_destination() -> None:
    """What is set once need not be repeated."""
    tables = {"flush": {"when_idle": "send"}, "destinations": {"one": bus(), "two": bus()}}
    found = parse(tables, environment={}, plugins=PLUGINS).destinations
    assert {name: one.flush.when_idle for name, one in found.items()} == {"one": "send", "two": "send"}


@pytest.mark.parametrize(
    ("section", "key", "shared", "own"),
    [
        ("buffer", "max_events", 7, 8),
        ("flush", "interval", "1s", "2s"),
        ("delivery", "max_in_flight", 7, 8),
        ("dead_letters", "path", "all", "mine"),
    ],
)
def test_a_destination_overrides_a_section_key_by_key(section: str, key: str, shared: Any, own: Any) -> None:
    """The nearest value wins, for this destination alone."""
    sections: dict[str, Any] = {section: {key: shared}}
    owns: dict[str, Any] = {section: {key: own}}
    tables = {**sections, "destinations": {"plain": bus(), "other": bus(**owns)}}
    expected = {
        "plain": config(**sections).destinations["orders"],
        "other": config(**owns).destinations["orders"],
    }
    found = parse(tables, environment={}, plugins=PLUGINS).destinations
    assert {name: getattr(one, section) for name, one in found.items()} == {
        name: getattr(one, section) for name, one in expected.items()
    }
    assert getattr(found["plain"], section) != getattr(found["other"], section)


def test_a_destination_s_own_section_lies_over_the_file_s_and_that_over_the_defaults() -> None:
    """Three layers, each key from the nearest that sets it."""
    found = destination(flush={"interval": "3s"}, orders=bus(flush={"when_idle": "send"})).flush
    assert found == FlushConfig(interval=found.interval, when_idle=WhenIdle.SEND)
    assert found.interval == Duration(3)


@pytest.mark.parametrize("section", ["receiver", "admin", "shutdown", "log"])
def test_what_stands_once_cannot_be_overridden_by_a_destination(section: str) -> None:
    """There is one receiver, one drain and one log."""
    assert "unknown key" in faults(orders=bus(**{section: {}}))[f"destinations.orders.{section}"]


def test_every_fault_is_found_in_one_run() -> None:
    """An operator mends a file once, not once for each mistake in it."""
    found = faults(
        receiver={"listen": ["nowhere"], "max_connections": 0},
        buffer={"max_bytes": 64},
        log={"level": "loud"},
        orders={"type": "bus", "detail": "all", "flush": {"interval": 1}},
    )
    assert list(found) == [
        "receiver.listen[0]",
        "receiver.max_connections",
        "log.level",
        "buffer.max_bytes",
        "destinations.orders.flush.interval",
        "destinations.orders.detail",
        "destinations.orders.region",
    ]


def test_a_fault_that_every_destination_inherits_is_named_once() -> None:
    """And it is named where it is written."""
    tables = {"flush": {"interval": "x"}, "destinations": {"one": bus(), "two": bus()}}
    with pytest.raises(ConfigError) as caught:
        parse(tables, environment={}, plugins=PLUGINS)
    assert [fault.key for fault in caught.value.faults] == ["flush.interval"]


@pytest.mark.parametrize(
    ("tables", "key", "message"),
    [
        ({"recever": {}}, "recever", "unknown key; did you mean receiver?"),
        (
            {"receiver": {"max_conections": 1}},
            "receiver.max_conections",
            "unknown key; did you mean max_connections?",
        ),
        (
            {"receiver": {"tls": {"certificat": ""}}},
            "receiver.tls.certificat",
            "unknown key; did you mean certificate?",
        ),
        ({"log": {"zzz": 1}}, "log.zzz", "unknown key"),
        ({"log": {"a b": 1}}, 'log."a b"', "unknown key"),
        ({"orders": bus(flsh={})}, "destinations.orders.flsh", "unknown key; did you mean flush?"),
        ({"orders": bus(reqion="x")}, "destinations.orders.reqion", "unknown key; did you mean region?"),
        ({"orders": bus(typ="x")}, "destinations.orders.typ", "unknown key; did you mean type?"),
    ],
)
def test_an_unknown_key_is_refused_with_the_known_one_next_to_it(
    tables: dict[str, Any], key: str, message: str
) -> None:
    """A misspelt key that did nothing would be found out in the night."""
    assert faults(**tables) == {key: message}


@pytest.mark.parametrize("tables", [{"flush": 5}, {"receiver": "x"}, {"receiver": {"tls": 1}}, {"log": [{}]}])
def test_a_section_must_be_a_table(tables: dict[str, Any]) -> None:
    """A value in its place is named by the section's key."""
    assert list(faults(**tables).values()) == ["expected a table"]


@pytest.mark.parametrize("tables", [{}, {"destinations": {}}])
def test_at_least_one_destination_is_needed(tables: dict[str, Any]) -> None:
    """A gateway to nowhere would accept and never deliver."""
    with pytest.raises(ConfigError, match=r"^destinations: at least one \[destinations\.NAME\] is needed$"):
        parse(tables, environment={}, plugins=PLUGINS)


@pytest.mark.parametrize("value", [[], "orders", 5])
def test_destinations_are_tables_in_a_table(value: Any) -> None:
    """Said once: what is no table is not called empty as well."""
    with pytest.raises(ConfigError, match=r"^destinations: expected a table$"):
        parse({"destinations": value}, environment={}, plugins=PLUGINS)


@pytest.mark.parametrize("name", ["orders", "0", "a_b-c", "x" * 64])
def test_a_destination_s_name_is_a_plain_word(name: str) -> None:
    """It becomes a path of the receiver, a label and a directory."""
    assert list(parse({"destinations": {name: bus()}}, environment={}, plugins=PLUGINS).destinations) == [
        name
    ]


@pytest.mark.parametrize("name", ["Orders", "_a", "-a", "a b", "a.b", "", "ä", "a/b", "a\n", "x" * 65])
def test_another_name_is_refused_and_the_rest_of_it_checked_all_the_same(name: str) -> None:
    """The rule stands in the message; a fault further in is not hidden by it."""
    with pytest.raises(ConfigError) as caught:
        parse({"destinations": {name: bus(flush={"interval": 1})}}, environment={}, plugins=PLUGINS)
    assert [fault.message[:6] for fault in caught.value.faults] == ["a name", "expect"]


def test_a_destination_must_be_a_table_and_say_its_type() -> None:
    """The types that there are stand in the message."""
    assert faults(orders={}) == {"destinations.orders.type": "missing; known types are bus, vault"}
    with pytest.raises(ConfigError, match=r"^destinations\.orders: expected a table$"):
        parse({"destinations": {"orders": "bus"}}, environment={}, plugins=PLUGINS)


def test_an_unknown_type_is_refused_with_the_known_ones_and_the_sections_are_checked() -> None:
    """What a sender of unknown type may have for keys nobody knows; the sections everybody does."""
    found = faults(orders={"type": "buss", "anything": 1, "flush": {"interval": 1}})
    assert set(found) == {"destinations.orders.type", "destinations.orders.flush.interval"}
    assert found["destinations.orders.type"] == "unknown; known types are bus, vault"


@pytest.mark.parametrize(
    ("value", "message"), [(5, "expected a string, got an integer"), ("${NO}", "NO is not set")]
)
def test_a_type_that_cannot_be_read_has_one_fault(value: Any, message: str) -> None:
    """It is not called unknown as well."""
    assert message in faults(orders=bus(type=value))["destinations.orders.type"]


def test_a_sender_s_missing_key_is_named() -> None:
    """A plugin's field without a default must be written."""
    assert faults(orders={"type": "bus"}) == {"destinations.orders.region": "missing"}


def test_what_a_plugin_finds_wrong_is_named_within_its_destination() -> None:
    """A plugin knows nothing of the destination's name."""
    assert faults(orders=bus(access_key="AKIDEXAMPLE")) == {
        "destinations.orders.secret_key": "is needed with access_key"
    }


def test_a_plugin_can_bring_a_type_before_we_do() -> None:
    """An installed package's sender is not refused because we plan one of that name."""
    plugins = {**PLUGINS, "huawei": PLUGINS["bus"]}
    found = parse(document(orders=bus(type="huawei")), environment={}, plugins=plugins)
    assert found.destinations["orders"].type == "huawei"


def test_a_plugin_s_field_of_a_type_that_no_file_can_hold_is_a_mistake_of_the_plugin() -> None:
    """It is not blamed on the operator."""

    class Odd(Struct, frozen=True, kw_only=True):
        """The keys of a sender by somebody who did not read what fields may be."""

        pattern: re.Pattern[str] = re.compile("")

    plugins = {"bus": SenderPlugin(Odd, no_faults, create_nothing)}
    with pytest.raises(NotImplementedError, match="Pattern"):
        parse(document(orders={"type": "bus", "pattern": "a"}), environment={}, plugins=plugins)


def test_a_configuration_cannot_be_changed_after_it_is_read() -> None:
    """What runs is what was checked; a reload makes a new one."""
    found: Config = config()
    with pytest.raises(AttributeError):
        found.receiver.max_connections = 5  # type: ignore[misc]
