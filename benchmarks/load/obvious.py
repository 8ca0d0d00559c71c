"""The gateway one would write in an afternoon: `python -m benchmarks.load.obvious BUS_URL`.

aiohttp.web in front, a bounded queue, sixteen workers that call aiobotocore's `put_events` with up to
ten events, failed entries sent again. Written as well as these libraries let one, to be compared with:
uvloop, no access log, one client for all. It checks the required attributes only and keeps three counts.
"""

import asyncio
import json
import sys
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from aiohttp import web

from benchmarks.load.serve import HOST, announce, run

REQUIRED = ("specversion", "id", "source", "type")
MAX_HELD_EVENTS = 100_000
MAX_REQUEST_EVENTS = 10
FLUSH_SECONDS = 0.2
WORKERS = 16

Event = dict[str, Any]


class ObviousGateway:
    """Queue in the middle, handler before it, workers behind it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._queue: asyncio.Queue[Event] = asyncio.Queue(MAX_HELD_EVENTS)
        self._accepted = 0
        self._delivered = 0

    async def accept(self, request: web.Request) -> web.Response:
        """One event: 202, 400 or 503."""
        try:
            event = await read_event(request)
        except ValueError as error:
            return web.json_response({"title": str(error)}, status=400)
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            return web.Response(status=503, headers={"Retry-After": "1"})
        self._accepted += 1
        return web.Response(status=202)

    async def metrics(self, _: web.Request) -> web.Response:
        """The counts, under the gateway's names."""
        return web.Response(
            text=f"gateway_events_accepted_total {self._accepted}\n"
            f"gateway_events_delivered_total {self._delivered}\n"
            f"gateway_events_held {self._accepted - self._delivered}\n"
        )

    async def forward(self) -> None:
        """Send what is queued, for ever."""
        while True:
            await self._send(await self._next_batch())

    async def _next_batch(self) -> list[Event]:
        """Ten events, or those that came within 0.2 s of the first."""
        batch = [await self._queue.get()]
        deadline = asyncio.get_running_loop().time() + FLUSH_SECONDS
        while len(batch) < MAX_REQUEST_EVENTS:
            try:
                batch.append(self._queue.get_nowait())
            except asyncio.QueueEmpty:
                try:
                    async with asyncio.timeout_at(deadline):
                        batch.append(await self._queue.get())
                except TimeoutError:
                    break
        return batch

    async def _send(self, batch: list[Event]) -> None:
        entries = [_entry(event) for event in batch]
        while entries:
            answer = await self._client.put_events(Entries=entries)
            failed = [
                entry
                for entry, result in zip(entries, answer["Entries"], strict=True)
                if "ErrorCode" in result
            ]
            self._delivered += len(entries) - len(failed)
            entries = failed


async def read_event(request: web.Request) -> Event:
    """A structured or binary event. Raises ValueError for one that is not valid."""
    if request.content_type == "application/cloudevents+json":
        event: Event = await request.json()
    else:
        event = {
            name.lower()[3:]: value
            for name, value in request.headers.items()
            if name.lower().startswith("ce-")
        }
        event["datacontenttype"] = request.content_type
        event["data"] = await request.json()
    for name in REQUIRED:
        if not event.get(name):
            raise ValueError(f"{name} is missing")
    return event


def _entry(event: Event) -> dict[str, Any]:
    entry = {
        "Source": event["source"],
        "DetailType": event["type"],
        "Detail": json.dumps(event, separators=(",", ":")),
        "EventBusName": "default",
    }
    return entry | {"Time": event["time"]} if "time" in event else entry


async def main(bus_url: str) -> None:
    """Serve until killed."""
    async with get_session().create_client(
        "events",
        region_name="us-east-1",
        endpoint_url=bus_url,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",  # noqa: S106 - AWS's documented example
        config=AioConfig(max_pool_connections=WORKERS),
    ) as client:
        gateway = ObviousGateway(client)
        app = web.Application()
        app.add_routes([web.post("/events", gateway.accept), web.get("/metrics", gateway.metrics)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, HOST, 0)
        await site.start()
        announce(runner.addresses[0][1])
        await asyncio.gather(*(gateway.forward() for _ in range(WORKERS)))


if __name__ == "__main__":
    run(main(sys.argv[1]))
