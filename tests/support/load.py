"""Producers: many events over a few keep-alive connections, and a note of what each answer was."""

import asyncio
from collections.abc import Iterable
from typing import Any

import aiohttp
import orjson

STRUCTURED = {"Content-Type": "application/cloudevents+json"}


def document(number: int, **attributes: Any) -> dict[str, Any]:
    """A small CloudEvent with a unique id."""
    return {
        "specversion": "1.0",
        "id": f"event-{number}",
        "source": "/tests/load",
        "type": "com.example.tested",
        "time": "2026-03-04T05:06:07.890Z",
        "data": {"number": number, "text": "é" * (number % 50)},
        **attributes,
    }


async def post_all(
    client: aiohttp.ClientSession, url: str, documents: Iterable[dict[str, Any]], *, connections: int = 16
) -> dict[str, int]:
    """Post each event structured; the status that each id was answered, 0 where there was none."""
    waiting = iter(documents)
    statuses: dict[str, int] = {}

    async def produce() -> None:
        for each in waiting:
            statuses[each["id"]] = await post(client, url, each)

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(produce())
    return statuses


async def post(client: aiohttp.ClientSession, url: str, event: dict[str, Any]) -> int:
    """Post one event structured; the status, or 0 if the connection failed."""
    try:
        async with client.post(url, data=orjson.dumps(event), headers=STRUCTURED) as answer:
            await answer.read()
            return answer.status
    except aiohttp.ClientError:
        return 0


def accepted(statuses: dict[str, int]) -> set[str]:
    """The ids that got a 202."""
    return {event_id for event_id, status in statuses.items() if status == 202}
