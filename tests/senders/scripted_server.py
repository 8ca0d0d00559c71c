"""An HTTP server that answers what it is told, sense or nonsense, and keeps what it was sent."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from msgspec import Struct


class Received(Struct, frozen=True):
    """One request as it came; header names in lower case."""

    request_line: str
    headers: Mapping[str, str]
    body: bytes


class HangUp(Struct, frozen=True):
    """These bytes, and then the end of the connection."""

    after: bytes = b""


Answer = bytes | HangUp
Script = Answer | Callable[[Received], Answer]


def http_answer(body: bytes = b"", status: int = 200, **headers: str) -> bytes:
    """An answer's bytes; underscores in header names stand for hyphens."""
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class ScriptedServer:
    """Answers the first requests by `script`, and all others by its last item."""

    def __init__(self, *script: Script, reads_requests: bool = True) -> None:
        self.script: Sequence[Script] = script
        self._reads_requests = reads_requests
        self.received: list[Received] = []
        self.connections = 0
        self.url = ""
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while not isinstance(answer := self._answer(await self._read(reader)), HangUp):
                writer.write(answer)
                await writer.drain()
            writer.write(answer.after)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Received:
        if not self._reads_requests:
            return Received("", {}, await reader.readexactly(1))
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        request_line, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Received(request_line, headers, body)

    def _answer(self, request: Received) -> Answer:
        step = self.script[min(len(self.received), len(self.script) - 1)]
        self.received.append(request)
        return step(request) if callable(step) else step
