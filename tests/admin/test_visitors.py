"""Connections to the administration interface that ask for nothing, or very slowly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp

from gateway.admin.server import Admin
from gateway.admin.visitors import MAX_VISITORS
from gateway.config import ListenAddress
from tests.admin.operations import FakeOperations

SOON = 5.0
"""Seconds that no test needs: a bound, so that a fault fails and does not hang."""
PART = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-"

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def listening(head_seconds: float) -> AsyncIterator[str]:
    """The address of an interface."""
    admin = Admin(FakeOperations(), ListenAddress("127.0.0.1:0"), head_seconds=head_seconds)
    yield await admin.start()
    await admin.aclose()


async def connected(url: str, sent: bytes) -> Stream:
    """A client that has sent that."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(sent)
    return reader, writer


async def rest(stream: Stream) -> bytes:
    """What comes until the interface ends the connection."""
    reader, writer = stream
    try:
        return await asyncio.wait_for(reader.read(), SOON)
    except ConnectionResetError:
        return b""
    finally:
        writer.transport.abort()


async def test_a_head_that_does_not_come_to_its_end_ends_the_connection() -> None:
    """The first, none at all, and one behind an answer; each has a time of its own."""
    async with listening(0.05) as url:
        assert await rest(await connected(url, b"")) == b""
        assert await rest(await connected(url, PART)) == b""
        behind = await connected(url, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await behind[0].readuntil(b"ok\n")).startswith(b"HTTP/1.1 200")
        behind[1].write(PART)
        assert await rest(behind) == b""


async def test_slow_clients_keep_nobody_out() -> None:
    """Beyond the limit the first that is not being answered goes, and who asks is answered."""
    async with listening(10 * SOON) as url, aiohttp.ClientSession(url) as client:
        slow = [await connected(url, PART) for _ in range(MAX_VISITORS + 10)]
        async with client.get("/healthz") as answer:
            assert answer.status == 200
        assert [await rest(stream) for stream in slow[:10]] == [b""] * 10
        for _, writer in slow:
            writer.transport.abort()
