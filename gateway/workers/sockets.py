"""The addresses that all workers listen on, taken once for all of them and kept while the gateway lives.

Over TCP every worker has a socket of its own with SO_REUSEPORT, and the kernel shares the connections out
(socket(7)); the one here only reserves the port. A Unix socket is one, and all accept on it.
"""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.config import ListenAddress
from gateway.receiver.server import BACKLOG
from gateway.receiver.unix import UnixSockets


class Sockets:
    """`bind` takes the addresses; `close`, safe twice and without it, gives them back."""

    def __init__(self, listen: Sequence[ListenAddress], unix_socket_mode: int) -> None:
        self._listen = tuple(listen)
        self._mode = unix_socket_mode
        self._open: list[socket.socket] = []
        self._unix = UnixSockets()
        self.addresses: list[ListenAddress] = []
        """Those bound: names looked up, ports filled in."""
        self.descriptors: dict[str, int] = {}
        """Of the Unix sockets, by path."""

    async def bind(self) -> None:
        """Take every address. Raises OSError, and then none is taken."""
        try:
            for address in self._listen:
                if address.path is not None:
                    self._bind_unix(address, address.path)
                else:
                    await self._bind_tcp(address)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Let others have the addresses."""
        for each in self._open:
            each.close()
        self._open.clear()
        self._unix.remove()

    def _bind_unix(self, address: ListenAddress, path: str) -> None:
        bound = self._unix.bind(Path(path), self._mode)
        self._open.append(bound)
        bound.listen(BACKLOG)
        self.descriptors[path] = bound.fileno()
        self.addresses.append(address)

    async def _bind_tcp(self, address: ListenAddress) -> None:
        """Every address that the name stands for, as one process would."""
        found = await asyncio.get_running_loop().getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, _, _, _, place in dict.fromkeys(found):
            if address.port:
                # With SO_REUSEPORT a second gateway of the same user would be let in, and share our events.
                _bound_tcp(family, place, is_shared=False).close()
            bound = _bound_tcp(family, place, is_shared=True)
            self._open.append(bound)
            host, port = bound.getsockname()[:2]
            self.addresses.append(ListenAddress(f"[{host}]:{port}" if ":" in host else f"{host}:{port}"))


def _bound_tcp(family: int, place: tuple[Any, ...], *, is_shared: bool) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(place)
    except OSError:
        bound.close()
        raise
    return bound
