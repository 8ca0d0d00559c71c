"""The receiver: its listening sockets, its open connections, and how they come to an end."""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from gateway.admission import Intake
from gateway.receiver.access import OPEN, Access
from gateway.receiver.handshake import Handshake
from gateway.receiver.limits import ReceiverLimits
from gateway.receiver.protocol import HttpConnection
from gateway.receiver.service import Service
from gateway.receiver.unix import UnixSockets
from gateway.snapshots import ReceiverStatistics

BACKLOG = 1024
"""Connections the kernel keeps for us until they are accepted."""
SWEEP_SECONDS = 1.0
"""The longest between two looks at the clock: the `Date` of the answers has that resolution."""


class ListenTcp(Struct, frozen=True):
    """A TCP address, IPv4 or IPv6; port 0 lets the kernel choose."""

    host: str
    port: int
    is_shared: bool = False
    """Whether other processes of ours listen there as well (SO_REUSEPORT of socket(7))."""


class ListenUnix(Struct, frozen=True):
    """A Unix socket's path, and who may connect."""

    path: str
    mode: int = 0o660
    descriptor: int | None = None
    """Of the socket, where another process has bound it, and will remove it."""


Listen = ListenTcp | ListenUnix


class Receiver:
    """Takes events over HTTP on every listener and hands them to the intake.

    `drain` and `aclose` may be called twice, and without a start.
    """

    def __init__(
        self,
        intake: Intake,
        limits: ReceiverLimits,
        listeners: Sequence[Listen],
        access: Access = OPEN,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._intake = intake
        self._limits = limits
        self._listeners = tuple(listeners)
        self._access = access
        self._tls = tls
        """For every TCP listener."""
        self._service: Service | None = None
        self._servers: list[asyncio.Server] = []
        self._unix = UnixSockets()
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._connection_ended = asyncio.Event()

    async def start(self) -> Sequence[Listen]:
        """`bind`, then `serve`; returns the addresses bound."""
        addresses = await self.bind()
        await self.serve()
        return addresses

    async def bind(self) -> Sequence[Listen]:
        """Take the addresses; returns them, ports filled in. Raises OSError, and then none is taken."""
        loop = asyncio.get_running_loop()
        service = Service(
            self._intake, self._limits, clock=loop.time, wall_clock=time.time, access=self._access
        )
        service.on_connection_ended = self._connection_ended.set
        self._service = service
        try:
            for listener in self._listeners:
                self._servers.append(await self._listen(listener, service))
        except OSError:
            self._stop_listening()
            raise
        return [_address(bound) for server in self._servers for bound in server.sockets]

    async def serve(self) -> None:
        """Listen on the addresses that are bound."""
        for server in self._servers:
            await server.start_serving()
        self._sweep()

    def retune(self, limits: ReceiverLimits, access: Access, tls: ssl.SSLContext | None) -> None:
        """Go by these from now on, in the middle of serving; only listeners stay what they are.

        Every request is judged by the new access, also on connections that are open; a connection that is
        not by TLS as it is now, or whose certificate another CA was to sign, ends with its next answer.
        The context is that of new connections only: changing one in use would not do, as it forgets no CA,
        and resumes the sessions of clients that it has let in.
        """
        assert self._service is not None, "retuned only while serving"
        former, self._tls = self._tls, tls
        self._limits, self._access = limits, access
        self._service.retune(limits, access)
        if not _lets_in_the_same(former, tls):
            self._service.renew()

    def statistics(self) -> ReceiverStatistics:
        """The counts so far; the object is the receiver's own, to be read and not kept."""
        if self._service is None:
            return ReceiverStatistics()
        statistics = self._service.statistics
        statistics.connections = len(self._service.connections)
        return statistics

    async def drain(self) -> None:
        """Stop listening and let open requests finish; every answer from now on is its connection's last.

        Idle connections stay until `aclose`, so that a request that comes on one gets the intake's 503
        and not a reset. Returns when no request is open: one that waits for its delivery is, until it is
        told or its time is out.
        """
        self._stop_listening()
        if (service := self._service) is None:
            return
        service.is_draining = True
        while any(connection.has_open_request for connection in service.connections):
            await self._next_end()

    async def aclose(self, deadline: float) -> None:
        """End every connection: idle ones now, the others when answered or at `deadline` (loop time)."""
        self._stop_listening()
        if (service := self._service) is None:
            return
        service.is_draining = True
        for connection in tuple(service.connections):
            connection.close_idle()
        try:
            async with asyncio.timeout_at(deadline):
                while service.connections:
                    await self._next_end()
        except TimeoutError:
            await self._abort(service)
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
            self._sweep_timer = None

    async def _abort(self, service: Service) -> None:
        for connection in tuple(service.connections):
            connection.abort()
        while service.connections:
            await self._next_end()

    async def _next_end(self) -> None:
        self._connection_ended.clear()
        await self._connection_ended.wait()

    async def _listen(self, listener: Listen, service: Service) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        if isinstance(listener, ListenTcp):  # asyncio and uvloop both set TCP_NODELAY on what they accept
            return await loop.create_server(
                lambda: self._arrival(service),
                listener.host,
                listener.port,
                backlog=BACKLOG,
                start_serving=False,
                reuse_port=listener.is_shared or None,
            )
        if listener.descriptor is not None:
            bound = socket.socket(fileno=os.dup(listener.descriptor))
        else:
            bound = self._unix.bind(Path(listener.path), listener.mode)
        return await loop.create_unix_server(
            lambda: HttpConnection(service), sock=bound, backlog=BACKLOG, start_serving=False
        )

    def _arrival(self, service: Service) -> asyncio.Protocol:
        """The protocol of a connection that has come by TCP."""
        return HttpConnection(service) if self._tls is None else Handshake(service, self._tls)

    def _stop_listening(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()
        self._unix.remove()

    def _sweep(self) -> None:
        assert self._service is not None, "swept only once started"
        self._service.sweep()
        limits = self._limits
        shortest = min(limits.idle_timeout_seconds, limits.request_timeout_seconds, limits.linger_seconds)
        self._sweep_timer = asyncio.get_running_loop().call_later(
            min(SWEEP_SECONDS, shortest / 2), self._sweep
        )


def _lets_in_the_same(former: ssl.SSLContext | None, new: ssl.SSLContext | None) -> bool:
    """Whether who has come by the former context, or in the clear, would come by the new one too."""
    if former is None or new is None:
        return former is new
    return _authorities(former) == _authorities(new) is not None


def _authorities(context: ssl.SSLContext) -> frozenset[bytes] | None:
    """Whose certificates it takes; None if that cannot be told: a CA that does not call itself one."""
    stored = context.cert_store_stats()
    if stored["x509"] != stored["x509_ca"]:
        return None
    return frozenset(context.get_ca_certs(binary_form=True))


def _address(bound: socket.socket) -> Listen:
    if bound.family == socket.AF_UNIX:
        return ListenUnix(os.fsdecode(bound.getsockname()))
    host, port = bound.getsockname()[:2]
    return ListenTcp(host, port)
