"""How many connections each peer has, so that none takes them all."""

from collections import Counter
from ipaddress import IPv6Address, ip_address, ip_network

_IPV6_PREFIX = 64
"""What one customer of a provider has at least (RFC 6177): addresses in it cost nothing."""


def peer_of(address: object) -> str | None:
    """Who is at that end, as asyncio has `peername`; None for loopback and Unix sockets.

    There is the application that the gateway stands beside: one peer, and its right to every connection.
    """
    if not isinstance(address, tuple):
        return None
    host = ip_address(address[0])
    if isinstance(host, IPv6Address):
        if host.ipv4_mapped is None:
            return None if host.is_loopback else str(ip_network((host, _IPV6_PREFIX), strict=False))
        host = host.ipv4_mapped
    return None if host.is_loopback else str(host)


class Peers:
    """Counts the connections of each."""

    def __init__(self) -> None:
        self._connections: Counter[str] = Counter()

    def join(self, peer: str | None) -> int:
        """Count one more; how many it had before."""
        if peer is None:
            return 0
        self._connections[peer] += 1
        return self._connections[peer] - 1

    def leave(self, peer: str | None) -> None:
        """Count one less; who has none is forgotten."""
        if peer is None:
            return
        self._connections[peer] -= 1
        if not self._connections[peer]:
            del self._connections[peer]
