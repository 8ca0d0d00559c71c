"""What one value may be: types, units, ranges, choices, addresses."""

from typing import Any

import pytest

from gateway.config import ListenAddress, WhenIdle
from gateway.units import Duration
from tests.support.configuration import bus, config, destination, faults, sender

DURATION = 'expected a duration like "200ms", "5s" or "1h"'
SIZE = 'expected a size like "256KiB" or "64MiB"'


@pytest.mark.parametrize("value", [200, 0.2, True, [], "200", "200 ms", "-1s", ""])
def test_a_duration_without_its_unit_is_refused_and_the_right_form_shown(value: Any) -> None:
    """A plain number most of all: nobody can know what it counts."""
    assert faults(flush={"interval": value}) == {"flush.interval": DURATION}


@pytest.mark.parametrize("value", [67_108_864, 1.5, False, {}, "64", "64MB", ""])
def test_a_size_without_its_unit_is_refused_and_the_right_form_shown(value: Any) -> None:
    """A plain number most of all: nobody can read it."""
    assert faults(buffer={"max_bytes": value}) == {"buffer.max_bytes": SIZE}


@pytest.mark.parametrize(
    ("section", "key", "zero"),
    [
        ("receiver", "max_body_bytes", "0B"),
        ("receiver", "max_receiving_bytes", "0KiB"),
        ("receiver", "idle_timeout", "0s"),
        ("receiver", "request_timeout", "0s"),
        ("buffer", "max_bytes", "0B"),
        ("flush", "interval", "0ms"),
        ("delivery", "request_timeout", "0s"),
        ("delivery", "max_age", "0h"),
        ("delivery", "backoff_initial", "0s"),
        ("delivery", "backoff_max", "0s"),
        ("dead_letters", "max_bytes", "0B"),
    ],
)
def test_no_time_and_no_room_are_refused(section: str, key: str, zero: str) -> None:
    """Zero would mean never to one reader and without end to another."""
    assert faults(**{section: {key: zero}}) == {f"{section}.{key}": "must be more than zero"}


def test_a_sender_s_durations_and_sizes_follow_the_same_rules() -> None:
    """A plugin gets them for the types of its fields."""
    assert faults(orders=bus(linger=1, max_event_bytes="0B")) == {
        "destinations.orders.linger": DURATION,
        "destinations.orders.max_event_bytes": "must be more than zero",
    }
    assert sender(linger="90s").linger == Duration(90)


def test_a_drain_may_have_no_time_at_all() -> None:
    """Then everything held is spilled at once."""
    assert config(shutdown={"deadline": "0s"}).shutdown.deadline == Duration(0)


@pytest.mark.parametrize(
    ("section", "key", "least"),
    [
        ("receiver", "max_connections", 1),
        ("buffer", "max_events", 1),
        ("delivery", "max_in_flight", 1),
        ("delivery", "max_attempts", 0),
        ("delivery", "max_requests_per_second", 0),
    ],
)
def test_a_count_has_a_least_value(section: str, key: str, least: int) -> None:
    """It is accepted itself, and refused below, with the least in the message."""
    at_least: dict[str, Any] = {section: {key: least}}
    below: dict[str, Any] = {section: {key: least - 1}}
    config(**at_least)
    found = faults(**below)
    assert list(found) == [f"{section}.{key}"]
    assert f">= {least}" in found[f"{section}.{key}"]


def test_a_rate_may_be_a_fraction() -> None:
    """One request in two seconds is a rate."""
    assert destination(delivery={"max_requests_per_second": 0.5}).delivery.max_requests_per_second == 0.5


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_rate_is_a_finite_number(value: float) -> None:
    """TOML can write nan and inf; no arithmetic of ours means either."""
    assert list(faults(delivery={"max_requests_per_second": value})) == ["delivery.max_requests_per_second"]


