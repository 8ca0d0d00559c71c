"""Opens connections for the senders' HTTP client: names resolved, addresses tried, TLS made, errors ours."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import cache
from ipaddress import ip_address
from typing import TypeVar

from gateway.errors import UnavailableError
from gateway.senders.happy_eyeballs import Address, first_connected, interleaved
from gateway.senders.http_request import Origin

TLS_SHUTDOWN_SECONDS = 1.0
"""How long the other side may take to answer that we end TLS."""

Protocol = TypeVar("Protocol", bound=asyncio.Protocol)


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
            server_hostname=origin.certified_name,
            ssl_shutdown_timeout=TLS_SHUTDOWN_SECONDS,
        )
    except TimeoutError as error:
        raise UnavailableError("timeout", f"{origin}: {error}") from error
    except (OSError, ValueError) as error:  # ssl.SSLError is the former; a name not for TLS is the latter
        detail = str(error) or "closed during the TLS handshake"
        raise UnavailableError("tls_failed", f"{origin}: {detail}") from error
    return protocol


async def _connected_socket(origin: Origin) -> socket.socket:
    found = await first_connected(interleaved(await _resolve(origin)))
    if isinstance(found, socket.socket):
        return found
    is_timeout = all(isinstance(error, TimeoutError) for error in found)  # the kernel's: no answer to a SYN
    reasons = dict.fromkeys(os.strerror(error.errno) if error.errno else str(error) for error in found)
    raise UnavailableError(
        "timeout" if is_timeout else "connection_failed", f"{origin}: {'; '.join(reasons)}"
    ) from found[-1]


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
