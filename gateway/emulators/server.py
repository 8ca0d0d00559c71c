"""The HTTP server around an emulated bus: reads, waits, writes and resets; decides nothing itself."""

import asyncio
import socket
import struct
from typing import Generic, Self

from aiohttp import web

from gateway.emulators.bus import Answer, Bus, Request, Reset
from gateway.emulators.control import MAX_BODY_BYTES, PREFIX, Control, statistics
from gateway.emulators.faults import Faults
from gateway.emulators.received import Dropped, EventT, ReceivedRequest, Statistics

_GRACE_SECONDS = 0.05
"""Given to requests in progress when the server closes; a stalled one is cut off then."""
_MAX_LINE_BYTES = 32 << 10
"""Of a header field: Huawei Cloud's documents let X-Auth-Token have 16 KiB, twice what aiohttp takes."""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: closing sends a TCP reset instead of an orderly end."""


class Emulator(Generic[EventT]):
    """One emulated bus and the port it listens on: `async with` it, or `start` and `aclose`."""

    def __init__(self, bus: Bus[EventT]) -> None:
        self._bus = bus
        self._control = Control(bus)
        self._http: web.Server | None = None
        self._listener: asyncio.Server | None = None
        self._url: str | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, on a free port if `port` is 0, and return the base URL. Raises OSError if it cannot."""
        if self._listener is not None:
            raise RuntimeError("the emulator has been started already")
        # A body is handed on as it was sent: it is what the signature covers.
        self._http = web.Server(
            self._serve,
            access_log=None,
            auto_decompress=False,
            handler_cancellation=True,
            max_line_size=_MAX_LINE_BYTES,
            max_field_size=_MAX_LINE_BYTES,
        )
        self._listener = await asyncio.get_running_loop().create_server(self._http, host, port)
        bound_port = self._listener.sockets[0].getsockname()[1]
        self._url = f"http://[{host}]:{bound_port}" if ":" in host else f"http://{host}:{bound_port}"
        return self._url

    async def aclose(self) -> None:
        """Stop listening and cut every connection. Safe twice, and without a start."""
        listener, self._listener = self._listener, None
        http, self._http = self._http, None
        if listener is None or http is None:
            return
        listener.close()
        await http.shutdown(_GRACE_SECONDS)
        await listener.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        if self._url is None:
            raise RuntimeError("the emulator has not been started")
        return self._url

    @property
    def faults(self) -> Faults:
        """The faults in force; setting them starts their script anew."""
        return self._bus.injector.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._bus.injector.faults = faults

    @property
    def received(self) -> list[EventT]:
        """The delivered events that are remembered, newest last."""
        return list(self._bus.record.events)

    @property
    def dropped(self) -> list[Dropped[EventT]]:
        """Events answered as taken that went nowhere, newest last."""
        return list(self._bus.record.dropped)

    @property
    def requests(self) -> list[ReceivedRequest]:
        """The requests that are remembered, newest last; the control interface's are not among them."""
        return list(self._bus.record.requests)

    def statistics(self) -> Statistics:
        """A snapshot of the counts since the start."""
        return statistics(self._bus)

    async def until_received(self, events: int) -> None:
        """Wait until that many events were delivered since the start; the caller bounds the time."""
        await self._bus.record.until_received(events)

    def clear(self) -> None:
        """Forget events and requests; the counts stay."""
        self._bus.record.clear()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = await self._answer(request)
        if answer.delay_seconds > 0:
            await asyncio.sleep(answer.delay_seconds)
        if isinstance(answer, Reset):
            return _reset(request)
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    async def _answer(self, request: web.BaseRequest) -> Answer | Reset:
        is_control = request.raw_path.startswith(PREFIX)
        if not is_control and self._bus.injector.is_down():
            return self._bus.refuse_connection()
        body = await _read(request, MAX_BODY_BYTES if is_control else self._bus.max_body_bytes)
        if body is None:
            return self._bus.refuse_body()
        path, _, query = request.raw_path.partition("?")
        now = asyncio.get_running_loop().time()
        read = Request(request.method, path, query, request.headers, body, now)
        return self._control.answer(read) if is_control else self._bus.answer(read)


async def _read(request: web.BaseRequest, max_bytes: int) -> bytes | None:
    """The whole body, or None as soon as it is known to be longer than `max_bytes`."""
    if (request.content_length or 0) > max_bytes:
        return None
    chunks, size = [], 0
    while chunk := await request.content.readany():
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            return None
    return b"".join(chunks)


def _reset(request: web.BaseRequest) -> web.StreamResponse:
    """Reset the connection; what is returned goes nowhere, the HTTP server only asks for something."""
    transport = request.transport
    if transport is not None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
    return web.Response()
