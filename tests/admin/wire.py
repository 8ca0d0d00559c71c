"""Bytes to an administration interface, and what comes back."""

import asyncio
from http.client import HTTPResponse
from io import BytesIO
from socket import socket
from typing import cast
from urllib.parse import urlsplit

from gateway.admin.server import Admin
from gateway.bearer import NO_TOKENS, BearerTokens
from gateway.config import ListenAddress
from gateway.secret import Secret
from tests.admin.operations import FakeOperations

TOKENS = BearerTokens([Secret("mF_9.B5f-4.1JqM")])  # RFC 6750's own example


async def answered(
    sent: str,
    operations: FakeOperations | None = None,
    tokens: BearerTokens = NO_TOKENS,
    *,
    listen: str = "127.0.0.1:0",
) -> HTTPResponse:
    """The first answer to those bytes; the connection ends with it."""
    admin = Admin(operations or FakeOperations(), ListenAddress(listen), tokens)
    bound = await admin.start()
    reader, writer = await _connected(bound)
    try:
        writer.write(sent.encode())
        async with asyncio.timeout(10):
            received = BytesIO(await reader.read())
    finally:
        writer.transport.abort()
        await admin.aclose()
    made = cast("socket", type("Received", (), {"makefile": lambda *_: received})())
    answer = HTTPResponse(made, method=sent.partition(" ")[0])
    answer.begin()
    return answer


async def _connected(bound: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if bound.startswith("unix:"):
        return await asyncio.open_unix_connection(bound.removeprefix("unix:"))
    address = urlsplit(bound)
    host = "127.0.0.1" if address.hostname == "0.0.0.0" else address.hostname  # noqa: S104 - compared, not bound
    return await asyncio.open_connection(host, address.port)


def request(line: str, *fields: str, host: str | None = "localhost") -> str:
    """A head, after which the connection ends; without `Host` it is one of HTTP/1.0."""
    begin = [f"{line} HTTP/1.0"] if host is None else [f"{line} HTTP/1.1", f"Host: {host}"]
    return "\r\n".join([*begin, *fields, "Connection: close", "", ""])
