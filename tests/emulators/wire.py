"""Just these bytes and headers to an emulated bus, and what it answers."""

import asyncio
import io
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct


class RawReply(Struct, frozen=True):
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


async def exchange(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> RawReply:
    """Send just these bytes and headers. Raises aiohttp.ClientError if the connection breaks."""
    async with (
        aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=("Content-Type",)) as session,
        session.request(method, url, data=io.BytesIO(body), headers=headers) as response,
    ):
        return RawReply(response.status, response.headers.copy(), await response.read())


async def exchange_bytes(
    url: str, path: str, headers: Mapping[str, str], body: bytes, *, replaced: tuple[bytes, bytes]
) -> bytes:
    """A POST with some bytes of its head replaced, which no client library would do; the whole answer."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = {"host": f"{host}:{port}", **headers, "content-length": str(len(body)), "connection": "close"}
    head = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items()), "", ""]
    writer.write("\r\n".join(head).encode().replace(*replaced) + body)
    answer = await reader.read()
    writer.close()
    return answer
