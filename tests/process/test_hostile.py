"""Clients that mean harm to a whole gateway: each is refused at once, and costs it no memory."""

import asyncio
import gzip
import socket
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.http import BATCHED, EVENT, STRUCTURED, Answer, answers, delivery, request
from tests.support.process import GatewayProcess

GIB = 1 << 30
MIB = 1 << 20
PIECE = bytes(MIB)
SOON = 20.0
GROWTH_BYTES = 48 * MIB
"""Twelve times the largest body that is read: for a batch of a million objects, until they are counted; what
is refused by its head or while it comes takes a tenth of that."""


@asynccontextmanager
async def gateway(directory: Path, **receiver: object) -> AsyncIterator[GatewayProcess]:
    """One that writes its events nowhere, and has served a request."""
    destinations = {"nowhere": {"type": "file", "path": "/dev/null"}}
    document = {"receiver": receiver, "destinations": destinations}
    async with GatewayProcess(directory, document) as process:
        answer, _ = await attack(process, iter([delivery()]))
        assert answer.status == 202
        yield process


async def attack(process: GatewayProcess, pieces: Iterator[bytes]) -> tuple[Answer, int]:
    """Send until an answer comes; the answer, and how many bytes had been sent then."""
    url = urlsplit(process.url)
    async with asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        answered = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
        sent = 0
        for piece in pieces:
            if answered.done():
                break
            writer.write(piece)
            sent += len(piece)
            await writer.drain()
            await asyncio.sleep(0)
        head = await answered
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        [answer] = answers(head + await reader.readexactly(length))
        writer.transport.abort()
    return answer, sent


@cache
def bomb() -> bytes:
    """A GiB of zeros as gzip: a MiB, which is less than the limit of what comes."""
    coder = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    return b"".join([*(coder.compress(PIECE) for _ in range(GIB // MIB)), coder.flush()])


def endless(head: bytes, piece: bytes) -> Iterator[bytes]:
    """`head`, and a GiB of `piece`."""
    yield head
    for _ in range(GIB // len(piece)):
        yield piece


def by_length() -> Iterator[bytes]:
    """A GiB, as it says: none of that is sent before the answer."""
    yield request(STRUCTURED, b"Content-Length: %d" % GIB)


def by_chunks() -> Iterator[bytes]:
    """A GiB, and it does not."""
    return endless(request(STRUCTURED, b"Transfer-Encoding: chunked"), b"%x\r\n%b\r\n" % (MIB, PIECE))


ATTACKS = {
    "a gzip bomb of a GiB": (lambda: iter([delivery(b"Content-Encoding: gzip", body=bomb())]), 413),
    "a gzip bomb in 16 members": (
        lambda: iter([delivery(b"Content-Encoding: gzip", body=gzip.compress(bytes(8 * MIB)) * 16)]),
        413,
    ),
    "100,000 arrays in one another": (lambda: iter([delivery(body=b"[" * 100_000)]), 400),
    "100,000 arrays in the data": (
        lambda: iter([delivery(body=EVENT.replace(b'{"n":1}', b"[" * 100_000 + b"]" * 100_000))]),
        400,
    ),
    "10,000 header lines": (lambda: iter([delivery(*[b"X: y"] * 10_000)]), 431),
    "a header line of 10 MiB": (lambda: endless(b"POST / HTTP/1.1\r\nX: ", b"x" * MIB), 431),
    "a target of 10 MiB": (lambda: endless(b"POST /", b"x" * MIB), 414),
    "a body of a GiB by its length": (by_length, 413),
    "a body of a GiB in chunks": (by_chunks, 413),
    "a chunk extension of a GiB": (
        lambda: endless(request(STRUCTURED, b"Transfer-Encoding: chunked") + b"1;", b"x" * MIB),
        431,
    ),
    "a batch of two million numbers": (
        lambda: iter([request(BATCHED, body=b"[" + b"1," * (2 * MIB - 2) + b"1]")]),
        400,
    ),
    "a batch of a million empty objects": (
        lambda: iter([request(BATCHED, body=b"[" + b"{}," * MIB + b"{}]")]),
        413,
    ),
    "an event of 350,000 attributes": (
        lambda: iter([delivery(body=EVENT[:-1] + b"".join(b',"%06d":1' % n for n in range(350_000)) + b"}")]),
        413,
    ),
}


@pytest.mark.parametrize(("make", "status"), ATTACKS.values(), ids=list(ATTACKS))
async def test_an_attack_is_refused_at_once_and_memory_stays_flat(
    make: Callable[[], Iterator[bytes]], status: int, tmp_path: Path
) -> None:
    """Five times over; a good request is served after them, and the peak of memory stays where it was."""
    async with gateway(tmp_path) as process:
        before = peak_bytes(process)
        for _ in range(5):
            answer, sent = await attack(process, make())
            assert answer.status == status
            assert sent <= 24 * MIB, "no more than what the sockets hold beside a body"
        assert peak_bytes(process) - before <= GROWTH_BYTES
        assert (await attack(process, iter([delivery()])))[0].status == 202


def peak_bytes(process: GatewayProcess) -> int:
    """The most memory that it ever had in use (VmHWM of Linux)."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) << 10


async def test_clients_that_declare_much_and_send_little_take_room_from_nobody(tmp_path: Path) -> None:
    """A hundred bodies of 4 MiB, six times what may be read at once: others are served, these told 408."""
    async with gateway(tmp_path, request_timeout="1s", max_connections=200) as process:
        url = urlsplit(process.url)
        slow = [await asyncio.open_connection(url.hostname, url.port) for _ in range(100)]
        for _, writer in slow:
            writer.write(request(STRUCTURED, b"Content-Length: %d" % (4 * MIB)) + b"{")
        statuses = [(await attack(process, iter([delivery()])))[0].status for _ in range(100)]
        async with asyncio.timeout(SOON):
            told = [await reader.read() for reader, _ in slow]
        for _, writer in slow:
            writer.close()
    assert set(statuses) == {202}
    assert {heard[:13] for heard in told} == {b"HTTP/1.1 408 "}


async def test_a_client_that_reads_no_answers_is_cut_and_its_answers_are_bounded(tmp_path: Path) -> None:
    """It posts on and on until nobody reads that either; then its time is up."""
    async with gateway(tmp_path, request_timeout="1s") as process:
        before = peak_bytes(process)
        url = urlsplit(process.url)
        address = (url.hostname, url.port)
        with socket.create_connection(address, timeout=SOON) as client, pytest.raises(ConnectionError):
            await asyncio.to_thread(post_for_ever, client)
        assert peak_bytes(process) - before <= 8 * MIB
        assert (await attack(process, iter([delivery()])))[0].status == 202


def post_for_ever(client: socket.socket) -> None:
    """Raises ConnectionError when the other end is gone."""
    while True:
        client.sendall(delivery(body=b"{") * 1000)
