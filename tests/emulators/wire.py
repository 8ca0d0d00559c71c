"""Just these bytes and headers to an emulated bus, and what it answers."""

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
