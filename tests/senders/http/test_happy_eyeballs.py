"""Which of several addresses is connected to."""

import asyncio
import errno
import gc
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from gateway.senders.happy_eyeballs import Address, first_connected, interleaved
from tests.support.clock import now, on_virtual_clock, settle


def four(last: int) -> Address:
    return Address(socket.AF_INET, (f"192.0.2.{last}", 443))


def six(last: int) -> Address:
    return Address(socket.AF_INET6, (f"2001:db8::{last}", 443, 0, 0))


@pytest.mark.parametrize(
    ("given", "tried"),
    [
        ([], []),
        ([four(1)], [four(1)]),
        ([six(1), six(2), four(1), four(2)], [six(1), four(1), six(2), four(2)]),
        ([four(1), four(2), four(3), six(1)], [four(1), six(1), four(2), four(3)]),
    ],
)
def test_families_take_turns(given: list[Address], tried: list[Address]) -> None:
    """Beginning with the one that the system prefers; nothing is left out."""
    assert interleaved(given) == tried


@contextmanager
def listening() -> Iterator[Address]:
    """Takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Address(socket.AF_INET, server.getsockname())


@contextmanager
def refusing() -> Iterator[Address]:
    """A port that is taken, and that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield Address(socket.AF_INET, bound.getsockname())


@contextmanager
def swallowing() -> Iterator[Address]:
    """Leaves every connection unanswered: its backlog is full."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        filling = stack.enter_context(socket.socket())
        filling.connect(server.getsockname())
        yield Address(socket.AF_INET, server.getsockname())


async def peer_of(*addresses: Address) -> Address:
    connected = await first_connected(addresses)
    assert isinstance(connected, socket.socket)
    with connected:
        return Address(connected.family, connected.getpeername())


async def test_an_address_that_refuses_is_passed_over() -> None:
    """At once: an answer is an answer."""
    with refusing() as first, refusing() as second, listening() as third:
        assert await peer_of(first, second, third) == third
        assert await peer_of(third, first) == third


@on_virtual_clock
async def test_an_address_that_does_not_answer_is_not_waited_for() -> None:
    """A quarter of a second each, while it goes on being tried."""
    with swallowing() as first, swallowing() as second, listening() as third:
        assert await peer_of(first, second, third) == third
    assert now() == 0.5
    await settle()
    assert len(asyncio.all_tasks()) == 1


async def test_without_any_connection_there_is_an_error_of_each() -> None:
    """Of one address as of several."""
    with refusing() as first, refusing() as second:
        for addresses in ([first], [first, second]):
            errors = await first_connected(addresses)
            assert not isinstance(errors, socket.socket)
            assert [error.errno for error in errors] == [errno.ECONNREFUSED] * len(addresses)


async def test_a_family_that_the_machine_does_not_have_is_an_error_of_its_address() -> None:
    """As a container without IPv6 has it."""
    with listening() as second:
        assert await peer_of(Address(socket.AF_INET6, ("2001:db8::1", 443, 0, 0)), second) == second


@pytest.mark.parametrize("turns", range(16))
async def test_it_may_be_cancelled_at_any_turn(turns: int) -> None:
    """No socket and no task is left over; a forgotten one would warn, and a warning is an error."""
    with swallowing() as first, refusing() as second, listening() as third:
        connecting = asyncio.ensure_future(first_connected((second, third, first)))
        for _ in range(turns):
            await asyncio.sleep(0)
        connecting.cancel()
        await asyncio.wait({connecting})
        if not connecting.cancelled():
            connected = connecting.result()
            assert isinstance(connected, socket.socket)
            connected.close()
    await settle()
    gc.collect()
    assert asyncio.all_tasks() == {asyncio.current_task()}
