"""Opens connections for the senders' HTTP client: names resolved, addresses tried, TLS made; errors are ours.

The same on asyncio's loop and on uvloop, which tries addresses one after the other only.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import cache
from ipaddress import ip_address
from itertools import chain, zip_longest
from typing import Any, TypeVar

from msgspec import Struct

from gateway.errors import UnavailableError
from gateway.senders.http_request import Origin

NEXT_ADDRESS_SECONDS = 0.25
"""How long an address is tried alone: the Connection Attempt Delay of RFC 8305 §5."""

TLS_SHUTDOWN_SECONDS = 1.0
"""How long the other side may take to answer that we end TLS."""

Protocol = TypeVar("Protocol", bound=asyncio.Protocol)


class Address(Struct, frozen=True):
    """One of those that a name has."""

    family: int
    sockaddr: tuple[Any, ...]


@cache
def verified_tls() -> ssl.SSLContext:
    """What connections are secured with unless something else is given: the system's authorities, HTTP/1.1.

    Shared, because reading the authorities takes some 20 ms and their memory counts.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def connect(
    origin: Origin, make_protocol: Callable[[], Protocol], tls: ssl.SSLContext | None = None
) -> Protocol:
    """A protocol of that making, connected. Raises UnavailableError; its message names host and port.

    Cancelling leaves nothing open. `tls` matters to origins of https, and is `verified_tls()` if None.
    """
    connected = await _connected_socket(origin)
    loop = asyncio.get_running_loop()
    if not origin.is_tls:
        _, protocol = await loop.create_connection(make_protocol, sock=connected)
        return protocol
    try:
        _, protocol = await loop.create_connection(
            make_protocol,
            sock=connected,
            ssl=tls or verified_tls(),
            server_hostname=origin.host.rstrip("."),  # of an absolute name a certificate knows no dot
            ssl_shutdown_timeout=TLS_SHUTDOWN_SECONDS,
        )
    except TimeoutError as error:
        raise UnavailableError("timeout", f"{origin}: {error}") from error
    except (
        OSError,
        ValueError,
    ) as error:  # ssl.SSLError is an OSError, a name that TLS cannot take a ValueError
        detail = str(error) or "closed during the TLS handshake"
        raise UnavailableError("tls_failed", f"{origin}: {detail}") from error
    return protocol


async def _connected_socket(origin: Origin) -> socket.socket:
    addresses = interleaved(await _resolve(origin))
    errors: list[OSError] = []
    if len(addresses) == 1:
        try:
            return await _attempt(addresses[0])
        except OSError as error:
            errors.append(error)
    elif (first := await _race(addresses, errors)) is not None:
        return first
    is_timeout = all(isinstance(error, TimeoutError) for error in errors)  # the kernel's: no answer to a SYN
    reasons = dict.fromkeys(error.strerror or str(error) for error in errors)
    raise UnavailableError(
        "timeout" if is_timeout else "connection_failed", f"{origin}: {'; '.join(reasons)}"
    ) from errors[-1]


async def _resolve(origin: Origin) -> Sequence[Address]:
    # Without an address of a family nothing is reached by it, but addresses on loopback are.
    flags = socket.AI_NUMERICHOST if _is_address(origin.host) else socket.AI_ADDRCONFIG
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            origin.host, origin.port, type=socket.SOCK_STREAM, flags=flags
        )
    except (OSError, UnicodeError) as error:  # the latter for a label of more than 63 characters
        reason = error.strerror if isinstance(error, OSError) else "no valid name"
        raise UnavailableError("name_not_resolved", f"{origin}: {reason or error}") from error
    if not found:
        raise UnavailableError("name_not_resolved", f"{origin}: no address")
    return [Address(family, sockaddr) for family, _, _, _, sockaddr in found]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def interleaved(addresses: Sequence[Address]) -> Sequence[Address]:
    """The families by turns, and the addresses of each in their order (RFC 8305 §4)."""
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address.family, []).append(address)
    return [one for one in chain.from_iterable(zip_longest(*families.values())) if one is not None]


async def _race(addresses: Sequence[Address], errors: list[OSError]) -> socket.socket | None:
    """A socket of the address that answers first, each being tried a while before the next (RFC 8305 §5).

    None if none answers; then `errors` has an error of each.
    """
    attempts: set[asyncio.Task[socket.socket]] = set()
    try:
        for position, address in enumerate(addresses, 1):
            attempts.add(asyncio.ensure_future(_attempt(address)))
            has_next = position < len(addresses)
            while attempts:
                done, _ = await asyncio.wait(
                    attempts,
                    timeout=NEXT_ADDRESS_SECONDS if has_next else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if (first := _first_connected(done, attempts, errors)) is not None:
                    return first
                if has_next:
                    break
        return None
    finally:
        for attempt in attempts:  # a cancelled one ends by itself in the loop's next turn
            attempt.add_done_callback(_close_late)
            attempt.cancel()


def _first_connected(
    done: set[asyncio.Task[socket.socket]],
    attempts: set[asyncio.Task[socket.socket]],
    errors: list[OSError],
) -> socket.socket | None:
    """Take what is done out of `attempts`: all that failed, and one that did not."""
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
