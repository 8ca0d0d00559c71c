"""The connections to one origin: those that wait for a request, and how long they may.

The one used last is used first, so that those which are not needed grow old and are closed.
"""

import asyncio
import ssl

from gateway.senders.http_connect import connect
from gateway.senders.http_connection import Connection
from gateway.senders.http_request import Origin

KEEP_ALIVE_SECONDS = 50.0
"""Shorter than the 60 s after which load balancers commonly close an idle connection."""


class Pool:
    """Opens a connection only where none waits. Whoever takes or opens one gives it back."""

    def __init__(self, origin: Origin, tls: ssl.SSLContext | None) -> None:
        self._origin = origin
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._open: set[Connection] = set()
        self._idle: list[Connection] = []
        """In the order in which they became idle."""
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._is_closing = False
        self._is_empty = asyncio.Event()
        """Told while closing only."""

    def take(self) -> Connection | None:
        """The connection that was used last, or None if none waits."""
        while self._idle:
            connection = self._idle.pop()
            # The sweep is late where the loop was, or the machine slept.
            if connection.is_reusable and self._loop.time() < connection.idle_since + KEEP_ALIVE_SECONDS:
                return connection
            connection.close()
        return None

    async def open(self) -> Connection:
        """A new connection. Raises UnavailableError."""
        connection = await connect(self._origin, lambda: Connection(self._forget), self._tls)
        if connection.is_reusable:  # else it is lost already, or will be
            self._open.add(connection)
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keep the connection for the next request, or end it if it cannot carry one."""
        if not connection.is_reusable or self._is_closing:
            connection.close()
            return
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if self._sweep_timer is None:
            self._sweep_when_old(connection)

    async def aclose(self) -> None:
        """Close the connections, those in use as well, and wait until they are."""
        self._is_closing = True
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        for connection in list(self._open):
            connection.close()
        if self._open:
            await self._is_empty.wait()

    # within

    def _sweep_when_old(self, connection: Connection) -> None:
        self._sweep_timer = self._loop.call_at(connection.idle_since + KEEP_ALIVE_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Close what has waited long enough, and come again for the oldest of the others."""
        self._sweep_timer = None
        is_new_since = self._loop.time() - KEEP_ALIVE_SECONDS
        old = [connection for connection in self._idle if connection.idle_since <= is_new_since]
        del self._idle[: len(old)]
        for connection in old:
            connection.close()
        if self._idle:
            self._sweep_when_old(self._idle[0])

    def _forget(self, connection: Connection) -> None:
        """Called when it is lost. Among those that wait it is found out by `take`, or grows old."""
        self._open.discard(connection)
        if self._is_closing and not self._open:
            self._is_empty.set()
