"""What a POST of a batch costs the sender's side: through our HTTP client, and through aiohttp's.

Prints CPU microseconds a request: for a protocol that writes prepared bytes and waits for any answer (the
floor), for aiohttp's ClientSession set up as the senders had it, and for `HttpClient`. The server is
another process, on another processor if there is one. Rounds take turns, so that what slows the machine for
a while slows all rows. Run as `python -m benchmarks.micro.client [--requests N] [--profile]`.
"""

import argparse
import asyncio
import cProfile
import platform
import pstats
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from typing import Protocol, cast

import aiohttp
import uvloop
from msgspec import Struct
from yarl import URL

from benchmarks.load.processors import Processors, pinned_to
from benchmarks.micro.frame import ENTRIES, bus, sample
from gateway.entry import Entry
from gateway.secret import Secret
from gateway.senders.aws.entry import Detail, EntryFormat
from gateway.senders.http import HttpClient
from gateway.senders.sigv4 import Credentials, Signer

ROUNDS = 7
IN_FLIGHT = (1, 16)

Post = Callable[[], Awaitable[object]]


class Client(Protocol):
    """One way of sending always the same request."""

    def __init__(self, request: "Request") -> None: ...

    async def post(self) -> None:
        """One request."""

    async def aclose(self) -> None:
        """Close all connections."""


class Request(Struct, frozen=True):
    """A signed PutEvents."""

    url: URL
    headers: Mapping[str, str]
    body: bytes


def request_to(url: str) -> Request:
    """A full batch of 440-byte events."""
    entry_format = EntryFormat(event_bus="orders", detail=Detail.EVENT, resources=(), max_event_bytes=262_144)
    body = entry_format.frame([Entry(sample(number), 500, 0.0) for number in range(ENTRIES)])
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": URL(url).host_port_subcomponent or "",
        "x-amz-target": "AWSEvents.PutEvents",
    }
    credentials = Credentials("AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
    signer = Signer(credentials, region="us-east-1", service="events", headers=headers)
    return Request(URL(url), signer.sign(body, 1_772_600_767.0), body)


class Floor(asyncio.Protocol):
    """What no client can go below: a write, and whatever comes is an answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by its type

    def data_received(self, data: bytes) -> None:
        """Hand it over, unread."""
        self.answer.set_result(data)

    async def post(self, request: bytes) -> bytes:
        """Write it and wait."""
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.answer


class FloorClient:
    """Floors, one for each request at once."""

    def __init__(self, request: Request) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        head = f"POST / HTTP/1.1\r\n{lines}Content-Length: {len(request.body)}\r\n\r\n"
        self._request = head.encode() + request.body
        self._url = request.url
        self._idle: list[Floor] = []

    async def post(self) -> None:
        """One request."""
        if self._idle:
            connection = self._idle.pop()
        else:
            loop = asyncio.get_running_loop()
            host, port = self._url.host or "", self._url.port or 0
            _, connection = await loop.create_connection(Floor, host, port)
        await connection.post(self._request)
        self._idle.append(connection)

    async def aclose(self) -> None:
        """Close all."""
        for connection in self._idle:
            connection.transport.close()


class AiohttpClient:
    """A ClientSession as the senders had it."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1024, keepalive_timeout=50.0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "gateway", "Accept-Encoding": "identity"},
            skip_auto_headers=("Accept", "Content-Type"),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
        )

    async def post(self) -> None:
        """One request."""
        request = self._request
        async with self._session.post(
            request.url, headers=request.headers, data=request.body, allow_redirects=False
        ) as answer:
            parts = [part async for part in answer.content.iter_any()]
        assert answer.status == 200
        assert parts

    async def aclose(self) -> None:
        """Close all."""
        await self._session.close()


class OurClient:
    """The senders' client."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._client = HttpClient("gateway")

    async def post(self) -> None:
        """One request."""
        request = self._request
        answer = await self._client.post(request.url, request.headers, request.body)
        assert answer.status == 200
        assert answer.body

    async def aclose(self) -> None:
        """Close all."""
        await self._client.aclose()


CLIENTS: dict[str, type[Client]] = {"floor": FloorClient, "aiohttp": AiohttpClient, "ours": OurClient}


async def cost(post: Post, *, requests: int, in_flight: int) -> float:
    """CPU microseconds a request."""

    async def one_after_another() -> None:
        for _ in range(requests // in_flight):
            await post()

    await asyncio.gather(*(post() for _ in range(in_flight)))  # the connections are opened
    began = time.process_time()
    await asyncio.gather(*(one_after_another() for _ in range(in_flight)))
    return (time.process_time() - began) / requests * 1e6


async def measure(request: Request, requests: int, in_flight: int) -> dict[str, float]:
    """The best of several rounds, for each client."""
    clients = {name: client(request) for name, client in CLIENTS.items()}
    best = dict.fromkeys(clients, float("inf"))
    for _ in range(ROUNDS):
        for name, client in clients.items():
            best[name] = min(best[name], await cost(client.post, requests=requests, in_flight=in_flight))
    for client in clients.values():
        await client.aclose()
    return best


async def profile(request: Request, requests: int) -> None:
    """Print where the time of our client goes."""
    client = OurClient(request)
    with cProfile.Profile() as profiled:
        await cost(client.post, requests=requests, in_flight=1)
    pstats.Stats(profiled).sort_stats("tottime").print_stats(25)
    await client.aclose()


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--requests", type=int, default=2000, help="in each round")
    arguments.add_argument("--profile", action="store_true", help="where the time of our client goes")
    options = arguments.parse_args()
    with ExitStack() as stack:
        processors = Processors.available()
        with pinned_to(processors.load):
            request = request_to(stack.enter_context(bus()))
        stack.enter_context(pinned_to(processors.server))
        if options.profile:
            uvloop.run(profile(request, options.requests))
        else:
            show(request, options.requests)


def show(request: Request, requests: int) -> None:
    """The table."""
    commit = subprocess.run(
        ("git", "rev-parse", "--short", "HEAD"),  # noqa: S607 - whichever git there is
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    print(
        f"commit {commit}, Python {platform.python_version()}, {ROUNDS} rounds of {requests} requests of "
        f"{len(request.body)} bytes"
    )
    for loop, run in {"uvloop": uvloop.run, "asyncio": asyncio.run}.items():
        for in_flight in IN_FLIGHT:
            best = run(measure(request, requests, in_flight))
            for name, microseconds in best.items():
                times = microseconds / best["floor"]
                print(f"{f'{name}, {loop}, {in_flight} in flight':<28}{microseconds:8.2f} µs{times:7.2f} x")


if __name__ == "__main__":
    main()
