"""What values may not be together, and at which key that is said."""

from pathlib import Path
from typing import Any

import pytest

from gateway.config import parse
from gateway.errors import ConfigError
from tests.support.configuration import PLUGINS, bus, config, faults


@pytest.mark.parametrize(
    ("good", "bad", "key"),
    [
        (
            {"delivery": {"backoff_initial": "30s"}},
            {"delivery": {"backoff_initial": "31s"}},
            "delivery.backoff_initial",
        ),
        (
            {"delivery": {"backoff_max": "100ms"}},
            {"delivery": {"backoff_max": "99ms"}},
            "delivery.backoff_max",
        ),
        ({"flush": {"interval": "59m"}}, {"flush": {"interval": "1h"}}, "flush.interval"),
        ({"delivery": {"max_age": "201ms"}}, {"delivery": {"max_age": "200ms"}}, "delivery.max_age"),
        ({"shutdown": {"spill": "d"}}, {"shutdown": {"spill": "dead-letters"}}, "shutdown.spill"),
        (
            {"dead_letters": {"path": ""}, "shutdown": {"spill": ""}},
            {"dead_letters": {"path": "spill"}},
            "dead_letters.path",
        ),
        ({"buffer": {"journal": "journal"}}, {"buffer": {"journal": "spill"}}, "buffer.journal"),
        ({"buffer": {"journal": "j"}}, {"buffer": {"journal": "dead-letters"}}, "buffer.journal"),
        ({"shutdown": {"spill": "d"}}, {"shutdown": {"spill": "./d/../dead-letters/"}}, "shutdown.spill"),
        ({"buffer": {"journal": "j"}}, {"buffer": {"journal": "./spill"}}, "buffer.journal"),
        (
            {"buffer": {"journal": ""}},
            {"buffer": {"journal": str(Path("spill").absolute())}},
            "buffer.journal",
        ),
        ({"buffer": {"max_bytes": "256KiB"}}, {"buffer": {"max_bytes": "255KiB"}}, "buffer.max_bytes"),
        (
            {"orders": bus(max_event_bytes="64MiB")},
            {"orders": bus(max_event_bytes="65MiB")},
            "destinations.orders.max_event_bytes",
        ),
        (
            {"receiver": {"max_body_bytes": "64MiB"}},
            {"receiver": {"max_body_bytes": "65MiB"}},
            "receiver.max_body_bytes",
        ),
        (
            {"receiver": {"max_receiving_bytes": "4MiB"}},
            {"receiver": {"max_receiving_bytes": "3MiB"}},
            "receiver.max_receiving_bytes",
        ),
        (
            {"receiver": {"listen": ["[::1]:1", "[::1]:2"]}},
            {"receiver": {"listen": ["[::1]:1", "[::1]:1"]}},
            "receiver.listen",
        ),
        ({"admin": {"listen": "[::1]:1"}}, {"admin": {"listen": "127.0.0.1:8080"}}, "admin.listen"),
        (
            {"receiver": {"listen": ["[::1]:0", "[::1]:0"]}, "admin": {"listen": "[::1]:0"}},
            {"receiver": {"listen": ["127.0.0.1:8081"]}},
            "receiver.listen",
        ),
    ],
)
def test_values_that_do_not_go_together_are_refused_where_one_of_them_is_written(
    good: dict[str, Any], bad: dict[str, Any], key: str
) -> None:
    """At the limit they are accepted; beyond it the operator's own value is named, not a default."""
    config(**good)
    assert list(faults(**bad)) == [key]


def test_the_message_names_both_values() -> None:
    """Either may be the one to change."""
    (message,) = faults(flush={"interval": "2h"}).values()
    assert message.startswith("flush.interval (2h) is not less than delivery.max_age (1h)")


def test_a_destination_s_own_value_is_blamed_before_the_file_s() -> None:
    """The others live well with what the file says."""
    found = faults(delivery={"backoff_max": "1s"}, orders=bus(delivery={"backoff_initial": "2s"}))
    assert list(found) == ["destinations.orders.delivery.backoff_initial"]


def test_a_conflict_of_the_file_s_own_values_is_named_once() -> None:
    """However many destinations inherit it, but not where a destination has mended it."""
    tables = {
        "flush": {"interval": "2h"},
        "destinations": {"one": bus(), "two": bus(), "three": bus(delivery={"max_age": "3h"})},
    }
    with pytest.raises(ConfigError) as caught:
        parse(tables, environment={}, plugins=PLUGINS)
    assert [fault.key for fault in caught.value.faults] == ["flush.interval"]


def test_a_value_may_be_in_several_conflicts() -> None:
    """Each is named: to mend one of them may leave another."""
    tables = {
        "flush": {"interval": "2h"},
        "destinations": {"one": bus(), "two": bus(delivery={"max_age": "1s"})},
    }
    with pytest.raises(ConfigError) as caught:
        parse(tables, environment={}, plugins=PLUGINS)
    keys = [fault.key for fault in caught.value.faults]
    assert keys == ["flush.interval", "destinations.two.delivery.max_age"]


def test_a_value_that_was_refused_conflicts_with_nothing() -> None:
    """Its default stands in for it, and nobody asked for that."""
    assert list(faults(delivery={"backoff_initial": "1m", "backoff_max": "2"})) == ["delivery.backoff_max"]
    own = bus(flush={"interval": "x"})
    assert list(faults(delivery={"max_age": "1ms"}, orders=own)) == ["destinations.orders.flush.interval"]


def test_a_conflict_is_found_beside_other_faults() -> None:
    """In the same section, and where the sender's own keys cannot be read."""
    found = faults(delivery={"backoff_initial": "1m", "max_attempts": -1}, orders={"type": "bus"})
    assert set(found) == {"delivery.max_attempts", "delivery.backoff_initial", "destinations.orders.region"}


def test_a_sender_without_a_limit_of_its_own_needs_no_room_for_it() -> None:
    """Not every bus bounds an event apart from its request."""
    orders = {"type": "vault", "key": "k"}
    assert config(buffer={"max_bytes": "1B"}, orders=orders).destinations["orders"].buffer.max_bytes == 1
