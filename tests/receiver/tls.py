"""A receiver with TLS on real sockets, and its clients."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.config import TlsConfig
from gateway.config.tls import server_context
from gateway.receiver.access import OPEN, Access
from gateway.receiver.limits import ReceiverLimits
from gateway.receiver.server import Listen, ListenTcp, Receiver
from tests.support.http import Answer, answers, delivery
from tests.support.intake import FakeIntake
from tests.support.limits import limited

LOOPBACK = ListenTcp("127.0.0.1", 0)
SOON = 5.0
"""Seconds that no test needs: a bound, so that a fault fails and does not hang."""
NAME = "spiffe://example/orders"


@asynccontextmanager
async def running(
    tls: TlsConfig,
    *listeners: Listen,
    access: Access = OPEN,
    limits: ReceiverLimits | None = None,
    intake: FakeIntake | None = None,
) -> AsyncIterator[tuple[Receiver, list[Listen]]]:
    """A started receiver and where it listens."""
    receiver = Receiver(
        intake or FakeIntake(), limits or limited(), listeners or (LOOPBACK,), access, server_context(tls)
    )
    try:
        yield receiver, list(await receiver.start())
    finally:
        await receiver.aclose(asyncio.get_running_loop().time())


class Client:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.tls: ssl.SSLObject = writer.get_extra_info("ssl_object")

    async def post(self, *lines: bytes) -> Answer:
        """Deliver an event."""
        self._writer.write(delivery(*lines))
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), SOON)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return answers(head + await self._reader.readexactly(length))[0]

    async def statuses(self, count: int) -> list[int]:
        """Of that many answers, one after the other."""
        return [(await self.post()).status for _ in range(count)]


@asynccontextmanager
async def connected(bound: Listen, context: ssl.SSLContext | None) -> AsyncIterator[Client]:
    """A client of that listener, by TLS or in the clear."""
    assert isinstance(bound, ListenTcp)
    reader, writer = await asyncio.open_connection(
        bound.host, bound.port, ssl=context, server_hostname="localhost" if context else None
    )
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


async def is_let_in(bound: Listen, context: ssl.SSLContext) -> bool:
    """Whether an event can be delivered; in TLS 1.3 a client is told what is wrong with it after its part."""
    try:
        async with connected(bound, context) as client:
            return (await client.post()).status == 202
    except (ssl.SSLError, OSError, asyncio.IncompleteReadError):
        return False


async def server_of(bound: Listen, context: ssl.SSLContext) -> bytes | None:
    """The certificate that a new connection is shown."""
    async with connected(bound, context) as client:
        return client.tls.getpeercert(binary_form=True)


def handshake(
    bound: ListenTcp, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[ssl.SSLSession | None, bool]:
    """A blocking handshake, the only one that the standard library resumes a session with."""
    with (
        socket.create_connection((bound.host, bound.port), timeout=SOON) as plain,
        context.wrap_socket(plain, server_hostname="localhost", session=session) as tls,
    ):
        return tls.session, bool(tls.session_reused)
