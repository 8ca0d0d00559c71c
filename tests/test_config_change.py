"""What a changed configuration changes at once, and what it says of the rest."""

from typing import Any

import pytest

from gateway.config.change import change
from tests.support.configuration import bus, config


@pytest.mark.parametrize(
    ("tables", "changed"),
    [
        ({"flush": {"interval": "1s"}}, "destinations.orders.flush"),
        ({"delivery": {"max_in_flight": 3}}, "destinations.orders.delivery"),
        ({"buffer": {"max_events": 3}}, "destinations.orders.buffer"),
        ({"dead_letters": {"path": "elsewhere"}}, "destinations.orders.dead_letters"),
        ({"orders": bus(event_bus="others")}, "destinations.orders.event_bus"),
        ({"orders": {"type": "vault", "key": "k"}}, "destinations.orders.type"),
        ({"receiver": {"max_connections": 3}}, "receiver"),
        ({"receiver": {"tokens": ["t"]}}, "receiver"),
        ({"admin": {"tokens": ["t"]}}, "admin"),
        ({"shutdown": {"deadline": "3s"}}, "shutdown"),
        ({"log": {"level": "debug"}}, "log"),
    ],
)
def test_what_can_change_while_the_gateway_works_does(tables: dict[str, Any], changed: str) -> None:
    """It is named, and it is in use from then on."""
    former, new = config(), config(**tables)
    found = change(former, new)
    assert changed in found.changed
    assert found.needs_restart == ()
    assert found.config == new


@pytest.mark.parametrize(
    ("tables", "key"),
    [
        ({"receiver": {"listen": ["127.0.0.1:1"]}}, "receiver.listen"),
        ({"receiver": {"unix_socket_mode": "0600"}}, "receiver.unix_socket_mode"),
        ({"admin": {"listen": "127.0.0.1:1"}}, "admin.listen"),
        ({"buffer": {"journal": "journal"}}, "destinations.orders.buffer.journal"),
        ({"shutdown": {"spill": "elsewhere"}}, "shutdown.spill"),
        ({"log": {"format": "text"}}, "log.format"),
    ],
)
def test_what_cannot_change_stays_as_it_was_and_is_named(tables: dict[str, Any], key: str) -> None:
    """Whatever else there is in the file is taken up beside it."""
    former, new = config(), config(**tables)
    found = change(former, new)
    assert (found.changed, found.needs_restart) == ((), (key,))
    assert found.config == former


def test_destinations_come_and_go_at_a_start_only() -> None:
    """Those there are already take up what is new of them."""
    former = config(destinations={"a": bus(), "b": bus()})
    new = config(destinations={"b": bus(region="us-east-1"), "c": bus()})
    found = change(former, new)
    assert found.changed == ("destinations.b.region",)
    assert found.needs_restart == ("destinations.a", "destinations.c")
    assert found.config.destinations == {
        "a": former.destinations["a"],
        "b": new.destinations["b"],
    }


def test_every_key_of_a_sender_that_changed_is_named_as_the_file_has_it() -> None:
    """And no other. The keys of another type are all others: the type says so alone."""
    former = config(orders=bus(access_key="a", secret_key="b"))
    keys = change(former, config(orders=bus(access_key="a", secret_key="c", weight=2.0))).changed
    assert keys == ("destinations.orders.weight", "destinations.orders.secret_key")
    vault = change(former, config(orders={"type": "vault", "key": "k"})).changed
    assert vault == ("destinations.orders.type",)


def test_the_same_file_again_changes_nothing() -> None:
    """Nothing is named, and nothing is made anew for it."""
    found = change(config(), config())
    assert (found.changed, found.needs_restart) == ((), ())
