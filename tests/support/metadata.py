"""Local stand-ins for the services that hand out credentials: on an instance, in a pod, STS, a URI.

They answer by path, count, and remember what they were asked. Knows no vendor.
"""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from aiohttp import web
from msgspec import Struct, field


class Reply(Struct, frozen=True):
    """One answer."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    is_late: bool = False
    """It never comes."""


class Asked(Struct, frozen=True):
    """One request as it came; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class MetadataService:
    """Serves `replies`, by "METHOD /path"; everything else is 404. A list is used up, but for its last."""

    def __init__(self, replies: Mapping[str, Reply | list[Reply]] | None = None) -> None:
        self.replies: dict[str, Reply | list[Reply]] = dict(replies or {})
        self.asked: list[Asked] = []
        self.url = ""
        self.connections = 0
        self._peers: set[object] = set()
        self._closed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        await self._runner.cleanup()

    def lines(self) -> list[str]:
        """What was asked, as "METHOD /path"."""
        return [f"{asked.method} {asked.path}" for asked in self.asked]

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self._note_connection(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        self.asked.append(Asked(request.method, request.path, dict(request.query), headers, body))
        reply = self._reply(f"{request.method} {request.path}")
        if reply.is_late:
            await self._closed.wait()
        return web.Response(body=reply.body, status=reply.status, headers=reply.headers)

    def _note_connection(self, request: web.BaseRequest) -> None:
        peer = None if request.transport is None else request.transport.get_extra_info("peername")
        if peer not in self._peers:
            self._peers.add(peer)
            self.connections += 1

    def _reply(self, line: str) -> Reply:
        replies = self.replies.get(line, Reply(status=404))
        if isinstance(replies, Reply):
            return replies
        return replies.pop(0) if len(replies) > 1 else replies[0]
