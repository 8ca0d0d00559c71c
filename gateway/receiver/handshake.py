"""A connection from its first moment to the end of its TLS handshake.

Left to itself asyncio tells of a connection only once its handshake is over; who says nothing in it would be
counted, and bounded, by nobody.
"""

import asyncio
import logging
import os
import socket
import ssl
from typing import cast

from gateway.receiver.peers import peer_of
from gateway.receiver.protocol import HttpConnection
from gateway.receiver.service import Service

logger = logging.getLogger(__name__)

TLS_SHUTDOWN_SECONDS = 2.0
"""How long a client may take to say that it has seen the end."""


class Handshake(asyncio.Protocol):
    """One of the receiver's connections, in whose place an HTTP connection steps when TLS stands.

    Its transport is the one in the clear, and ends at once: TLS has the socket to itself. (To start TLS on a
    transport would not do: uvloop reads before that can pause it.)
    """

    def __init__(self, service: Service, context: ssl.SSLContext) -> None:
        self._service = service
        self._context = context
        self._peer: str | None = None
        self._is_under_way = False
        self._is_outdated = False
        self._task: asyncio.Task[None] | None = None

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the receiver's connections, and begin; beyond twice a limit be gone."""
        self._peer = peer_of(transport.get_extra_info("peername"))
        self._is_under_way = True
        if self._service.join(self, self._peer) > 1 or (accepted := _copied(transport)) is None:
            self.make_place()
        else:
            self._task = asyncio.get_running_loop().create_task(self._shake_hands(accepted))
        cast("asyncio.Transport", transport).abort()

    def make_place(self) -> bool:
        """Be no connection any more; returns whether the one in this one's place is of a former context."""
        if self._is_under_way:
            self._is_under_way = False
            self._service.leave(self, self._peer)
        return self._is_outdated

    # the receiver's side

    @property
    def has_open_request(self) -> bool:
        """There is none before HTTP."""
        return False

    def write_known(self) -> None:
        """There is nothing to write."""

    def check_time(self, now: float) -> None:
        """The handshake has a time-out of its own."""

    def close_idle(self) -> None:
        """End the connection: it has asked for nothing."""
        self.abort()

    def abort(self) -> None:
        """End the connection, once its task has begun: one that has not would leave its socket open."""
        if self._task is not None:
            asyncio.get_running_loop().call_soon(self._task.cancel)

    def judge(self) -> None:
        """The HTTP connection is judged when it is made."""

    def renew(self) -> None:
        """Let the HTTP connection end with its first answer."""
        self._is_outdated = True

    # within

    async def _shake_hands(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)  # noqa: FBT003 - the standard library's signature
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: _SecureConnection(self._service, self),
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=self._service.limits.handshake_timeout_seconds,
                ssl_shutdown_timeout=TLS_SHUTDOWN_SECONDS,
            )
        except OSError as error:  # the client's fault: its bytes, its certificate, its silence
            self._service.statistics.tls_handshake_failures += 1
            reason = getattr(error, "reason", None) or str(error) or type(error).__name__
            logger.debug("a TLS handshake has failed", extra={"peer": self._peer, "reason": reason})
        finally:
            self.make_place()


def _copied(transport: asyncio.BaseTransport) -> socket.socket | None:
    """Its socket, which stays open when the transport ends; None where no descriptor is left."""
    try:
        return socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
    except OSError as error:
        logger.warning("a connection could not be taken: %s", error)
        return None


class _SecureConnection(HttpConnection):
    """An HTTP connection that takes the place of its handshake."""

    def __init__(self, service: Service, handshake: Handshake) -> None:
        super().__init__(service)
        self._handshake = handshake

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the receiver's connections."""
        is_outdated = self._handshake.make_place()
        super().connection_made(transport)
        if is_outdated:
            self.renew()
