"""Listening beyond loopback: only where somebody is asked, or when told so, and never silently."""

from typing import Any

import pytest

from gateway.config import ListenAddress
from gateway.config.exposure import warnings
from tests.support.configuration import config, faults

TOKENS = ["mF_9.B5f-4.1JqM"]
BEYOND = [
    "0.0.0.0:80",
    "[::]:80",
    "192.0.2.1:80",
    "[2001:db8::1]:80",
    "[fe80::1%eth0]:80",
    "gateway.example:80",
]
LOCAL = ["127.0.0.1:80", "127.8.8.8:80", "[::1]:80", "localhost:80", "unix:/run/gateway/events.sock"]


@pytest.mark.parametrize("address", BEYOND)
def test_an_address_beyond_loopback_is_known(address: str) -> None:
    """A name too: nobody knows what it will stand for."""
    assert not ListenAddress.parse(address).is_local


@pytest.mark.parametrize("address", LOCAL)
def test_an_address_of_this_machine_is_known(address: str) -> None:
    """Nobody else can connect to it."""
    assert ListenAddress.parse(address).is_local


@pytest.mark.parametrize("address", BEYOND)
def test_beyond_loopback_the_receiver_needs_somebody_at_its_door(address: str) -> None:
    """One such address among others is enough; the key is named, and what would do."""
    assert faults(receiver={"listen": ["127.0.0.1:80", address]}) == {
        "receiver.listen": f"{address} can be reached from beyond this machine by anybody:"
        " set receiver.tokens, receiver.tls or receiver.allow_anonymous = true"
    }


@pytest.mark.parametrize("address", BEYOND)
def test_beyond_loopback_the_administration_needs_somebody_at_its_door(address: str) -> None:
    """It tells much, and can drain."""
    assert faults(admin={"listen": address}) == {
        "admin.listen": f"{address} can be reached from beyond this machine by anybody:"
        " set admin.tokens or admin.allow_anonymous = true"
    }


@pytest.mark.parametrize("address", LOCAL)
def test_on_this_machine_nobody_needs_to_be_asked(address: str) -> None:
    """As it is by default; and there is nothing to warn of."""
    admin = {"listen": "unix:/run/gateway/admin.sock"}
    assert list(warnings(config(receiver={"listen": [address]}, admin=admin), now=0.0)) == []


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        (
            {"receiver": {"listen": ["[::]:80"], "allow_anonymous": True}},
            "receiver.listen: anybody who can reach [::]:80 may use it: nothing asks who is there",
        ),
        (
            {"receiver": {"listen": ["[::]:80"], "tokens": TOKENS}},
            "receiver.listen: what comes to [::]:80 travels in the clear, tokens too",
        ),
        (
            {"admin": {"listen": "[::]:80", "allow_anonymous": True}},
            "admin.listen: anybody who can reach [::]:80 may use it: nothing asks who is there",
        ),
        (
            {"admin": {"listen": "[::]:80", "tokens": TOKENS}},
            "admin.listen: what comes to [::]:80 travels in the clear, tokens too",
        ),
        ({"receiver": {"tokens": TOKENS}, "admin": {"tokens": TOKENS, "allow_anonymous": True}}, None),
    ],
)
def test_what_is_allowed_beyond_loopback_is_warned_of(tables: dict[str, Any], expected: str | None) -> None:
    """Whoever reads the log knows how open the gateway is."""
    found = [str(warning) for warning in warnings(config(**tables), now=0.0)]
    assert found == ([] if expected is None else [expected])


@pytest.mark.parametrize("section", ["receiver", "admin"])
@pytest.mark.parametrize("token", ["with blank", "é", "=", "a=b", 'quoted"'])
def test_a_token_that_no_client_could_show_is_refused(section: str, token: str) -> None:
    """And not repeated (RFC 6750 2.1)."""
    tables: dict[str, Any] = {section: {"tokens": [*TOKENS, token]}}
    found = faults(**tables)
    assert found == {
        f"{section}.tokens": "a bearer token has only letters, digits and -._~+/, then any number of ="
    }


@pytest.mark.parametrize("mode", ["0660", "600", "0777", "0000"])
def test_the_mode_of_a_unix_socket_is_octal(mode: str) -> None:
    """As chmod takes it."""
    found = config(receiver={"unix_socket_mode": mode}).receiver.unix_socket_mode
    assert (found, found.bits) == (mode, int(mode, 8))


@pytest.mark.parametrize("mode", ["", "0o660", "u=rw", "0888", "4755", "00660", 660, "-660"])
def test_another_mode_is_refused(mode: str | int) -> None:
    """A number is not one either: 660 would be read as decimal by one and as octal by another."""
    assert faults(receiver={"unix_socket_mode": mode}) == {
        "receiver.unix_socket_mode": 'expected permissions in octal, like "0660"'
    }
