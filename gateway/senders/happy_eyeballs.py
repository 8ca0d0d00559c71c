"""The first of several addresses that answers, tried as Happy Eyeballs (RFC 8305) has it.

The same on asyncio's loop and on uvloop, which tries addresses one after the other only: there one that
swallows packets would take all the time that a request has.
"""

import asyncio
import socket
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

from msgspec import Struct

NEXT_ADDRESS_SECONDS = 0.25
"""How long an address is tried alone: the Connection Attempt Delay of RFC 8305 §5."""


class Address(Struct, frozen=True):
    """One of those that a name has, as the socket module writes it."""

    family: int
    sockaddr: tuple[Any, ...]


def interleaved(addresses: Sequence[Address]) -> Sequence[Address]:
    """The families by turns, and the addresses of each in their order (RFC 8305 §4)."""
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address.family, []).append(address)
    return [one for one in chain.from_iterable(zip_longest(*families.values())) if one is not None]


async def first_connected(addresses: Sequence[Address]) -> socket.socket | Sequence[OSError]:
    """A socket of the address that answers first, or if none does, an error of each in the order they came.

    The next address is tried when all before it have failed, or after NEXT_ADDRESS_SECONDS. There is no
    other limit of time; cancelling leaves nothing open.
    """
    if len(addresses) == 1:
        try:
            return await _attempt(addresses[0])
        except OSError as error:
            return [error]
    attempts: set[asyncio.Task[socket.socket]] = set()
    try:
        return await _race(addresses, attempts)
    finally:
        for attempt in attempts:  # a cancelled one ends by itself in the loop's next turn
            attempt.add_done_callback(_close_late)
            attempt.cancel()


async def _race(
    addresses: Sequence[Address], attempts: set[asyncio.Task[socket.socket]]
) -> socket.socket | Sequence[OSError]:
    """As `first_connected`; leaves in `attempts` those that are no longer needed."""
    errors: list[OSError] = []
    for position, address in enumerate(addresses, 1):
        attempts.add(asyncio.ensure_future(_attempt(address)))
        is_last = position == len(addresses)
        ends_at = None if is_last else asyncio.get_running_loop().time() + NEXT_ADDRESS_SECONDS
        while attempts:
            seconds = None if ends_at is None else ends_at - asyncio.get_running_loop().time()
            done, _ = await asyncio.wait(attempts, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if (connected := _taken_out(done, attempts, errors)) is not None:
                return connected
            if not done:
                break
    return errors


def _taken_out(
    done: set[asyncio.Task[socket.socket]],
    attempts: set[asyncio.Task[socket.socket]],
    errors: list[OSError],
) -> socket.socket | None:
    """Take out of `attempts` what has failed, and one that has not."""
    for attempt in done:
        attempts.discard(attempt)
        try:
            return attempt.result()
        except OSError as error:
            errors.append(error)
    return None


def _close_late(attempt: asyncio.Task[socket.socket]) -> None:
    """Nobody needs it any more."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


async def _attempt(address: Address) -> socket.socket:
    attempted = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        attempted.settimeout(0)
        attempted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(attempted, address.sockaddr)
    except BaseException:
        attempted.close()
        raise
    return attempted