@pytest.mark.parametrize(
    ("tables", "key", "message"),
    [
        ({"buffer": {"max_events": "5"}}, "buffer.max_events", "expected an integer, got a string"),
        ({"buffer": {"max_events": True}}, "buffer.max_events", "expected an integer, got true or false"),
        ({"buffer": {"max_events": 5.0}}, "buffer.max_events", None),
        ({"dead_letters": {"path": 5}}, "dead_letters.path", "expected a string, got an integer"),
        ({"receiver": {"listen": "[::1]:80"}}, "receiver.listen", "expected an array, got a string"),
        (
            {"orders": bus(is_strict="yes")},
            "destinations.orders.is_strict",
            "expected true or false, got a string",
        ),
        ({"orders": bus(endpoint=5)}, "destinations.orders.endpoint", "expected a string, got an integer"),
        (
            {"orders": bus(resources=["a", 5])},
            "destinations.orders.resources[1]",
            "expected a string, got an integer",
        ),
        ({"orders": bus(proxy="x")}, "destinations.orders.proxy", "expected a table"),
        (
            {"orders": bus(proxy={"url": 5})},
            "destinations.orders.proxy.url",
            "expected a string, got an integer",
        ),
    ],
)
def test_a_value_of_another_type_is_refused_in_toml_s_words(
    tables: dict[str, Any], key: str, message: str | None
) -> None:
    """Nothing is converted behind the operator's back; an element of an array has its index in the key."""
    found = faults(**tables)
    assert list(found) == [key]
    assert message in (None, found[key])


@pytest.mark.parametrize(
    ("tables", "key", "message"),
    [
        ({"flush": {"when_idle": "sned"}}, "flush.when_idle", 'expected "wait" or "send"'),
        ({"receiver": {"acknowledge": "x"}}, "receiver.acknowledge", 'expected "buffered" or "delivered"'),
        ({"log": {"format": "xml"}}, "log.format", 'expected "json" or "text"'),
        ({"log": {"level": "x"}}, "log.level", 'expected "debug", "info", "warning" or "error"'),
        ({"orders": bus(detail="x")}, "destinations.orders.detail", 'expected "event" or "data"'),
        (
            {"orders": bus(details=["data", "x"])},
            "destinations.orders.details[1]",
            'expected "event" or "data"',
        ),
        ({"orders": bus(scheme="ftp")}, "destinations.orders.scheme", 'expected "http" or "https"'),
    ],
)
def test_another_word_than_the_choices_is_refused_and_the_choices_shown(
    tables: dict[str, Any], key: str, message: str
) -> None:
    """Whether the field's type is an enumeration or a list of literals."""
    assert faults(**tables) == {key: message}


def test_a_choice_is_read_as_what_it_stands_for() -> None:
    """Behind the file nobody compares texts."""
    assert destination(flush={"when_idle": "send"}).flush.when_idle is WhenIdle.SEND


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("127.1.2.3:1", "127.1.2.3", 1),
        ("[::1]:8080", "::1", 8080),
        ("[::0001]:65535", "::0001", 65_535),
        ("localhost:0", "localhost", 0),
    ],
)
def test_a_tcp_listener_has_a_host_and_a_port(text: str, host: str, port: int) -> None:
    """By its number or its name."""
    (address,) = config(receiver={"listen": [text]}).receiver.listen
    assert (address.host, address.port, address.path) == (host, port, None)
    assert config(admin={"listen": text}, receiver={"listen": ["unix:a"]}).admin.listen == text


@pytest.mark.parametrize("path", ["/run/gateway/events.sock", "events.sock", "/" + "x" * 106])
def test_a_unix_listener_has_a_path(path: str) -> None:
    """Absolute, or counted from the working directory."""
    (address,) = config(receiver={"listen": [f"unix:{path}"]}).receiver.listen
    assert address.path == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8080",
        ":8080",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:http",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:٨٠",
        "::1:8080",
        "[::1]",
        "[127.0.0.1]:80",
        "[]:80",
        "http://127.0.0.1:80",
        "127.0.0.1:80/",
        "a b:80",
        "127.0.0.1:80\n",
        "unix:",
        "unix:a\0b",
        "unix:/" + "ä" * 54,
    ],
)
def test_what_nobody_can_listen_on_is_refused(text: str) -> None:
    """Before a socket says so in its own words; the value is not repeated."""
    assert list(faults(admin={"listen": text})) == ["admin.listen"]
    assert list(faults(receiver={"listen": ["127.0.0.1:1", text]})) == ["receiver.listen[1]"]


def test_a_receiver_listens_somewhere() -> None:
    """An empty list is a gateway that nobody can reach."""
    assert list(faults(receiver={"listen": []})) == ["receiver.listen"]


def test_only_a_port_that_the_system_chooses_is_ephemeral() -> None:
    """Two listeners on such a text do not meet."""
    found = [ListenAddress.parse(text).is_ephemeral for text in ("[::1]:0", "[::1]:80", "unix:/a:0")]
    assert found == [True, False, False]
