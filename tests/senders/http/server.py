"""A server whose every connection is played by a function: what it reads, writes and when it ends."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from yarl import URL

from gateway.senders.answer import Answer
from gateway.senders.http import HttpClient

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

SOON = 5.0
"""Seconds that no test needs: a bound, so that a fault fails and does not hang."""
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Server:
    """What has become of the connections."""

    def __init__(self) -> None:
        self.url = URL()
        self.accepted = 0
        self.ended = 0
        self._has_ended = asyncio.Event()

    async def until_ended(self, count: int) -> None:
        """Wait until so many connections are over."""
        async with asyncio.timeout(SOON):
            while self.ended < count:
                self._has_ended.clear()
                await self._has_ended.wait()
        for _ in range(20):  # loopback delivers at once: within a few turns the client has heard of it, too
            await asyncio.sleep(0)

    @property
    def open(self) -> int:
        """Connections that there are now."""
        return self.accepted - self.ended

    def end(self) -> None:
        """A connection is over."""
        self.ended += 1
        self._has_ended.set()


@asynccontextmanager
async def serving(
    play: Play, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Server]:
    """The server, and at the end every connection of it closed."""
    server, tasks = Server(), set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        server.accepted += 1
        try:
            with suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await play(reader, writer)
        finally:
            writer.transport.abort()
            server.end()
            tasks.discard(task)

    listening = await asyncio.start_server(serve, host, 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    server.url = URL.build(scheme="https" if tls else "http", host=host, port=port)
    try:
        yield server
    finally:
        listening.close()
        for task in list(tasks):
            task.cancel()
        await listening.wait_closed()
        if tasks:
            await asyncio.wait(tasks)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """The body of one request."""
    head = await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(int(head.rpartition(b"Content-Length: ")[2]))


def answering(*answers: bytes, then_ends: bool = False) -> Play:
    """Answers requests with these, and all after them with the last one."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = list(answers)
        while True:
            await read_request(reader)
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()
            if then_ends and len(left) == 1:
                return

    return play


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers each request with its own body."""
    while True:
        body = await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001 - a play
    """Reads, and never answers."""
    while await reader.read(1 << 16):
        pass


@asynccontextmanager
async def client_of(
    tls: ssl.SSLContext | None = None, *, max_connections: int = 64
) -> AsyncIterator[HttpClient]:
    """A client, closed at the end."""
    client = HttpClient("gateway/test", tls=tls, max_connections=max_connections)
    try:
        yield client
    finally:
        async with asyncio.timeout(SOON):
            await client.aclose()


async def post(client: HttpClient, url: URL, body: bytes = b"{}") -> Answer:
    """One request, within bounds."""
    async with asyncio.timeout(SOON):
        return await client.post(url, {}, body)
